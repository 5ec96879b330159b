"""The gate of blocks: who may not draw here, until when and why, but never by whom."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.admission import Gate, Refused
from bot.store import blocks, servers
from bot.store.blocks import EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiosqlite import Connection

    from bot.store.blocks import Block
    from bot.store.requests import Ask


class BlockedMembers(Gate):
    """
    A member blocked in a server has no pictures there; one blocked in any server that is served has none elsewhere.

    Blocks by the bot's owner and by the floor hold everywhere.
    """

    def __init__(self, served: Collection[int]) -> None:
        self._served = served

    async def check(self, connection: Connection, ask: Ask, *, now: float) -> Ask:
        """
        Let a request pass whose member is not blocked.

        Raises:
            Refused: they are.
        """
        if block := await self.binding(connection, ask.user_id, ask.guild_id, now=now):
            raise _refused(block)
        return ask

    async def binding(self, connection: Connection, user_id: int, guild_id: int | None, *, now: float) -> Block | None:
        """The block that holds for a member in a place, the longest of several; None where they may draw."""
        held = await blocks.holding(connection, user_id=user_id, now=now)
        if not held:
            return None
        served: set[int | None] = set(self._served) or {await servers.adopted_server(connection)}
        places = {guild_id} if guild_id in served else served
        binding = [block for block in held if block.guild_id in places or block.guild_id == EVERYWHERE]
        return max(binding, key=lambda block: math.inf if block.until is None else block.until, default=None)


def _refused(block: Block) -> Refused:
    reason = {"reason": block.reason} if block.reason else {}
    if block.until is None:
        return Refused("blocked-for-good-because" if reason else "blocked-for-good", **reason)
    until = datetime.fromtimestamp(block.until, UTC)
    return Refused("blocked-until-because" if reason else "blocked-until", until=until, **reason)
