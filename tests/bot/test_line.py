import copy
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from bot.line import Line


def line_of(*members):
    """A line in which request i belongs to the i-th of these members."""
    line = Line()
    for request_id, user_id in enumerate(members, start=1):
        line.add(request_id, user_id)
    return line


def served(line):
    """Everything that the line gives, in order."""
    order = []
    while (request_id := line.next()) is not None:
        order.append(request_id)
    return order


@pytest.mark.parametrize(
    ("members", "order"),
    [
        pytest.param("", [], id="nobody"),
        pytest.param("aaa", [1, 2, 3], id="first come within one member"),
        pytest.param("aaab", [1, 4, 2, 3], id="a newcomer waits for one request of the other"),
        pytest.param("aabbcc", [1, 3, 5, 2, 4, 6], id="members take turns"),
        pytest.param("aaabbc", [1, 4, 6, 2, 5, 3], id="who has nothing left leaves the round"),
    ],
)
def test_members_are_served_in_turns(members, order):
    assert served(line_of(*members)) == order


def test_an_empty_line_gives_nothing():
    assert Line().next() is None
    assert Line().peek() is None


def test_peek_gives_what_next_gives_and_leaves_it():
    line = line_of("a", "b")
    assert line.peek() == 1
    assert (line.next(), line.peek()) == (1, 2)


def test_a_member_who_comes_back_waits_behind_the_round():
    line = line_of("a", "b", "b")
    line.next()
    line.add(4, "a")
    assert served(line) == [2, 4, 3]


def test_what_was_given_back_stands_before_its_member_s_others():
    line = line_of("a", "a", "b")
    line.next()
    line.add(1, "a", front=True)
    assert served(line) == [3, 1, 2]


def test_giving_back_does_not_take_another_member_s_turn():
    line = line_of("a", "b")
    line.next()
    line.add(1, "a", front=True)
    assert served(line) == [2, 1]


def test_a_removed_request_is_never_served():
    line = line_of("a", "a", "b")
    assert line.remove(1)
    assert served(line) == [2, 3]


def test_removing_what_does_not_wait_changes_nothing():
    line = line_of("a")
    assert not line.remove(2)
    assert served(line) == [1]


def test_a_request_waits_once():
    with pytest.raises(ValueError, match="request 1 already waits"):
        line_of("a").add(1, "a")


def test_the_line_knows_how_many_and_who_wait():
    line = line_of("a", "b")
    line.next()
    assert len(line) == 1
    assert 2 in line
    assert 1 not in line


def test_an_excluded_member_is_passed_over_and_keeps_the_turn():
    line = line_of("a", "b", "b")
    assert line.peek(excluding={"a"}) == 2
    assert line.next(excluding={"a"}) == 2
    assert served(line) == [1, 3]


def test_nobody_is_next_where_all_are_excluded():
    assert line_of("a", "b").next(excluding=("a", "b")) is None


def test_there_is_no_place_for_what_does_not_wait():
    with pytest.raises(KeyError):
        line_of("a").place_of(2)


@given(st.lists(st.integers(0, 4), max_size=40))
def test_places_are_the_order_of_service(members):
    line = line_of(*members)
    places = {request_id: line.place_of(request_id) for request_id in range(1, len(members) + 1)}
    assert sorted(places, key=places.__getitem__) == served(line)
    assert sorted(places.values()) == list(range(1, len(members) + 1))


class LineMachine(RuleBasedStateMachine):
    """
    A line under any sequence of events, beside what a reader of the promise would expect.

    `turns[a, b]` counts how often each of two members was served since both of them began to wait.
    """

    waiting = Bundle("waiting")
    running = Bundle("running")

    def __init__(self):
        super().__init__()
        self.line = Line()
        self.queues = defaultdict(list)
        self.turns = {}
        self.ids = iter(range(1, 10_000))

    def watch(self):
        present = {user_id for user_id, queue in self.queues.items() if queue}
        pairs = {(one, other) for one in present for other in present if one < other}
        self.turns = {pair: self.turns.get(pair, Counter()) for pair in pairs}

    @rule(target=waiting, user_id=st.integers(0, 3))
    def add(self, user_id):
        request_id = next(self.ids)
        self.line.add(request_id, user_id)
        self.queues[user_id].append(request_id)
        self.watch()
        return request_id

    @rule(request_id=consumes(waiting))
    def remove(self, request_id):
        owner = next((user_id for user_id, queue in self.queues.items() if request_id in queue), None)
        assert self.line.remove(request_id) == (owner is not None)
        if owner is not None:
            self.queues[owner].remove(request_id)
        self.watch()

    @rule(target=running)
    def serve(self):
        request_id = self.line.next()
        if request_id is None:
            assert not any(self.queues.values())
            return None
        owner = next(user_id for user_id, queue in self.queues.items() if request_id in queue)
        assert self.queues[owner].pop(0) == request_id
        for pair, turns in self.turns.items():
            turns[owner] += owner in pair
        self.watch()
        return request_id, owner

    @rule(run=consumes(running))
    def give_back(self, run):
        if run is not None:
            request_id, owner = run
            self.line.add(request_id, owner, front=True)
            self.queues[owner].insert(0, request_id)
            self.watch()

    @invariant()
    def nobody_who_waits_all_the_time_falls_behind(self):
        for (one, other), turns in self.turns.items():
            assert abs(turns[one] - turns[other]) <= 1

    @invariant()
    def places_are_the_order_in_which_next_will_serve(self):
        waiting = [request_id for queue in self.queues.values() for request_id in queue]
        order = served(copy.deepcopy(self.line))
        assert len(self.line) == len(waiting) == len(order)
        assert [self.line.place_of(request_id) for request_id in order] == list(range(1, len(order) + 1))


TestLine = LineMachine.TestCase
