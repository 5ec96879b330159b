import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.turns import Turns, leaving


def waiting(*pairs):
    turns = Turns()
    for waiter, model in pairs:
        turns.add(waiter, model)
    return turns


def test_those_in_front_whose_models_are_in_memory_are_ready():
    turns = waiting((1, "a"), (2, "b"), (3, "c"), (4, "a"))
    assert turns.take_ready({"a", "b"}) == [1, 2]
    assert turns.wanted == "c"


def test_who_came_after_somebody_that_waits_waits_too():
    turns = waiting((1, "c"), (2, "a"))
    assert turns.take_ready({"a"}) == []
    assert 2 in turns


def test_all_who_wait_for_a_model_go_with_it():
    turns = waiting((1, "c"), (2, "a"), (3, "c"))
    assert turns.take_all("c") == [1, 3]
    assert turns.wanted == "a"


def test_who_leaves_holds_up_nobody():
    turns = waiting((1, "c"), (2, "a"))
    turns.remove(1)
    turns.remove(1)
    assert turns.take_ready({"a"}) == [2]


def test_nobody_waits_for_anything_at_first():
    assert Turns().wanted is None


@pytest.mark.parametrize(
    ("in_memory", "in_use", "needed", "gone"),
    [
        pytest.param({}, "", 4, (), id="memory is empty"),
        pytest.param({"a": 4}, "a", 6, (), id="it fits beside"),
        pytest.param({"a": 4, "b": 4}, "", 6, ("a",), id="the least recently used leaves"),
        pytest.param({"a": 4, "b": 4}, "a", 6, ("b",), id="what is in use stays"),
        pytest.param({"a": 4, "b": 4}, "a", 7, None, id="what is in use leaves too little"),
        pytest.param({"a": 4, "b": 4}, "", 99, ("a", "b"), id="one that is too large is tried alone"),
        pytest.param({"a": 4, "b": 4}, "b", 99, None, id="one that is too large waits for those in use"),
    ],
)
def test_who_leaves_the_memory(in_memory, in_use, needed, gone):
    assert leaving(in_memory, in_use, needed, 10) == gone


models = st.sampled_from("abcd")
SIZES = {"a": 4, "b": 5, "c": 6, "d": 11}
BUDGET = 10


class Memory:
    """The engine's rule without an engine: `step` lets the oldest drawing end, or loads a model."""

    def __init__(self):
        self.turns = Turns()
        self.in_memory = {}
        self.drawing = []
        self.switches_of = {}
        self.others_before = {}
        self.ended = []

    def arrive(self, waiter, model):
        self.others_before[waiter] = len(self.switches_of) - len(self.ended)
        self.switches_of[waiter] = 0
        self.turns.add(waiter, model)
        self.join()

    def join(self):
        while True:
            self.drawing += [(waiter, None) for waiter in self.turns.take_ready(self.in_memory)]
            self.drawing = [(waiter, self.models[waiter]) for waiter, _ in self.drawing]
            wanted = self.turns.wanted
            if wanted is None:
                return
            in_use = {model for _, model in self.drawing}
            gone = leaving(self.in_memory, in_use, SIZES[wanted], BUDGET)
            if gone is None:
                return
            assert not in_use & set(gone)
            for model in gone:
                del self.in_memory[model]
            self.in_memory[wanted] = SIZES[wanted]
            assert sum(self.in_memory.values()) <= BUDGET or len(self.in_memory) == 1
            for waiter in self.switches_of.keys() - set(self.ended):
                self.switches_of[waiter] += waiter in self.turns
            self.drawing += [(waiter, wanted) for waiter in self.turns.take_all(wanted)]

    def finish(self):
        if self.drawing:
            self.ended.append(self.drawing.pop(0)[0])
            self.join()


@given(st.lists(st.one_of(models, st.none()), max_size=60))
def test_nobody_waits_for_more_switches_than_there_were_others_before(events):
    memory = Memory()
    memory.models = {}
    for number, model in enumerate(events):
        if model is None:
            memory.finish()
        else:
            memory.models[number] = model
            memory.arrive(number, model)
    while memory.drawing:
        memory.finish()
    assert sorted(memory.ended) == sorted(memory.models)
    assert all(memory.switches_of[waiter] <= memory.others_before[waiter] + 1 for waiter in memory.models)
