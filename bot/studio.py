"""The one loop: line -> engine -> ending; what is accepted here is delivered once, or refunded."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from bot import replies
from bot.line import Line
from bot.progress import RUNNING_EDIT_S, WAITING_EDIT_S
from bot.store import requests
from engine import EngineClosed, EngineError, OutOfMemory, Picture, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from bot.database import Database
    from bot.endings import Endings
    from bot.progress import Board
    from bot.store.requests import FinalState, RequestRow
    from engine import Engine, GenerationResult

log = structlog.stdlib.get_logger(__name__)

MAX_FAILED_ATTEMPTS = 3
DELIVER_AT_CLOSE_S = 30.0
"""How long a stopping process goes on trying to show what is finished: discord.py's own retries, and one of ours."""
ALONE_AFTER_INTERRUPTIONS = 2
"""From the second start on that found it running, a request runs alone: what kills the process takes nobody along."""


@dataclass(slots=True)
class _Run:
    """One request in the engine's hands."""

    row: RequestRow
    began_at: float
    task: asyncio.Task[None] | None = None
    drawing: asyncio.Task[None] | None = None
    progress: Progress | None = None
    pictures: list[Picture] = field(default_factory=list)
    result: GenerationResult | None = None
    cancel_reason: str | None = None
    is_ending: bool = False

    @property
    def rows(self) -> int:
        """
        U-Net rows that its unfinished pictures still take.

        Read off the row: a request of an earlier version, which this one no longer draws, ends itself, not the loop.
        """
        return (self.row.num_images - len(self.pictures)) * (2 if self.row.guidance_scale > 1 else 1)

    @property
    def must_be_alone(self) -> bool:
        """Whether nothing else may be drawn beside it."""
        return self.row.interruptions >= ALONE_AFTER_INTERRUPTIONS

    def stop(self, reason: str | None) -> None:
        """Let its pictures be dropped; with a reason, those that are finished are delivered first."""
        self.cancel_reason = reason
        if self.drawing is not None:
            self.drawing.cancel()


class Studio:
    """
    Every accepted request is in the line or among the runs, until its row says done, failed or cancelled.

    What a member is told is written to the row before, so that the next process can take up where this one died.
    """

    def __init__(
        self,
        *,
        database: Database,
        engine: Engine,
        endings: Endings,
        board: Board,
        max_rows: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._engine = engine
        self._endings = endings
        self._board = board
        self._max_rows = max_rows
        self._clock = clock
        self._line = Line()
        self._rows: dict[int, RequestRow] = {}
        self._runs: dict[int, _Run] = {}
        self._changed = asyncio.Event()
        self._is_closing = False
        self.is_loading = True
        """Whether the model is still being loaded."""

    async def run(self) -> None:
        """
        Serve the line until `close`.

        Raises:
            EngineError: the model cannot be loaded.
        """
        board = asyncio.create_task(self._board.run(self.withdraw_message))
        try:
            await self._engine.ready()
            self.is_loading = False
            for notice in self._engine.notices:
                log.warning("device_notice", sentence=notice)
            while not self._is_closing:
                while (row := self._next()) is not None:
                    self._start(row)
                self._changed.clear()
                await self._changed.wait()
        finally:
            board.cancel()

    async def close(self) -> None:
        """
        Start nothing more, and let running pictures be finished and delivered; what waits stays in its row.

        What cannot be delivered because Discord is out of reach is left to the next start.
        """
        self._is_closing = True
        self._changed.set()
        await self._engine.close(finish=True)
        runs = {run.task: run for run in self._runs.values() if run.task}
        if not runs:
            return
        _, late = await asyncio.wait(runs, timeout=DELIVER_AT_CLOSE_S)
        for task in late:
            task.cancel()
            async with self._database.transaction() as connection:
                await requests.give_back(connection, runs[task].row.id)

    def enqueue(self, row: RequestRow, *, shown: str = "", front: bool = False) -> None:
        """Put an accepted request into the line; `shown` is what its message says already."""
        self._rows[row.id] = row
        self._line.add(row.id, row.user_id, front=front)
        self._board.put(row, lambda: self._compose_waiting(row), every_s=WAITING_EDIT_S, content=shown)
        self._changed.set()

    def prospective_place(self, row: RequestRow) -> int:
        """The place that a request would get now; 1 is next."""
        self._line.add(row.id, row.user_id)
        place = self._line.place_of(row.id) + self._joining_before()
        self._line.remove(row.id)
        return place

    def place_of(self, request_id: int) -> int | None:
        """The request's place in the line, 1 is next; None once its pictures are being drawn."""
        if request_id in self._line:
            return self._line.place_of(request_id) + self._joining_before()
        run = self._runs.get(request_id)
        if run is None or run.progress is not None:
            return None
        return 1 + self._joining_before(request_id)

    async def cancel(self, request_id: int, *, reason: str = "cancelled-by-owner") -> bool:
        """
        End a request at somebody's wish: what is finished is delivered and charged, the rest refunded.

        Returns:
            False where it is too late: it has ended, or its pictures are on their way.
        """
        run = self._runs.get(request_id)
        if run is not None and run.is_ending:
            return False
        async with self._database.transaction() as connection:
            if not await requests.intend_cancel(connection, request_id, reason=reason):
                return False
        if (run := self._runs.get(request_id)) is not None:
            run.stop(reason)
        elif (row := self._leave_line(request_id)) is not None:
            await self.end(row, "cancelled", reason)
        return True

    async def end(self, row: RequestRow, state: FinalState, reason: str) -> None:
        """End a request that is not running: refunded, and its message says why."""
        await self._board.retire(row.id)
        await self._endings.without_pictures(row, state, reason)

    async def withdraw_message(self, request_id: int) -> None:
        """A request whose message was deleted: cancelled and refunded, and nobody is told."""
        async with self._database.transaction(patient=True) as connection:
            is_withdrawn = await requests.end(
                connection,
                request_id,
                state="cancelled",
                reason="message-gone",
                charged=0,
                flagged=0,
                now=self._clock(),
            )
        if is_withdrawn:
            await self._forget([request_id])

    async def withdraw_channel(self, channel_id: int) -> None:
        """All requests of a channel or thread that is gone."""
        async with self._database.transaction(patient=True) as connection:
            withdrawn = await requests.withdraw_channel(connection, channel_id=channel_id, now=self._clock())
        await self._forget(withdrawn)

    async def withdraw_guild(self, guild_id: int) -> None:
        """All requests of a server that is gone, or that the bot has left."""
        async with self._database.transaction(patient=True) as connection:
            withdrawn = await requests.withdraw_guild(connection, guild_id=guild_id, now=self._clock())
        await self._forget(withdrawn)

    async def withdraw_other_guilds(self, guild_ids: Collection[int]) -> None:
        """All requests of servers that are none of these: the bot was removed from them while it did not run."""
        async with self._database.reading() as connection:
            unfinished = await requests.unfinished(connection)
        for guild_id in {row.guild_id for row in unfinished if row.guild_id is not None}.difference(guild_ids):
            await self.withdraw_guild(guild_id)

    async def _forget(self, request_ids: Sequence[int]) -> None:
        """Stop everything about requests whose rows have ended; there is no message left to tell it in."""
        for request_id in request_ids:
            log.info("request_withdrawn", request_id=request_id)
            self._leave_line(request_id)
            if (run := self._runs.get(request_id)) is not None and not run.is_ending:
                run.stop(None)
            await self._board.retire(request_id)
        async with self._database.transaction(patient=True) as connection:
            for request_id in request_ids:
                await requests.mark_told(connection, request_id, now=self._clock())

    # The line

    def _joining_before(self, request_id: int | None = None) -> int:
        """How many requests the engine holds, before this one, that draw nothing yet."""
        count = 0
        for run_id, run in self._runs.items():
            if run_id == request_id:
                break
            count += run.progress is None
        return count

    def _next(self) -> RequestRow | None:
        """Whose turn it is, if the engine has room: rows are free, or its member has nothing there."""
        drawn = [run for run in self._runs.values() if not run.is_ending]
        if any(run.must_be_alone for run in drawn):
            return None
        has_room = sum(run.rows for run in drawn) < self._max_rows
        served = () if has_room else {run.row.user_id for run in drawn}
        request_id = self._line.peek(excluding=served)
        if request_id is None:
            return None
        if drawn and self._rows[request_id].interruptions >= ALONE_AFTER_INTERRUPTIONS:
            return None
        row = self._rows.pop(request_id)
        self._line.next(excluding=served)
        return row

    def _leave_line(self, request_id: int) -> RequestRow | None:
        self._line.remove(request_id)
        return self._rows.pop(request_id, None)

    def _start(self, row: RequestRow) -> None:
        run = self._runs[row.id] = _Run(row, self._clock())
        self._board.put(row, lambda: self._compose_running(run), every_s=RUNNING_EDIT_S)
        run.task = asyncio.create_task(self._serve(run))

    def _compose_waiting(self, row: RequestRow) -> replies.Reply:
        return replies.waiting(row, place=self.place_of(row.id), is_loading=self.is_loading)

    def _compose_running(self, run: _Run) -> replies.Reply:
        if run.progress is None:
            return self._compose_waiting(run.row)
        return replies.running(run.row, run.progress)

    # One request

    async def _serve(self, run: _Run) -> None:
        """From the engine to the ledger. Whatever happens, the loop lives and the row tells the truth."""
        try:
            await self._draw(run)
        except Exception:
            log.exception("request_broke", request_id=run.row.id, error_id=run.row.short_id)
            await self.end(run.row, "failed", "failed-unexpected")
        finally:
            if self._runs.get(run.row.id) is run:
                del self._runs[run.row.id]
            self._changed.set()

    async def _draw(self, run: _Run) -> None:
        row = run.row
        async with self._database.transaction(patient=True) as connection:
            is_waiting = await requests.start(connection, row.id, now=self._clock())
        if not is_waiting:
            await self._board.retire(row.id)
            return
        run.drawing = asyncio.create_task(self._collect(run))
        if run.cancel_reason is not None:
            run.drawing.cancel()
        await asyncio.wait({run.drawing})
        if run.drawing.cancelled():
            if run.cancel_reason is not None:
                await self._finish(run, "cancelled", run.cancel_reason)
        elif (error := run.drawing.exception()) is None:
            await self._finish(run, "done", None)
        elif isinstance(error, EngineClosed):
            async with self._database.transaction(patient=True) as connection:
                await requests.give_back(connection, row.id)
        elif isinstance(error, OutOfMemory):
            log.warning("out_of_memory", request_id=row.id, error=str(error))
            await self._finish(run, "failed", "failed-out-of-memory")
        else:
            await self._try_again(run, error)

    async def _collect(self, run: _Run) -> None:
        """Raises what the engine raises; pictures that are finished by then stay in the run."""
        async with aclosing(self._engine.stream(run.row.request)) as events:
            async for event in events:
                if isinstance(event, Progress):
                    run.progress = event
                elif isinstance(event, Picture):
                    run.pictures.append(event)
                    self._changed.set()
                else:
                    run.result = event

    async def _try_again(self, run: _Run, error: BaseException) -> None:
        """An error of the engine is a failed attempt, and the third ends the request; any other ends it at once."""
        row = run.row
        log.error("drawing_failed", request_id=row.id, error_id=row.short_id, exc_info=error)
        async with self._database.transaction(patient=True) as connection:
            failed = await requests.count_failed_attempt(connection, row.id)
            again = await requests.fetch(connection, row.id)
        if not isinstance(error, EngineError):
            await self._finish(run, "failed", "failed-unexpected")
        elif failed >= MAX_FAILED_ATTEMPTS:
            await self._finish(run, "failed", "failed-engine")
        elif again is not None and again.state == "queued":
            if again.reason is not None:  # cancelled while it failed
                await self._finish(run, "cancelled", again.reason)
            else:
                del self._runs[row.id]
                self.enqueue(again, front=True)

    async def _finish(self, run: _Run, state: FinalState, reason: str | None) -> None:
        run.is_ending = True
        self._changed.set()
        await self._board.retire(run.row.id)
        await self._endings.deliver(
            run.row,
            run.pictures,
            state=state,
            reason=reason,
            result=run.result,
            seconds=self._clock() - run.began_at,
        )
