"""What ends requests without their owner's wish: moderators, limits, and messages or channels that are gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from bot.store import messages, outcomes, requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from bot.database import Database
    from bot.endings import Endings
    from bot.progress import Board
    from bot.store.requests import RequestRow

log = structlog.stdlib.get_logger(__name__)


class Withdrawals:
    """
    Every row is ended and refunded first; only then does its request leave the studio, and its message say why.

    Args:
        leave: takes requests that wait out of the line.
        drop: stops everything about requests, be they drawn already.
    """

    def __init__(
        self,
        *,
        database: Database,
        endings: Endings,
        board: Board,
        leave: Callable[[*tuple[int, ...]], None],
        drop: Callable[[Sequence[int]], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._endings = endings
        self._board = board
        self._leave = leave
        self._drop = drop
        self._clock = clock
        self._telling: set[asyncio.Task[None]] = set()

    async def withdraw(self, request_ids: Iterable[int], reason: str) -> list[RequestRow]:
        """
        Cancel and refund requests that wait, and let their messages say why.

        Returns:
            Those that were withdrawn: what is being drawn, or has ended, stays as it is.
        """
        async with self._database.transaction(patient=True) as connection:
            withdrawn = await outcomes.withdraw(connection, dict.fromkeys(request_ids, reason), now=self._clock())
        self.tell_withdrawn(withdrawn)
        return withdrawn

    def tell_withdrawn(self, rows: Sequence[RequestRow]) -> None:
        """Take requests whose rows have ended out of the line, and let their messages say why, one after another."""
        for row in rows:
            log.info("request_withdrawn", request_id=row.id, reason=row.reason)
        self._leave(*(row.id for row in rows))
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
            is_withdrawn = await outcomes.end(
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
            withdrawn = await outcomes.withdraw_channel(connection, channel_id=channel_id, now=self._clock())
        await self._forget(withdrawn)

    async def withdraw_guild(self, guild_id: int) -> None:
        """All requests of a server that is gone, or that the bot has left."""
        async with self._database.transaction(patient=True) as connection:
            withdrawn = await outcomes.withdraw_guild(connection, guild_id=guild_id, now=self._clock())
        await self._forget(withdrawn)

    async def withdraw_other_guilds(self, guild_ids: Collection[int]) -> None:
        """All requests of servers that are none of these: the bot was removed from them while it did not run."""
        async with self._database.reading() as connection:
            unfinished = await requests.unfinished(connection)
        for guild_id in {row.guild_id for row in unfinished if row.guild_id is not None}.difference(guild_ids):
            await self.withdraw_guild(guild_id)

    async def _forget(self, request_ids: Sequence[int]) -> None:
        """Stop everything about requests whose rows have ended; there is no message left to tell it in."""
        await self._drop(request_ids)
        async with self._database.transaction(patient=True) as connection:
            for request_id in request_ids:
                await messages.mark_told(connection, request_id, now=self._clock())

    def close(self) -> None:
        """Tell nobody any more; the next process does."""
        for telling in self._telling:
            telling.cancel()
