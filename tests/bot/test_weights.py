import pytest
from rows import row

from bot.weights import weight_of

WEIGHTS = {1: 0.5, 55: 2.0, 56: 3.0}


@pytest.mark.parametrize(
    ("user_id", "role_ids", "weight"),
    [
        pytest.param(9, "[]", 1.0, id="nothing set"),
        pytest.param(9, "[57]", 1.0, id="a role without a number"),
        pytest.param(9, "[55, 56]", 3.0, id="the largest of the roles"),
        pytest.param(1, "[55, 56]", 0.5, id="the member's own before roles"),
    ],
)
def test_a_member_s_own_weight_holds_before_the_largest_of_their_roles(user_id, role_ids, weight):
    assert weight_of(row(user_id=user_id, role_ids=role_ids), WEIGHTS) == weight
