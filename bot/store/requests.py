"""Statements about requests: each row is queue entry, quota ledger, seed record and history in one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine import CompleteRequest, Variant
from engine.prompt import Note

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

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
    """Seconds of GPU: reserved as estimated when admitted, what was spent when ended."""
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
    row = await _row(
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
    return await _row(connection, "SELECT * FROM requests WHERE id = :request_id", {"request_id": request_id})


async def unfinished_everywhere(connection: Connection, user_id: int) -> list[RequestRow]:
    """What of a member waits or is being drawn, wherever it was asked for, oldest first."""
    return await _rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_unfinished
        WHERE user_id = :user_id AND state IN ('queued', 'running') ORDER BY id
        """,
        {"user_id": user_id},
    )


async def mark_deleted(connection: Connection, request_ids: Collection[int], *, now: float) -> None:
    """The messages of these requests were deleted."""
    await connection.execute_fetchall(
        """
        UPDATE requests SET deleted_at = :now
        WHERE id IN (SELECT value FROM json_each(:request_ids)) AND deleted_at IS NULL
        """,
        {"request_ids": json.dumps(list(request_ids)), "now": now},
    )


async def unfinished(connection: Connection) -> list[RequestRow]:
    """What waits or is being drawn, oldest first."""
    return await _rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_unfinished WHERE state IN ('queued', 'running') ORDER BY id
        """,
        {},
    )


async def mark_answered(connection: Connection, request_id: int, *, message_id: int) -> None:
    """Discord shows the request in this message: with its first one, the waiting message, it is accepted."""
    await _change(
        connection,
        "UPDATE requests SET message_id = :message_id, anew_intended_at = NULL WHERE id = :request_id",
        {"request_id": request_id, "message_id": message_id},
    )


async def note_roles(connection: Connection, request_id: int, *, role_ids: Sequence[int]) -> None:
    """The member has other roles now than when they asked."""
    await _change(
        connection,
        "UPDATE requests SET role_ids = :role_ids WHERE id = :request_id",
        {"request_id": request_id, "role_ids": json.dumps(role_ids)},
    )


async def in_messages(connection: Connection, message_ids: Collection[int]) -> list[RequestRow]:
    """The requests that these messages show, whatever their state."""
    return await _rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_message
        WHERE message_id IN (SELECT value FROM json_each(:message_ids))
        """,
        {"message_ids": json.dumps(list(message_ids))},
    )


async def start(connection: Connection, request_id: int, *, now: float) -> bool:
    """Let a waiting request run; False if it no longer waits."""
    return await _change(
        connection,
        "UPDATE requests SET state = 'running', started_at = :now WHERE id = :request_id AND state = 'queued'",
        {"request_id": request_id, "now": now},
    )


async def give_back(connection: Connection, request_id: int) -> None:
    """Let a running request wait again."""
    await _change(
        connection,
        "UPDATE requests SET state = 'queued' WHERE id = :request_id AND state = 'running'",
        {"request_id": request_id},
    )


async def count_interruptions(connection: Connection) -> None:
    """At a start of the bot: what was running when the process died waits again, and that is counted."""
    await connection.execute_fetchall(
        """
        UPDATE requests INDEXED BY requests_unfinished SET state = 'queued', interruptions = interruptions + 1
        WHERE state IN ('queued', 'running') AND state = 'running'
        """
    )


async def count_failed_attempt(connection: Connection, request_id: int) -> int:
    """Let a request that the engine failed wait again; how often it has failed by now, 0 if it no longer ran."""
    rows = await connection.execute_fetchall(
        """
        UPDATE requests SET state = 'queued', failed_attempts = failed_attempts + 1
        WHERE id = :request_id AND state = 'running' RETURNING failed_attempts
        """,
        {"request_id": request_id},
    )
    return sum(row["failed_attempts"] for row in rows)


async def mark_delivering(connection: Connection, request_id: int, *, now: float) -> bool:
    """
    The pictures are about to be put into the message: a start that finds this looks there first.

    Returns:
        False if the request has ended meanwhile, and nothing is to be shown.
    """
    return await _change(
        connection,
        """
        UPDATE requests SET delivering_at = :now WHERE id = :request_id AND state IN ('queued', 'running')
        """,
        {"request_id": request_id, "now": now},
    )


async def intend_cancel(connection: Connection, request_id: int, *, reason: str) -> bool:
    """Write down that a request is to end as soon as its pictures can be dropped; False if it has ended."""
    return await _change(
        connection,
        "UPDATE requests SET reason = :reason WHERE id = :request_id AND state IN ('queued', 'running')",
        {"request_id": request_id, "reason": reason},
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
    ping: bool = False,
) -> bool:
    """
    End a request and charge what was delivered, which refunds the rest; False if it had already ended.

    Args:
        charged_s: seconds of the device that the charged pictures took.
        ping: whether its owner is to be pinged; where that was meant before, it stays so.
    """
    return await _change(
        connection,
        """
        UPDATE requests
        SET state = :state, reason = :reason, charged = :charged, charged_s = :charged_s, flagged = :flagged,
            ended_at = :now,
            ping_intended_at = coalesce(ping_intended_at, iif(:ping, :now, NULL))
        WHERE id = :request_id AND state IN ('queued', 'running')
        """,
        {
            "request_id": request_id,
            "state": state,
            "reason": reason,
            "charged": charged,
            "charged_s": charged_s,
            "flagged": flagged,
            "now": now,
            "ping": ping,
        },
    )


async def mark_told(connection: Connection, request_id: int, *, now: float) -> None:
    """The waiting message shows how the request ended."""
    await _change(
        connection,
        "UPDATE requests SET told_at = :now WHERE id = :request_id",
        {"request_id": request_id, "now": now},
    )


async def untold(connection: Connection) -> list[RequestRow]:
    """Requests that ended without their message showing it yet, oldest first."""
    return await _rows(
        connection, "SELECT * FROM requests WHERE ended_at IS NOT NULL AND told_at IS NULL ORDER BY id", {}
    )


async def unpinged(connection: Connection) -> list[RequestRow]:
    """Requests whose owner was about to be pinged, oldest first."""
    return await _rows(
        connection, "SELECT * FROM requests WHERE ping_intended_at IS NOT NULL AND pinged_at IS NULL ORDER BY id", {}
    )


async def mark_pinged(connection: Connection, request_id: int, *, now: float) -> None:
    """The owner has been pinged."""
    await _change(
        connection,
        "UPDATE requests SET pinged_at = :now WHERE id = :request_id",
        {"request_id": request_id, "now": now},
    )


async def intend_anew(connection: Connection, request_id: int, *, now: float) -> bool:
    """Write down that a new message is about to answer the waiting one; False if that stands there already."""
    return await _change(
        connection,
        "UPDATE requests SET anew_intended_at = :now WHERE id = :request_id AND anew_intended_at IS NULL",
        {"request_id": request_id, "now": now},
    )


async def intend_dm(connection: Connection, request_id: int, *, now: float) -> bool:
    """Write down that the owner is about to be told privately; False if that stands there already."""
    return await _change(
        connection,
        "UPDATE requests SET dm_intended_at = :now WHERE id = :request_id AND dm_intended_at IS NULL",
        {"request_id": request_id, "now": now},
    )


async def history(
    connection: Connection, *, user_id: int, guild_id: int | None, before_id: int | None, count: int
) -> list[RequestRow]:
    """
    A member's requests in one server (or in direct messages), newest first, without those that nobody ever saw.

    Args:
        before_id: the last id of the page before; None is the first page.
    """
    return await _rows(
        connection,
        """
        SELECT * FROM requests
        WHERE user_id = :user_id AND guild_id IS :guild_id AND id < :before_id
            AND NOT (message_id IS NULL AND state = 'cancelled')
        ORDER BY id DESC LIMIT :count
        """,
        {
            "user_id": user_id,
            "guild_id": guild_id,
            "before_id": 2**63 - 1 if before_id is None else before_id,
            "count": count,
        },
    )


async def waiting(connection: Connection, *, guild_id: int) -> list[RequestRow]:
    """What waits in a server and was not cancelled, oldest first."""
    return await _rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_unfinished_of_guild
        WHERE guild_id = :guild_id AND state = 'queued' AND state IN ('queued', 'running') AND reason IS NULL
        ORDER BY id
        """,
        {"guild_id": guild_id},
    )


async def withdraw(connection: Connection, request_id: int, *, reason: str, now: float) -> RequestRow | None:
    """Cancel and refund a request that waits; None if it is being drawn, has ended, or is about to."""
    return await _row(
        connection,
        """
        UPDATE requests SET state = 'cancelled', reason = :reason, charged = 0, charged_s = 0, ended_at = :now
        WHERE id = :request_id AND state = 'queued' AND reason IS NULL RETURNING *
        """,
        {"request_id": request_id, "reason": reason, "now": now},
    )


async def unfinished_of(connection: Connection, *, user_id: int, guild_id: int | None) -> list[RequestRow]:
    """A member's requests in one server that wait or are being drawn, oldest first."""
    return await _rows(
        connection,
        """
        SELECT * FROM requests INDEXED BY requests_unfinished
        WHERE user_id = :user_id AND guild_id IS :guild_id AND state IN ('queued', 'running') ORDER BY id
        """,
        {"user_id": user_id, "guild_id": guild_id},
    )


async def ended_lately(connection: Connection, *, user_id: int, guild_id: int | None, count: int) -> list[RequestRow]:
    """A member's latest requests in one server that have ended, newest first, without those that nobody ever saw."""
    return await _rows(
        connection,
        """
        SELECT * FROM requests
        WHERE user_id = :user_id AND guild_id IS :guild_id AND ended_at IS NOT NULL
            AND NOT (message_id IS NULL AND state = 'cancelled')
        ORDER BY id DESC LIMIT :count
        """,
        {"user_id": user_id, "guild_id": guild_id, "count": count},
    )


async def charged_lately(connection: Connection, *, count: int) -> list[RequestRow]:
    """The latest requests whose pictures are charged with the seconds that they took, oldest first."""
    return await _rows(
        connection,
        """
        SELECT * FROM (
            SELECT * FROM requests WHERE ended_at IS NOT NULL AND charged > 0 AND charged_s > 0
            ORDER BY id DESC LIMIT :count
        ) ORDER BY id
        """,
        {"count": count},
    )


async def step_aside(connection: Connection, request_id: int) -> bool:
    """
    Let a request that waits be as if it had never been asked for; False if it waits no more.

    Only for the rest of a transaction, in which `take_over` lets it wait again.
    """
    return await _change(
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
            estimated_s = wanted.estimated_s, charged_s = wanted.charged_s, day = wanted.day,
            charged = wanted.charged, state = 'queued', created_at = :created_at
        FROM (SELECT * FROM requests WHERE id = :wanted_id) AS wanted
        WHERE requests.id = :request_id
        """,
        {"request_id": row.id, "wanted_id": wanted.id, "created_at": row.created_at},
    )
    await connection.execute_fetchall("DELETE FROM requests WHERE id = :wanted_id", {"wanted_id": wanted.id})
    return await fetch(connection, row.id)


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


async def _rows(connection: Connection, sql: str, values: Mapping[str, object]) -> list[RequestRow]:
    return [RequestRow(**dict(row)) for row in await connection.execute_fetchall(sql, values)]


async def _row(connection: Connection, sql: str, values: Mapping[str, object]) -> RequestRow | None:
    rows = await _rows(connection, sql, values)
    return rows[0] if rows else None


async def _change(connection: Connection, sql: str, values: Mapping[str, object]) -> bool:
    async with connection.execute(sql, values) as cursor:
        return cursor.rowcount > 0
