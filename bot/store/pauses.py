"""Statements about servers whose line is paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiosqlite import Connection

EVERYWHERE = 0
"""In place of a server's id: all servers and direct messages."""


async def pause(connection: Connection, guild_id: int, *, paused_by: int, now: float) -> bool:
    """Let nothing of a server start; False where that is so already."""
    rows = await connection.execute_fetchall(
        """
        INSERT INTO paused_servers (guild_id, paused_by, paused_at) VALUES (:guild_id, :paused_by, :now)
        ON CONFLICT (guild_id) DO NOTHING RETURNING guild_id
        """,
        {"guild_id": guild_id, "paused_by": paused_by, "now": now},
    )
    return bool(rows)


async def resume(connection: Connection, guild_id: int) -> bool:
    """Let a server's requests start again; False where they do already."""
    rows = await connection.execute_fetchall(
        "DELETE FROM paused_servers WHERE guild_id = :guild_id RETURNING guild_id", {"guild_id": guild_id}
    )
    return bool(rows)


async def paused(connection: Connection) -> list[int]:
    """The servers that are paused; `EVERYWHERE` among them where all are."""
    return [row["guild_id"] for row in await connection.execute_fetchall("SELECT guild_id FROM paused_servers")]
