"""The playground's time and the ids that are made of it; tests may let an hour pass in an instant."""

import itertools
import time
from datetime import UTC, datetime

DISCORD_EPOCH_MS = 1_420_070_400_000
FOUNDED_AT = 1_577_836_800.0  # 2020-01-01


class Clock:
    """
    Time that never runs backwards and can be moved forward; ids rise with it.

    Until it is started all ids belong to one fixed moment: what stands from the beginning has the same ids in every
    run, so that a bot's database of an earlier run still knows its server and members.
    """

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._is_started = False
        self._counter = itertools.count(1)

    def start(self) -> None:
        """Give every further id its own time."""
        self._is_started = True

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
        at = self.now() if self._is_started else FOUNDED_AT
        milliseconds = int(at * 1000) - DISCORD_EPOCH_MS
        return str((milliseconds << 22) | (next(self._counter) & 0x3FFFFF))
