"""Statements about what was asked for before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.store.requests import read_rows

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.store.requests import RequestRow


async def history(
    connection: Connection, *, user_id: int, guild_id: int | None, before_id: int | None, count: int
) -> list[RequestRow]:
    """
    A member's requests in one server (or in direct messages), newest first, without those that nobody ever saw.

    Args:
        before_id: the last id of the page before; None is the first page.
    """
    return await read_rows(
        connection,
        """
        SELECT * FROM requests
        WHERE user_id = :user_id AND guild_id IS :guild_id AND id < :before_id
            AND NOT (message_id IS NULL AND state = 'cancelled')
        ORDER BY id DESC LIMIT :count
        """,
        {
            "user_id": user_id,
            "guild_id": guild_id,
            "before_id": 2**63 - 1 if before_id is None else before_id,
            "count": count,
        },
    )


async def ended_lately(connection: Connection, *, user_id: int, guild_id: int | None, count: int) -> list[RequestRow]:
    """A member's latest requests in one server that have ended, newest first, without those that nobody ever saw."""
    return await read_rows(
        connection,
        """
        SELECT * FROM requests
        WHERE user_id = :user_id AND guild_id IS :guild_id AND ended_at IS NOT NULL
            AND NOT (message_id IS NULL AND state = 'cancelled')
        ORDER BY id DESC LIMIT :count
        """,
        {"user_id": user_id, "guild_id": guild_id, "count": count},
    )


async def measured_lately(connection: Connection, *, count: int) -> list[RequestRow]:
    """The latest requests whose pictures are known to have taken so many seconds, oldest first."""
    return await read_rows(
        connection,
        """
        SELECT * FROM (
            SELECT * FROM requests WHERE ended_at IS NOT NULL AND spent_s > 0
            ORDER BY id DESC LIMIT :count
        ) ORDER BY id
        """,
        {"count": count},
    )
