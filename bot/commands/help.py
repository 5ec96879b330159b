"""`/help`: what is drawn here, three examples to press, what is left, the licence."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot import views
from bot.accept import held_by
from bot.answers import in_time, privately
from bot.licences import is_restricted
from bot.locales import catalogue
from bot.markdown import clipped, plain
from bot.offers import drawing_here
from bot.options import text
from engine.files.licence import licence_files

if TYPE_CHECKING:
    from bot.admission import Allowance
    from bot.client import Client
    from engine import ModelCard

EXAMPLES = 3
CARD_CHARACTERS = 200
"""Of each text of a model's card."""


def command() -> app_commands.Command[Any, ..., None]:
    """The command `/help`."""

    @app_commands.command(name=text("command-help"), description=text("command-help.description"))
    async def show_help(interaction: discord.Interaction[Client]) -> None:
        client = interaction.client
        words = await in_time(interaction, _words(interaction))
        has_licence = bool(await asyncio.to_thread(_licence_files, client))
        examples, locale = client.card.examples[:EXAMPLES], interaction.locale.value
        view = views.under_help(examples, has_licence=has_licence, locale=locale)
        await privately(interaction, words, view=view)

    return show_help


async def licence(interaction: discord.Interaction[Client], _: int) -> None:
    """Give the text of the model's licence, as it lies in its folder, to the presser alone."""
    client, say = interaction.client, catalogue(interaction.locale.value).say
    texts = await asyncio.to_thread(lambda: [(file.name, file.read_bytes()) for file in _licence_files(client)])
    title = plain(clipped(client.card.title, CARD_CHARACTERS))
    if not texts:
        await privately(interaction, say("licence-no-texts", title=title))
        return
    # Discord shows a text that is named so.
    files = [discord.File(io.BytesIO(data), f"{Path(name).stem}.txt") for name, data in texts]
    await privately(interaction, say("licence-texts", title=title), files=files)


def help_text(card: ModelCard, other_models: int, allowance: Allowance, locale: str) -> str:
    """All that somebody needs who sees the bot for the first time."""
    say = catalogue(locale).say
    title, draws, licence = (plain(clipped(text, CARD_CHARACTERS)) for text in (card.title, card.draws, card.licence))
    lines = [
        say("help-draws", title=title, draws=draws) if draws else say("help-draws-anything", title=title),
        say("help-quota", left=allowance.left, limit=allowance.rules.pictures_per_day),
    ]
    if card.trigger_words:
        words = plain(clipped(", ".join(card.trigger_words), CARD_CHARACTERS))
        lines.append(say("help-trigger-words", words=words))
    if licence:
        lines.append(say("help-licence", licence=licence))
        if is_restricted(card.licence):
            lines.append(say("licence-restrictions"))
    if other_models:
        lines.append(say("help-models", count=other_models))
    lines.append(say("help-start") if card.examples else say("help-start-alone"))
    return "\n".join(lines)


def _licence_files(client: Client) -> tuple[Path, ...]:
    """Reads the model's folder."""
    return licence_files(client.engine.find_source(None).folder.path)


async def _words(interaction: discord.Interaction[Client]) -> str:
    client = interaction.client
    allowance = await client.admission.allowance(interaction.user.id, interaction.guild_id, **held_by(interaction))
    models = drawing_here(interaction, await asyncio.to_thread(client.engine.catalogue.all))
    others = sum(model.name != client.engine.model for model in models)
    return help_text(client.card, others, allowance, interaction.locale.value)
