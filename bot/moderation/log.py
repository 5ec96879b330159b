"""What is written into the audit, told in each server's log channel: in order, once, also over restarts."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

import structlog

from bot.delivery import NO_PINGS, NONCE_LIFE_S
from bot.locales import DEFAULT_LOCALE
from bot.moderation import deeds
from bot.store import audit, log_cursors, server_settings
from bot.store.audit import Deed
from bot.undeliverable import OUT_OF_REACH, is_passing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import discord

    from bot.database import Database
    from bot.store.log_cursors import Cursor

log = structlog.stdlib.get_logger(__name__)

LOOK_EVERY_S = 2.0
"""What happens within it shares a message: Discord takes five of them in five seconds."""
LOOK_BACK_MESSAGES = 200
ASK_AGAIN_S = 30.0
CLOSED_AGAIN_S = 300.0
"""Refusals count: Discord shuts out whoever collects 10,000 of them in ten minutes."""
KEPT_S = 3600.0
"""What is older is passed over where the channel takes no messages; the audit has it all the same."""
CLOSED = (403, 404)
"""HTTP: the channel is gone, or the bot may not write there."""


class ModeratorLog:
    """
    Tells the audit's rows in the servers' log channels.

    The intent is committed before each message and the cursor after it, so that a start knows which one may be there.
    """

    def __init__(self, client: discord.Client, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._not_before: dict[tuple[int, int], float] = {}

    async def run(self) -> None:
        """Tell what is written, as it is written, for ever."""
        await self._client.wait_until_ready()
        while True:
            try:
                await self.tell()
            except Exception:
                log.exception("log_broke")
            await asyncio.sleep(LOOK_EVERY_S)

    async def tell(self) -> None:
        """One message to every log channel that has something to hear."""
        async with self._database.reading() as connection:
            due = await log_cursors.due(connection)
        now = self._clock()
        await asyncio.gather(
            *(self._tell_server(cursor) for cursor in due if now >= self._not_before.get(cursor.channel, 0.0))
        )

    async def post(
        self,
        guild_id: int,
        content: str,
        *,
        view: discord.ui.View | None = None,
        files: Sequence[discord.File] = (),
        nonce: str | None = None,
    ) -> int | None:
        """Put a message into a server's log channel: its id; None where there is no such channel, or it is closed."""
        async with self._database.reading() as connection:
            settings = await server_settings.read(connection, guild_id)
        if settings.log_channel_id is None:
            return None
        try:
            message = await self._channel(guild_id, settings.log_channel_id).send(
                content,
                files=list(files),
                view=cast("discord.ui.View", view),  # discord.py takes None, but types it as if it did not
                nonce=cast("str", nonce),
                allowed_mentions=NO_PINGS,
            )
        except OUT_OF_REACH as error:
            log.warning("log_post_failed", guild_id=guild_id, error=str(error))
            return None
        return message.id

    async def _tell_server(self, cursor: Cursor) -> None:
        async with self._database.reading() as connection:
            rows = await audit.after(
                connection, guild_id=cursor.guild_id, after_id=cursor.posted_id, count=deeds.MOST_LINES
            )
        if cursor.intended_id is not None:
            rows = [row for row in rows if row.id <= cursor.intended_id]
        if not rows:
            return
        content, last_id = deeds.bundle(rows, DEFAULT_LOCALE)
        try:
            if not await self._has_been_sent(cursor, content):
                await self._send(cursor, content, last_id)
        except OUT_OF_REACH as error:
            if is_passing(error):
                log.warning("log_postponed", guild_id=cursor.guild_id, error=str(error))
                self._not_before[cursor.channel] = self._clock() + ASK_AGAIN_S
                return
            if cast("discord.HTTPException", error).status in CLOSED:
                await self._note_closed(cursor, error)
                return
            log.exception("log_rejected", guild_id=cursor.guild_id, audit_id=last_id)
        async with self._database.transaction(patient=True) as connection:
            await log_cursors.advance(connection, cursor.guild_id, posted_id=last_id)

    async def _has_been_sent(self, cursor: Cursor, content: str) -> bool:
        """
        Whether an earlier try stands in the channel, of which Discord no longer knows the nonce.

        True also where nothing can be seen at all, as by who may not read a channel's past: rather none than two.
        """
        if cursor.intended_at is None or self._clock() - cursor.intended_at < NONCE_LIFE_S:
            return False
        channel = self._channel(*cursor.channel)
        mark = content.rpartition("\n")[2]
        can_tell = False
        async for message in channel.history(limit=LOOK_BACK_MESSAGES):
            can_tell = True
            if message.author.id == self._client.application_id and message.content.endswith(mark):
                return True
        return not can_tell

    async def _send(self, cursor: Cursor, content: str, last_id: int) -> None:
        if cursor.intended_id is None:  # else the first try's time stays
            async with self._database.transaction(patient=True) as connection:
                await log_cursors.intend(connection, cursor.guild_id, intended_id=last_id, now=self._clock())
        channel = self._channel(*cursor.channel)
        await channel.send(content, nonce=f"log-{last_id}", allowed_mentions=NO_PINGS)

    async def _note_closed(self, cursor: Cursor, error: Exception) -> None:
        """Keep what is new for when the channel opens again, pass over what is old, and say so once in the audit."""
        now = self._clock()
        log.warning("log_closed", guild_id=cursor.guild_id, channel_id=cursor.log_channel_id, error=str(error))
        self._not_before[cursor.channel] = now + CLOSED_AGAIN_S
        async with self._database.transaction(patient=True) as connection:
            await log_cursors.fail(connection, cursor, now=now, keep_since=now - KEPT_S)
            if cursor.failing_since is None:
                deed = Deed(
                    action="log-unreachable",
                    guild_id=cursor.guild_id,
                    actor_id=None,
                    facts={"channel": f"<#{cursor.log_channel_id}>"},
                )
                await audit.append(connection, deed, now=now)

    def _channel(self, guild_id: int, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id, guild_id=guild_id)
