"""Statements about the limits that a server's moderators set, and those that they have yet to confirm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.limits.rules import Rule, Target

if TYPE_CHECKING:
    from aiosqlite import Connection, Row

    from bot.policy import LimitName


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change that a moderator was asked to confirm."""

    change: str
    """As JSON."""
    withdraws: int
    """How many requests, as the moderator was told."""


async def put(connection: Connection, guild_id: int, rule: Rule, *, set_by: int, now: float) -> None:
    """Set one limit, in place of what was set for the same before."""
    await connection.execute_fetchall(
        """
        INSERT OR REPLACE INTO limits (
            guild_id, scope, scope_id, name, value, is_pool, expires_at, reason, set_by, set_at
        )
        VALUES (:guild_id, :scope, :scope_id, :name, :value, :is_pool, :expires_at, :reason, :set_by, :now)
        """,
        {
            "guild_id": guild_id,
            "scope": rule.target.scope,
            "scope_id": rule.target.scope_id,
            "name": rule.name,
            "value": json.dumps(rule.value),
            "is_pool": rule.is_pool,
            "expires_at": rule.expires_at,
            "reason": rule.reason,
            "set_by": set_by,
            "now": now,
        },
    )


async def clear(connection: Connection, guild_id: int, target: Target, name: LimitName | None) -> int:
    """Forget one limit that is set for this, or all of them (None); how many there were."""
    async with connection.execute(
        """
        DELETE FROM limits
        WHERE guild_id = :guild_id AND scope = :scope AND scope_id = :scope_id AND name = coalesce(:name, name)
        """,
        {"guild_id": guild_id, "scope": target.scope, "scope_id": target.scope_id, "name": name},
    ) as cursor:
        return cursor.rowcount


async def read(connection: Connection, guild_id: int | None) -> list[Rule]:
    """All of a server's rules, expired ones too; none in direct messages."""
    rows = await connection.execute_fetchall(
        """
        SELECT scope, scope_id, name, value, is_pool, expires_at, reason FROM limits
        WHERE guild_id = :guild_id ORDER BY scope, scope_id, name
        """,
        {"guild_id": guild_id},
    )
    return [_rule(row) for row in rows]


async def read_for(
    connection: Connection, guild_id: int | None, *, user_id: int, channel_id: int, role_ids: tuple[int, ...]
) -> list[Rule]:
    """The rules that are set for the server, the channel, the roles or the member; none in direct messages."""
    rows = await connection.execute_fetchall(
        """
        SELECT scope, scope_id, name, value, is_pool, expires_at, reason FROM limits
        WHERE guild_id = :guild_id AND scope_id IN (
            SELECT 0 UNION SELECT :user_id UNION SELECT :channel_id UNION SELECT value FROM json_each(:role_ids)
        )
        """,
        {"guild_id": guild_id, "user_id": user_id, "channel_id": channel_id, "role_ids": json.dumps(role_ids)},
    )
    return [_rule(row) for row in rows]


async def propose(
    connection: Connection, proposal: Proposal, *, guild_id: int, actor_id: int, now: float, forget_before: float
) -> int:
    """Keep a change until it is confirmed, and forget those that nobody confirmed; its number."""
    await connection.execute_fetchall(
        "DELETE FROM limit_proposals WHERE proposed_at < :forget_before", {"forget_before": forget_before}
    )
    [(number,)] = await connection.execute_fetchall(
        """
        INSERT INTO limit_proposals (guild_id, actor_id, change, withdraws, proposed_at)
        VALUES (:guild_id, :actor_id, :change, :withdraws, :now) RETURNING id
        """,
        {
            "guild_id": guild_id,
            "actor_id": actor_id,
            "change": proposal.change,
            "withdraws": proposal.withdraws,
            "now": now,
        },
    )
    return int(number)


async def take_proposal(
    connection: Connection, proposal_id: int, *, guild_id: int | None, actor_id: int, since: float
) -> Proposal | None:
    """What a moderator is about to confirm, which can be done once; None if it is not theirs, too old, or done."""
    rows = await connection.execute_fetchall(
        """
        DELETE FROM limit_proposals
        WHERE id = :id AND guild_id = :guild_id AND actor_id = :actor_id AND proposed_at >= :since
        RETURNING change, withdraws
        """,
        {"id": proposal_id, "guild_id": guild_id, "actor_id": actor_id, "since": since},
    )
    for row in rows:
        return Proposal(change=row["change"], withdraws=row["withdraws"])
    return None


def _rule(row: Row) -> Rule:
    value = json.loads(row["value"])
    return Rule(
        target=Target(scope=row["scope"], scope_id=row["scope_id"]),
        name=row["name"],
        value=tuple(value) if isinstance(value, list) else value,
        is_pool=bool(row["is_pool"]),
        expires_at=row["expires_at"],
        reason=row["reason"],
    )
