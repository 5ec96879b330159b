import gc
import weakref
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.batcher import Batcher


@dataclass(eq=False)
class Place:
    owner: object
    rows: int = 2
    key: tuple[int, int] = (128, 128)
    steps_left: int = 1
    steps_done: int = 0
    name: str = field(default="")
    cost: float = 1.0
    weight: float = 1.0
    has_begun: bool = False
    is_followed: bool = False

    @property
    def is_ending(self) -> bool:
        return self.steps_left == 1

    def __repr__(self) -> str:
        return f"{self.owner}{self.name}"


def filled(max_rows: int, *places: Place) -> Batcher[Place]:
    batcher: Batcher[Place] = Batcher(max_rows)
    for place in places:
        batcher.add(place)
    batcher.deal()
    return batcher


@pytest.mark.parametrize("max_rows", [-1, 0, 1])
def test_a_batch_that_cannot_hold_one_picture_with_guidance_is_refused(max_rows):
    with pytest.raises(ValueError, match=f"max_rows must be at least 2, got {max_rows}"):
        Batcher(max_rows)


def test_an_empty_batcher_has_no_batch():
    assert filled(4).next_batch() == ()


def test_one_owner_alone_gets_all_rows():
    pictures = [Place("a") for _ in range(4)]
    assert filled(8, *pictures).next_batch() == tuple(pictures)


def test_pictures_with_and_without_guidance_share_a_batch():
    mixed = [Place("a", rows=2), Place("b", rows=1), Place("c", rows=2)]
    assert filled(5, *mixed).next_batch() == tuple(mixed)


def test_a_newcomer_pauses_the_newest_picture_of_who_holds_most():
    first, second = Place("a"), Place("a")
    batcher = filled(4, first, second)
    newcomer = Place("b")
    batcher.add(newcomer)
    batcher.deal()
    assert set(batcher.active) == {first, newcomer}


def test_nobody_loses_their_only_picture():
    holders = [Place("a"), Place("b")]
    batcher = filled(4, *holders)
    batcher.add(Place("c"))
    batcher.deal()
    assert set(batcher.active) == set(holders)


def test_a_paused_picture_goes_on_before_its_owners_unstarted_ones():
    first, second, third = Place("a"), Place("a"), Place("a")
    batcher = filled(4, first, second, third)
    newcomer = Place("b")
    batcher.add(newcomer)
    batcher.deal()
    batcher.remove(newcomer)
    batcher.deal()
    assert set(batcher.active) == {first, second}


def test_several_paused_pictures_go_on_in_their_order():
    pictures = [Place("a", name=str(index)) for index in range(5)]
    batcher = filled(6, *pictures)
    strangers = [Place("b"), Place("c")]
    for stranger in strangers:
        batcher.add(stranger)
    batcher.deal()
    assert batcher.waiting == tuple(pictures[1:])
    batcher.remove(strangers[0])
    batcher.deal()
    assert set(batcher.active) == {*pictures[:2], strangers[1]}


def test_who_holds_none_goes_before_anybodys_second_picture():
    leaver, early, late = Place("b"), Place("a"), Place("c")
    batcher = filled(4, Place("a"), leaver, early)
    batcher.add(late)
    batcher.remove(leaver)
    batcher.deal()
    assert batcher.waiting == (early,)


def test_free_rows_go_to_who_holds_fewest_places():
    batcher = filled(8, *[Place("a") for _ in range(3)], *[Place("b") for _ in range(3)])
    assert sorted(place.owner for place in batcher.active) == ["a", "a", "b", "b"]


def test_a_free_row_goes_to_who_holds_fewest_places_however_lately_they_joined():
    leaver, second = Place("c"), Place("b")
    batcher = filled(8, *[Place("a") for _ in range(4)], leaver)
    for newcomer in (Place("b"), second):
        batcher.add(newcomer)
    batcher.deal()
    batcher.remove(leaver)
    batcher.deal()
    assert second in batcher.active


def test_of_those_who_hold_as_many_the_longest_waiting_gets_a_free_row():
    leaver, paused, second = Place("c"), Place("a"), Place("b")
    batcher = filled(6, Place("a"), Place("b"))
    batcher.add(paused)
    batcher.deal()
    batcher.add(leaver)
    batcher.add(second)
    batcher.deal()
    assert set(batcher.waiting) == {paused, second}
    batcher.remove(leaver)
    batcher.deal()
    assert second in batcher.active


def test_who_was_drawn_for_lately_waits_behind_who_came_in_the_meantime():
    first, again, stranger = Place("a"), Place("a"), Place("b")
    batcher = filled(2, first)
    batcher.add(stranger)
    batcher.add(again)
    batcher.remove(first)
    batcher.deal()
    assert batcher.active == (stranger,)


def test_an_owner_who_is_gone_is_forgotten():
    class Owner:
        pass

    place = Place(Owner())
    owner = weakref.ref(place.owner)
    batcher = filled(2, place)
    batcher.remove(place)
    del place
    gc.collect()
    assert owner() is None
    assert batcher.active + batcher.waiting == ()


def test_no_smaller_picture_slips_past_one_that_does_not_fit():
    batcher = filled(3, Place("a", rows=2))
    large, small = Place("b", rows=2), Place("c", rows=1)
    batcher.add(large)
    batcher.add(small)
    batcher.deal()
    assert set(batcher.waiting) == {large, small}


def test_a_second_picture_is_paused_even_where_that_makes_too_little_room():
    batcher = filled(3, Place("a", rows=1), Place("a", rows=1), Place("b", rows=1))
    batcher.add(Place("c", rows=2))
    batcher.deal()
    assert sorted(place.owner for place in batcher.active) == ["a", "b"]


def test_sizes_take_turns():
    small, large = Place("a"), Place("b", key=(512, 512))
    batcher = filled(4, small, large)
    assert [batcher.next_batch() for _ in range(4)] == [(small,), (large,), (small,), (large,)]


def test_a_new_size_steps_after_those_that_were_there():
    a, b, c = (Place(owner, key=(side, side)) for owner, side in (("a", 64), ("b", 128), ("c", 256)))
    batcher = filled(6, a, b)
    batcher.next_batch()
    batcher.add(c)
    batcher.deal()
    assert [batcher.next_batch() for _ in range(3)] == [(b,), (a,), (c,)]


def test_a_picture_that_is_not_there_can_be_removed():
    place = Place("a")
    batcher = filled(2, place)
    batcher.remove(place)
    batcher.remove(place)
    assert batcher.active + batcher.waiting == ()


class Fairness(RuleBasedStateMachine):
    """The laws, whoever comes, cancels and finishes when."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher: Batcher[Place] = Batcher(7)
        self.places: list[Place] = []
        self.is_dealt = True

    @rule(
        owner=st.sampled_from("abcdef"),
        rows=st.lists(st.sampled_from([1, 2]), min_size=1, max_size=4),
        side=st.sampled_from([64, 128, 512]),
        steps=st.integers(1, 4),
    )
    def come(self, owner, rows, side, steps):
        for each in rows:
            place = Place(owner, each, (side, side), steps)
            self.places.append(place)
            self.batcher.add(place)
        self.is_dealt = False

    @precondition(lambda self: self.places)
    @rule(data=st.data())
    def cancel(self, data):
        place = data.draw(st.sampled_from(self.places))
        self.places.remove(place)
        self.batcher.remove(place)
        self.is_dealt = False

    @rule()
    def tick(self):
        self.batcher.deal()
        batch = self.batcher.next_batch()
        self.check_laws()
        assert bool(batch) == bool(self.places)
        assert len({place.key for place in batch}) <= 1
        for place in batch:
            place.steps_left -= 1
            if not place.steps_left:
                self.places.remove(place)
                self.batcher.remove(place)
        self.is_dealt = False

    def check_laws(self):
        active, waiting = self.batcher.active, self.batcher.waiting
        held = {owner: sum(place.owner == owner for place in active) for owner in "abcdef"}
        without = {place.owner for place in waiting if not held[place.owner]}
        assert not (without and max(held.values()) > 1)
        assert sum(place.rows for place in active) <= 7

    @invariant()
    def nobody_is_lost(self):
        assert sorted(map(id, self.batcher.active + self.batcher.waiting)) == sorted(map(id, self.places))

    def teardown(self):
        for _ in range(sum(place.steps_left for place in self.places) * 3 + 1):
            self.tick()
        assert not self.places


TestFairness = Fairness.TestCase
TestFairness.settings = settings(max_examples=60, stateful_step_count=30)


@given(
    sizes=st.lists(st.sampled_from([64, 128, 256, 512]), min_size=1, max_size=8),
    ticks=st.integers(1, 20),
)
def test_no_size_steps_twice_while_another_waits_for_its_turn(sizes, ticks):
    batcher = filled(16, *[Place(str(index), key=(side, side)) for index, side in enumerate(sizes)])
    stepped = [batcher.next_batch()[0].key for _ in range(ticks)]
    turns = {size: stepped.count(size) for size in {(side, side) for side in sizes}}
    assert max(turns.values()) - min(turns.values()) <= 1


def test_a_picture_with_guidance_is_served_however_many_small_ones_keep_coming():
    batcher = filled(3, *[Place(f"stranger{index}", rows=1) for index in range(3)])
    large = Place("large", rows=2)
    batcher.add(large)
    for number in range(3):
        batcher.add(Place(f"newcomer{number}", rows=1))
        batcher.remove(batcher.active[0])
        batcher.deal()
    assert large in batcher.active


def test_free_places_go_by_weight():
    pictures = [Place(owner, cost=1.0, weight=weight) for owner, weight in (("a", 1.0), ("b", 3.0)) for _ in range(8)]
    batcher = filled(16, *pictures)
    assert sorted(place.owner for place in batcher.active) == ["a", "a", "b", "b", "b", "b", "b", "b"]


def test_whatever_their_weights_everybody_who_waits_holds_a_place_first():
    batcher = filled(4, *[Place("a", weight=100.0, steps_left=5) for _ in range(4)])
    batcher.add(Place("b", weight=0.01))
    batcher.deal()
    assert sorted(place.owner for place in batcher.active) == ["a", "b"]


def test_the_only_picture_of_who_is_ahead_does_not_end_before_the_others_have_caught_up():
    large, small = ([Place(owner, cost=cost) for _ in range(4)] for owner, cost in (("a", 5.0), ("b", 1.0)))
    batcher = filled(6, *large, *small)
    stepped = batcher.next_batch()
    assert {place.owner for place in stepped} == {"b"}


def test_who_left_lately_and_was_ahead_is_not_forgotten():
    batcher = filled(2, Place("a", cost=10.0))
    for cost in (1.0, 1.0, 1.0):
        batcher.add(Place("b", cost=cost))
    batcher.remove(batcher.active[0])
    batcher.add(Place("a"))
    order = []
    while batcher.waiting:
        batcher.deal()
        order.append(batcher.active[0].owner)
        batcher.remove(batcher.active[0])
    assert order == ["b", "b", "b", "a"]


def test_whoever_is_followed_keeps_their_turn_for_a_moment_and_no_longer():
    batcher = filled(8, Place("a", is_followed=True), *[Place("b", cost=10.0) for _ in range(3)])
    assert [place.owner for place in batcher.active] == ["a", "b"]
    deals = 0
    while len(batcher.active) < 4:
        batcher.deal()
        deals += 1
    assert deals == 6


def test_nothing_is_remembered_of_owners_once_nobody_is_there():
    batcher = Batcher(4)
    for number in range(1000):
        batcher.add(Place(f"owner {number}"))
    while batcher.waiting or batcher.active:
        batcher.deal()
        batcher.remove(batcher.active[0])
    assert batcher.remembered == 0


WEIGHTS = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 2.0, "e": 2.0, "f": 0.5}


class Laws(RuleBasedStateMachine):
    """Fairness in seconds of GPU, whoever comes, cancels and finishes when, and whatever their pictures cost."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher: Batcher[Place] = Batcher(7)
        self.places: list[Place] = []
        self.largest = dict.fromkeys(WEIGHTS, 0.0)
        self.seconds = {}

    def watch(self):
        """`seconds[a, b]` are those that each has been given since both began to wait."""
        waiting = {place.owner for place in self.batcher.waiting}
        pairs = {(one, other) for one in waiting for other in waiting if one < other}
        equal = {(one, other) for one, other in pairs if WEIGHTS[one] == WEIGHTS[other]}
        self.seconds = {pair: self.seconds.get(pair, dict.fromkeys(pair, 0.0)) for pair in equal}

    @rule(
        owner=st.sampled_from("abcdef"),
        rows=st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=5),
        side=st.sampled_from([64, 128]),
        steps=st.integers(1, 4),
        cost=st.sampled_from([0.1, 1.0, 1.5, 10.0]),
    )
    def come(self, owner, rows, side, steps, cost):
        for each in rows:
            place = Place(owner, each, (side, side), steps, cost=cost, weight=WEIGHTS[owner])
            self.largest[owner] = max(self.largest[owner], cost)
            self.places.append(place)
            self.batcher.add(place)
        self.watch()

    @precondition(lambda self: self.places)
    @rule(data=st.data())
    def cancel(self, data):
        place = data.draw(st.sampled_from(self.places))
        self.places.remove(place)
        self.batcher.remove(place)
        self.watch()

    @rule(ticks=st.integers(1, 6))
    def tick(self, ticks):
        for _ in range(ticks):
            self.one_tick()

    def one_tick(self):
        self.batcher.deal()
        active = self.batcher.active
        for place in active:
            if not place.has_begun:
                place.has_begun = True
                for pair, seconds in self.seconds.items():
                    seconds[place.owner] = seconds.get(place.owner, 0.0) + (place.cost if place.owner in pair else 0)
        self.watch()
        self.check()
        batch = self.batcher.next_batch()
        assert bool(batch) == bool(self.places)
        for place in batch:
            place.steps_left -= 1
            if not place.steps_left:
                self.places.remove(place)
                self.batcher.remove(place)

    def check(self):
        active = [place.owner for place in self.batcher.active]
        without = {place.owner for place in self.batcher.waiting}.difference(active)
        assert not (without and max(map(active.count, active)) > 1)
        assert sum(place.rows for place in self.batcher.active) <= 7
        for (one, other), seconds in self.seconds.items():
            assert abs(seconds[one] - seconds[other]) <= self.largest[one] + self.largest[other] + 1e-3

    def teardown(self):
        for _ in range(sum(place.steps_left for place in self.places) * 3 + 1):
            self.one_tick()
        assert not self.places


TestLaws = Laws.TestCase
TestLaws.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_a_weight_that_was_ahead_of_another_starts_nobody_of_its_own_in_the_past():
    laws = Laws()
    laws.come(cost=0.1, owner="d", rows=[1, 3, 3], side=128, steps=3)
    laws.come(cost=10.0, owner="b", rows=[1, 1, 1], side=64, steps=1)
    laws.tick(ticks=5)
    laws.come(cost=0.1, owner="b", rows=[1], side=64, steps=1)
    laws.come(cost=0.1, owner="a", rows=[1], side=64, steps=1)
    laws.come(cost=10.0, owner="a", rows=[1, 1, 1], side=64, steps=1)
    laws.teardown()


def test_who_waits_with_a_paused_picture_claims_nothing_from_the_time_before():
    laws = Laws()
    laws.come(cost=1.0, owner="d", rows=[1, 1, 1], side=128, steps=2)
    laws.come(cost=0.1, owner="b", rows=[1, 2], side=64, steps=1)
    laws.tick(ticks=1)
    laws.come(cost=0.1, owner="a", rows=[1], side=64, steps=1)
    laws.come(cost=0.1, owner="c", rows=[1], side=64, steps=1)
    laws.tick(ticks=1)
    laws.come(cost=0.1, owner="a", rows=[1], side=64, steps=1)
    laws.come(cost=0.1, owner="b", rows=[1, 1, 1, 1], side=64, steps=1)
    laws.teardown()
