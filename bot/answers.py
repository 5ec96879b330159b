"""How one member is answered alone, whatever was answered before; the one wrapper around every interaction."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import structlog
from discord import InteractionResponseType, app_commands

from bot.admission import Refused
from bot.locales import catalogue
from bot.sentences import sentence
from bot.undeliverable import OUT_OF_REACH
from engine import EngineError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence
    from typing import TypeVar

    T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)

DEFER_AFTER_S = 1.5
"""Half of the three seconds that Discord waits for a first answer."""
UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, ALREADY_ACKNOWLEDGED, INVALID_WEBHOOK_TOKEN = 10015, 10062, 40060, 50027
DEAD_INTERACTION = (UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, ALREADY_ACKNOWLEDGED, INVALID_WEBHOOK_TOKEN)
"""Nobody can be answered through it any more: https://discord.com/developers/docs/topics/opcodes-and-status-codes."""
OUTDATED = (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch, app_commands.TransformerError)
IS_PRIVATE = "is_private"


@asynccontextmanager
async def answered(interaction: discord.Interaction[Any]) -> AsyncIterator[None]:
    """Whatever goes wrong inside becomes one sentence that the member alone reads, or no choices where they type."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the one wrapper around interactions
        await explain(interaction, error)


async def explain(interaction: discord.Interaction[Any], error: Exception) -> None:
    """Tell the member alone what went wrong; what is not theirs to mend by an id that the log has too."""
    if isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    if isinstance(error, discord.HTTPException) and error.code in DEAD_INTERACTION:
        log.warning("interaction_dead", interaction_id=interaction.id, code=error.code)
        return
    words = _words(interaction, error)
    try:
        if interaction.type is discord.InteractionType.autocomplete:  # which can be answered with nothing else
            await interaction.response.autocomplete([])
        else:
            await privately(interaction, words)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as failure:
        log.warning("answer_failed", interaction_id=interaction.id, error=str(failure))


def _words(interaction: discord.Interaction[Any], error: Exception) -> str:
    locale = interaction.locale.value
    if isinstance(error, Refused | EngineError):
        return sentence(error, locale)
    if isinstance(error, OUTDATED):
        log.warning("command_outdated", error=str(error))
        return catalogue(locale).say("command-outdated")
    error_id = f"E-{secrets.token_hex(2).upper()}"
    log.error("interaction_broke", error_id=error_id, interaction_id=interaction.id, exc_info=error)
    return catalogue(locale).say("unexpected", id=error_id)


async def privately(
    interaction: discord.Interaction[Any],
    content: str,
    *,
    view: discord.ui.View = discord.utils.MISSING,
    files: Sequence[discord.File] = (),
) -> None:
    """
    Answer one member alone, whether the interaction was answered before or not.

    A public "thinking" is deleted first: while it stands, the first followup would complete it, in public.
    """
    response = interaction.response
    if not response.is_done():
        await response.send_message(content, view=view, files=files, ephemeral=True)
        return
    if response.type is InteractionResponseType.deferred_channel_message:
        if interaction.extras.get(IS_PRIVATE):
            await interaction.edit_original_response(content=content, view=view, attachments=files)
            return
        try:
            await interaction.delete_original_response()
        except discord.NotFound:
            log.info("deferred_message_gone", interaction_id=interaction.id)
    await interaction.followup.send(content, view=view, files=files, ephemeral=True)


async def in_time(interaction: discord.Interaction[Any], work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; where it takes longer than Discord waits, the member alone sees that an answer will come."""
    task = asyncio.create_task(work)
    await asyncio.wait({task}, timeout=DEFER_AFTER_S)
    if not task.done():
        try:
            await interaction.response.defer(ephemeral=True, thinking=True)
            interaction.extras[IS_PRIVATE] = True
        except OUT_OF_REACH as error:  # what was begun is done all the same
            log.warning("defer_failed", interaction_id=interaction.id, error=str(error))
    return await task


async def acknowledge(interaction: discord.Interaction[Any]) -> None:
    """Tell Discord that a press has arrived, and show nothing."""
    await interaction.response.defer()
