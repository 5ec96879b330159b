"""The one loop: line -> engine -> ending; what is accepted here is delivered once, or refunded."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from bot import replies
from bot.progress import RUNNING_EDIT_S, WAITING_EDIT_S
from bot.runs import ALONE_AFTER_INTERRUPTIONS, Run, Runner
from bot.store import requests
from bot.turns import Turns
from engine import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from bot.database import Database
    from bot.endings import Endings
    from bot.members import Members
    from bot.progress import Board
    from bot.store.requests import FinalState, RequestRow
    from engine import Engine

log = structlog.stdlib.get_logger(__name__)

DELIVER_AT_CLOSE_S = 30.0
"""How long a stopping process goes on trying to show what is finished: discord.py's own retries, and one of ours."""


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
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._engine = engine
        self._endings = endings
        self._board = board
        self._max_rows = max_rows
        self._stop_s = stop_s
        self._clock = clock
        self._turns = Turns(
            engine.fit_together, most_requests=model_requests, most_wait_s=model_wait_s, clock=time.monotonic
        )
        self._rows: dict[int, RequestRow] = {}
        self._runs: dict[int, Run] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._left: dict[int, str] = {}
        """What each member had left, as the waiting message says it."""
        self._changed = asyncio.Event()
        self._runner = Runner(
            database=database,
            engine=engine,
            endings=endings,
            board=board,
            members=members,
            when_room=self._changed.set,
            clock=clock,
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
        board = asyncio.create_task(self._board.run(self.withdraw_message))
        try:
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
        for telling in self._telling:
            telling.cancel()
        try:
            await self._let_finish()
            await self._let_deliver()
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
                await requests.give_back(connection, runs[task].row.id)

    def enqueue(self, row: RequestRow, *, shown: str = "", left: str = "", front: bool = False) -> None:
        """
        Put an accepted request into the line.

        Args:
            shown: what its message says already.
            left: what its member has left, as its message goes on to say.
        """
        self._rows[row.id] = row
        self._left[row.id] = left
        self._turns.add(row.id, row.user_id, row.model, front=front)
        self._board.put(row, lambda: self._compose_waiting(row), every_s=WAITING_EDIT_S, content=shown)
        self._changed.set()

    def prospective_place(self, row: RequestRow) -> int:
        """The place that a request would get now; 1 is next."""
        self._turns.add(row.id, row.user_id, row.model)
        place = self._turns.place_of(row.id) + self._joining_before()
        self._turns.remove(row.id)
        return place

    def place_of(self, request_id: int) -> int | None:
        """The request's place in the line, 1 is next; None once its pictures are being drawn."""
        if request_id in self._turns:
            return self._turns.place_of(request_id) + self._joining_before()
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

    async def withdraw(self, request_ids: Iterable[int], reason: str) -> list[RequestRow]:
        """
        Cancel and refund requests that wait, and let their messages say why.

        Returns:
            Those that were withdrawn: what is being drawn, or has ended, stays as it is.
        """
        async with self._database.transaction(patient=True) as connection:
            found = [
                await requests.withdraw(connection, request_id, reason=reason, now=self._clock())
                for request_id in request_ids
            ]
        withdrawn = [row for row in found if row is not None]
        self.tell_withdrawn(withdrawn)
        return withdrawn

    def tell_withdrawn(self, rows: Sequence[RequestRow]) -> None:
        """Take requests whose rows have ended out of the line, and let their messages say why, one after another."""
        for row in rows:
            log.info("request_withdrawn", request_id=row.id, reason=row.reason)
            self._leave_line(row.id)
        telling = asyncio.create_task(self._tell(rows))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _tell(self, rows: Sequence[RequestRow]) -> None:
        """What is not told when the process ends, the next one tells; what nobody has seen yet, `accept` does."""
        for row in rows:
            await self._board.retire(row.id)
            if row.message_id is not None:
                await self._endings.tell(row, row.reason or "failed-unexpected")

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
        await self.drop(request_ids)
        async with self._database.transaction(patient=True) as connection:
            for request_id in request_ids:
                await requests.mark_told(connection, request_id, now=self._clock())

    async def drop(self, request_ids: Sequence[int]) -> None:
        """Stop everything about requests whose rows have ended, perhaps by another process."""
        for request_id in request_ids:
            log.info("request_withdrawn", request_id=request_id)
            self._leave_line(request_id)
            if (run := self._runs.get(request_id)) is not None and not run.is_ending:
                run.stop(None)
            await self._board.retire(request_id)

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
        """Whose turn it is, if the engine has room: its model's, and rows are free, or its member has nothing there."""
        drawn = [run for run in self._runs.values() if not run.is_ending]
        if any(run.must_be_alone for run in drawn):
            return None
        has_room = sum(run.rows for run in drawn) < self._max_rows
        served = () if has_room else {run.row.user_id for run in drawn}
        in_use = {run.row.model for run in drawn}
        request_id = self._turns.peek(served, in_use=in_use)
        if request_id is None:
            return None
        if drawn and self._rows[request_id].interruptions >= ALONE_AFTER_INTERRUPTIONS:
            return None
        row = self._rows.pop(request_id)
        self._turns.next(served, in_use=in_use)
        return row

    def _leave_line(self, request_id: int) -> RequestRow | None:
        self._turns.remove(request_id)
        self._left.pop(request_id, None)
        return self._rows.pop(request_id, None)

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

    def _compose_waiting(self, row: RequestRow) -> replies.Reply:
        if self.is_closing:
            return replies.restarting(row)
        return self._waiting(row, self.loading)

    def _compose_running(self, run: Run) -> replies.Reply:
        if run.progress is None:
            return self._waiting(run.row, run.loading)
        return replies.running(run.row, run.progress)

    def _waiting(self, row: RequestRow, loading: str | None) -> replies.Reply:
        return replies.waiting(row, place=self.place_of(row.id), left=self._left.get(row.id, ""), loading=loading)

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
            self._changed.set()
        if again is not None:
            self.enqueue(again, left=left, front=True)
