"""A double click is one press."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

SAME_PRESS_S = 2.0


class Presses:
    """What was pressed within the last two seconds, by whom."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pressed_at: dict[Hashable, float] = {}

    def is_repeat(self, *press: Hashable) -> bool:
        """Whether the same member has just pressed the same button; if not, the press is remembered."""
        now = self._clock()
        for old in [old for old, at in self._pressed_at.items() if now - at >= SAME_PRESS_S]:
            del self._pressed_at[old]
        if press in self._pressed_at:
            return True
        self._pressed_at[press] = now
        return False
