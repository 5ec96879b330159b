"""Puts replies into Discord: an edit of the waiting message by the best road that is open, and one ping when due."""

from __future__ import annotations

import asyncio
import io
import time
from typing import TYPE_CHECKING, cast
from weakref import WeakValueDictionary

import aiohttp
import discord
import structlog

from bot import replies
from bot.replies import Reply
from bot.undeliverable import (
    ARCHIVED_THREAD,
    NO_REPLY_WITHOUT_HISTORY,
    TOO_MANY_OLD_EDITS,
    UNKNOWN_MESSAGE,
    AccessLost,
    MessageGone,
    Rejected,
    TooLarge,
    is_passing,
    is_too_large,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.store.requests import RequestRow

log = structlog.stdlib.get_logger(__name__)

TOKEN_LIFE_S = 14.5 * 60
"""Discord's 15 minutes, less a margin: https://discord.com/developers/docs/interactions/receiving-and-responding."""
DEAD_TOKEN = (401, 403, 404)
"""HTTP: an interaction's token is not known (any more), though our clock gives it time; the bot's own can tell."""
PING_AMONG_MESSAGES = 1000
"""So many messages after the waiting one are read to find its ping: ten requests."""
RETRY_AFTER_S = (1.0, 5.0, 15.0, 60.0)
"""Beyond discord.py's own retries: pictures that are finished are never thrown away because Discord is down."""
NO_PINGS = discord.AllowedMentions.none()
OWNER_PINGED = discord.AllowedMentions(everyone=False, users=True, roles=False, replied_user=False)
"""For a text in which nobody else is mentioned."""


class Delivery:
    """
    One message per request, edited in order: no edit overtakes another.

    The interaction's token is used while it lives, since it has a rate limit of its own; then the bot's.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._pinging: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def speak_through(self, client: discord.Client) -> None:
        """Use this connection; called once, since the client holds what holds this."""
        self._client = client

    async def show(self, row: RequestRow, reply: Reply) -> int | None:
        """
        Edit the waiting message, trying again for as long as Discord is out of reach.

        Returns:
            The message that shows it: a new one where Discord takes no more edits of the waiting message.

        Raises:
            MessageGone, AccessLost, TooLarge, Rejected: it cannot be shown.
        """
        attempt = 0
        while True:
            try:
                return await self.show_once(row, reply, anew_if_old=True)
            except (aiohttp.ClientError, OSError, discord.HTTPException, discord.RateLimited) as error:
                if not is_passing(error):
                    raise Rejected from error
                wait_s = RETRY_AFTER_S[min(attempt, len(RETRY_AFTER_S) - 1)]
                log.warning("delivery_postponed", request_id=row.id, error=str(error), wait_s=wait_s)
                await asyncio.sleep(wait_s)
                attempt += 1

    async def show_once(self, row: RequestRow, reply: Reply, *, anew_if_old: bool = False) -> int | None:
        """
        Edit the waiting message, with discord.py's own retries only.

        Args:
            anew_if_old: where the message is too old for another edit, answer it by a new one.

        Returns:
            As `show`.

        Raises:
            MessageGone, AccessLost, TooLarge: it cannot be shown.
            discord.HTTPException, aiohttp.ClientError, OSError: it may be shown later.
        """
        async with self._locks.setdefault(row.id, asyncio.Lock()):
            if self._has_live_token(row) and await self._edit_by_token(row, reply):
                return row.message_id
            return await self._edit_by_bot(row, reply, anew_if_old=anew_if_old)

    async def fetch(self, row: RequestRow) -> discord.Message | None:
        """
        The waiting message as Discord has it, or None where it is gone or cannot be seen.

        Raises:
            discord.HTTPException, aiohttp.ClientError, OSError: Discord cannot be asked now.
        """
        if self._has_live_token(row):
            try:
                # "@original" is Discord's name for the first answer, whose id may be unknown after a crash.
                return await self._webhook(row).fetch_message(row.message_id or cast("int", "@original"))
            except discord.HTTPException as error:
                if error.code == UNKNOWN_MESSAGE:
                    return None
                if error.status not in DEAD_TOKEN:
                    raise
        try:
            if row.message_id is not None:
                return await self._message(row).fetch()
            return await self._find_in_channel(row)
        except (discord.NotFound, discord.Forbidden):
            return None

    async def ping(self, row: RequestRow) -> None:
        """
        Tell the owner, in one short answer to the finished message, that it is ready; never twice.

        Those of one channel go one after another, since they share its rate limit. Each is tried again only for as
        long as Discord knows the first try by its nonce: a few minutes.
        """
        async with self._pinging.setdefault(row.channel_id, asyncio.Lock()):
            for wait_s in (*RETRY_AFTER_S, 0.0):
                try:
                    await self._send_ping(row)
                except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                    log.warning("ping_failed", request_id=row.id, error=str(error))
                    if not is_passing(error):
                        return
                    await asyncio.sleep(wait_s)
                else:
                    return

    async def has_pinged(self, row: RequestRow) -> bool:
        """
        Whether the channel's messages after the finished one hold its ping.

        True also where the bot may not read them, or the finished one is gone: rather no ping than two. To who may not
        read, Discord shows an empty channel, so the finished message is read along.
        """
        me, text = self._client.application_id, replies.ready_ping(row)
        finished_id = cast("int", row.message_id)
        can_tell = False
        try:
            before = discord.Object(finished_id - 1)
            async for message in self._channel(row).history(limit=PING_AMONG_MESSAGES, after=before):
                can_tell = can_tell or message.id == finished_id
                if message.author.id == me and message.content == text:
                    return True
        except (discord.HTTPException, aiohttp.ClientError, OSError):
            return True
        return not can_tell

    async def tell_by_dm(self, row: RequestRow, text: str) -> None:
        """Tell the owner privately; a member who takes no direct messages is not told."""
        try:
            channel = await self._client.http.start_private_message(str(row.user_id))
            await self._client.get_partial_messageable(int(channel["id"])).send(text, allowed_mentions=NO_PINGS)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            log.info("dm_failed", request_id=row.id, error=str(error))

    def _has_live_token(self, row: RequestRow) -> bool:
        return self._clock() - row.created_at < TOKEN_LIFE_S

    def _webhook(self, row: RequestRow) -> discord.Webhook:
        return discord.Webhook.partial(
            cast("int", self._client.application_id), row.interaction_token, client=self._client
        )

    def _channel(self, row: RequestRow) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(row.channel_id, guild_id=row.guild_id)

    def _message(self, row: RequestRow) -> discord.PartialMessage:
        return self._channel(row).get_partial_message(cast("int", row.message_id))

    async def _send_ping(self, row: RequestRow) -> None:
        text = Reply(content=replies.ready_ping(row))
        await self._answer(row, text, nonce=f"ready-{row.short_id}", allowed_mentions=OWNER_PINGED)

    async def _answer(
        self, row: RequestRow, reply: Reply, *, nonce: str, allowed_mentions: discord.AllowedMentions
    ) -> discord.Message:
        """
        Send a message that answers the request's; one that stands alone where the bot may not read the channel's past.

        Args:
            nonce: at most 25 characters, Discord's limit; sent again within minutes it gives the message sent before.
        """

        async def send(reference: discord.MessageReference | None) -> discord.Message:
            return await self._channel(row).send(
                reply.content,
                files=_files(reply),
                # discord.py takes None for all of these, but types them as if it did not.
                view=cast("discord.ui.View", reply.view),
                reference=cast("discord.MessageReference", reference),
                nonce=nonce,
                allowed_mentions=allowed_mentions,
            )

        try:
            # Ids as text, which alone Discord's OpenAPI document allows.
            message_id, channel_id = cast("int", str(row.message_id)), cast("int", str(row.channel_id))
            return await send(
                discord.MessageReference(message_id=message_id, channel_id=channel_id, fail_if_not_exists=False)
            )
        except discord.HTTPException as error:
            if error.code != NO_REPLY_WITHOUT_HISTORY:
                raise
            return await send(None)

    async def _edit_by_token(self, row: RequestRow, reply: Reply) -> bool:
        """Whether it was shown; False where only the bot's token can tell or do more."""
        try:
            await self._webhook(row).edit_message(
                row.message_id or cast("int", "@original"),
                content=reply.content,
                attachments=_files(reply),
                view=reply.view,
                allowed_mentions=NO_PINGS,
            )
        except discord.DiscordServerError:
            raise
        except discord.HTTPException as error:
            if is_too_large(error):
                raise TooLarge from error
            log.info("token_edit_failed", request_id=row.id, code=error.code, status=error.status)
            return False
        return True

    async def _edit_by_bot(self, row: RequestRow, reply: Reply, *, anew_if_old: bool) -> int:
        if row.message_id is None:
            raise MessageGone
        with translated():
            try:
                await self._edit_as_bot(row, reply)
            except discord.HTTPException as error:
                if error.code != TOO_MANY_OLD_EDITS or not anew_if_old:
                    raise
                # The only case of a new message that answers the old one.
                answer = await self._answer(row, reply, nonce=f"anew-{row.short_id}", allowed_mentions=NO_PINGS)
                return answer.id
        return row.message_id

    async def _edit_as_bot(self, row: RequestRow, reply: Reply) -> None:
        async def edit() -> None:
            await self._message(row).edit(
                content=reply.content, attachments=_files(reply), view=reply.view, allowed_mentions=NO_PINGS
            )

        try:
            await edit()
        except discord.HTTPException as error:
            if error.code != ARCHIVED_THREAD:
                raise
            thread = await self._client.fetch_channel(row.channel_id)
            if not isinstance(thread, discord.Thread) or thread.locked:
                raise AccessLost from error
            await thread.edit(archived=False)
            await edit()

    async def _find_in_channel(self, row: RequestRow) -> discord.Message | None:
        """The waiting message of a request whose id Discord's answer would have told, by its short id."""
        asked = discord.Object(row.interaction_id)  # by Discord's own clock
        async for message in self._channel(row).history(limit=100, after=asked, oldest_first=True):
            is_ours = message.author.id == self._client.application_id
            if is_ours and f"#{row.short_id}" in message.content.rpartition("\n")[2]:  # above it stand people's words
                return message
        return None


def _files(reply: Reply) -> list[discord.File]:
    """Fresh each time, since discord.py uses up a File."""
    return [
        discord.File(io.BytesIO(upload.data), upload.filename, description=upload.description)
        for upload in reply.uploads
    ]
