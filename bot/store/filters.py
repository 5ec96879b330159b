"""Statements about the rules of servers' filters."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bot.moderation.rules import Rule

if TYPE_CHECKING:
    from aiosqlite import Connection


async def add(connection: Connection, rule: Rule, *, guild_id: int, added_by: int, now: float) -> int | None:
    """Keep a rule; its number, or None where the server has one with this pattern already."""
    rows = await connection.execute_fetchall(
        """
        INSERT INTO filters (guild_id, kind, pattern, place, action, replacement, reason, added_by, added_at)
        VALUES (:guild_id, :kind, :pattern, :place, :action, :replacement, :reason, :added_by, :now)
        ON CONFLICT DO NOTHING RETURNING id
        """,
        {**asdict(rule), "guild_id": guild_id, "added_by": added_by, "now": now},
    )
    for row in rows:
        return int(row["id"])
    return None


async def remove(connection: Connection, *, guild_id: int, rule_id: int) -> Rule | None:
    """Forget one of a server's rules; None where it has no such rule."""
    rows = await connection.execute_fetchall(
        """
        DELETE FROM filters WHERE guild_id = :guild_id AND id = :rule_id
        RETURNING id, kind, pattern, place, action, replacement, reason
        """,
        {"guild_id": guild_id, "rule_id": rule_id},
    )
    for row in rows:
        return Rule(**dict(row))
    return None


async def of_server(connection: Connection, guild_id: int | None) -> list[Rule]:
    """A server's rules, the first first."""
    rows = await connection.execute_fetchall(
        """
        SELECT id, kind, pattern, place, action, replacement, reason FROM filters
        WHERE guild_id = :guild_id ORDER BY id
        """,
        {"guild_id": guild_id},
    )
    return [Rule(**dict(row)) for row in rows]


async def version(connection: Connection, guild_id: int | None) -> tuple[int, int]:
    """Another one whenever a server's rules are others: rows never change, and numbers are never used again."""
    [(count, last)] = await connection.execute_fetchall(
        "SELECT count(*), coalesce(max(id), 0) FROM filters WHERE guild_id = :guild_id", {"guild_id": guild_id}
    )
    return int(count), int(last)


async def count(connection: Connection, guild_id: int) -> tuple[int, int]:
    """How many rules a server has, and how many of them are regular expressions."""
    [(rules, regexes)] = await connection.execute_fetchall(
        "SELECT count(*), coalesce(sum(kind = 'regex'), 0) FROM filters WHERE guild_id = :guild_id",
        {"guild_id": guild_id},
    )
    return int(rules), int(regexes)
