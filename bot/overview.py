"""What waits and what is being drawn, as people are told: places, times, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.replies import Ready
from bot.waiting import Standing, standing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.outlook import Outlook
    from bot.runs import Run
    from bot.store.requests import RequestRow
    from bot.waitlist import Waitlist


class Overview:
    """Looks at the studio's requests, and changes none: those in the engine of which nothing is drawn wait too."""

    def __init__(
        self,
        *,
        waitlist: Waitlist,
        runs: Mapping[int, Run],
        outlook: Outlook,
        weights: Mapping[int, float],
        clock: Callable[[], float],
    ) -> None:
        self._waitlist = waitlist
        self._runs = runs
        self._outlook = outlook
        self._weights = weights
        self._clock = clock

    def place_of(self, request_id: int) -> int | None:
        """The request's place in the line, 1 is next; None once its pictures are being drawn, or where it is paused."""
        if request_id in self._waitlist.turns:
            return self._waitlist.turns.place_of(request_id) + self._joining_before()
        run = self._runs.get(request_id)
        if run is None or run.progress is not None:
            return None
        return 1 + self._joining_before(request_id)

    def ready_of(self, request_id: int) -> Ready | None:
        """When its member was told that a request that waits will be ready."""
        at = self._outlook.ready_at(request_id, self._waitlist.turns, self._waitlist.rows, self._runs.values())
        return None if at is None else Ready(at=at, is_past=at <= self._clock())

    def standing(self, row: RequestRow) -> Standing:
        """Why a request waits: who shares the GPU with its member, and how."""
        return standing_of(row, self.running_rows(None), self.waiting_rows(None), self._weights)

    def waits(self, request_id: int) -> bool:
        """Whether nothing of a request is drawn yet, though the engine may have it."""
        run = self._runs.get(request_id)
        return request_id in self._waitlist.rows or (run is not None and run.progress is None and not run.is_ending)

    def waiting_rows(self, guild_id: int | None) -> list[RequestRow]:
        """What waits in a server, or everywhere (None), in the order of the line; what is paused comes last."""
        handed = [run.row for run in self._runs.values() if self.waits(run.row.id)]
        return [row for row in (*handed, *self._waitlist.in_order()) if guild_id in (row.guild_id, None)]

    def running_rows(self, guild_id: int | None) -> list[RequestRow]:
        """What is being drawn of a server, or of all (None)."""
        rows = [run.row for run in self._runs.values() if not self.waits(run.row.id)]
        return [row for row in rows if guild_id in (row.guild_id, None)]

    def _joining_before(self, request_id: int | None = None) -> int:
        """How many requests the engine holds, before this one, that draw nothing yet."""
        count = 0
        for run_id, run in self._runs.items():
            if run_id == request_id:
                break
            count += run.progress is None
        return count
