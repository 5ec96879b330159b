"""Finds in a channel's messages what an earlier try has sent, whose answer never came."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import discord

from bot import replies
from bot.undeliverable import MessageGone, Unsure

if TYPE_CHECKING:
    from bot.store.requests import RequestRow

AMONG_MESSAGES = 1000
"""So many are read at most: ten requests."""
WAITING_AMONG_MESSAGES = 100


async def find_waiting(channel: discord.PartialMessageable, row: RequestRow, *, me: int) -> discord.Message | None:
    """The waiting message of a request whose id Discord's answer would have told, by its short id."""
    asked = discord.Object(row.interaction_id)  # by Discord's own clock
    async for message in channel.history(limit=WAITING_AMONG_MESSAGES, after=asked, oldest_first=True):
        if message.author.id == me and is_about(message, row):
            return message
    return None


async def find_answer(channel: discord.PartialMessageable, row: RequestRow, *, me: int) -> discord.Message | None:
    """
    The message that has answered the waiting one with what came of the request, newest messages first.

    To who may not read, Discord shows an empty channel: only who came to the waiting message has seen all behind it.

    Raises:
        MessageGone: the waiting message is no longer there.
        Unsure: the bot may not read the channel, or too much has been written since.
        discord.HTTPException, aiohttp.ClientError, OSError: Discord cannot be asked now.
    """
    waiting_id, ping = cast("int", row.message_id), replies.ready_ping(row)
    try:
        async for message in channel.history(limit=AMONG_MESSAGES):
            if message.id == waiting_id:
                return None
            if message.id < waiting_id:
                raise MessageGone
            if message.author.id == me and is_about(message, row) and message.content != ping:
                return message
    except discord.Forbidden as error:
        raise Unsure from error
    except discord.NotFound as error:
        raise MessageGone from error
    raise Unsure


async def has_ping(channel: discord.PartialMessageable, row: RequestRow, *, me: int) -> bool:
    """
    Whether the messages after the finished one hold its ping, oldest first; True also where that cannot be told.

    Raises:
        discord.HTTPException, aiohttp.ClientError, OSError: Discord cannot be asked now, or does not let the bot read.
    """
    finished_id, text = cast("int", row.message_id), replies.ready_ping(row)
    can_tell = False
    async for message in channel.history(limit=AMONG_MESSAGES, after=discord.Object(finished_id - 1)):
        can_tell = can_tell or message.id == finished_id
        if message.author.id == me and message.content == text:
            return True
    return not can_tell


def is_about(message: discord.Message, row: RequestRow) -> bool:
    """Whether a message of ours names this request; above its last line stand people's words."""
    return f"#{row.short_id}" in message.content.rpartition("\n")[2]
