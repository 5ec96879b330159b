"""Statements about what was had of late: by a member, or by everybody who shares a pot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aiosqlite import Connection

Kind = Literal["member", "here", "everywhere", "server", "channel", "role"]

NEWEST = 2**63 - 1
"""As `waiting_behind`: every request counts."""

WHOSE: dict[Kind, str] = {
    "member": "user_id = :user_id AND guild_id IS :guild_id",
    "here": "user_id = :user_id AND channel_id = :scope_id",
    "everywhere": "user_id = :user_id",
    "server": "guild_id = :guild_id",
    "channel": "guild_id = :guild_id AND ruling_channel_id = :scope_id",
    "role": "guild_id = :guild_id AND EXISTS (SELECT 1 FROM json_each(role_ids) WHERE value = :scope_id)",
}
INDEXES: dict[Kind, str] = {
    "member": "requests_of_member",
    "here": "requests_of_member",
    "everywhere": "requests_of_member",
    "server": "requests_of_guild",
    "channel": "requests_of_guild",
    "role": "requests_of_guild",
}
COUNTS = "NOT (state = 'queued' AND id > :waiting_behind)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pot:
    """Whose requests are counted together."""

    kind: Kind
    user_id: int
    guild_id: int | None
    """None: direct messages."""
    scope_id: int = 0
    """The channel's or role's."""
    waiting_behind: int = NEWEST
    """Requests that wait and came after this one are left out."""

    @property
    def values(self) -> dict[str, int | None]:
        """As statements name them."""
        return {name: getattr(self, name) for name in ("user_id", "guild_id", "scope_id", "waiting_behind")}


async def spent(connection: Connection, pot: Pot, *, since: float, until: float) -> tuple[int, float]:
    """Pictures and seconds charged for requests of this time, reserved ones among them."""
    [row] = await connection.execute_fetchall(
        f"""
        SELECT coalesce(sum(charged), 0), coalesce(sum(charged_s), 0.0) FROM requests INDEXED BY {INDEXES[pot.kind]}
        WHERE {WHOSE[pot.kind]} AND created_at >= :since AND created_at < :until AND {COUNTS}
        """,  # noqa: S608 - texts of this module
        {**pot.values, "since": since, "until": until},
    )
    return int(row[0]), float(row[1])


async def places(connection: Connection, pot: Pot) -> int:
    """Requests that wait or are being drawn."""
    index = "requests_unfinished" if INDEXES[pot.kind] == "requests_of_member" else "requests_unfinished_of_guild"
    [row] = await connection.execute_fetchall(
        f"""
        SELECT count(*) FROM requests INDEXED BY {index}
        WHERE state IN ('queued', 'running') AND {WHOSE[pot.kind]} AND {COUNTS}
        """,  # noqa: S608 - texts of this module
        pot.values,
    )
    return int(row[0])


async def last_at(connection: Connection, pot: Pot, *, since: float, until: float) -> float | None:
    """When the last request was made of those that Discord showed, if that was after `since`."""
    [row] = await connection.execute_fetchall(
        f"""
        SELECT max(created_at) FROM requests INDEXED BY {INDEXES[pot.kind]}
        WHERE {WHOSE[pot.kind]} AND created_at > :since AND created_at <= :until
            AND NOT (message_id IS NULL AND state = 'cancelled')
        """,  # noqa: S608 - texts of this module
        {**pot.values, "since": since, "until": until},
    )
    return None if row[0] is None else float(row[0])
