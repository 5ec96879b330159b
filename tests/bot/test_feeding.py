"""Line and batch together: whose pictures join, tick by tick, as long as people have work waiting."""

import itertools
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from playedline import PlayedLine

from bot.feeding import Held, passed_over

kinds = st.fixed_dictionaries(
    {
        "pictures": st.integers(1, 4),
        "rows": st.sampled_from([1, 2]),
        "side": st.sampled_from([256, 512]),
        "steps": st.integers(1, 8),
        "estimated_s": st.sampled_from([0.5, 1.0, 4.0, 12.0]),
    }
)


@given(
    st.lists(st.lists(kinds, min_size=1, max_size=3), min_size=2, max_size=5),
    st.sampled_from([2, 3, 4, 7, 16]),
    st.integers(0, 20),
)
@settings(max_examples=60, deadline=None)
def test_members_who_always_have_work_waiting_get_the_same_seconds_up_to_the_largest_picture_of_each(
    wishes, max_rows, later
):
    """The laws of the whole road: nobody holds two places while somebody who waits holds none, and equal shares."""
    line = PlayedLine(max_rows)
    asked, seconds, largest, counted = Counter(), Counter(), Counter(), 0

    for tick in range(60):
        members = range(tick < later, len(wishes))  # the first comes later
        for owner in members:
            while line.waiting[owner] <= max_rows:  # whatever is given to the engine, something waits
                request = line.come(owner, **wishes[owner][asked[owner] % len(wishes[owner])])
                asked[owner] += 1
                largest[owner] = max(largest[owner], request.estimated_s / request.pictures)
        if tick == later:
            seconds.clear()
        line.tick()
        for picture in line.joined[counted:]:
            seconds[picture.owner] += picture.cost
        counted = len(line.joined)
        assert not (set(members) - set(line.held) and max(line.held.values()) > 1)
        for one, other in itertools.permutations(members, 2):
            assert seconds[one] - seconds[other] <= largest[one] + largest[other] + 1e-3


def test_a_newcomer_joins_within_one_tick_as_long_as_anybody_holds_two():
    line = PlayedLine(8)
    for _ in range(8):
        line.come(1, estimated_s=5.0, real_s=5.0)
    line.tick()
    assert line.held == {1: 4}
    line.come(2, estimated_s=100.0, real_s=100.0)
    line.tick()
    assert line.held == {1: 3, 2: 1}


def test_where_rows_are_free_nobody_is_passed_over():
    assert 1 not in passed_over([Held(1, 2, 2)], max_rows=4)


def test_one_member_alone_is_given_what_fills_the_batch():
    assert 1 in passed_over([Held(1, 4, 0)], max_rows=4)


def test_who_has_nothing_there_is_given_their_first():
    assert 2 not in passed_over([Held(1, 4, 0)], max_rows=4)


def test_of_several_each_has_something_there_for_their_next_turn():
    over = passed_over([Held(1, 4, 0), Held(2, 4, 2)], max_rows=4)
    assert 1 not in over
    assert 2 in over


def test_the_engine_is_not_given_more_members_than_matter_to_it():
    held = [Held(user_id, 2, 2) for user_id in range(64)]
    assert 99 in passed_over(held, max_rows=4)
