"""From an interaction to an accepted request: what the bot may do here, admission, the first answer, the line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

from bot import replies
from bot.admission import Ask, Refused
from bot.answers import ALREADY_ACKNOWLEDGED, DEFER_AFTER_S
from bot.delivery import NO_PINGS
from bot.locales import catalogue
from bot.store import requests
from engine import wildcards_in

if TYPE_CHECKING:
    from bot.client import Client
    from bot.store.requests import Kind, RequestRow
    from engine import CompleteRequest, GenerationRequest

log = structlog.stdlib.get_logger(__name__)


async def accept(
    interaction: discord.Interaction[Client],
    request: GenerationRequest,
    *,
    kind: Kind,
    parent_id: int | None = None,
) -> None:
    """
    Admit a member's request, show its waiting message, and hand it to the studio.

    The first answer is the real one. Only where admission has not decided in time the interaction is deferred, in
    public; whoever answers a refusal then deletes that first.

    Raises:
        InvalidRequest, Refused: the sentence is for the member alone.
    """
    client = interaction.client
    check_place(interaction)
    ask = Ask(
        kind=kind,
        parent_id=parent_id,
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        interaction_id=interaction.id,
        interaction_token=interaction.token,
        attachment_limit=interaction.filesize_limit,
        locale=interaction.locale.value,
        request=await _completed(client, request),
        model=client.model,
    )
    admission = asyncio.create_task(client.admission.reserve(ask))
    await asyncio.wait({admission}, timeout=DEFER_AFTER_S)
    if not admission.done():
        await _defer(interaction)
    row = await admission
    reply = replies.waiting(row, place=client.studio.prospective_place(row), is_loading=client.studio.is_loading)
    answered, shown = await _answer(interaction, row, reply)
    if answered is None or not answered.is_unfinished:
        return
    if answered.reason is not None:  # cancelled between Discord's showing it and our noting that
        await client.studio.end(answered, "cancelled", answered.reason)
    else:
        client.studio.enqueue(answered, shown=shown)


async def _completed(client: Client, request: GenerationRequest) -> CompleteRequest:
    wildcards = wildcards_in(client.settings.models_dir)
    if "__" not in request.prompt:
        return request.completed(client.card, wildcards)
    # Wildcards are files, and a slow disk is no reason to keep everybody waiting.
    return await asyncio.to_thread(request.completed, client.card, wildcards)


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


async def _defer(interaction: discord.Interaction[Client]) -> None:
    """Too late even for that: admission's outcome decides, and a message that nobody saw is withdrawn there."""
    try:
        await interaction.response.defer(thinking=True)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
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
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.warning("first_answer_unsure", request_id=row.id, error=str(error))
        return await client.recovery.confirm(row), ""
    async with client.database.transaction(patient=True) as connection:
        await requests.mark_answered(connection, row.id, message_id=message_id)
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
