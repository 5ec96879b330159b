"""Statements about how far each server's audit has been told in its log channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiosqlite import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a server's log stands, and the channel that it is written to."""

    guild_id: int
    log_channel_id: int
    posted_id: int
    """Rows of the audit up to this one stand there, or were passed over."""
    intended_id: int | None
    """Those up to this one were about to be sent in one message."""
    intended_at: float | None
    failing_since: float | None
    """None: the last message went through."""

    @property
    def channel(self) -> tuple[int, int]:
        """The server and its log channel."""
        return self.guild_id, self.log_channel_id


async def begin(connection: Connection, guild_id: int) -> None:
    """Let a server's log begin with what is written into the audit from now on."""
    await connection.execute_fetchall(
        """
        INSERT OR REPLACE INTO log_cursors (guild_id, posted_id)
        SELECT :guild_id, coalesce(max(id), 0) FROM audit
        """,
        {"guild_id": guild_id},
    )


async def due(connection: Connection) -> list[Cursor]:
    """Where there is something to tell."""
    rows = await connection.execute_fetchall(
        """
        SELECT log_cursors.*, log_channel_id FROM log_cursors JOIN server_settings USING (guild_id)
        WHERE log_channel_id IS NOT NULL AND EXISTS (
            SELECT 1 FROM audit WHERE audit.guild_id = log_cursors.guild_id AND audit.id > posted_id
        )
        """
    )
    return [Cursor(**dict(row)) for row in rows]


async def intend(connection: Connection, guild_id: int, *, intended_id: int, now: float) -> None:
    """A message with the rows up to this one is about to be sent."""
    await connection.execute_fetchall(
        "UPDATE log_cursors SET intended_id = :intended_id, intended_at = :now WHERE guild_id = :guild_id",
        {"guild_id": guild_id, "intended_id": intended_id, "now": now},
    )


async def advance(connection: Connection, guild_id: int, *, posted_id: int) -> None:
    """The rows up to this one have been told."""
    await connection.execute_fetchall(
        """
        UPDATE log_cursors
        SET posted_id = max(posted_id, :posted_id), intended_id = NULL, intended_at = NULL, failing_since = NULL
        WHERE guild_id = :guild_id
        """,
        {"guild_id": guild_id, "posted_id": posted_id},
    )


async def fail(connection: Connection, cursor: Cursor, *, now: float, keep_since: float) -> None:
    """The channel takes no messages: what is old is passed over, and what was tried for the first time is not there."""
    await connection.execute_fetchall(
        """
        UPDATE log_cursors
        SET failing_since = coalesce(failing_since, :now), posted_id = max(posted_id, coalesce(
            (SELECT max(id) FROM audit WHERE guild_id = :guild_id AND at < :keep_since), 0
        ))
        WHERE guild_id = :guild_id
        """,
        {"guild_id": cursor.guild_id, "now": now, "keep_since": keep_since},
    )
    await connection.execute_fetchall(
        """
        UPDATE log_cursors SET intended_id = NULL, intended_at = NULL
        WHERE guild_id = :guild_id AND (:was_first_try OR intended_id <= posted_id)
        """,
        {"guild_id": cursor.guild_id, "was_first_try": cursor.intended_id is None},
    )


async def reopen(connection: Connection, guild_id: int) -> None:
    """Let a server's log go on in another channel."""
    await connection.execute_fetchall(
        """
        UPDATE log_cursors SET intended_id = NULL, intended_at = NULL, failing_since = NULL WHERE guild_id = :guild_id
        """,
        {"guild_id": guild_id},
    )


async def is_failing(connection: Connection, guild_id: int) -> bool:
    """Whether a server's log channel took no messages the last time."""
    rows = await connection.execute_fetchall(
        "SELECT 1 FROM log_cursors WHERE guild_id = :guild_id AND failing_since IS NOT NULL", {"guild_id": guild_id}
    )
    return bool(rows)
