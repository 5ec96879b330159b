"""From an interaction to an accepted request: what the bot may do here, admission, the first answer, the line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import discord
import structlog

from bot import agreement, replies
from bot.admission import Ask, Refused
from bot.answers import ALREADY_ACKNOWLEDGED, DEFER_AFTER_S
from bot.delivery import NO_PINGS
from bot.locales import catalogue
from bot.policy import MAX_PICTURES
from bot.store import messages, requests
from bot.undeliverable import OUT_OF_REACH
from engine import InvalidRequest

if TYPE_CHECKING:
    from bot.client import Client
    from bot.store.requests import Kind, RequestRow
    from bot.wording import Wording
    from engine import CompleteRequest, GenerationRequest, ModelCard

TYPED: frozenset[Kind] = frozenset({"imagine", "edit"})
"""Requests whose words were typed just now."""
SLOW_MODE_EXEMPT = discord.Permissions(manage_messages=True, manage_channels=True)
"""Whoever holds one of these is held up by no slow mode: https://support.discord.com/hc/articles/360016150952."""
AGE_RESTRICTED = (discord.TextChannel, discord.VoiceChannel, discord.StageChannel, discord.Thread)
"""The channels of a server that may be age-restricted, as far as commands are used in them."""
log = structlog.stdlib.get_logger(__name__)


async def accept(
    interaction: discord.Interaction[Client],
    request: GenerationRequest,
    *,
    kind: Kind,
    parent_id: int | None = None,
    wording: Wording | None = None,
) -> None:
    """
    Admit a member's request, show its waiting message, and hand it to the studio.

    Where the operator wants a yes to the model's licence first, the member is asked for that instead.

    The first answer is the real one. Only where admission has not decided in time the interaction is deferred, in
    public; whoever answers a refusal then deletes that first.

    Raises:
        InvalidRequest, Refused: the sentence is for the member alone.
    """
    client = interaction.client
    drawable = await checked(interaction, request)
    if not await agreement.has_agreed(client, interaction.user.id, drawable.card):
        await agreement.ask(interaction, request, drawable.card, kind=kind, parent_id=parent_id, wording=wording)
        return
    ask = ask_of(interaction, drawable, kind=kind, parent_id=parent_id, wording=wording, is_typed=kind in TYPED)
    client.members.hear(ask)
    admission = asyncio.create_task(client.admission.reserve(ask))
    await asyncio.wait({admission}, timeout=DEFER_AFTER_S)
    if not admission.done():
        await _defer(interaction)
    row = await admission
    allowance = await client.admission.allowance_beside(row)
    left = replies.left_today(allowance, row.locale)
    answered, shown = await _answer(interaction, row, client.studio.prospective_reply(row, left=left))
    if answered is None:
        return
    if not answered.is_unfinished:
        if answered.told_at is None:  # withdrawn between Discord's showing it and our noting that
            client.studio.withdrawals.tell_withdrawn([answered])
    elif answered.reason is not None:  # cancelled between Discord's showing it and our noting that
        await client.studio.end(answered, "cancelled", answered.reason)
    else:
        client.studio.enqueue(answered, shown=shown, left=left)


class Drawable(NamedTuple):
    """What can be drawn where it is asked for."""

    request: CompleteRequest
    card: ModelCard
    estimated_s: float


async def checked(interaction: discord.Interaction[Client], request: GenerationRequest) -> Drawable:
    """
    What will be drawn, once it is clear that it can be, and shown where the interaction comes from.

    Raises:
        InvalidRequest, Refused: the sentence is for the member alone.
    """
    try:
        check_place(interaction)
        drawable = Drawable(*await asyncio.to_thread(_completed, interaction.client, request))
        check_age(interaction, drawable.card)
    except Refused as refused:
        await interaction.client.admission.note_refused(
            refused.key,
            user_id=interaction.user.id,
            guild_id=interaction.guild_id,
            channel_id=interaction.channel_id or 0,
        )
        raise
    return drawable


def ask_of(
    interaction: discord.Interaction[Client],
    drawable: Drawable,
    *,
    kind: Kind,
    parent_id: int | None,
    wording: Wording | None,
    is_typed: bool,
) -> Ask:
    """What admission is asked for."""
    return Ask(
        kind=kind,
        parent_id=parent_id,
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        interaction_id=interaction.id,
        interaction_token=interaction.token,
        attachment_limit=interaction.filesize_limit,
        locale=interaction.locale.value,
        request=drawable.request,
        model=drawable.request.model or interaction.client.engine.model,
        typed_prompt=wording.typed_prompt if wording else None,
        notes=wording.notes if wording else (),
        estimated_s=drawable.estimated_s,
        is_typed=is_typed,
        **place_of(interaction),
    )


def _completed(client: Client, request: GenerationRequest) -> tuple[CompleteRequest, ModelCard, float]:
    """
    What will be drawn, the card of its model, and how many seconds of the device it is thought to take.

    Reads files, and long prompts: call it in a worker thread.

    Raises:
        InvalidRequest, Refused: the model is not there or is faulty, there would be too many pictures, one takes more
            than the engine draws at once or than the device's memory holds, or a LoRA cannot be used.
    """
    try:
        complete = client.engine.complete(request)
    except InvalidRequest as error:
        if error.rule == "permutations":  # one message holds fewer pictures than the engine would draw
            error.facts["maximum"] = MAX_PICTURES // request.num_images
        raise
    operands, most = max(client.engine.rows_of(complete)) - 1, client.settings.max_rows - 1
    if operands > most:
        raise Refused("engine-operands", maximum=most, count=operands)
    client.engine.check_size(complete)
    return complete, client.engine.find_source(complete.model).card, client.prices.estimate(complete)


def place_of(interaction: discord.Interaction[Client]) -> dict[str, Any]:
    """What rules ask about where and by whom a request is made: fields of an `Ask`."""
    channel, member = interaction.channel, interaction.user
    ruling = channel.parent_id if isinstance(channel, discord.Thread) else interaction.channel_id
    if not isinstance(member, discord.Member):
        return {"ruling_channel_id": ruling or 0}
    is_exempt = interaction.permissions.value & SLOW_MODE_EXEMPT.value
    return {
        "ruling_channel_id": ruling or 0,
        "is_age_restricted": is_age_restricted(interaction),
        # The interaction's own: `roles` leaves out those that discord.py has not heard of.
        "role_ids": tuple(member._roles),  # noqa: SLF001
        "joined_at": member.joined_at.timestamp() if member.joined_at else None,
        "slow_mode_s": 0 if is_exempt else getattr(channel, "slowmode_delay", 0),
    }


def held_by(interaction: discord.Interaction[Client]) -> dict[str, Any]:
    """What limits ask about the member and where they are: arguments of `Admission.allowance`."""
    place = place_of(interaction)
    return {name: place[name] for name in ("role_ids", "ruling_channel_id") if name in place}


def check_place(interaction: discord.Interaction[Client]) -> None:
    """
    Whether the bot may show a picture where the interaction comes from.

    Raises:
        Refused: names what is missing.
    """
    if interaction.guild_id is None:
        return
    is_thread = isinstance(interaction.channel, discord.Thread)
    needed = ("view_channel", "send_messages_in_threads" if is_thread else "send_messages", "attach_files")
    missing = [name for name in needed if not getattr(interaction.app_permissions, name)]
    if missing:
        say = catalogue(interaction.locale.value).say
        names = ", ".join(say(f"permission-{name.replace('_', '-')}") for name in missing)
        raise Refused("permissions-missing", permissions=names)


def check_age(interaction: discord.Interaction[Client], card: ModelCard) -> None:
    """
    Whether a model may draw where the interaction comes from; in private channels all may.

    Raises:
        Refused: it is kept to age-restricted channels, of which this is none. A thread is what its channel is.
    """
    if card.nsfw and not is_age_restricted(interaction):
        raise Refused("model-age-restricted", title=card.title)


def is_age_restricted(interaction: discord.Interaction[Client]) -> bool:
    """Whether models for age-restricted channels may draw where the interaction comes from."""
    is_private = interaction.guild_id is None
    return is_private or (isinstance(interaction.channel, AGE_RESTRICTED) and interaction.channel.is_nsfw())


async def _defer(interaction: discord.Interaction[Client]) -> None:
    """Too late even for that: admission's outcome decides, and a message that nobody saw is withdrawn there."""
    try:
        await interaction.response.defer(thinking=True)
    except OUT_OF_REACH as error:
        log.warning("defer_failed", interaction_id=interaction.id, error=str(error))


async def _answer(
    interaction: discord.Interaction[Client], row: RequestRow, reply: replies.Reply
) -> tuple[RequestRow | None, str]:
    """
    Show the waiting message.

    Returns:
        The request, and what its message says, as far as that is known. None where Discord has not shown it: then it
        is withdrawn and refunded.
    """
    client = interaction.client
    try:
        message_id = await _show(interaction, reply)
    except OUT_OF_REACH as error:
        log.warning("first_answer_unsure", request_id=row.id, error=str(error))
        return await client.recovery.confirm(row), ""
    async with client.database.transaction(patient=True) as connection:
        await messages.mark_answered(connection, row.id, message_id=message_id)
        return await requests.fetch(connection, row.id), reply.content


async def _show(interaction: discord.Interaction[Client], reply: replies.Reply) -> int:
    if interaction.response.is_done():
        return await _show_in_original(interaction, reply)
    view = reply.view or discord.utils.MISSING
    try:
        answer = await interaction.response.send_message(reply.content, view=view, allowed_mentions=NO_PINGS)
    except discord.HTTPException as error:
        # Discord took an earlier try whose answer was lost on the way: discord.py tries again by itself.
        if error.code != ALREADY_ACKNOWLEDGED:
            raise
        return await _show_in_original(interaction, reply)
    if answer.message_id is None:
        return (await interaction.original_response()).id
    return answer.message_id


async def _show_in_original(interaction: discord.Interaction[Client], reply: replies.Reply) -> int:
    """Edit what Discord shows already, which may be no more than that the bot thinks."""
    message = await interaction.edit_original_response(
        content=reply.content, view=reply.view, allowed_mentions=NO_PINGS
    )
    return message.id
