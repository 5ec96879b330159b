"""When what waits will be ready, as people are told: from measured speed, and not told anew for every second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.readiness import Work, cost_of, ready_in
from bot.weights import weight_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from bot.runs import Run
    from bot.store.requests import RequestRow
    from bot.turns import Turns

LOOK_AGAIN_S = 5.0
"""Before it has passed, what was foreseen last holds; where thousands wait, all of whom are looked at, for longer."""
LOOKED_AT_A_SECOND = 200
MANY = 500
"""With so many waiting, who has just come is told what those are told at whose place they stand."""
CLOSE_S, CLOSE_SHARE = 10.0, 0.2
"""By less than so many seconds, or so much of what is left, a time that was told is not corrected."""
LATEST_WEIGHT = 0.3
MEASURED_S = (1.0, 30.0)
"""How long a measurement takes: shorter is too rough, and in longer ones there was nothing to do."""
SLOWEST, FASTEST = 0.02, 50.0


class Pace:
    """How many of the estimated seconds the GPU really does in one second, measured while it draws."""

    def __init__(self) -> None:
        self.rate = 1.0
        self._at = 0.0
        self._done: dict[int, tuple[float, float]] = {}
        """Of each request: the estimated seconds that were done, and all of them."""

    def measure(self, done: Mapping[int, tuple[float, float]], *, now: float) -> None:
        """Look how far all that is being drawn has come; what is there no more was finished."""
        shortest, longest = MEASURED_S
        passed_s = now - self._at
        if self._done and done and 0 <= passed_s < shortest:
            return
        if self._done and 0 <= passed_s <= longest:  # a clock that was set back has measured nothing
            gained = sum(
                done.get(request_id, (all_s, 0))[0] - done_s for request_id, (done_s, all_s) in self._done.items()
            )
            gained += sum(done_s for request_id, (done_s, _) in done.items() if request_id not in self._done)
            if gained > 0:
                self.rate += LATEST_WEIGHT * (gained / passed_s - self.rate)
                self.rate = min(max(self.rate, SLOWEST), FASTEST)
        self._at, self._done = now, dict(done)


class Outlook:
    """What is promised to those who wait; nothing is kept of who waits no more."""

    def __init__(
        self,
        *,
        max_rows: int,
        rows_of: Callable[[RequestRow], tuple[int, ...]],
        weights: Mapping[int, float],
        clock: Callable[[], float],
    ) -> None:
        self._max_rows = max_rows
        self._rows_of = rows_of
        self._weights = weights
        self._clock = clock
        self._pace = Pace()
        self._looked_at = float("-inf")
        self._ready_at: dict[int, float] = {}
        self._in_order: list[float] = []
        """The same times, the earliest first."""
        self._told: dict[int, float] = {}

    def forget(self, request_id: int) -> None:
        """Let go of what was promised about a request that waits no more."""
        self._told.pop(request_id, None)
        self._ready_at.pop(request_id, None)

    def measure(self, runs: Collection[Run]) -> None:
        """Look how far everything is that is being drawn."""
        done = {}
        for run in runs:
            if run.progress is not None:
                cost = cost_of(run.row)
                done[run.row.id] = (cost * min(1.0, run.progress.step / max(1, run.progress.steps)), cost)
        self._pace.measure(done, now=self._clock())

    def ready_at(
        self, request_id: int, turns: Turns, rows: Mapping[int, RequestRow], runs: Collection[Run]
    ) -> float | None:
        """
        When a request will be ready, in unix seconds, as it was told or as that must be corrected.

        Args:
            rows: of all that wait.
        """
        now = self._clock()
        is_fresh = 0 <= now - self._looked_at < max(LOOK_AGAIN_S, len(turns) / LOOKED_AT_A_SECOND)
        if is_fresh and request_id in turns and len(turns) >= MANY:
            if request_id not in self._ready_at:
                self._ready_at[request_id] = self._guess(turns.place_of(request_id), cost_of(rows[request_id]), now)
        elif not is_fresh or request_id not in self._ready_at:
            self._look(turns, rows, runs, now)
        ready_at, told = self._ready_at.get(request_id), self._told.get(request_id)
        if ready_at is None:
            return told
        if told is None or abs(ready_at - told) > max(CLOSE_S, CLOSE_SHARE * (told - now)):
            told = self._told[request_id] = ready_at
        return told

    def _look(self, turns: Turns, rows: Mapping[int, RequestRow], runs: Collection[Run], now: float) -> None:
        self.measure(runs)
        running = [self._running(run) for run in runs if not run.is_ending]
        ready_in_s = ready_in(running, turns.copy(), lambda request_id: self.work_of(rows[request_id]), self._max_rows)
        self._ready_at = {request_id: now + seconds / self._pace.rate for request_id, seconds in ready_in_s.items()}
        self._in_order = sorted(self._ready_at.values())
        self._told = {each: told for each, told in self._told.items() if each in self._ready_at}
        self._looked_at = now

    def _guess(self, place: int, cost: float, now: float) -> float:
        """When a request at this place will be ready, as far as others there were looked at."""
        ahead = min(place - 1, len(self._in_order))
        begins = self._in_order[ahead - 1] if ahead else now
        return max(now, begins) + cost / self._pace.rate

    def work_of(self, row: RequestRow) -> Work:
        """A request that waits, as the future sees it."""
        return Work(
            request_id=row.id,
            user_id=row.user_id,
            weight=weight_of(row, self._weights),
            model=row.model,
            cost=cost_of(row),
            rows=self._rows_of(row),
            steps=row.num_inference_steps,
        )

    def _running(self, run: Run) -> Work:
        progress = run.progress
        return Work(
            request_id=run.row.id,
            user_id=run.row.user_id,
            weight=weight_of(run.row, self._weights),
            model=run.row.model,
            cost=cost_of(run.row),
            rows=run.rows_of_pictures,
            steps=run.row.num_inference_steps,
            done=progress.step / max(1, progress.steps) if progress else 0.0,
            begun=max(run.begun, len(run.pictures)),
            finished=min(len(run.pictures), len(run.rows_of_pictures)),
        )
