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
    line.add(5, "b")
    assert served(line) == [2, 3, 4, 5]


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
    assert line.remove(1) == [1]
    assert served(line) == [2, 3]


def test_several_are_removed_at_once():
    line = line_of("a", "a", "b", "c", "a")
    assert line.remove(1, 4, 5, 6) == [1, 4, 5]
    assert served(line) == [2, 3]


def test_removing_what_does_not_wait_changes_nothing():
    line = line_of("a")
    assert line.remove(2) == []
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

    `served[a, b]` counts the seconds that each of two members was served since both of them began to wait.
    """

    waiting = Bundle("waiting")
    COSTS = st.sampled_from([0.5, 1.0, 3.0, 10.0])

    def __init__(self):
        super().__init__()
        self.line = Line()
        self.queues = defaultdict(list)
        self.costs = {}
        self.largest = Counter()
        self.seconds = {}
        self.ids = iter(range(1, 10_000))

    def watch(self):
        present = {user_id for user_id, queue in self.queues.items() if queue}
        pairs = {(one, other) for one in present for other in present if one < other}
        self.seconds = {pair: self.seconds.get(pair, Counter()) for pair in pairs}

    @rule(target=waiting, user_id=st.integers(0, 3), cost=COSTS)
    def add(self, user_id, cost):
        request_id = next(self.ids)
        self.line.add(request_id, user_id, cost=cost)
        self.queues[user_id].append(request_id)
        self.costs[request_id] = cost
        self.largest[user_id] = max(self.largest[user_id], cost)
        self.watch()
        return request_id

    @rule(request_id=consumes(waiting))
    def remove(self, request_id):
        owner = next((user_id for user_id, queue in self.queues.items() if request_id in queue), None)
        assert self.line.remove(request_id) == ([] if owner is None else [request_id])
        if owner is not None:
            self.queues[owner].remove(request_id)
        self.watch()

    @rule()
    def serve(self):
        request_id = self.line.next()
        if request_id is None:
            assert not any(self.queues.values())
            return
        owner = next(user_id for user_id, queue in self.queues.items() if request_id in queue)
        assert self.queues[owner].pop(0) == request_id
        for pair, seconds in self.seconds.items():
            seconds[owner] += self.costs[request_id] if owner in pair else 0
        self.watch()

    @invariant()
    def of_two_who_wait_all_the_time_none_falls_behind_by_more_than_the_largest_of_each(self):
        for (one, other), seconds in self.seconds.items():
            assert abs(seconds[one] - seconds[other]) <= self.largest[one] + self.largest[other] + 1e-6

    @invariant()
    def places_are_the_order_in_which_next_will_serve(self):
        waiting = [request_id for queue in self.queues.values() for request_id in queue]
        order = served(self.line.copy())
        assert list(self.line) == order
        assert len(self.line) == len(waiting) == len(order)
        assert [self.line.place_of(request_id) for request_id in order] == list(range(1, len(order) + 1))


TestLine = LineMachine.TestCase


def test_who_weighs_twice_as_much_gets_twice_the_seconds():
    line = Line()
    for request_id in range(60):
        line.add(request_id, request_id % 2, cost=2.0, weight=1 + request_id % 2)
    first = [line.next() % 2 for _ in range(30)]
    assert (first.count(0), first.count(1)) == (10, 20)


def test_who_asks_for_large_pictures_is_served_less_often():
    line = Line()
    for request_id in range(40):
        line.add(request_id, request_id % 2, cost=1.0 if request_id % 2 else 4.0)
    assert [line.next() % 2 for _ in range(12)].count(1) == 9


def test_who_comes_back_has_not_been_forgotten():
    line = Line()
    line.add(1, 1, cost=10.0)
    line.add(2, 2, cost=1.0)
    line.add(3, 2, cost=1.0)
    assert line.next() == 1
    line.add(4, 1, cost=1.0)
    assert served(line) == [2, 3, 4]


def test_a_newcomer_does_not_wait_for_what_others_had_before():
    line = Line()
    for request_id in range(10):
        line.add(request_id, 1)
    for _ in range(5):
        line.next()
    line.add(99, 2)
    assert line.next() == 99


def test_a_request_that_is_changed_keeps_its_place_and_its_member_pays_what_it_costs_now():
    line = line_of("a", "b", "a", "b")
    line.change(1, cost=5.0)
    assert served(line) == [1, 2, 4, 3]


def test_nothing_is_remembered_of_members_once_nobody_waits():
    line = Line()
    for request_id in range(100):
        line.add(request_id, request_id)
    served(line)
    assert line.remembered == 0


def test_members_who_are_not_ahead_any_more_are_forgotten_while_others_wait():
    line = Line()
    line.add(0, 0)
    for request_id in range(1, 5000):
        line.add(request_id, request_id // 2)
        line.next()
    assert line.remembered < 100


def test_what_is_not_accepted_keeps_its_place():
    line = line_of("a", "a", "b")
    assert line.next(accepts=lambda request_id: request_id != 1) == 2
    assert served(line) == [3, 1]
