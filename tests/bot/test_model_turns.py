import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.turns import Turns

MOST_REQUESTS, MOST_WAIT_S = 3, 60.0
TOGETHER = {frozenset("ab"), frozenset("cd")}


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def fit_together(models):
    """Of the models a to d, a and b fit together, and c and d do."""
    return len(models) <= 1 or frozenset(models) in TOGETHER


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def turns(clock):
    return turns_of(clock)


def turns_of(clock):
    return Turns(fit_together, most_requests=MOST_REQUESTS, most_wait_s=MOST_WAIT_S, clock=clock)


def add(turns, models, user_id=1):
    """Let one request wait for each model; their numbers are counted from 1."""
    for number, model in enumerate(models, start=1):
        turns.add(number, user_id, model)


def order(turns, models, **options):
    """The models of all that are given, one after the other."""
    given = []
    while (request_id := turns.next(**options)) is not None:
        given.append(models[request_id - 1])
    return "".join(given)


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        pytest.param("aaa", "aaa", id="one model"),
        pytest.param("acac", "aacc", id="by model, not as they came"),
        pytest.param("abab", "abab", id="models that fit together are one group"),
        pytest.param("caaaaaa", "caaaaaa", id="nobody waits for another"),
        pytest.param("aaaaaac", "aaacaaa", id="a turn has so many requests"),
        pytest.param("aaaacccc", "aaacccac", id="turns alternate"),
        pytest.param("acabdb", "aabcdb", id="what fits beside goes along"),
    ],
)
def test_requests_are_grouped_by_model(turns, models, expected):
    add(turns, models)
    assert order(turns, models) == expected


def test_a_turn_takes_no_longer_than_the_wait_that_is_set(turns, clock):
    add(turns, "aaac")
    assert turns.next() == 1
    clock.now = MOST_WAIT_S
    assert turns.next() == 4


def test_the_wait_is_counted_from_when_another_model_is_waited_for(turns, clock):
    add(turns, "aaa")
    turns.next()
    clock.now = 10 * MOST_WAIT_S
    turns.add(4, 1, "c")
    assert turns.next() == 2


def test_the_next_model_waits_for_what_runs(turns):
    add(turns, "ac")
    assert turns.next() == 1
    assert turns.next(in_use={"a"}) is None
    assert turns.peek(in_use={"a"}) is None
    assert turns.next() == 2


def test_a_model_that_fits_beside_what_runs_waits_for_nothing(turns):
    add(turns, "ab")
    turns.next()
    assert turns.next(in_use={"a"}) == 2


def test_when_a_turn_is_over_nothing_of_it_begins_any_more(turns):
    add(turns, "aaaac")
    for _ in range(MOST_REQUESTS):
        turns.next(in_use={"a"})
    assert turns.next(in_use={"a"}) is None
    assert turns.next() == 5


def test_members_take_turns_among_the_requests_for_the_loaded_models(turns):
    for number, (user_id, model) in enumerate([(1, "a"), (1, "a"), (2, "c"), (2, "b"), (3, "a")], start=1):
        turns.add(number, user_id, model)
    assert [turns.next() for _ in range(5)] == [1, 4, 5, 3, 2]


def test_an_excluded_member_is_passed_over(turns):
    turns.add(1, 1, "a")
    turns.add(2, 2, "a")
    assert turns.peek({1}) == 2
    assert turns.next({1}) == 2


def test_what_has_left_is_never_given(turns):
    add(turns, "ac")
    turns.remove(2)
    turns.remove(2)
    assert order(turns, "ac") == "a"
    assert 2 not in turns


events = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3), st.sampled_from("abcd")),
        st.tuples(st.just("begin"), st.just(0), st.just("")),
        st.tuples(st.just("end"), st.just(0), st.just("")),
        st.tuples(st.just("pass"), st.integers(1, 90), st.just("")),
    ),
    max_size=60,
)


@given(events)
def test_every_request_begins_and_what_runs_together_fits(events):
    clock = Clock()
    turns = turns_of(clock)
    ids = itertools.count(1)
    models, running, begun = {}, [], []

    def begin():
        request_id = turns.next(in_use={models[each] for each in running})
        if request_id is not None:
            running.append(request_id)
            begun.append(request_id)
            assert fit_together({models[each] for each in running})

    for kind, number, model in events:
        if kind == "add":
            request_id = next(ids)
            models[request_id] = model
            turns.add(request_id, number, model)
        elif kind == "begin":
            begin()
        elif kind == "end" and running:
            running.pop(0)
        elif kind == "pass":
            clock.now += number
    while running or len(begun) < len(models):
        before = len(begun)
        begin()
        if len(begun) == before:
            running.pop(0)  # nothing begins, so something must run
    assert sorted(begun) == sorted(models)


@given(st.lists(st.sampled_from("ace"), min_size=1, max_size=60), st.integers(0, 3))
def test_no_model_waits_more_turns_than_there_are_others(models, members):
    turns = turns_of(Clock())
    for number, model in enumerate(models, start=1):
        turns.add(number, number % (members + 1), model)
    runs = [(model, len(list(run))) for model, run in itertools.groupby(order(turns, models))]
    assert all(length <= MOST_REQUESTS for _, length in runs[:-1])
    order_of_turns = [model for model, _ in runs]
    for number, model in enumerate(order_of_turns):
        later = order_of_turns[number + 1 :]
        between = later[: later.index(model)] if model in later else []
        assert len(set(between)) == len(between)


@given(events)
def test_places_are_the_order_in_which_requests_begin(events):
    clock = Clock()
    turns = turns_of(clock)
    count = 0
    for kind, number, model in events:
        if kind == "add":
            count += 1
            turns.add(count, number, model)
        elif kind == "begin":
            turns.next()
        places = {waiting: turns.place_of(waiting) for waiting in range(1, count + 1) if waiting in turns}
        assert sorted(places.values()) == list(range(1, len(places) + 1))
    expected = sorted(places, key=places.__getitem__) if count else []
    assert [turns.next() for _ in expected] == expected


def test_there_is_no_place_for_what_does_not_wait(turns):
    add(turns, "ac")
    with pytest.raises(KeyError):
        turns.place_of(3)
