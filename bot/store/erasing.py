"""Statements that erase what people wrote; what they were charged, and who is blocked, stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.store.requests import read_rows

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.store.requests import RequestRow

ERASED = "erased"
"""The reason of requests that were withdrawn because their owner's data was erased."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """A message that is to be deleted from Discord."""

    message_id: int
    channel_id: int


async def withdraw_all(connection: Connection, *, user_id: int, now: float) -> int:
    """Cancel and refund what a member has waiting or being drawn, wherever that is; how many it were."""
    return await _count(
        connection,
        """
        UPDATE requests SET state = 'cancelled', reason = :reason, charged = 0, charged_s = 0, ended_at = :now
        WHERE user_id = :user_id AND state IN ('queued', 'running')
        """,
        {"user_id": user_id, "reason": ERASED, "now": now},
    )


async def erase_words(
    connection: Connection, *, now: float, user_id: int | None = None, ended_before: float | None = None
) -> list[int]:
    """
    Erase the words of a member's requests, or of all that ended before then; their numbers.

    What an erased row still holds can be read, but says nothing; what it cost and the seeds of its pictures stay.
    """
    rows = await connection.execute_fetchall(
        """
        UPDATE requests
        SET prompt = '-', negative_prompt = '', typed_prompt = NULL, notes = NULL, role_ids = '[]', erased_at = :now,
            variants = (
                SELECT nullif(json_group_array(json_array('-', value ->> '$[1]')), '[]')
                FROM json_each(requests.variants)
            )
        WHERE (user_id = :user_id OR ended_at < :ended_before) AND ended_at IS NOT NULL AND erased_at IS NULL
        RETURNING id
        """,
        {"user_id": user_id, "ended_before": ended_before, "now": now},
    )
    return [row["id"] for row in rows]


async def erase_reports(connection: Connection, *, user_id: int) -> None:
    """Erase why a member reported pictures."""
    await _count(
        connection,
        "UPDATE reports SET reason = NULL WHERE reporter_id = :user_id AND reason IS NOT NULL",
        {"user_id": user_id},
    )


async def request_ids(connection: Connection, *, user_id: int) -> list[int]:
    """The numbers of all requests of a member."""
    rows = await connection.execute_fetchall("SELECT id FROM requests WHERE user_id = :user_id", {"user_id": user_id})
    return [row["id"] for row in rows]


async def withdrawn_untold(connection: Connection) -> list[RequestRow]:
    """Requests that were withdrawn for this, whose messages do not say so yet; perhaps by another process."""
    return await read_rows(
        connection,
        "SELECT * FROM requests WHERE ended_at IS NOT NULL AND told_at IS NULL AND reason = :reason ORDER BY id",
        {"reason": ERASED},
    )


async def doom_messages(connection: Connection, *, user_id: int) -> int:
    """Let the messages of a member's requests be deleted; how many there are."""
    return await _count(
        connection,
        """
        INSERT OR REPLACE INTO doomed_messages (message_id, channel_id, guild_id)
        SELECT message_id, channel_id, guild_id FROM requests WHERE user_id = :user_id AND message_id IS NOT NULL
        """,
        {"user_id": user_id},
    )


async def next_doomed(connection: Connection) -> Doomed | None:
    """The message that is to be deleted next."""
    for row in await connection.execute_fetchall(
        "SELECT message_id, channel_id FROM doomed_messages ORDER BY message_id LIMIT 1"
    ):
        return Doomed(row["message_id"], row["channel_id"])
    return None


async def strike_doomed(connection: Connection, message_id: int) -> None:
    """A message is deleted, or can never be."""
    await _count(connection, "DELETE FROM doomed_messages WHERE message_id = :message_id", {"message_id": message_id})


async def _count(connection: Connection, sql: str, values: dict[str, object]) -> int:
    async with connection.execute(sql, values) as cursor:
        return cursor.rowcount
