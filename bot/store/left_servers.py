"""Statements about servers that the bot has left: what belongs to them goes some time later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiosqlite import Connection

KEPT = ("left_servers", "adopted_server")
"""The first goes last, since it lets the audit go; which server was adopted is the bot's own memory."""


async def note_left(connection: Connection, guild_id: int, *, now: float) -> None:
    """The bot is in this server no more; if that is known, since when it was."""
    await connection.execute_fetchall(
        "INSERT OR IGNORE INTO left_servers (guild_id, left_at) VALUES (:guild_id, :now)",
        {"guild_id": guild_id, "now": now},
    )


async def note_present(connection: Connection, guild_ids: Collection[int]) -> None:
    """The bot is in these servers."""
    await connection.execute_fetchall(
        "DELETE FROM left_servers WHERE guild_id IN (SELECT value FROM json_each(:guild_ids))",
        {"guild_ids": json.dumps(list(guild_ids))},
    )


async def known(connection: Connection) -> set[int]:
    """The servers of which anything is kept."""
    guild_ids: set[int] = set()
    for table in await _tables_with(connection, "guild_id"):
        rows = await connection.execute_fetchall(
            _about(table, "SELECT DISTINCT guild_id FROM one_table WHERE guild_id IS NOT NULL AND guild_id != 0")
        )
        guild_ids.update(row["guild_id"] for row in rows)
    return guild_ids


async def due(connection: Connection, *, left_before: float) -> list[int]:
    """Servers that were left before then, and for which nothing waits or is drawn."""
    rows = await connection.execute_fetchall(
        """
        SELECT guild_id FROM left_servers
        WHERE left_at < :left_before AND NOT EXISTS (
            SELECT 1 FROM requests
            WHERE requests.guild_id = left_servers.guild_id AND requests.state IN ('queued', 'running')
        )
        """,
        {"left_before": left_before},
    )
    return [row["guild_id"] for row in rows]


async def files_of(connection: Connection, guild_id: int) -> set[str]:
    """The pictures that are kept for a server's requests."""
    rows = await connection.execute_fetchall(
        "SELECT sha256 FROM files JOIN requests ON requests.id = files.request_id WHERE guild_id = :guild_id",
        {"guild_id": guild_id},
    )
    return {row["sha256"] for row in rows}


async def remove(connection: Connection, guild_id: int) -> None:
    """
    Remove everything of a server that was left: every row that names it, or one of its requests.

    The tables are those that the database has, so that none is forgotten which is new.
    """
    values = {"guild_id": guild_id}
    await connection.execute_fetchall(
        """
        UPDATE requests SET parent_id = NULL
        WHERE guild_id IS NOT :guild_id AND parent_id IN (SELECT id FROM requests WHERE guild_id = :guild_id)
        """,
        values,
    )
    of_server = await _tables_with(connection, "guild_id")
    for table in await _tables_with(connection, "request_id"):
        if table not in of_server:
            await connection.execute_fetchall(
                _about(
                    table,
                    """
                    DELETE FROM one_table WHERE request_id IN (SELECT id FROM requests WHERE guild_id = :guild_id)
                    """,
                ),
                values,
            )
    for table in sorted(of_server, key=lambda name: name == "requests"):  # which others may refer to
        await connection.execute_fetchall(_about(table, "DELETE FROM one_table WHERE guild_id = :guild_id"), values)
    await connection.execute_fetchall("DELETE FROM left_servers WHERE guild_id = :guild_id", values)


async def _tables_with(connection: Connection, column: str) -> list[str]:
    rows = await connection.execute_fetchall(
        """
        SELECT tables.name FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND columns.name = :column
        """,
        {"column": column},
    )
    return [row["name"] for row in rows if row["name"] not in KEPT]


def _about(table: str, sql: str) -> str:
    """A statement about a table whose name the database itself gave."""
    return sql.replace("one_table", f'"{table}"')
