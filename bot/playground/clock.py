"""The playground's time and the ids that are made of it; tests may let an hour pass in an instant."""

import itertools
import time
from datetime import UTC, datetime

DISCORD_EPOCH_MS = 1_420_070_400_000


class Clock:
    """Time that never runs backwards and can be moved forward; ids rise with it."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._counter = itertools.count(1)

    def now(self) -> float:
        """Seconds since 1970, moved forward by what tests have let pass."""
        return time.time() + self._ahead_s

    def iso(self) -> str:
        """Now, as Discord writes it."""
        return datetime.fromtimestamp(self.now(), UTC).isoformat()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError(f"time passes forwards only, got {seconds}")
        self._ahead_s += seconds

    def snowflake(self) -> str:
        """A new id: milliseconds since Discord's epoch, then a counter, so that two are never the same."""
        milliseconds = int(self.now() * 1000) - DISCORD_EPOCH_MS
        return str((milliseconds << 22) | (next(self._counter) & 0x3FFFFF))
