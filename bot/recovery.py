"""What a process that died left behind is taken up at the next start: into the line, or to its end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import discord
import structlog

from bot.store import attempts, messages, outcomes, requests
from bot.undeliverable import OUT_OF_REACH, MessageGone, Unsure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.database import Database
    from bot.delivery import Delivery
    from bot.endings import Endings
    from bot.store.requests import RequestRow
    from bot.studio import Studio

log = structlog.stdlib.get_logger(__name__)

MAX_INTERRUPTIONS = 5
"""A request found running at this many starts is taken to kill the process, and is given up."""
ASK_AGAIN_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Left:
    """What the last process left behind, each in the order of ids."""

    unfinished: tuple[RequestRow, ...]
    untold: tuple[RequestRow, ...]
    unpinged: tuple[RequestRow, ...]


async def read_left(database: Database) -> Left:
    """Read what was left, and count the interruption of what was running. Call it before the first interaction."""
    async with database.transaction() as connection:
        await attempts.count_interruptions(connection)
        return Left(
            tuple(await requests.unfinished(connection)),
            tuple(await messages.untold(connection)),
            tuple(await messages.unpinged(connection)),
        )


class Recovery:
    """Compares rows with what Discord shows, and settles where the two differ; needs Discord's REST API."""

    def __init__(self, *, database: Database, delivery: Delivery, endings: Endings) -> None:
        self._database = database
        self._delivery = delivery
        self._endings = endings

    async def take_up(self, left: Left, studio: Studio) -> None:
        """Settle everything that was left: into the line, or to its end."""
        for row in left.unfinished:
            await self._settle(row, studio)
        for row in left.untold:
            await self._endings.tell(row, row.reason or "failed-unexpected")
        for row in left.unpinged:
            await self._catch_up_on_ping(row)
        log.info("taken_up", unfinished=len(left.unfinished), untold=len(left.untold), unpinged=len(left.unpinged))

    async def confirm(self, row: RequestRow) -> RequestRow | None:
        """
        Find out whether Discord has shown a request's waiting message, and note it.

        Returns:
            The row with its message's id; None where Discord never showed it: withdrawn and refunded.
        """
        message = await self._ask(row, self._delivery.fetch)
        async with self._database.transaction(patient=True) as connection:
            if message is not None:
                await messages.mark_answered(connection, row.id, message_id=message.id)
                return await requests.fetch(connection, row.id)
            now = time.time()
            await outcomes.end(
                connection, row.id, state="cancelled", reason="never-shown", charged=0, flagged=0, now=now
            )
            await messages.mark_told(connection, row.id, now=now)
        log.info("request_never_shown", request_id=row.id)
        return None

    async def _settle(self, row: RequestRow, studio: Studio) -> None:
        if row.message_id is None:
            confirmed = await self.confirm(row)
            if confirmed is None:
                return
            row = confirmed
        if row.delivering_at is not None and await self._was_delivered(row):
            return
        async with self._database.transaction(patient=True) as connection:
            # Somebody may have cancelled it meanwhile; whoever comes after this finds it in the studio.
            current = await requests.fetch(connection, row.id)
        if current is None or not current.is_unfinished:
            return
        if current.reason is not None:
            await studio.end(current, "cancelled", current.reason)
        elif current.interruptions >= MAX_INTERRUPTIONS:
            await studio.end(current, "failed", "failed-interrupted")
        else:
            studio.enqueue(current)

    async def _was_delivered(self, row: RequestRow) -> bool:
        """Whether the process died between showing the pictures and noting it; then it is noted now."""
        try:
            message = await self._ask_for_pictures(row)
        except MessageGone:
            message = None  # which drawing it again finds out, and then withdraws it
        except Unsure:
            await self._endings.without_pictures(row, "failed", "failed-unsure")
            return True
        if message is None or not message.attachments:
            return False
        if message.id != row.message_id:
            async with self._database.transaction(patient=True) as connection:
                await messages.mark_answered(connection, row.id, message_id=message.id)
            row = replace(row, message_id=message.id, anew_intended_at=None)
        # By Discord's clock alone, and not since the message itself came, which may have answered the first one.
        waited = (message.edited_at or message.created_at) - discord.utils.snowflake_time(row.interaction_id)
        await self._endings.confirm_delivered(row, shown=len(message.attachments), waited_s=waited.total_seconds())
        return True

    async def _catch_up_on_ping(self, row: RequestRow) -> None:
        if await self._delivery.has_pinged(row):
            async with self._database.transaction(patient=True) as connection:
                await messages.mark_pinged(connection, row.id, now=time.time())
        else:
            await self._endings.ping(row)

    async def _ask_for_pictures(self, row: RequestRow) -> discord.Message | None:
        """
        The message that holds the pictures if any does: a new one, where that was intended, or else the waiting one.

        Raises:
            MessageGone, Unsure: as `Delivery.find_answer`.
        """
        return await self._ask(row, self._delivery.find_answer if row.anew_intended_at else self._delivery.fetch)

    async def _ask(
        self, row: RequestRow, look: Callable[[RequestRow], Awaitable[discord.Message | None]]
    ) -> discord.Message | None:
        """What Discord shows of a request, asked for until it answers."""
        while True:
            try:
                return await look(row)
            except OUT_OF_REACH as error:
                log.warning("discord_out_of_reach", request_id=row.id, error=str(error))
                await asyncio.sleep(ASK_AGAIN_AFTER_S)
