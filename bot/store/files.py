"""Statements about pictures on the disk: each row is one reason for a file to stay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.store.requests import change

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiosqlite import Connection

Kind = Literal["result", "flagged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One row of `files`, column by column. Times are unix seconds."""

    sha256: str
    kind: Kind
    request_id: int
    size_bytes: int
    stored_at: float
    keep_until: float


async def add(connection: Connection, row: FileRow) -> bool:
    """
    Write down why a file stays; where that stands there already, it stays for the longer of the two times.

    Returns:
        False where it must not stay: the request's words or its message are gone already.
    """
    return await change(
        connection,
        """
        INSERT INTO files (sha256, kind, request_id, size_bytes, stored_at, keep_until)
        SELECT :sha256, :kind, id, :size_bytes, :stored_at, :keep_until FROM requests
        WHERE id = :request_id AND erased_at IS NULL AND deleted_at IS NULL
        ON CONFLICT DO UPDATE SET keep_until = max(keep_until, excluded.keep_until)
        """,
        {name: getattr(row, name) for name in FileRow.__slots__},
    )


async def of_requests(connection: Connection, request_ids: Collection[int]) -> list[FileRow]:
    """What is kept for these requests."""
    return await _rows(
        connection,
        "SELECT * FROM files WHERE request_id IN (SELECT value FROM json_each(:request_ids))",
        {"request_ids": json.dumps(list(request_ids))},
    )


async def remove_of_requests(
    connection: Connection, request_ids: Collection[int], *, sha256: str | None = None
) -> set[str]:
    """Strike what is kept for these requests, or of that only one file; the files that were named."""
    return await _struck(
        connection,
        """
        DELETE FROM files
        WHERE request_id IN (SELECT value FROM json_each(:request_ids)) AND sha256 = coalesce(:sha256, sha256)
        RETURNING sha256
        """,
        {"request_ids": json.dumps(list(request_ids)), "sha256": sha256},
    )


async def remove_expired(connection: Connection, *, now: float) -> set[str]:
    """Strike what has been kept long enough; the files that were named."""
    return await _struck(connection, "DELETE FROM files WHERE keep_until <= :now RETURNING sha256", {"now": now})


async def remove_above(connection: Connection, *, most_bytes: int) -> set[str]:
    """
    Strike what does not fit into so many bytes; the files that were named.

    The newest stay, and originals under appeal before any result. Bytes that are named twice count twice.
    """
    return await _struck(
        connection,
        """
        DELETE FROM files WHERE (sha256, kind, request_id) IN (
            SELECT sha256, kind, request_id FROM (
                SELECT sha256, kind, request_id, sum(size_bytes) OVER (
                    ORDER BY kind = 'result', stored_at DESC, request_id DESC, sha256 ROWS UNBOUNDED PRECEDING
                ) AS bytes_so_far
                FROM files
            )
            WHERE bytes_so_far > :most_bytes
        )
        RETURNING sha256
        """,
        {"most_bytes": most_bytes},
    )


async def named(connection: Connection) -> set[str]:
    """Every file that is to stay."""
    return {row["sha256"] for row in await connection.execute_fetchall("SELECT sha256 FROM files")}


async def is_named(connection: Connection, sha256: str) -> bool:
    """Whether a file is to stay."""
    [(found,)] = await connection.execute_fetchall(
        "SELECT EXISTS (SELECT 1 FROM files WHERE sha256 = :sha256)", {"sha256": sha256}
    )
    return bool(found)


async def _rows(connection: Connection, sql: str, values: dict[str, object]) -> list[FileRow]:
    return [FileRow(**dict(row)) for row in await connection.execute_fetchall(sql, values)]


async def _struck(connection: Connection, sql: str, values: dict[str, object]) -> set[str]:
    return {row["sha256"] for row in await connection.execute_fetchall(sql, values)}
