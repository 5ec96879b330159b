"""Statements about the messages that show requests: which they are, and what they have told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.store.requests import change, read_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiosqlite import Connection

    from bot.store.requests import RequestRow


async def mark_answered(connection: Connection, request_id: int, *, message_id: int) -> None:
    """Discord shows the request in this message: with its first one, the waiting message, it is accepted."""
    await change(
        connection,
        "UPDATE requests SET message_id = :message_id, anew_intended_at = NULL WHERE id = :request_id",
        {"request_id": request_id, "message_id": message_id},
    )


async def in_messages(connection: Connection, message_ids: Collection[int]) -> list[RequestRow]:
    """The requests that these messages show, whatever their state."""
    return await read_rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_message
        WHERE message_id IN (SELECT value FROM json_each(:message_ids))
        """,
        {"message_ids": json.dumps(list(message_ids))},
    )


async def mark_deleted(connection: Connection, request_ids: Collection[int], *, now: float) -> None:
    """The messages of these requests were deleted."""
    await connection.execute_fetchall(
        """
        UPDATE requests SET deleted_at = :now
        WHERE id IN (SELECT value FROM json_each(:request_ids)) AND deleted_at IS NULL
        """,
        {"request_ids": json.dumps(list(request_ids)), "now": now},
    )


async def intend_anew(connection: Connection, request_id: int, *, now: float) -> bool:
    """Write down that a new message is about to answer the waiting one; False if that stands there already."""
    return await change(
        connection,
        "UPDATE requests SET anew_intended_at = :now WHERE id = :request_id AND anew_intended_at IS NULL",
        {"request_id": request_id, "now": now},
    )


async def intend_dm(connection: Connection, request_id: int, *, now: float) -> bool:
    """Write down that the owner is about to be told privately; False if that stands there already."""
    return await change(
        connection,
        "UPDATE requests SET dm_intended_at = :now WHERE id = :request_id AND dm_intended_at IS NULL",
        {"request_id": request_id, "now": now},
    )


async def mark_told(connection: Connection, request_id: int, *, now: float) -> None:
    """The waiting message shows how the request ended."""
    await change(
        connection,
        "UPDATE requests SET told_at = :now WHERE id = :request_id",
        {"request_id": request_id, "now": now},
    )


async def untold(connection: Connection) -> list[RequestRow]:
    """Requests that ended without their message showing it yet, oldest first."""
    return await read_rows(
        connection, "SELECT * FROM requests WHERE ended_at IS NOT NULL AND told_at IS NULL ORDER BY id", {}
    )


async def mark_pinged(connection: Connection, request_id: int, *, now: float) -> None:
    """The owner has been pinged."""
    await change(
        connection,
        "UPDATE requests SET pinged_at = :now WHERE id = :request_id",
        {"request_id": request_id, "now": now},
    )


async def unpinged(connection: Connection) -> list[RequestRow]:
    """Requests whose owner was about to be pinged, oldest first."""
    return await read_rows(
        connection, "SELECT * FROM requests WHERE ping_intended_at IS NOT NULL AND pinged_at IS NULL ORDER BY id", {}
    )
