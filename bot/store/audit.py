"""Statements about the audit, which is only ever added to: who did what, when and why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiosqlite import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """
    What somebody did, or what was refused to somebody.

    A request is named by its number alone: its words stand in its own row, and go with it.
    """

    action: str
    """A key of the catalogue, after `audit-`."""
    guild_id: int | None
    """None: everywhere, or in a direct message."""
    actor_id: int | None
    """None: the bot itself."""
    user_id: int | None = None
    """Whom it is about."""
    request_id: int | None = None
    reason: str | None = None
    """In a person's words."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What its sentence names: numbers, ids and names, never a prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row of `audit`, column by column."""

    id: int
    at: float
    guild_id: int | None
    actor_id: int | None
    action: str
    user_id: int | None
    request_id: int | None
    reason: str | None
    facts: str
    """As JSON."""

    @property
    def named(self) -> dict[str, object]:
        """What its sentence names."""
        named: dict[str, object] = json.loads(self.facts)
        return named


async def append(connection: Connection, *deeds: Deed, now: float) -> None:
    """Write down what was done."""
    await connection.executemany(
        """
        INSERT INTO audit (at, guild_id, actor_id, action, user_id, request_id, reason, facts)
        VALUES (:now, :guild_id, :actor_id, :action, :user_id, :request_id, :reason, :facts)
        """,
        [
            {
                "now": now,
                "guild_id": deed.guild_id,
                "actor_id": deed.actor_id,
                "action": deed.action,
                "user_id": deed.user_id,
                "request_id": deed.request_id,
                "reason": deed.reason,
                "facts": json.dumps(dict(deed.facts), default=str),
            }
            for deed in deeds
        ],
    )


async def count_since(connection: Connection, *, user_id: int, action: str, since: float) -> int:
    """How often this has been written down about a member since then, wherever it was."""
    [(number,)] = await connection.execute_fetchall(
        "SELECT count(*) FROM audit WHERE user_id = :user_id AND action = :action AND at >= :since",
        {"user_id": user_id, "action": action, "since": since},
    )
    return int(number)


async def after(connection: Connection, *, guild_id: int, after_id: int, count: int) -> list[AuditRow]:
    """A server's rows behind this one, oldest first."""
    rows = await connection.execute_fetchall(
        "SELECT * FROM audit WHERE guild_id = :guild_id AND id > :after_id ORDER BY id LIMIT :count",
        {"guild_id": guild_id, "after_id": after_id, "count": count},
    )
    return [AuditRow(**dict(row)) for row in rows]


async def page(
    connection: Connection,
    *,
    guild_id: int,
    before_id: int | None,
    user_id: int | None,
    action: str | None,
    count: int,
    with_everywhere: bool,
) -> list[AuditRow]:
    """
    A server's rows, newest first.

    Why a member reported something stands beside the report alone, where it can be erased.

    Args:
        before_id: the last id of the page before; None is the first page.
        user_id: only what this member did, or what is about them.
        with_everywhere: also what belongs to no server.
    """
    rows = await connection.execute_fetchall(
        """
        SELECT id, at, guild_id, actor_id, action, user_id, request_id, facts, CASE action
            WHEN 'report' THEN (
                SELECT reason FROM reports
                WHERE reports.request_id = audit.request_id AND reporter_id = actor_id
            )
            ELSE reason
        END AS reason
        FROM audit
        WHERE (guild_id = :guild_id OR (:with_everywhere AND guild_id IS NULL)) AND id < :before_id
            AND (:user_id IS NULL OR :user_id IN (user_id, actor_id)) AND (:action IS NULL OR action = :action)
        ORDER BY id DESC LIMIT :count
        """,
        {
            "guild_id": guild_id,
            "before_id": 2**63 - 1 if before_id is None else before_id,
            "user_id": user_id,
            "action": action,
            "count": count,
            "with_everywhere": with_everywhere,
        },
    )
    return [AuditRow(**dict(row)) for row in rows]
