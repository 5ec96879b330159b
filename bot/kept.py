"""What members have typed and may still need: few things, not for long, and in memory only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Kept(Generic[T]):
    """Each thing by a number, and for the member alone who typed it."""

    MOST = 200
    LIFE_S = 3600.0

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._things: dict[int, tuple[T, int, float]] = {}
        """With whose each is and when it was kept, the oldest first."""

    def keep(self, number: int, thing: T, *, user_id: int) -> None:
        """Keep what a member typed; the oldest makes room."""
        self._things[number] = thing, user_id, self._clock()
        while len(self._things) > self.MOST:
            del self._things[next(iter(self._things))]

    def find(self, number: int, *, user_id: int) -> T | None:
        """What this member typed, if it is still kept."""
        if number not in self._things:
            return None
        thing, owner_id, kept_at = self._things[number]
        return thing if owner_id == user_id and self._clock() - kept_at <= self.LIFE_S else None

    def take(self, number: int, *, user_id: int) -> T | None:
        """What this member typed, if it is still kept, for the last time."""
        thing = self.find(number, user_id=user_id)
        if thing is not None:
            del self._things[number]
        return thing

    def forget(self, user_id: int) -> None:
        """Keep nothing more of a member."""
        self._things = {number: kept for number, kept in self._things.items() if kept[1] != user_id}
