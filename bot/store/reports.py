"""Statements about what members reported to moderators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiosqlite import Connection


@dataclass(frozen=True, slots=True)
class ReportRow:
    """What a member reported."""

    request_id: int
    guild_id: int
    reason: str | None
    reported_at: float


async def put(
    connection: Connection, *, request_id: int, reporter_id: int, guild_id: int, reason: str | None, now: float
) -> int:
    """Note a report, in place of an earlier one of the same member that was never shown; its number."""
    [(number,)] = await connection.execute_fetchall(
        """
        INSERT OR REPLACE INTO reports (request_id, reporter_id, guild_id, reason, reported_at)
        VALUES (:request_id, :reporter_id, :guild_id, :reason, :now) RETURNING id
        """,
        {
            "request_id": request_id,
            "reporter_id": reporter_id,
            "guild_id": guild_id,
            "reason": reason,
            "now": now,
        },
    )
    return int(number)


async def is_reported(connection: Connection, *, request_id: int, reporter_id: int) -> bool:
    """Whether moderators have seen this member's report of this request."""
    rows = await connection.execute_fetchall(
        """
        SELECT 1 FROM reports
        WHERE request_id = :request_id AND reporter_id = :reporter_id AND message_id IS NOT NULL
        """,
        {"request_id": request_id, "reporter_id": reporter_id},
    )
    return bool(rows)


async def count_since(connection: Connection, *, reporter_id: int, guild_id: int, since: float) -> int:
    """How many reports of a member moderators have seen since then."""
    [(number,)] = await connection.execute_fetchall(
        """
        SELECT count(*) FROM reports
        WHERE reporter_id = :reporter_id AND guild_id = :guild_id AND reported_at >= :since AND message_id IS NOT NULL
        """,
        {"reporter_id": reporter_id, "guild_id": guild_id, "since": since},
    )
    return int(number)


async def mark_shown(connection: Connection, report_id: int, *, message_id: int) -> None:
    """Moderators see the report in this message."""
    await connection.execute_fetchall(
        "UPDATE reports SET message_id = :message_id WHERE id = :report_id",
        {"report_id": report_id, "message_id": message_id},
    )
