"""Statements about the drawing of requests: it starts, is interrupted, fails, and starts again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.store.requests import change

if TYPE_CHECKING:
    from aiosqlite import Connection


async def start(connection: Connection, request_id: int, *, now: float) -> bool:
    """Let a waiting request run; False if it no longer waits."""
    return await change(
        connection,
        "UPDATE requests SET state = 'running', started_at = :now WHERE id = :request_id AND state = 'queued'",
        {"request_id": request_id, "now": now},
    )


async def give_back(connection: Connection, request_id: int) -> None:
    """Let a running request wait again."""
    await change(
        connection,
        "UPDATE requests SET state = 'queued' WHERE id = :request_id AND state = 'running'",
        {"request_id": request_id},
    )


async def count_interruptions(connection: Connection) -> None:
    """At a start of the bot: what was running when the process died waits again, and that is counted."""
    await connection.execute_fetchall(
        """
        UPDATE requests INDEXED BY requests_unfinished SET state = 'queued', interruptions = interruptions + 1
        WHERE state IN ('queued', 'running') AND state = 'running'
        """
    )


async def count_failed_attempt(connection: Connection, request_id: int) -> int:
    """Let a request that the engine failed wait again; how often it has failed by now, 0 if it no longer ran."""
    rows = await connection.execute_fetchall(
        """
        UPDATE requests SET state = 'queued', failed_attempts = failed_attempts + 1
        WHERE id = :request_id AND state = 'running' RETURNING failed_attempts
        """,
        {"request_id": request_id},
    )
    return sum(row["failed_attempts"] for row in rows)
