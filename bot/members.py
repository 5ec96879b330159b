"""Who asked may be blocked or have left since: looked up before a waiting request starts, in part by Discord."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

from bot.store import edits

if TYPE_CHECKING:
    from collections.abc import Callable

    from discord.types.member import MemberWithUser

    from bot.admission import Admission
    from bot.database import Database
    from bot.moderation.blocks import BlockedMembers
    from bot.store.requests import Ask, RequestRow

log = structlog.stdlib.get_logger(__name__)

STARTED_AT_ONCE_S = 1.0
"""What starts sooner after its interaction has not waited: the interaction has just told who its member is."""
KNOWN_FOR_S = 300.0
PATIENCE_S = 10.0
"""discord.py tries again by itself, for longer than a place in the batch should stay empty."""
UNKNOWN_MEMBER, UNKNOWN_USER = 10007, 10013


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server says of somebody: no roles and a reason where nothing may be drawn for them."""

    role_ids: frozenset[int] = frozenset()
    reason: str | None = None
    """A key of the catalogue."""


GONE = Standing(reason="member-gone")


@dataclass(slots=True)
class _Known:
    at: float
    standing: asyncio.Task[Standing | None]


class Members:
    """
    Who of those that wait may still have what they asked for.

    What Discord's REST API says of a member holds for five minutes: the bot has no intent to hear of them.
    """

    def __init__(
        self,
        database: Database,
        admission: Admission,
        blocked: BlockedMembers,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._admission = admission
        self._blocked = blocked
        self._clock = clock
        self._known: dict[tuple[int, int], _Known] = {}

    def speak_through(self, client: discord.Client) -> None:
        """Use this connection; called once, since the client holds what holds this."""
        self._client = client

    def hear(self, ask: Ask) -> None:
        """Notice an interaction: what is known of its member and differs from it is known no more."""
        known = self._known.get((ask.guild_id or 0, ask.user_id))
        if known and known.standing.done() and known.standing.result() != Standing(frozenset(ask.role_ids)):
            del self._known[ask.guild_id or 0, ask.user_id]

    async def why_not(self, row: RequestRow) -> str | None:
        """
        Why a request must not start: a key of the catalogue; None where it may.

        New roles are noted in its row, and mean new limits. Where Discord does not say, what is known holds.
        """
        now = self._clock()
        if 0 <= now - row.created_at < STARTED_AT_ONCE_S:
            return None
        async with self._database.reading() as connection:
            if await self._blocked.binding(connection, row.user_id, row.guild_id, now=now):
                return "member-blocked"
        if row.guild_id is None:
            return None
        standing = await self._standing(row.guild_id, row.user_id)
        if standing is None:
            return None
        if standing.reason is None and standing.role_ids != frozenset(row.roles):
            async with self._database.transaction(patient=True) as connection:
                await edits.note_roles(connection, row.id, role_ids=sorted(standing.role_ids))
                refusal = await self._admission.still_fits(connection, row, sorted(standing.role_ids), now)
            return refusal.withdrawal if refusal else None
        return standing.reason

    async def _standing(self, guild_id: int, user_id: int) -> Standing | None:
        """Asked once for all requests of a member that start within five minutes; None where Discord does not say."""
        if self._client.is_ready() and self._client.get_guild(guild_id) is None:
            return None  # a member who installed the bot for themselves draws there
        now = self._clock()
        self._known = {key: known for key, known in self._known.items() if 0 <= now - known.at <= KNOWN_FOR_S}
        known = self._known.get((guild_id, user_id))
        if known is None:
            known = _Known(now, asyncio.create_task(self._ask(guild_id, user_id)))
            self._known[guild_id, user_id] = known
        return await asyncio.shield(known.standing)

    async def _ask(self, guild_id: int, user_id: int) -> Standing | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return self._read(await self._client.http.get_member(guild_id, user_id))
        except discord.NotFound as error:
            if error.code in (UNKNOWN_MEMBER, UNKNOWN_USER):
                return GONE
            log.warning("member_not_read", guild_id=guild_id, user_id=user_id, error=str(error))
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            log.warning("member_not_read", guild_id=guild_id, user_id=user_id, error=repr(error))
        return None

    def _read(self, member: MemberWithUser) -> Standing:
        until = member.get("communication_disabled_until")
        if until is not None and datetime.fromisoformat(until).timestamp() > self._clock():
            return Standing(reason="member-timed-out")
        return Standing(frozenset(int(role_id) for role_id in member["roles"]))
