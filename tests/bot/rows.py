"""Requests' rows: as the database gives them, without a database, and ended in one by hand."""

from dataclasses import fields

from bot.store import outcomes
from bot.store.requests import RequestRow

VALUES = {
    "id": 5,
    "kind": "imagine",
    "user_id": 1,
    "guild_id": 7,
    "channel_id": 70,
    "message_id": 900,
    "interaction_id": 4,
    "interaction_token": "old",
    "attachment_limit": 10 * 2**20,
    "locale": "en-US",
    "model": "emoji",
    "prompt": "a red heart",
    "negative_prompt": "",
    "width": 128,
    "height": 128,
    "num_inference_steps": 20,
    "guidance_scale": 5.0,
    "seed": 4181,
    "scheduler": "default",
    "num_images": 1,
    "clip_skip": 1,
    "day": "2026-08-01",
    "charged": 1,
    "state": "queued",
    "failed_attempts": 0,
    "interruptions": 0,
    "flagged": 0,
    "created_at": 1785600000.0,
    "ruling_channel_id": 70,
    "is_age_restricted": 0,
    "role_ids": "[]",
    "estimated_s": 0.0,
    "charged_s": 0.0,
    "spent_s": 0.0,
}


def row(**changes) -> RequestRow:
    """A row that differs from the plain one by `changes`; columns without a value are empty."""
    return RequestRow(**{field.name: {**VALUES, **changes}.get(field.name) for field in fields(RequestRow)})


async def cancelled(database, request_id, reason="never-shown", *, now=1785600000.0) -> bool:
    """Cancel and refund a request, whoever draws it; False if it had already ended."""
    async with database.transaction() as connection:
        return await outcomes.end(
            connection, request_id, state="cancelled", reason=reason, charged=0, flagged=0, now=now
        )
