"""Statements about the one server that is adopted where the setting `SERVERS` names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiosqlite import Connection


async def adopted_server(connection: Connection) -> int | None:
    """The adopted server, if there is one."""
    for row in await connection.execute_fetchall("SELECT guild_id FROM adopted_server"):
        return int(row["guild_id"])
    return None


async def adopt_server(connection: Connection, *, guild_id: int, now: float) -> bool:
    """Adopt this server; False if one is adopted already."""
    async with connection.execute(
        """
        INSERT INTO adopted_server (only_row, guild_id, adopted_at) VALUES (1, :guild_id, :now)
        ON CONFLICT DO NOTHING
        """,
        {"guild_id": guild_id, "now": now},
    ) as cursor:
        return cursor.rowcount > 0
