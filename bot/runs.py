"""One request in the engine's hands: drawn, tried again where that failed, and brought to its end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from bot.feeding import Held
from bot.readiness import cost_of
from bot.store import attempts, requests
from bot.weights import weight_of
from engine import (
    EngineClosed,
    EngineError,
    InvalidModel,
    InvalidRequest,
    Loading,
    OutOfMemory,
    Picture,
    Progress,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.database import Database
    from bot.endings import Endings
    from bot.members import Members
    from bot.progress import Board
    from bot.store.requests import FinalState, RequestRow
    from engine import Engine

log = structlog.stdlib.get_logger(__name__)

MAX_FAILED_ATTEMPTS = 3
ALONE_AFTER_INTERRUPTIONS = 2
"""From the second start on that found it running, a request runs alone: what kills the process takes nobody along."""
REASONS = {
    "model_unknown": "failed-model-gone",
    "model_unusable": "failed-model",
    "scheduler_steps": "engine-scheduler-steps",
    "size_memory": "failed-out-of-memory",
}
"""Why a request ends that turns out to be invalid, by the engine's rule."""


@dataclass
class Run:
    """What the engine has done for one request so far."""

    row: RequestRow
    rows_of_pictures: tuple[int, ...]
    """The U-Net rows that each takes."""
    is_followed: bool = False
    """Whether more of its member waited when it was given to the engine."""
    task: asyncio.Task[None] | None = None
    drawing: asyncio.Task[None] | None = None
    loading: str | None = None
    """The title of its model, if that is being loaded."""
    progress: Progress | None = None
    pictures: list[Picture] = field(default_factory=list)
    cancel_reason: str | None = None
    is_recalled: bool = False
    is_ending: bool = False

    @property
    def rows(self) -> int:
        """U-Net rows that its unfinished pictures still take."""
        finished = {picture.index for picture in self.pictures}
        return sum(rows for index, rows in enumerate(self.rows_of_pictures) if index not in finished)

    @property
    def begun(self) -> int:
        """Pictures that have joined the batch."""
        return self.progress.pictures_begun if self.progress else 0

    @property
    def held(self) -> Held:
        """What the engine has of it."""
        to_begin = sum(self.rows_of_pictures[max(self.begun, len(self.pictures)) :])
        return Held(self.row.user_id, self.rows, min(to_begin, self.rows))

    @property
    def must_be_alone(self) -> bool:
        """Whether nothing else may be drawn beside it."""
        return self.row.interruptions >= ALONE_AFTER_INTERRUPTIONS

    def recall(self) -> None:
        """Let it wait again."""
        self.is_recalled = True
        if self.drawing is not None:
            self.drawing.cancel()

    def stop(self, reason: str | None) -> None:
        """Let its pictures be dropped; with a reason, those that are finished are delivered first."""
        self.cancel_reason = reason
        self.is_recalled = False
        if self.drawing is not None:
            self.drawing.cancel()


class Runner:
    """
    Takes requests from the engine to the ledger.

    Whatever the engine does, a request afterwards has ended, waits again, or was withdrawn by somebody else.
    """

    def __init__(
        self,
        *,
        database: Database,
        engine: Engine,
        endings: Endings,
        board: Board,
        members: Members,
        weights: Mapping[int, float],
        rows_of: Callable[[RequestRow], tuple[int, ...]],
        when_room: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._engine = engine
        self._endings = endings
        self._board = board
        self._members = members
        self._weights = weights
        self._rows_of = rows_of
        self._when_room = when_room
        self._clock = clock

    async def serve(self, run: Run) -> RequestRow | None:
        """
        Draw a request and end it.

        Returns:
            The request where it is to wait again, else None.
        """
        row = run.row
        if (reason := await self._members.why_not(row)) is not None:
            await self._board.retire(row.id)
            await self._endings.without_pictures(row, "cancelled", reason)
            return None
        async with self._database.transaction(patient=True) as connection:
            is_waiting = await attempts.start(connection, row.id, now=self._clock())
            started = await requests.fetch(connection, row.id)
        if is_waiting and started is not None:  # somebody may have changed it until now
            row = run.row = started
            run.rows_of_pictures = self._rows_of(row)
        else:
            await self._board.retire(row.id)
            return None
        run.drawing = asyncio.create_task(self._collect(run))
        if run.cancel_reason is not None or run.is_recalled:
            run.drawing.cancel()
        await asyncio.wait({run.drawing})
        if run.drawing.cancelled():
            if run.is_recalled:
                return await self._given_back(row)
            if run.cancel_reason is not None:
                await self._finish(run, "cancelled", run.cancel_reason)
            return None
        if (error := run.drawing.exception()) is not None:
            return await self._after(run, error)
        await self._finish(run, "done", None)
        return None

    async def _given_back(self, row: RequestRow) -> RequestRow | None:
        """A request that was taken back from the engine; None where it has ended meanwhile."""
        async with self._database.transaction(patient=True) as connection:
            await attempts.give_back(connection, row.id)
            again = await requests.fetch(connection, row.id)
        return again if again is not None and again.state == "queued" and again.reason is None else None

    async def _collect(self, run: Run) -> None:
        """Raises what the engine raises; pictures that are finished by then stay in the run."""
        request = replace(
            run.row.request,
            weight=weight_of(run.row, self._weights),
            cost=cost_of(run.row),
            is_followed=run.is_followed,
        )
        async with aclosing(self._engine.stream(request)) as events:
            async for event in events:
                if isinstance(event, Loading):
                    run.loading = event.model
                elif isinstance(event, Progress):
                    has_begun_more = event.pictures_begun > run.begun
                    run.progress = event
                    if has_begun_more:
                        self._when_room()
                elif isinstance(event, Picture):
                    run.pictures.append(event)
                    self._when_room()

    async def _after(self, run: Run, error: BaseException) -> RequestRow | None:
        """What an error of the engine makes of a request: as `serve`."""
        row = run.row
        if isinstance(error, EngineClosed):
            async with self._database.transaction(patient=True) as connection:
                await attempts.give_back(connection, row.id)
        elif isinstance(error, OutOfMemory):
            log.warning("out_of_memory", request_id=row.id, error=str(error))
            is_model = error.rule == "model_memory"
            await self._finish(run, "failed", "failed-model-memory" if is_model else "failed-out-of-memory")
        elif isinstance(error, InvalidModel):
            log.error("model_not_loaded", request_id=row.id, model=row.model, error=str(error))
            await self._finish(run, "failed", "failed-model")
        elif isinstance(error, InvalidRequest):  # known only now: the model's own config, or another version's request
            log.warning("request_invalid", request_id=row.id, error=str(error))
            await self._finish(run, "failed", REASONS.get(error.rule, "failed-outdated"))
        else:
            return await self._try_again(run, error)
        return None

    async def _try_again(self, run: Run, error: BaseException) -> RequestRow | None:
        """An error of the engine is a failed attempt, and the third ends the request; any other ends it at once."""
        row = run.row
        log.error("drawing_failed", request_id=row.id, error_id=row.short_id, exc_info=error)
        async with self._database.transaction(patient=True) as connection:
            failed = await attempts.count_failed_attempt(connection, row.id)
            again = await requests.fetch(connection, row.id)
        if not isinstance(error, EngineError):
            await self._finish(run, "failed", "failed-unexpected")
        elif failed >= MAX_FAILED_ATTEMPTS:
            await self._finish(run, "failed", "failed-engine")
        elif again is not None and again.state == "queued":
            if again.reason is None:
                return again
            await self._finish(run, "cancelled", again.reason)  # cancelled while it failed
        return None

    async def _finish(self, run: Run, state: FinalState, reason: str | None) -> None:
        run.is_ending = True
        self._when_room()
        await self._board.retire(run.row.id)
        await self._endings.deliver(
            run.row,
            run.pictures,
            state=state,
            reason=reason,
            progress=run.progress,
        )
