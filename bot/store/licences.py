"""Statements about what members have heard of the models' licences, and have agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiosqlite import Connection


async def has_been_told(connection: Connection, *, user_id: int, licence: str) -> bool:
    """Whether a picture of a member's has named this licence."""
    return await _has(
        connection,
        "SELECT count(told_at) FROM licences WHERE user_id = :user_id AND licence = :licence",
        {"user_id": user_id, "licence": licence},
    )


async def has_agreed(connection: Connection, *, user_id: int, licence: str) -> bool:
    """Whether a member has agreed to this licence."""
    return await _has(
        connection,
        "SELECT count(agreed_at) FROM licences WHERE user_id = :user_id AND licence = :licence",
        {"user_id": user_id, "licence": licence},
    )


async def mark_told(connection: Connection, *, user_id: int, licence: str, now: float) -> None:
    """A picture of the member's names this licence."""
    await connection.execute_fetchall(
        """
        INSERT INTO licences (user_id, licence, told_at) VALUES (:user_id, :licence, :now)
        ON CONFLICT DO UPDATE SET told_at = coalesce(told_at, excluded.told_at)
        """,
        {"user_id": user_id, "licence": licence, "now": now},
    )


async def mark_agreed(connection: Connection, *, user_id: int, licence: str, now: float) -> bool:
    """The member agrees to this licence; False where they had before."""
    async with connection.execute(
        """
        INSERT INTO licences (user_id, licence, agreed_at) VALUES (:user_id, :licence, :now)
        ON CONFLICT DO UPDATE SET agreed_at = excluded.agreed_at WHERE agreed_at IS NULL
        """,
        {"user_id": user_id, "licence": licence, "now": now},
    ) as cursor:
        return cursor.rowcount > 0


async def _has(connection: Connection, sql: str, values: Mapping[str, object]) -> bool:
    [(found,)] = await connection.execute_fetchall(sql, values)
    return bool(found)
