"""`/help`: what is drawn here, three examples to press, what is left, the licence."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot import views
from bot.accept import is_age_restricted
from bot.answers import in_time, privately
from bot.locales import catalogue
from bot.markdown import clipped, plain
from bot.offers import usable_among
from bot.options import text

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
        await privately(interaction, words, view=views.under_help(client.card.examples[:EXAMPLES]))

    return show_help


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
    if other_models:
        lines.append(say("help-models", count=other_models))
    lines.append(say("help-start") if card.examples else say("help-start-alone"))
    return "\n".join(lines)


async def _words(interaction: discord.Interaction[Client]) -> str:
    client = interaction.client
    allowance = await client.admission.allowance(interaction.user.id, interaction.guild_id)
    models = usable_among(await asyncio.to_thread(client.engine.catalogue.all), is_age_restricted(interaction))
    others = sum(model.name != client.engine.model for model in models)
    return help_text(client.card, others, allowance, interaction.locale.value)
