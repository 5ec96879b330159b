"""Statements that gather what is kept about one member."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.store.audit import AuditRow
from bot.store.blocks import Block
from bot.store.reports import ReportRow
from bot.store.requests import read_rows

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.store.requests import RequestRow


async def requests_of(connection: Connection, user_id: int) -> list[RequestRow]:
    """All requests of a member, oldest first."""
    return await read_rows(
        connection, "SELECT * FROM requests WHERE user_id = :user_id ORDER BY id", {"user_id": user_id}
    )


async def blocks_of(connection: Connection, user_id: int) -> list[Block]:
    """All blocks of a member, those that have run out among them."""
    rows = await connection.execute_fetchall("SELECT * FROM blocks WHERE user_id = :user_id", {"user_id": user_id})
    return [Block(**dict(row)) for row in rows]


async def reports_by(connection: Connection, user_id: int) -> list[ReportRow]:
    """What a member has reported to moderators, oldest first."""
    rows = await connection.execute_fetchall(
        "SELECT request_id, guild_id, reason, reported_at FROM reports WHERE reporter_id = :user_id ORDER BY id",
        {"user_id": user_id},
    )
    return [ReportRow(**dict(row)) for row in rows]


async def audit_of(connection: Connection, user_id: int) -> list[AuditRow]:
    """What has been written down about a member, oldest first."""
    rows = await connection.execute_fetchall(
        "SELECT * FROM audit WHERE user_id = :user_id ORDER BY id", {"user_id": user_id}
    )
    return [AuditRow(**dict(row)) for row in rows]
