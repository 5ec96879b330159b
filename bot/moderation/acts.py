"""What moderators do to members and their messages: delete, withdraw, block, each written into the audit."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import discord

from bot.admission import Refused
from bot.store import audit, blocks, messages, requests
from bot.store import files as stored_files
from bot.store.audit import Deed
from bot.store.blocks import EVERYWHERE, Block

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bot.client import Client
    from bot.store.requests import RequestRow

WITHDRAWN = "cancelled-by-moderator"
"""What a member reads of it; never by whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocking:
    """A block that somebody wants."""

    user_id: int
    guild_id: int
    """`EVERYWHERE`: in all servers and direct messages."""
    until: float | None
    """Unix seconds; None: for good."""
    reason: str | None
    actor_id: int


async def delete(client: Client, row: RequestRow, *, actor_id: int) -> None:
    """
    Delete a request's message, with what is kept of its pictures; what is not finished is withdrawn.

    Raises:
        Refused: the bot can no longer reach the message.
    """
    await client.studio.withdrawals.withdraw_message(row.id)
    deed = deletion(row, actor_id)
    try:
        await remove_message(client, row)
    except Refused:
        deed = replace(deed, action="delete-failed")
        raise
    finally:
        if row.deleted_at is None:
            async with client.database.transaction(patient=True) as connection:
                await audit.append(connection, deed, now=time.time())


async def remove_message(client: Client, row: RequestRow) -> None:
    """
    Delete a request's message by the bot's own token; one that is gone is deleted.

    Raises:
        Refused: the bot can no longer reach it.
    """
    channel = client.get_partial_messageable(row.channel_id, guild_id=row.guild_id)
    try:
        await channel.get_partial_message(cast("int", row.message_id)).delete()
    except discord.NotFound:
        pass
    except discord.Forbidden as error:
        raise Refused("moderate-unreachable") from error
    await note_deleted(client, [row.id])


async def note_deleted(client: Client, request_ids: Collection[int]) -> None:
    """Messages of requests were deleted: what is kept of their pictures goes too."""
    async with client.database.transaction(patient=True) as connection:
        await messages.mark_deleted(connection, request_ids, now=time.time())
        struck = await stored_files.remove_of_requests(connection, request_ids)
    await client.files.unlink(struck)


async def withdraw(client: Client, *, user_id: int, guild_id: int, actor_id: int) -> int:
    """Withdraw what of a member waits or is being drawn in a server; how many requests that were."""
    async with client.database.reading() as connection:
        unfinished = await requests.unfinished_everywhere(connection, user_id)
    return await _stop(client, [row for row in unfinished if row.guild_id == guild_id], actor_id)


async def block(client: Client, blocking: Blocking) -> int:
    """Block a member, and withdraw what of theirs waits where the block holds; how many requests that were."""
    now = time.time()
    is_everywhere = blocking.guild_id == EVERYWHERE
    async with client.database.transaction() as connection:
        await blocks.put(
            connection,
            Block(
                guild_id=blocking.guild_id,
                user_id=blocking.user_id,
                kind="owner" if is_everywhere else "moderator",
                until=blocking.until,
                reason=blocking.reason,
                blocked_by=blocking.actor_id,
                blocked_at=now,
            ),
        )
        deed = Deed(
            action="block",
            guild_id=None if is_everywhere else blocking.guild_id,
            actor_id=blocking.actor_id,
            user_id=blocking.user_id,
            reason=blocking.reason,
            facts={"until": "never" if blocking.until is None else f"<t:{int(blocking.until)}:f>"},
        )
        await audit.append(connection, deed, now=now)
        unfinished = await requests.unfinished_everywhere(connection, blocking.user_id)
    # Who is blocked in one server that is served has no pictures in direct messages either.
    stopped = [row for row in unfinished if is_everywhere or row.guild_id in (blocking.guild_id, None)]
    return await _stop(client, stopped, blocking.actor_id)


async def unblock(client: Client, *, user_id: int, guild_id: int, actor_id: int, is_owner: bool) -> tuple[bool, bool]:
    """
    Lift a server's block of a member; the bot's owner lifts all that hold there.

    Returns:
        Whether a block was lifted, and whether one remains that holds there.
    """
    now = time.time()
    is_lifted = False
    async with client.database.transaction() as connection:
        held = await blocks.holding(connection, user_id=user_id, now=now)
        here = [each for each in held if each.guild_id in (guild_id, EVERYWHERE)]
        liftable = [each for each in here if is_owner or (each.kind == "moderator" and each.guild_id == guild_id)]
        for each in liftable:
            await blocks.lift(connection, guild_id=each.guild_id, user_id=user_id, kind=each.kind)
            deed = Deed(action="unblock", guild_id=each.guild_id or None, actor_id=actor_id, user_id=user_id, facts={})
            await audit.append(connection, deed, now=now)
            is_lifted = True
    return is_lifted, len(liftable) < len(here)


async def _stop(client: Client, rows: Sequence[RequestRow], actor_id: int) -> int:
    """Withdraw what waits, and end what is being drawn as Cancel does; how many requests that were."""
    withdrawn = {row.id for row in await client.studio.withdrawals.withdraw([row.id for row in rows], WITHDRAWN)}
    stopped = [row for row in rows if row.id in withdrawn or await client.studio.cancel(row.id, reason=WITHDRAWN)]
    async with client.database.transaction() as connection:
        await audit.append(connection, *(withdrawal(row, actor_id) for row in stopped), now=time.time())
    return len(stopped)


def withdrawal(row: RequestRow, actor_id: int) -> Deed:
    """A request that a moderator withdrew, as the audit has it."""
    return Deed(action="withdrawn", guild_id=row.guild_id, actor_id=actor_id, user_id=row.user_id, request_id=row.id)


def deletion(row: RequestRow, actor_id: int) -> Deed:
    """A request whose message somebody deleted, as the audit has it."""
    return Deed(action="deleted", guild_id=row.guild_id, actor_id=actor_id, user_id=row.user_id, request_id=row.id)
