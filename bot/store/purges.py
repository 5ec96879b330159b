"""Statements about the deletion of all of a member's messages since a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.store.requests import read_rows

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.store.requests import RequestRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """One row of `purges`. Times are unix seconds."""

    id: int
    guild_id: int
    user_id: int
    since: float
    until: float
    """When it was asked for: nothing newer goes."""
    asked_by: int
    confirmed_at: float | None
    """None: nothing happens."""
    ended_at: float | None


async def ask(
    connection: Connection, *, guild_id: int, user_id: int, since: float, until: float, asked_by: int
) -> Purge:
    """Note what is to go once it is confirmed."""
    [row] = await connection.execute_fetchall(
        """
        INSERT INTO purges (guild_id, user_id, since, until, asked_by)
        VALUES (:guild_id, :user_id, :since, :until, :asked_by) RETURNING *
        """,
        {"guild_id": guild_id, "user_id": user_id, "since": since, "until": until, "asked_by": asked_by},
    )
    return Purge(**dict(row))


async def confirm(connection: Connection, purge_id: int, *, guild_id: int, asked_by: int, now: float) -> Purge | None:
    """Let it happen, once and for whoever asked for it; None where it does already, or is another's."""
    rows = await connection.execute_fetchall(
        """
        UPDATE purges SET confirmed_at = :now
        WHERE id = :purge_id AND guild_id = :guild_id AND asked_by = :asked_by AND confirmed_at IS NULL RETURNING *
        """,
        {"purge_id": purge_id, "guild_id": guild_id, "asked_by": asked_by, "now": now},
    )
    return next((Purge(**dict(row)) for row in rows), None)


async def unended(connection: Connection) -> list[Purge]:
    """What has been confirmed and is not done, oldest first."""
    rows = await connection.execute_fetchall(
        "SELECT * FROM purges WHERE confirmed_at IS NOT NULL AND ended_at IS NULL ORDER BY id"
    )
    return [Purge(**dict(row)) for row in rows]


async def end(connection: Connection, purge_id: int, *, now: float) -> None:
    """It is done."""
    await connection.execute_fetchall(
        "UPDATE purges SET ended_at = :now WHERE id = :purge_id", {"purge_id": purge_id, "now": now}
    )


async def doomed(connection: Connection, purge: Purge, *, after_id: int = 0, count: int = -1) -> list[RequestRow]:
    """
    The requests whose messages go, oldest first.

    Args:
        count: at most so many; all of them where it is negative.
    """
    return await read_rows(
        connection,
        """
        SELECT * FROM requests
        WHERE user_id = :user_id AND guild_id = :guild_id AND id > :after_id
            AND created_at >= :since AND created_at <= :until
            AND message_id IS NOT NULL AND deleted_at IS NULL AND reason IS NOT 'message-gone'
        ORDER BY id LIMIT :count
        """,
        {
            "user_id": purge.user_id,
            "guild_id": purge.guild_id,
            "since": purge.since,
            "until": purge.until,
            "after_id": after_id,
            "count": count,
        },
    )
