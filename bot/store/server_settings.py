"""Statements about what a server's moderators set once for all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aiosqlite import Connection

Flagged = Literal["spoiler", "stand-in", "show"]
"""What becomes of a flagged picture in an age-restricted channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """One server's settings; those of direct messages are the defaults."""

    time_zone: str = "UTC"
    """A name of the IANA time zone database."""
    log_channel_id: int | None = None
    moderators_role_id: int | None = None
    flagged: Flagged = "spoiler"


async def read(connection: Connection, guild_id: int | None) -> ServerSettings:
    """A server's settings, or the defaults where nobody has set any."""
    rows = await connection.execute_fetchall(
        """
        SELECT time_zone, log_channel_id, moderators_role_id, flagged FROM server_settings WHERE guild_id = :guild_id
        """,
        {"guild_id": guild_id},
    )
    for row in rows:
        return ServerSettings(**dict(row))
    return ServerSettings()


async def write(connection: Connection, guild_id: int, settings: ServerSettings) -> None:
    """Set all of a server's settings."""
    await connection.execute_fetchall(
        """
        INSERT OR REPLACE INTO server_settings (guild_id, time_zone, log_channel_id, moderators_role_id, flagged)
        VALUES (:guild_id, :time_zone, :log_channel_id, :moderators_role_id, :flagged)
        """,
        {"guild_id": guild_id, **asdict(settings)},
    )
