import pytest
from road import Clock

from bot.kept import Kept

ANN, BEN = 1, 2


@pytest.fixture
def clock():
    return Clock(0.0)


@pytest.fixture
def kept(clock):
    return Kept(clock=clock)


def test_what_was_typed_is_for_its_member_only(kept):
    kept.keep(1, "words", user_id=ANN)
    assert kept.find(1, user_id=ANN) == "words"
    assert kept.find(1, user_id=BEN) is None
    assert kept.take(1, user_id=BEN) is None
    assert kept.find(1, user_id=ANN) == "words"


@pytest.mark.parametrize("look", [Kept.find, Kept.take])
def test_it_is_kept_for_an_hour(kept, clock, look):
    kept.keep(1, "words", user_id=ANN)
    clock.now = 3601
    assert look(kept, 1, user_id=ANN) is None


def test_few_things_are_kept(kept):
    for number in range(201):
        kept.keep(number, "words", user_id=ANN)
    assert kept.find(0, user_id=ANN) is None
    assert kept.find(1, user_id=ANN) is not None
    assert kept.find(200, user_id=ANN) is not None


def test_what_is_taken_is_kept_no_more(kept):
    kept.keep(1, "words", user_id=ANN)
    assert kept.take(1, user_id=ANN) is not None
    assert kept.take(1, user_id=ANN) is None


def test_a_member_is_forgotten_alone(kept):
    kept.keep(1, "words", user_id=ANN)
    kept.keep(2, "words", user_id=BEN)
    kept.forget(ANN)
    assert kept.find(1, user_id=ANN) is None
    assert kept.find(2, user_id=BEN) is not None
