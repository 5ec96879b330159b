"""Statements about who may not draw: in one server, or everywhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aiosqlite import Connection

EVERYWHERE = 0
"""The `guild_id` of a block that holds in all servers and direct messages."""
BlockKind = Literal["moderator", "owner", "floor"]
"""By a server's moderator, by the bot's owner, or by the floor that nobody switches off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One row of `blocks`. Times are unix seconds."""

    guild_id: int
    user_id: int
    kind: BlockKind
    until: float | None
    """None: for good."""
    reason: str | None
    blocked_by: int | None
    """None: the bot itself."""
    blocked_at: float


async def put(connection: Connection, block: Block) -> None:
    """Block somebody; a block of the same kind in the same place is replaced."""
    await connection.execute_fetchall(
        """
        INSERT OR REPLACE INTO blocks (guild_id, user_id, kind, until, reason, blocked_by, blocked_at)
        VALUES (:guild_id, :user_id, :kind, :until, :reason, :blocked_by, :blocked_at)
        """,
        asdict(block),
    )


async def lift(connection: Connection, *, guild_id: int, user_id: int, kind: BlockKind) -> bool:
    """Unblock somebody; False where there was no such block."""
    async with connection.execute(
        "DELETE FROM blocks WHERE user_id = :user_id AND guild_id = :guild_id AND kind = :kind",
        {"guild_id": guild_id, "user_id": user_id, "kind": kind},
    ) as cursor:
        return cursor.rowcount > 0


async def holding(connection: Connection, *, user_id: int, now: float) -> list[Block]:
    """A member's blocks in all places that have not run out."""
    rows = await connection.execute_fetchall(
        "SELECT * FROM blocks WHERE user_id = :user_id AND (until IS NULL OR until > :now)",
        {"user_id": user_id, "now": now},
    )
    return [Block(**dict(row)) for row in rows]
