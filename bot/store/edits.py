"""Statements by which a request that waits becomes another, in its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.store.requests import change, fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiosqlite import Connection

    from bot.store.requests import RequestRow


async def note_roles(connection: Connection, request_id: int, *, role_ids: Sequence[int]) -> None:
    """The member has other roles now than when they asked."""
    await change(
        connection,
        "UPDATE requests SET role_ids = :role_ids WHERE id = :request_id",
        {"request_id": request_id, "role_ids": json.dumps(role_ids)},
    )


async def step_aside(connection: Connection, request_id: int) -> bool:
    """
    Let a request that waits be as if it had never been asked for; False if it waits no more.

    Only for the rest of a transaction, in which `take_over` lets it wait again.
    """
    return await change(
        connection,
        """
        UPDATE requests SET state = 'cancelled', charged = 0, charged_s = 0, created_at = 0
        WHERE id = :request_id AND state = 'queued' AND reason IS NULL
        """,
        {"request_id": request_id},
    )


async def take_over(connection: Connection, row: RequestRow, wanted: RequestRow) -> RequestRow | None:
    """Let a request that has stepped aside wait again as another one, which is there no more."""
    await connection.execute_fetchall(
        """
        UPDATE requests
        SET model = wanted.model, prompt = wanted.prompt, negative_prompt = wanted.negative_prompt,
            width = wanted.width, height = wanted.height, num_inference_steps = wanted.num_inference_steps,
            guidance_scale = wanted.guidance_scale, seed = wanted.seed, scheduler = wanted.scheduler,
            num_images = wanted.num_images, max_embeddings_multiples = wanted.max_embeddings_multiples,
            clip_skip = wanted.clip_skip, variants = wanted.variants, typed_prompt = wanted.typed_prompt,
            notes = wanted.notes, is_age_restricted = wanted.is_age_restricted, role_ids = wanted.role_ids,
            estimated_s = wanted.estimated_s, charged_s = wanted.charged_s, charged = wanted.charged,
            state = 'queued', created_at = :created_at
        FROM (SELECT * FROM requests WHERE id = :wanted_id) AS wanted
        WHERE requests.id = :request_id
        """,
        {"request_id": row.id, "wanted_id": wanted.id, "created_at": row.created_at},
    )
    await connection.execute_fetchall("DELETE FROM requests WHERE id = :wanted_id", {"wanted_id": wanted.id})
    return await fetch(connection, row.id)
