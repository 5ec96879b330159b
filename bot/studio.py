"""The one loop: line -> engine -> ending; what is accepted here is delivered once, or refunded."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from bot import replies
from bot.feeding import passed_over
from bot.outlook import Outlook
from bot.overview import Overview
from bot.progress import RUNNING_EDIT_S, WAITING_EDIT_S
from bot.runs import ALONE_AFTER_INTERRUPTIONS, Run, Runner
from bot.store import attempts, outcomes, pauses
from bot.turns import Turns
from bot.waitlist import Waitlist
from bot.withdrawals import Withdrawals
from engine import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from bot.database import Database
    from bot.endings import Endings
    from bot.members import Members
    from bot.progress import Board
    from bot.store.requests import FinalState, RequestRow
    from engine import Engine

log = structlog.stdlib.get_logger(__name__)

DELIVER_AT_CLOSE_S = 30.0
"""How long a stopping process goes on trying to show what is finished: discord.py's own retries, and one of ours."""
SAY_AT_CLOSE_S = 5.0
"""How long it goes on telling those who wait that their places are kept, the longest known first."""


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
        members: Members,
        max_rows: int,
        model_requests: int,
        model_wait_s: float,
        stop_s: float,
        weights: Mapping[int, float],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._engine = engine
        self._endings = endings
        self._board = board
        self._max_rows = max_rows
        self._stop_s = stop_s
        self._changed = asyncio.Event()
        turns = Turns(engine.fit_together, most_requests=model_requests, most_wait_s=model_wait_s, clock=time.monotonic)
        self._waitlist = Waitlist(turns, weights=weights, when_joined=self._changed.set)
        self._runs: dict[int, Run] = {}
        self._left: dict[int, str] = {}
        """What each member had left, as the waiting message says it."""
        self._outlook = Outlook(max_rows=max_rows, rows_of=self._rows_of_pictures, weights=weights, clock=clock)
        self.overview = Overview(
            waitlist=self._waitlist, runs=self._runs, outlook=self._outlook, weights=weights, clock=clock
        )
        self._runner = Runner(
            database=database,
            engine=engine,
            endings=endings,
            board=board,
            members=members,
            weights=weights,
            rows_of=self._rows_of_pictures,
            when_room=self._changed.set,
            clock=clock,
        )
        self.withdrawals = Withdrawals(
            database=database, endings=endings, board=board, leave=self._leave_line, drop=self.drop, clock=clock
        )
        self._closed = asyncio.Event()
        self.is_closing = False
        """Whether nothing more is started: what comes now waits for the next process."""
        self.loading: str | None = engine.card.title
        """The title of the model that is being loaded before anything can be drawn."""

    async def run(self) -> None:
        """
        Serve the line until `close`.

        Raises:
            EngineError: the model cannot be loaded.
        """
        board = asyncio.create_task(self._board.run(self.withdrawals.withdraw_message))
        try:
            async with self._database.reading() as connection:
                paused = await pauses.paused(connection)
            await self.pause(*paused)
            await self._engine.ready()
            self.loading = None
            for notice in self._engine.notices:
                log.warning("device_notice", sentence=notice)
            while not self.is_closing:
                while (row := self._next()) is not None:
                    self._start(row)
                self._changed.clear()
                await self._changed.wait()
            await self._closed.wait()  # until then messages stay live
        finally:
            board.cancel()

    async def close(self) -> None:
        """
        Start nothing more, and let running pictures be finished and delivered; what waits stays in its row.

        What takes longer than the operator allows is given back, and what cannot be delivered because Discord is out
        of reach is left, to the next start.
        """
        self.is_closing = True
        self._changed.set()
        self.withdrawals.close()
        try:
            await self._let_finish()
            await self._let_deliver()
            with suppress(TimeoutError):
                async with asyncio.timeout(SAY_AT_CLOSE_S):
                    await self._board.show_all(self.withdrawals.withdraw_message)
        finally:
            self._closed.set()

    async def _let_finish(self) -> None:
        closing = asyncio.create_task(self._engine.close(finish=True))
        if not (await asyncio.wait({closing}, timeout=self._stop_s))[0]:
            log.info("stop_takes_too_long", waited_s=self._stop_s)
            await self._engine.close(finish=False)
        await closing

    async def _let_deliver(self) -> None:
        runs = {run.task: run for run in self._runs.values() if run.task}
        if not runs:
            return
        _, late = await asyncio.wait(runs, timeout=DELIVER_AT_CLOSE_S)
        for task in late:
            task.cancel()
            async with self._database.transaction() as connection:
                await attempts.give_back(connection, runs[task].row.id)

    def enqueue(self, row: RequestRow, *, shown: str = "", left: str = "", front: bool = False) -> None:
        """
        Put an accepted request into the line.

        Args:
            shown: what its message says already.
            left: what its member has left, as its message goes on to say.
        """
        self._left[row.id] = left
        self._waitlist.add(row, front=front)
        self._board.put(row, lambda: self.waiting_reply(row), every_s=WAITING_EDIT_S, content=shown)

    def prospective_reply(self, row: RequestRow, *, left: str) -> replies.Reply:
        """What a request that is not yet in the line would be told now."""
        self._left[row.id] = left
        self._waitlist.add(row)
        reply = self.waiting_reply(row)
        self._waitlist.remove(row.id)
        del self._left[row.id]
        return reply

    def waiting_reply(self, row: RequestRow) -> replies.Reply:
        """What the message of a request that waits says now."""
        return self._waiting(row, self.loading)

    @asynccontextmanager
    async def holding(self, *request_ids: int) -> AsyncIterator[None]:
        """Take back requests of which nothing is drawn; afterwards they wait before their member's others."""
        recalled = [self._runs[each] for each in request_ids if each in self._runs and self.overview.waits(each)]
        held = [run.row.id for run in recalled]
        self._waitlist.hold(*held)
        for run in recalled:
            run.recall()
        try:
            if tasks := {run.task for run in recalled if run.task}:
                await asyncio.wait(tasks)
            yield
        finally:
            self._waitlist.release(*held)

    def is_paused(self, guild_id: int | None) -> bool:
        """Whether nothing of a server starts."""
        return self._waitlist.is_paused(guild_id)

    async def pause(self, *guild_ids: int) -> None:
        """Let nothing of these servers start, until `resume`; what is being drawn goes on."""
        self._waitlist.pause(*guild_ids)
        handed = [run.row for run in self._runs.values() if self.overview.waits(run.row.id)]
        async with self.holding(*(row.id for row in handed if self.is_paused(row.guild_id))):
            pass

    def resume(self, guild_id: int) -> None:
        """Let what waits in a server join the line again, in the order in which it came."""
        self._waitlist.resume(guild_id)

    def change(self, row: RequestRow) -> bool:
        """Let a request that waits be another from now on, in its place; False where it no longer waits."""
        if not self._waitlist.change(row):
            return False
        self._outlook.forget(row.id)
        self._board.put(row, lambda: self.waiting_reply(row), every_s=WAITING_EDIT_S)
        self._board.hurry(row.id)
        self._changed.set()
        return True

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
            if not await outcomes.intend_cancel(connection, request_id, reason=reason):
                return False
        if (run := self._runs.get(request_id)) is not None:
            run.stop(reason)
        elif (row := self._waitlist.rows.get(request_id)) is not None:
            self._leave_line(request_id)
            await self.end(row, "cancelled", reason)
        return True

    async def end(self, row: RequestRow, state: FinalState, reason: str) -> None:
        """End a request that is not running: refunded, and its message says why."""
        await self._board.retire(row.id)
        await self._endings.without_pictures(row, state, reason)

    async def drop(self, request_ids: Sequence[int]) -> None:
        """Stop everything about requests whose rows have ended, perhaps by another process."""
        for request_id in request_ids:
            log.info("request_withdrawn", request_id=request_id)
            self._leave_line(request_id)
            if (run := self._runs.get(request_id)) is not None and not run.is_ending:
                run.stop(None)
            await self._board.retire(request_id)

    # The line

    def _next(self) -> RequestRow | None:
        """Whose turn it is, if the engine takes more: its model's, and its member's (`bot.feeding`)."""
        drawn = [run for run in self._runs.values() if not run.is_ending]
        if any(run.must_be_alone for run in drawn):
            return None
        served = passed_over((run.held for run in drawn), self._max_rows)
        in_use = {run.row.model for run in drawn}
        request_id = self._waitlist.turns.peek(served, in_use=in_use)
        if request_id is None:
            return None
        if drawn and self._waitlist.rows[request_id].interruptions >= ALONE_AFTER_INTERRUPTIONS:
            return None
        self._waitlist.turns.next(served, in_use=in_use)
        row = self._waitlist.rows[request_id]
        self._waitlist.remove(request_id)
        return row

    def _leave_line(self, *request_ids: int) -> None:
        self._waitlist.remove(*request_ids)
        for request_id in request_ids:
            self._left.pop(request_id, None)
            self._outlook.forget(request_id)

    def _start(self, row: RequestRow) -> None:
        run = self._runs[row.id] = Run(row, self._rows_of_pictures(row))
        self._board.put(row, lambda: self._compose_running(run), every_s=RUNNING_EDIT_S)
        run.task = asyncio.create_task(self._serve(run))

    def _rows_of_pictures(self, row: RequestRow) -> tuple[int, ...]:
        """A request of an earlier version, which this one no longer draws, ends itself: it must not end the loop."""
        try:
            return self._engine.rows_of(row.request)
        except InvalidRequest:
            return (1,) * row.num_images

    def _compose_running(self, run: Run) -> replies.Reply:
        if run.row.id not in self._runs:  # the engine has given it back, to the next start
            return replies.restarting(run.row)
        if run.progress is None:
            return self._waiting(run.row, run.loading)
        self._outlook.measure(self._runs.values())
        return replies.running(run.row, run.progress)

    def _waiting(self, row: RequestRow, loading: str | None) -> replies.Reply:
        if self.is_closing:
            return replies.restarting(row)
        is_paused = self.is_paused(row.guild_id)
        return replies.waiting(
            row,
            place=self.overview.place_of(row.id),
            left=self._left.get(row.id, ""),
            loading=loading,
            ready=None if is_paused or loading else self.overview.ready_of(row.id),
            is_paused=is_paused,
        )

    # One request

    async def _serve(self, run: Run) -> None:
        """From the engine to the ledger. Whatever happens, the loop lives and the row tells the truth."""
        again = None
        try:
            again = await self._runner.serve(run)
        except Exception:
            log.exception("request_broke", request_id=run.row.id, error_id=run.row.short_id)
            await self.end(run.row, "failed", "failed-unexpected")
        finally:
            del self._runs[run.row.id]
            left = self._left.pop(run.row.id, "")
            self._outlook.forget(run.row.id)
            self._changed.set()
        if again is not None:
            self.enqueue(again, left=left, front=True)
