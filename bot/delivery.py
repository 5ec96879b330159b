"""Puts replies into Discord: an edit of the waiting message by the best road that is open; new messages never twice."""

from __future__ import annotations

import asyncio
import io
import time
from typing import TYPE_CHECKING, cast
from weakref import WeakValueDictionary

import aiohttp
import discord
import structlog

from bot import lookout, replies
from bot.replies import Reply
from bot.undeliverable import (
    ARCHIVED_THREAD,
    NO_REPLY_WITHOUT_HISTORY,
    OUT_OF_REACH,
    UNKNOWN_MESSAGE,
    AccessLost,
    MessageGone,
    Rejected,
    TooLarge,
    Unsure,
    is_passing,
    is_too_large,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from bot.store.requests import RequestRow

    T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)

TOKEN_LIFE_S = 14.5 * 60
"""Discord's 15 minutes, less a margin: https://discord.com/developers/docs/interactions/receiving-and-responding."""
DEAD_TOKEN = (401, 403, 404)
"""HTTP: an interaction's token is not known (any more), though our clock gives it time; the bot's own can tell."""
NONCE_LIFE_S = 120.0
"""Discord tells a second message from the first by its nonce for "a few minutes": these at least."""
DMS_LOOKED_AT = 50
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

    async def show(self, row: RequestRow, reply: Reply) -> None:
        """
        Edit the waiting message, trying again for as long as Discord is out of reach.

        Raises:
            MessageGone, AccessLost, TooLarge, TooOld, Rejected: it cannot be shown.
        """
        await self._patiently(row, lambda: self.show_once(row, reply))

    async def show_once(self, row: RequestRow, reply: Reply) -> None:
        """
        Edit the waiting message, with discord.py's own retries only.

        Raises:
            MessageGone, AccessLost, TooLarge, TooOld: it cannot be shown.
            discord.HTTPException, aiohttp.ClientError, OSError: it may be shown later.
        """
        async with self._locks.setdefault(row.id, asyncio.Lock()):
            if not (self._has_live_token(row) and await self._edit_by_token(row, reply)):
                await self._edit_by_bot(row, reply)

    async def answer(self, row: RequestRow, reply: Reply, *, is_first: bool) -> int:
        """
        Answer the waiting message with a new one, trying again for as long as Discord is out of reach; never twice.

        Args:
            row: it holds since when this is intended.
            is_first: False where an earlier try may have sent it; then it is looked for first.

        Returns:
            The new message.

        Raises:
            MessageGone, AccessLost, TooLarge, Unsure, Rejected: it cannot be sent.
        """
        may_be_there = not is_first

        async def send() -> int:
            nonlocal may_be_there
            if may_be_there and (sent := await self.find_answer(row)) is not None:
                return sent.id
            may_be_there = True
            with translated():
                message = await self._send(row, reply, nonce=f"anew-{row.short_id}", allowed_mentions=NO_PINGS)
            return message.id

        async with self._locks.setdefault(row.id, asyncio.Lock()):
            return await self._patiently(row, send)

    async def find_answer(self, row: RequestRow) -> discord.Message | None:
        """
        The message that answers the waiting one, where an earlier try has sent it; None where none is there.

        None also where the bot may not look, but Discord would still know a second message by its nonce.

        Raises:
            MessageGone: the waiting message is no longer there.
            Unsure: it cannot be told any more.
            discord.HTTPException, aiohttp.ClientError, OSError: Discord cannot be asked now.
        """
        try:
            return await lookout.find_answer(self._channel(row), row, me=self._me)
        except Unsure:
            if 0 <= self._clock() - cast("float", row.anew_intended_at) < NONCE_LIFE_S:
                return None
            raise

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
            return await lookout.find_waiting(self._channel(row), row, me=self._me)
        except (discord.NotFound, discord.Forbidden):
            return None

    async def ping(self, row: RequestRow) -> None:
        """
        Tell the owner, in one short answer to the finished message, that it is ready; never twice.

        Those of one channel go one after another, since they share its rate limit. Each is tried again only for as
        long as Discord knows the first try by its nonce.
        """
        async with self._pinging.setdefault(row.channel_id, asyncio.Lock()):
            began_at = time.monotonic()
            for wait_s in (*RETRY_AFTER_S, 0.0):
                try:
                    await self._send_ping(row)
                except OUT_OF_REACH as error:
                    log.warning("ping_failed", request_id=row.id, error=str(error))
                    if not is_passing(error) or time.monotonic() + wait_s - began_at > NONCE_LIFE_S:
                        return
                    await asyncio.sleep(wait_s)
                else:
                    return

    async def has_pinged(self, row: RequestRow) -> bool:
        """
        Whether the channel's messages after the finished one hold its ping.

        True also where the bot may not read them, or the finished one is gone: rather no ping than two.
        """
        try:
            return await lookout.has_ping(self._channel(row), row, me=self._me)
        except OUT_OF_REACH:
            return True

    async def tell_by_dm(self, row: RequestRow, text: str, *, is_first: bool) -> None:
        """
        Tell the owner privately, never twice; a member who takes no direct messages is not told.

        Args:
            is_first: False where an earlier try may have told it; then it is looked for first.
        """
        try:
            facts = await self._client.http.start_private_message(str(row.user_id))
            channel = self._client.get_partial_messageable(int(facts["id"]))
            if not is_first:
                async for message in channel.history(limit=DMS_LOOKED_AT):
                    if message.author.id == self._me and message.content == text:
                        return
            await channel.send(text, nonce=f"lost-{row.short_id}", allowed_mentions=NO_PINGS)
        except OUT_OF_REACH as error:
            log.info("dm_failed", request_id=row.id, error=str(error))

    async def _patiently(self, row: RequestRow, attempt: Callable[[], Awaitable[T]]) -> T:
        """
        What `attempt` gives, as soon as Discord is in reach.

        Raises:
            DeliveryError: as `attempt`; Rejected where Discord refuses for another reason.
        """
        number = 0
        while True:
            try:
                return await attempt()
            except (aiohttp.ClientError, OSError, discord.HTTPException, discord.RateLimited) as error:
                if not is_passing(error):
                    raise Rejected from error
                wait_s = RETRY_AFTER_S[min(number, len(RETRY_AFTER_S) - 1)]
                log.warning("delivery_postponed", request_id=row.id, error=str(error), wait_s=wait_s)
                await asyncio.sleep(wait_s)
                number += 1

    @property
    def _me(self) -> int:
        return cast("int", self._client.application_id)

    async def opening(self, row: RequestRow, edit: Callable[[], Awaitable[None]]) -> None:
        """
        Edit the request's message; an archived thread is opened for that.

        Raises:
            AccessLost: the thread is locked.
            discord.HTTPException, aiohttp.ClientError, OSError: as `edit`.
        """
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

    def is_age_restricted(self, row: RequestRow) -> bool:
        """Whether a request's channel was age-restricted when it was asked for, and is so still."""
        return bool(row.is_age_restricted) and self.is_now_age_restricted(row.ruling_channel_id) is not False

    def is_now_age_restricted(self, channel_id: int) -> bool | None:
        """Whether a channel is age-restricted; None for one that the bot does not see."""
        channel = self._client.get_channel(channel_id)
        is_nsfw = getattr(channel, "is_nsfw", None)  # which a category, say, does not have
        return None if is_nsfw is None else bool(is_nsfw())

    def _has_live_token(self, row: RequestRow) -> bool:
        return self._clock() - row.created_at < TOKEN_LIFE_S

    def _webhook(self, row: RequestRow) -> discord.Webhook:
        return discord.Webhook.partial(self._me, row.interaction_token, client=self._client)

    def _channel(self, row: RequestRow) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(row.channel_id, guild_id=row.guild_id)

    def _message(self, row: RequestRow) -> discord.PartialMessage:
        return self._channel(row).get_partial_message(cast("int", row.message_id))

    async def _send_ping(self, row: RequestRow) -> None:
        text = Reply(content=replies.ready_ping(row))
        await self._send(row, text, nonce=f"ready-{row.short_id}", allowed_mentions=OWNER_PINGED)

    async def _send(
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

    async def _edit_by_bot(self, row: RequestRow, reply: Reply) -> None:
        if row.message_id is None:
            raise MessageGone
        with translated():
            await self._edit_as_bot(row, reply)

    async def _edit_as_bot(self, row: RequestRow, reply: Reply) -> None:
        async def edit() -> None:
            await self._message(row).edit(
                content=reply.content, attachments=_files(reply), view=reply.view, allowed_mentions=NO_PINGS
            )

        await self.opening(row, edit)


def _files(reply: Reply) -> list[discord.File]:
    """Fresh each time, since discord.py uses up a File."""
    return [
        discord.File(io.BytesIO(upload.data), upload.filename, description=upload.description)
        for upload in reply.uploads
    ]
