"""Who takes the next step together: fair shares of the rows between owners, turns between keys."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable


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


P = TypeVar("P", bound=Place)


@dataclass(slots=True)
class _Share(Generic[P]):
    """One owner's pictures, each part in the order in which they were added."""

    served_at: int
    """When one of them last joined or left, or the first of them came: a smaller number has waited longer."""
    active: list[P] = field(default_factory=list)
    waiting: deque[P] = field(default_factory=deque)
    """Paused pictures first, so that what was begun is finished first."""


class Batcher(Generic[P]):
    """
    Pictures that step together, never more than `max_rows` rows of them, and those that wait for a place.

    After every `deal`, nobody holds two places while somebody else who waits holds none; and whoever waits is served
    some day, since nobody who came later passes them.

    Raises:
        ValueError: `max_rows` is too small for one picture with guidance.
    """

    def __init__(self, max_rows: int) -> None:
        if max_rows < 2:  # noqa: PLR2004 - the rows of one picture with guidance
            raise ValueError(f"max_rows must be at least 2, got {max_rows}")
        self._max_rows = max_rows
        self._rows = 0
        self._shares: dict[Hashable, _Share[P]] = {}
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

    def add(self, place: P) -> None:
        """Let a new picture wait, behind the others of its owner."""
        if place.owner not in self._shares:
            self._shares[place.owner] = _Share(served_at=next(self._clock))
        self._shares[place.owner].waiting.append(place)

    def remove(self, place: P) -> None:
        """Take out a picture that is finished, cancelled or failed; one that is not there is left alone."""
        share = self._shares.get(place.owner)
        if share is None:
            return
        if place in share.active:
            share.active.remove(place)
            share.served_at = next(self._clock)
            self._rows -= place.rows
        elif place in share.waiting:
            share.waiting.remove(place)
        if not share.active and not share.waiting:
            del self._shares[place.owner]

    def deal(self) -> None:
        """
        Give out the rows, between two ticks.

        First to owners who hold no place, the longest waiting first; for them others' second pictures are paused.
        Only when all of those have one, free rows go round: to who holds fewest places, then to who waited longest.
        A picture that does not fit holds up everybody behind it, so that smaller ones cannot slip by for ever.
        """
        for share in self._without_place():
            while not self._fits(share.waiting[0]) and self._pause_one():
                pass
            if not self._fits(share.waiting[0]):
                return
            self._join(share)
        while hungry := [share for share in self._shares.values() if share.waiting]:
            share = min(hungry, key=lambda share: (len(share.active), share.served_at))
            if not self._fits(share.waiting[0]):
                return
            self._join(share)

    def next_batch(self) -> tuple[P, ...]:
        """The pictures that take the next step: all active ones of the key that stepped least lately."""
        keys = dict.fromkeys(place.key for place in self.active)
        if not keys:
            return ()
        now = next(self._clock)
        # A key that is new goes behind those that have waited since before it came.
        self._stepped_at = {key: self._stepped_at.get(key, now) for key in keys}
        key = min(keys, key=self._stepped_at.__getitem__)
        self._stepped_at[key] = next(self._clock)
        return tuple(place for place in self.active if place.key == key)

    def _without_place(self) -> list[_Share[P]]:
        shares = [share for share in self._shares.values() if share.waiting and not share.active]
        return sorted(shares, key=lambda share: share.served_at)

    def _fits(self, place: P) -> bool:
        return self._rows + place.rows <= self._max_rows

    def _join(self, share: _Share[P]) -> None:
        place = share.waiting.popleft()
        share.active.append(place)
        share.served_at = next(self._clock)
        self._rows += place.rows

    def _pause_one(self) -> bool:
        """Pause the newest picture of whoever holds most places; False where nobody holds two."""
        share = max(self._shares.values(), key=lambda share: len(share.active))
        if len(share.active) < 2:  # noqa: PLR2004 - nobody's only picture is paused
            return False
        place = share.active.pop()
        share.waiting.appendleft(place)
        self._rows -= place.rows
        return True
