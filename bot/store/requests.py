"""A request as it is stored, its admission, and what of all waits: a row is queue entry, ledger and history in one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine import CompleteRequest, Variant
from engine.prompt import Note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiosqlite import Connection

Kind = Literal["imagine", "reroll", "edit", "again", "example"]
State = Literal["queued", "running", "done", "failed", "cancelled"]
FinalState = Literal["done", "failed", "cancelled"]

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, which people misread. Source: https://www.crockford.com/base32.html."""
FIRST_SHORT_ID = 32**3
"""Added to a request's number, so that its short id has at least four characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Everything that admission needs to know of one wish."""

    kind: Kind
    parent_id: int | None
    user_id: int
    guild_id: int | None
    """None: a direct message."""
    channel_id: int
    interaction_id: int
    interaction_token: str
    attachment_limit: int
    """Bytes a file may have, as the interaction says."""
    locale: str
    request: CompleteRequest
    model: str
    typed_prompt: str | None = None
    """None: the request's own."""
    notes: tuple[Note, ...] = ()
    """What is to be said about it."""
    ruling_channel_id: int = 0
    """The channel whose rules hold: a thread's or a forum post's parent."""
    is_age_restricted: bool = False
    role_ids: tuple[int, ...] = ()
    """The member's roles in the server, without @everyone."""
    joined_at: float | None = None
    """Unix seconds; None where there is nothing to join."""
    slow_mode_s: int = 0
    """The channel's slow mode, which holds for this member."""
    estimated_s: float = 0.0
    """Seconds of GPU that it is expected to take."""
    is_typed: bool = False
    """Whether its words were typed just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One row of `requests`, column by column. Times are unix seconds."""

    id: int
    kind: Kind
    parent_id: int | None
    user_id: int
    guild_id: int | None
    channel_id: int
    message_id: int | None
    """
    The waiting message; None until Discord has shown it, and only then is the request accepted.

    Where that one took no more edits in the end, the message that answers it.
    """
    interaction_id: int
    interaction_token: str
    attachment_limit: int
    locale: str
    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    seed: int
    scheduler: str
    num_images: int
    day: str
    charged: int
    state: State
    reason: str | None
    failed_attempts: int
    interruptions: int
    flagged: int
    created_at: float
    started_at: float | None
    delivering_at: float | None
    ended_at: float | None
    told_at: float | None
    """When the waiting message showed how the request ended."""
    ping_intended_at: float | None
    pinged_at: float | None
    max_embeddings_multiples: int | None
    clip_skip: int
    variants: str | None
    """What each picture is drawn from where that is not the prompt as typed, as JSON."""
    typed_prompt: str | None
    """The prompt with the options at its end, where it had any."""
    notes: str | None
    """What is to be said about it, as JSON."""
    ruling_channel_id: int
    """The channel whose rules hold: a thread's or a forum post's parent."""
    is_age_restricted: int
    role_ids: str
    """The member's roles there, as JSON."""
    estimated_s: float
    """Seconds of GPU that it was expected to take."""
    charged_s: float
    """Seconds of GPU: reserved as estimated when admitted; when ended what was spent, but no more than that."""
    deleted_at: float | None
    """When somebody deleted its message."""
    anew_intended_at: float | None
    """Since when a new message was about to answer the waiting one; None also once it has its place in the row."""
    dm_intended_at: float | None
    """Since when the owner was about to be told privately."""
    erased_at: float | None
    """When its words were erased."""
    joined_at: float | None
    """When the member had joined the server."""
    spent_s: float
    """Seconds of GPU that its pictures took, flagged ones among them; 0: not known."""

    @property
    def request(self) -> CompleteRequest:
        """What the engine is asked, owned by the member."""
        return CompleteRequest(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            width=self.width,
            height=self.height,
            num_inference_steps=self.num_inference_steps,
            guidance_scale=self.guidance_scale,
            seed=self.seed,
            scheduler=self.scheduler,
            num_images=self.num_images,
            max_embeddings_multiples=self.max_embeddings_multiples,
            clip_skip=self.clip_skip,
            variants=self._variants,
            model=self.model,
            owner=str(self.user_id),
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture."""
        return tuple(variant.seed for variant in self._variants) or tuple(range(self.seed, self.seed + self.num_images))

    def prompt_of(self, index: int) -> str:
        """What a picture is drawn from: with its wildcards and permutations written out."""
        variants = self._variants
        return variants[index].prompt if variants else self.prompt

    @property
    def as_typed(self) -> str:
        """The prompt with the options at its end."""
        return self.prompt if self.typed_prompt is None else self.typed_prompt

    @property
    def roles(self) -> tuple[int, ...]:
        """The member's roles there when they asked."""
        return tuple(json.loads(self.role_ids))

    @property
    def wording_notes(self) -> tuple[Note, ...]:
        """What is to be said about how the request was put."""
        return tuple(Note(*note) for note in json.loads(self.notes or "[]"))

    @property
    def _variants(self) -> tuple[Variant, ...]:
        return tuple(Variant(prompt, seed) for prompt, seed in json.loads(self.variants or "[]"))

    @property
    def short_id(self) -> str:
        """What people read and type, like `7Q4K`."""
        return short_id(self.id)

    @property
    def is_unfinished(self) -> bool:
        """Whether it still waits or is being drawn."""
        return self.state in ("queued", "running")


def short_id(request_id: int) -> str:
    """A request's number as people read and type it, like `7Q4K`."""
    number, digits = request_id + FIRST_SHORT_ID, ""
    while number:
        number, digit = divmod(number, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits


async def reserve(connection: Connection, ask: Ask, *, now: float) -> RequestRow:
    """Charge a request that was admitted in this transaction, and put it where it waits."""
    row = await read_row(
        connection,
        """
        INSERT INTO requests (
            kind, parent_id, user_id, guild_id, channel_id, interaction_id, interaction_token, attachment_limit, locale,
            model, prompt, negative_prompt, width, height, num_inference_steps, guidance_scale, seed, scheduler,
            num_images, max_embeddings_multiples, clip_skip, variants, typed_prompt, notes, ruling_channel_id,
            is_age_restricted, role_ids, joined_at, estimated_s, charged_s, day, charged, created_at
        )
        VALUES (
            :kind, :parent_id, :user_id, :guild_id, :channel_id, :interaction_id, :interaction_token, :attachment_limit,
            :locale, :model, :prompt, :negative_prompt, :width, :height, :num_inference_steps, :guidance_scale, :seed,
            :scheduler, :num_images, :max_embeddings_multiples, :clip_skip, :variants, :typed_prompt, :notes,
            :ruling_channel_id, :is_age_restricted, :role_ids, :joined_at, :estimated_s, :estimated_s,
            date(:now, 'unixepoch'), :num_images, :now
        )
        RETURNING *
        """,
        {
            **{name: getattr(ask, name) for name in Ask.__slots__ if name != "request"},
            **{name: getattr(ask.request, name) for name in CompleteRequest.__dataclass_fields__},
            "model": ask.model,
            "variants": json.dumps([[each.prompt, each.seed] for each in ask.request.variants])
            if ask.request.variants
            else None,
            "typed_prompt": ask.typed_prompt if ask.typed_prompt != ask.request.prompt else None,
            "notes": json.dumps([[note.rule, note.sentence, dict(note.facts)] for note in ask.notes])
            if ask.notes
            else None,
            "role_ids": json.dumps(ask.role_ids),
            "now": now,
        },
    )
    assert row is not None  # noqa: S101 - what was inserted is returned
    return row


async def fetch(connection: Connection, request_id: int) -> RequestRow | None:
    """The request with this number, whatever its state."""
    return await read_row(connection, "SELECT * FROM requests WHERE id = :request_id", {"request_id": request_id})


async def unfinished_everywhere(connection: Connection, user_id: int) -> list[RequestRow]:
    """What of a member waits or is being drawn, wherever it was asked for, oldest first."""
    return await read_rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_unfinished
        WHERE user_id = :user_id AND state IN ('queued', 'running') ORDER BY id
        """,
        {"user_id": user_id},
    )


async def unfinished(connection: Connection) -> list[RequestRow]:
    """What waits or is being drawn, oldest first."""
    return await read_rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_unfinished WHERE state IN ('queued', 'running') ORDER BY id
        """,
        {},
    )


async def waiting(connection: Connection, *, guild_id: int) -> list[RequestRow]:
    """What waits in a server and was not cancelled, oldest first."""
    return await read_rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_unfinished_of_guild
        WHERE guild_id = :guild_id AND state = 'queued' AND state IN ('queued', 'running') AND reason IS NULL
        ORDER BY id
        """,
        {"guild_id": guild_id},
    )


async def unfinished_of(connection: Connection, *, user_id: int, guild_id: int | None) -> list[RequestRow]:
    """A member's requests in one server that wait or are being drawn, oldest first."""
    return await read_rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_unfinished
        WHERE user_id = :user_id AND guild_id IS :guild_id AND state IN ('queued', 'running') ORDER BY id
        """,
        {"user_id": user_id, "guild_id": guild_id},
    )


async def read_rows(connection: Connection, sql: str, values: Mapping[str, object]) -> list[RequestRow]:
    """The requests that a statement of this package selects or returns."""
    return [RequestRow(**dict(row)) for row in await connection.execute_fetchall(sql, values)]


async def read_row(connection: Connection, sql: str, values: Mapping[str, object]) -> RequestRow | None:
    """The only request that a statement of this package selects or returns."""
    rows = await read_rows(connection, sql, values)
    return rows[0] if rows else None


async def change(connection: Connection, sql: str, values: Mapping[str, object]) -> bool:
    """Whether a statement of this package changed anything."""
    async with connection.execute(sql, values) as cursor:
        return cursor.rowcount > 0
