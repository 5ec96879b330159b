"""Statements about how requests end: whatever is not charged is refunded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.store.requests import change, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiosqlite import Connection

    from bot.store.requests import FinalState, RequestRow


async def intend_cancel(connection: Connection, request_id: int, *, reason: str) -> bool:
    """Write down that a request is to end as soon as its pictures can be dropped; False if it has ended."""
    return await change(
        connection,
        "UPDATE requests SET reason = :reason WHERE id = :request_id AND state IN ('queued', 'running')",
        {"request_id": request_id, "reason": reason},
    )


async def mark_delivering(connection: Connection, request_id: int, *, now: float) -> bool:
    """
    The pictures are about to be put into the message: a start that finds this looks there first.

    Returns:
        False if the request has ended meanwhile, and nothing is to be shown.
    """
    return await change(
        connection,
        """
        UPDATE requests SET delivering_at = :now WHERE id = :request_id AND state IN ('queued', 'running')
        """,
        {"request_id": request_id, "now": now},
    )


async def end(
    connection: Connection,
    request_id: int,
    *,
    state: FinalState,
    reason: str | None,
    charged: int,
    flagged: int,
    now: float,
    charged_s: float = 0.0,
    spent_s: float = 0.0,
    ping: bool = False,
) -> bool:
    """
    End a request and charge what was delivered, which refunds the rest; False if it had already ended.

    Args:
        charged_s: seconds of the device that the charged pictures took; what is charged is never more than the price
            that its member was told and that their limits were asked about.
        spent_s: seconds of the device that all its pictures took.
        ping: whether its owner is to be pinged; where that was meant before, it stays so.
    """
    return await change(
        connection,
        """
        UPDATE requests
        SET state = :state, reason = :reason, charged = :charged, charged_s = min(:charged_s, estimated_s),
            spent_s = :spent_s, flagged = :flagged, ended_at = :now,
            ping_intended_at = coalesce(ping_intended_at, iif(:ping, :now, NULL))
        WHERE id = :request_id AND state IN ('queued', 'running')
        """,
        {
            "request_id": request_id,
            "state": state,
            "reason": reason,
            "charged": charged,
            "charged_s": charged_s,
            "spent_s": spent_s,
            "flagged": flagged,
            "now": now,
            "ping": ping,
        },
    )


async def withdraw(connection: Connection, reasons: Mapping[int, str], *, now: float) -> list[RequestRow]:
    """
    Cancel and refund requests that wait, each for its reason.

    Returns:
        Those that were withdrawn: what is being drawn, has ended, or is about to, stays as it is.
    """
    rows = await read_rows(
        connection,
        """
        UPDATE requests
        SET state = 'cancelled', reason = withdrawn.value, charged = 0, charged_s = 0, ended_at = :now
        FROM json_each(:reasons) AS withdrawn
        WHERE requests.id = CAST(withdrawn.key AS INTEGER) AND state = 'queued' AND reason IS NULL RETURNING *
        """,
        {"reasons": json.dumps(reasons), "now": now},
    )
    return sorted(rows, key=lambda row: row.id)


async def withdraw_channel(connection: Connection, *, channel_id: int, now: float) -> list[int]:
    """Cancel and refund what waits in a channel or thread that is gone; their numbers."""
    rows = await connection.execute_fetchall(
        """
        UPDATE requests SET state = 'cancelled', reason = 'channel-gone', charged = 0, charged_s = 0, ended_at = :now
        WHERE channel_id = :channel_id AND state IN ('queued', 'running') RETURNING id
        """,
        {"channel_id": channel_id, "now": now},
    )
    return [row["id"] for row in rows]


async def withdraw_guild(connection: Connection, *, guild_id: int, now: float) -> list[int]:
    """Cancel and refund what waits in a server that is gone; their numbers."""
    rows = await connection.execute_fetchall(
        """
        UPDATE requests SET state = 'cancelled', reason = 'server-gone', charged = 0, charged_s = 0, ended_at = :now
        WHERE guild_id = :guild_id AND state IN ('queued', 'running') RETURNING id
        """,
        {"guild_id": guild_id, "now": now},
    )
    return [row["id"] for row in rows]
