"""Statements about pictures that a safety checker flagged, and about what moderators said of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from bot.store.requests import change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiosqlite import Connection

    from bot.store.server_settings import Flagged

Decision = Literal["approved", "upheld"]

POSTED_WITHIN_S = 60.0
"""An appeal that has not reached the moderators by then never will, and may be made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A picture that was flagged."""

    position: int
    """Of several pictures, from 0."""
    way: Flagged
    """How it is shown."""
    sha256: str | None = None
    """The original's file; None where moderators cannot be asked about it."""
    extension: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedRow:
    """One row of `flagged_pictures`, column by column. Times are unix seconds."""

    id: int
    request_id: int
    position: int
    way: Flagged
    sha256: str | None
    extension: str | None
    appealed_at: float | None
    card_id: int | None
    decided_at: float | None
    decision: Decision | None

    @property
    def can_appeal(self) -> bool:
        """Whether moderators may be asked about it, or have been without having answered."""
        return self.sha256 is not None and self.decided_at is None


async def replace(connection: Connection, request_id: int, flags: Iterable[Flag]) -> list[FlaggedRow]:
    """What was flagged of a request's pictures, in place of what an interrupted delivery had noted."""
    await connection.execute_fetchall(
        "DELETE FROM flagged_pictures WHERE request_id = :request_id", {"request_id": request_id}
    )
    for flag in flags:
        await connection.execute_fetchall(
            """
            INSERT INTO flagged_pictures (request_id, position, way, sha256, extension)
            VALUES (:request_id, :position, :way, :sha256, :extension)
            """,
            {"request_id": request_id, **asdict(flag)},
        )
    return await of_request(connection, request_id)


async def of_request(connection: Connection, request_id: int) -> list[FlaggedRow]:
    """What was flagged of a request's pictures, in their order."""
    return await _rows(
        connection,
        "SELECT * FROM flagged_pictures WHERE request_id = :request_id ORDER BY position",
        {"request_id": request_id},
    )


async def fetch(connection: Connection, flagged_id: int) -> FlaggedRow | None:
    """The flagged picture with this number."""
    rows = await _rows(connection, "SELECT * FROM flagged_pictures WHERE id = :id", {"id": flagged_id})
    return rows[0] if rows else None


async def claim(connection: Connection, flagged_id: int, *, now: float) -> bool:
    """Begin to ask the moderators; False where they have been asked, or are being asked."""
    return await change(
        connection,
        """
        UPDATE flagged_pictures SET appealed_at = :now
        WHERE id = :id AND card_id IS NULL AND (appealed_at IS NULL OR appealed_at <= :long_ago)
        """,
        {"id": flagged_id, "now": now, "long_ago": now - POSTED_WITHIN_S},
    )


async def release(connection: Connection, flagged_id: int) -> None:
    """The moderators could not be asked."""
    await change(
        connection,
        "UPDATE flagged_pictures SET appealed_at = NULL WHERE id = :id AND card_id IS NULL",
        {"id": flagged_id},
    )


async def mark_posted(connection: Connection, flagged_id: int, *, card_id: int) -> None:
    """The moderators have been asked by this message."""
    await change(
        connection,
        "UPDATE flagged_pictures SET card_id = :card_id WHERE id = :id",
        {"id": flagged_id, "card_id": card_id},
    )


async def decide(connection: Connection, flagged_id: int, decision: Decision, *, now: float) -> bool:
    """Write down what a moderator says; False where one has said so or otherwise before."""
    return await change(
        connection,
        """
        UPDATE flagged_pictures SET decision = :decision, decided_at = :now WHERE id = :id AND decided_at IS NULL
        """,
        {"id": flagged_id, "decision": decision, "now": now},
    )


async def _rows(connection: Connection, sql: str, values: Mapping[str, object]) -> list[FlaggedRow]:
    return [FlaggedRow(**dict(row)) for row in await connection.execute_fetchall(sql, values)]
