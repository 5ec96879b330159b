"""Statements about what a server's moderators set: limits of the server and of single members."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.policy import LimitName

WHOLE_SERVER = 0
"""The `user_id` of a server's own limits."""


async def set_limit(
    connection: Connection, *, guild_id: int, user_id: int, name: LimitName, value: int, set_by: int, now: float
) -> None:
    """Set one limit of a member, or of the server (`WHOLE_SERVER`)."""
    await connection.execute_fetchall(
        """
        INSERT INTO limits (guild_id, user_id, name, value, set_by, set_at)
        VALUES (:guild_id, :user_id, :name, :value, :set_by, :now)
        ON CONFLICT DO UPDATE SET value = excluded.value, set_by = excluded.set_by, set_at = excluded.set_at
        """,
        {"guild_id": guild_id, "user_id": user_id, "name": name, "value": value, "set_by": set_by, "now": now},
    )


async def clear_limit(connection: Connection, *, guild_id: int, user_id: int, name: LimitName | None) -> int:
    """Forget one limit of a member or server, or all of theirs (None); how many there were."""
    async with connection.execute(
        "DELETE FROM limits WHERE guild_id = :guild_id AND user_id = :user_id AND name = coalesce(:name, name)",
        {"guild_id": guild_id, "user_id": user_id, "name": name},
    ) as cursor:
        return cursor.rowcount


async def read_limits(
    connection: Connection, guild_id: int | None, user_id: int
) -> tuple[dict[str, int], dict[str, int]]:
    """What is set for the server and for this member in it, by name; nothing in direct messages."""
    rows = await connection.execute_fetchall(
        "SELECT user_id, name, value FROM limits WHERE guild_id = :guild_id AND user_id IN (:server, :user_id)",
        {"guild_id": guild_id, "server": WHOLE_SERVER, "user_id": user_id},
    )
    server = {row["name"]: row["value"] for row in rows if row["user_id"] == WHOLE_SERVER}
    member = {row["name"]: row["value"] for row in rows if row["user_id"] == user_id}
    return server, member
