"""Who takes the next step together: fair shares of the GPU between owners, turns between keys."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


class Place(Protocol):
    """One picture, as the batcher sees it."""

    @property
    def owner(self) -> Hashable:
        """Who shares a fair share with whom."""

    @property
    def rows(self) -> int:
        """Rows of the U-Net call that it takes: 1, or 2 with guidance."""

    @property
    def key(self) -> Hashable:
        """Only pictures of one key share a call: of one model and size, with the same LoRAs at the same weights."""

    @property
    def cost(self) -> float:
        """Seconds of GPU that it is expected to take; of several pictures only their proportion matters."""

    @property
    def weight(self) -> float:
        """Of two owners, who has twice the other's weight gets twice the seconds."""

    @property
    def is_followed(self) -> bool:
        """Whether another picture of its owner is about to come."""

    @property
    def is_ending(self) -> bool:
        """Whether its next step is its last."""


P = TypeVar("P", bound=Place)

CLOSE = 1e-6
"""Costs that differ by no more are the same: sums of fractions are not exact."""
MOST_LAG = 8
"""So many of the largest pictures is how far owners of one weight may be behind those of another."""
MOST_DEALS_EXPECTED = 5
"""For so long whoever is followed counts as waiting, though none of theirs does."""
FEW = 16


@dataclass(slots=True)
class _Share(Generic[P]):
    """One owner's pictures, each part in the order in which they were added."""

    start: float
    """The virtual time at which the next of them that has not begun may join."""
    arrival: int
    weight: float
    expected_until: int = 0
    """The last deal up to which another picture of theirs is expected."""
    active: list[P] = field(default_factory=list)
    waiting: deque[P] = field(default_factory=deque)
    """Paused pictures first, so that what was begun is finished first."""
    paused: int = 0
    """How many of those that wait have begun."""

    @property
    def is_starting(self) -> bool:
        """Whether the next that waits has not begun: its seconds are still to be paid."""
        return len(self.waiting) > self.paused == 0


class Batcher(Generic[P]):
    """
    Pictures that step together, never more than `max_rows` rows of them, and those that wait for a place.

    After every `deal`, nobody holds two places while somebody else who waits holds none. Pictures join in the order of
    start-time fair queueing over their owners: so between two owners of equal weight who both have pictures waiting all
    the time, the costs of those that have joined never differ by more than the largest picture of each. Both hold
    together because the only picture of whoever is ahead does not take its last step before the others have caught up.
    Nobody waits so for owners of another weight: weights decide only who gets the places that are left once everybody
    who waits holds one.

    Source: Goyal, Vin, Cheng 1996, "Start-time Fair Queuing", section 2.

    Raises:
        ValueError: `max_rows` is too small for one picture with guidance.
    """

    def __init__(self, max_rows: int) -> None:
        if max_rows < 2:  # noqa: PLR2004 - the rows of one picture with guidance
            raise ValueError(f"max_rows must be at least 2, got {max_rows}")
        self._max_rows = max_rows
        self._rows = 0
        self._shares: dict[Hashable, _Share[P]] = {}
        self._now: dict[float, float] = {}
        """By weight, the virtual time at which the picture that joined last began."""
        self._deals = 0
        self._largest = 0.0
        """The largest cost for its weight of those that have joined."""
        self._ended: dict[Hashable, float] = {}
        """Of owners who have left: when what they were given ends, as long as that is not past."""
        self._most_ended = FEW
        self._clock = count()
        self._stepped_at: dict[Hashable, int] = {}

    @property
    def active(self) -> tuple[P, ...]:
        """The pictures that hold a place."""
        return tuple(place for share in self._shares.values() for place in share.active)

    @property
    def waiting(self) -> tuple[P, ...]:
        """The pictures that hold none, paused ones included."""
        return tuple(place for share in self._shares.values() for place in share.waiting)

    @property
    def remembered(self) -> int:
        """How many owners are held in memory, those who have left among them."""
        return len(self._shares) + len(self._ended)

    def add(self, place: P) -> None:
        """Let a new picture wait, behind the others of its owner."""
        share = self._shares.get(place.owner)
        if share is None:
            start = max(self._now_of(place.weight), self._ended.pop(place.owner, 0.0))
            share = self._shares[place.owner] = _Share(start, next(self._clock), place.weight)
        else:
            share.weight = place.weight
            self._begin_to_wait(share)
        share.waiting.append(place)

    def remove(self, place: P) -> None:
        """Take out a picture that is finished, cancelled or failed; one that is not there is left alone."""
        share = self._shares.get(place.owner)
        if share is None:
            return
        if place in share.active:
            share.active.remove(place)
            self._rows -= place.rows
        elif place in share.waiting:
            share.paused -= share.waiting.index(place) < share.paused
            share.waiting.remove(place)
        self._leave_if_done(place.owner, share)

    def deal(self) -> None:
        """
        Give out the rows, between two ticks.

        First to owners who hold no place, in fair order; for them others' second pictures are paused. Only when all of
        those have one, free rows go to whoever's turn it is. A picture that does not fit holds up everybody behind it,
        so that smaller ones cannot slip by for ever; and so does one whose turn has not come.
        """
        self._deals += 1
        for owner, share in tuple(self._shares.items()):
            self._leave_if_done(owner, share)
        self._bound_lags()
        for share in self._in_order(share for share in self._shares.values() if share.waiting and not share.active):
            is_early = self._is_early(share)
            while (is_early or not self._fits(share.waiting[0])) and self._pause_one():
                pass
            if is_early or not self._fits(share.waiting[0]):
                return
            self._join(share)
        while hungry := self._in_order(share for share in self._shares.values() if share.waiting):
            if self._is_early(hungry[0]) or not self._fits(hungry[0].waiting[0]):
                return
            self._join(hungry[0])

    def next_batch(self) -> tuple[P, ...]:
        """The pictures that take the next step: all active ones of the key that stepped least lately."""
        stepping = [place for share in self._shares.values() if not self._is_held(share) for place in share.active]
        keys = dict.fromkeys(place.key for place in self.active)
        if not keys:
            return ()
        now = next(self._clock)
        # A key that is new goes behind those that have waited since before it came.
        self._stepped_at = {key: self._stepped_at.get(key, now) for key in keys}
        key = min((place.key for place in stepping), key=self._stepped_at.__getitem__)
        self._stepped_at[key] = next(self._clock)
        return tuple(place for place in stepping if place.key == key)

    def _in_order(self, shares: Iterable[_Share[P]]) -> list[_Share[P]]:
        """Whose turn it is first; of two, who holds fewer places, and then who came first."""
        return sorted(shares, key=lambda share: (share.start, len(share.active), share.arrival))

    def _counts_as_waiting(self, share: _Share[P]) -> bool:
        return bool(share.waiting) or self._deals <= share.expected_until

    def _begin_to_wait(self, share: _Share[P]) -> None:
        """Let who did not wait until now claim nothing from the time before."""
        if not self._counts_as_waiting(share):
            share.start = max(self._now_of(share.weight), share.start)

    def _leave_if_done(self, owner: Hashable, share: _Share[P]) -> None:
        if not share.active and not self._counts_as_waiting(share):
            del self._shares[owner]
            self._ended[owner] = share.start
            self._forget_past()

    def _now_of(self, weight: float) -> float:
        """The virtual time for an owner of this weight who begins to wait: nobody's like them is earlier."""
        waiting = [share for share in self._shares.values() if self._counts_as_waiting(share)]
        equals = [share.start for share in waiting if share.weight == weight]
        if not equals:  # no claim from a time without them, but never back: what they were given since is not undone
            latest = max(self._now.values(), default=0.0)
            earliest = min((share.start for share in waiting), default=latest)
            self._now[weight] = max(earliest, self._now.get(weight, 0.0))
        return min([self._now.get(weight, 0.0), *equals])

    def _bound_lags(self) -> None:
        """
        Let no weight's claim grow for ever where there are no places left that it could be met by.

        Owners of one weight are moved together, so that among them nothing changes.
        """
        starts: dict[float, float] = {}
        for share in self._shares.values():
            if self._counts_as_waiting(share):
                starts[share.weight] = min(share.start, starts.get(share.weight, share.start))
        if len(starts) <= 1:
            return
        earliest = max(starts.values()) - MOST_LAG * self._largest
        lags = {weight: max(0.0, earliest - start) for weight, start in starts.items()}
        for share in self._shares.values():
            share.start += lags.get(share.weight, 0.0)
        self._now = {weight: now + lags.get(weight, 0.0) for weight, now in self._now.items()}

    def _is_behind(self, other: _Share[P], share: _Share[P]) -> bool:
        return share.start - other.start > CLOSE and other.weight == share.weight and self._counts_as_waiting(other)

    def _is_early(self, share: _Share[P]) -> bool:
        """Whether its next picture must wait until others have caught up; one that has begun is paid for."""
        return share.is_starting and any(self._is_behind(other, share) for other in self._shares.values())

    def _is_held(self, share: _Share[P]) -> bool:
        """Whether its only picture must not end yet: its owner would hold no place, and the next would be early."""
        return (
            len(share.active) == 1
            and share.active[0].is_ending
            and share.is_starting
            and any(other.active and self._is_behind(other, share) for other in self._shares.values())
        )

    def _fits(self, place: P) -> bool:
        return self._rows + place.rows <= self._max_rows

    def _join(self, share: _Share[P]) -> None:
        if share.paused:
            share.paused -= 1
        else:
            cost = share.waiting[0].cost / share.waiting[0].weight
            self._now[share.weight] = max(share.start, self._now.get(share.weight, 0.0))
            self._largest = max(self._largest, cost)
            share.start += cost
        place = share.waiting.popleft()
        if place.is_followed and not share.waiting:
            share.expected_until = self._deals + MOST_DEALS_EXPECTED
        share.active.append(place)
        self._rows += place.rows

    def _pause_one(self) -> bool:
        """Pause the newest picture of whoever holds most places for their weight; False where nobody holds two."""
        several = [share for share in self._shares.values() if len(share.active) > 1]
        if not several:  # nobody's only picture is paused
            return False
        share = max(several, key=lambda share: len(share.active) / share.weight)
        self._begin_to_wait(share)
        place = share.active.pop()
        share.waiting.appendleft(place)
        share.paused += 1
        self._rows -= place.rows
        return True

    def _forget_past(self) -> None:
        """Where there is nobody, all are equal again; else whoever is not ahead any more is forgotten."""
        if not self._shares:
            self._ended.clear()
            self._now.clear()
            self._largest = 0.0
        elif len(self._ended) > self._most_ended:
            earliest = min(self._now.values(), default=0.0)
            self._ended = {owner: end for owner, end in self._ended.items() if end > earliest}
            self._most_ended = 2 * len(self._ended) + FEW
