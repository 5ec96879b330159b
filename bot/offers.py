"""The options `model` and `aspect` of `/imagine`: what they offer while they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord.app_commands import Choice

from bot.accept import is_age_restricted
from bot.markdown import clipped, one_line, utf16_length
from bot.matching import MAX_CHOICE_CHARACTERS, MAX_CHOICES, offer, rank
from bot.options import text
from engine.notation.aspects import ASPECTS, aspect_size
from engine.notation.trailing import read_options
from engine.notation.values import asked_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import discord

    from bot.client import Client
    from engine import ModelCard
    from engine.files.catalogue import Listed
    from engine.sources import Source


async def complete_model(interaction: discord.Interaction[Client], typed: str) -> list[Choice[str]]:
    """The models that may draw here, for what was typed so far; none where there is only one."""
    models = interaction.client.engine.catalogue.all
    return await offer(interaction, lambda: choices_for(typed, drawing_here(interaction, models())))


async def complete_aspect(interaction: discord.Interaction[Client], typed: str) -> list[Choice[str]]:
    """The aspects, with the pixels that they have with the model which was asked for so far."""
    return await offer(interaction, lambda: aspects_for(typed, source_so_far(interaction).card))


def source_so_far(interaction: discord.Interaction[Client]) -> Source:
    """
    The model that what was typed so far asks for. Reads files: call it in a worker thread.

    Raises:
        InvalidRequest, InvalidModel: there is none of that name yet, or it cannot be used.
    """
    typed = interaction.namespace
    name, _ = asked_model(read_options(typed.prompt or "").options, typed.model)
    return interaction.client.engine.find_source(name)


def aspects_for(typed: str, card: ModelCard) -> list[Choice[str]]:
    """The aspects that somebody may mean by what was typed, each with its pixels."""
    sizes = {aspect: aspect_size(aspect, card) for aspect in ASPECTS}
    names = {aspect: text(f"aspect-{aspect}", width=width, height=height) for aspect, (width, height) in sizes.items()}
    return [Choice(name=name, value=aspect) for aspect, name in names.items() if rank(typed, str(name)) is not None]


def choices_for(typed: str, usable: Sequence[Listed]) -> list[Choice[str]]:
    """The best matches by name, title and family."""
    if len(usable) <= 1:
        return []
    ranked = sorted(
        (place, number, model)
        for number, model in enumerate(usable)
        if (place := rank(typed, model.title, model.name, model.family)) is not None
    )
    return [Choice(name=_label(model), value=model.name) for _, _, model in ranked[:MAX_CHOICES]]


def drawing_here(interaction: discord.Interaction[Client], models: Iterable[Listed]) -> list[Listed]:
    """The models that can be chosen where an interaction comes from."""
    is_open = is_age_restricted(interaction)
    may_be_unchecked = interaction.client.settings.unchecked_models == "anywhere" or (
        is_open and interaction.guild_id is not None
    )
    return usable_among(models, is_open=is_open, may_be_unchecked=may_be_unchecked)


def usable_among(models: Iterable[Listed], *, is_open: bool, may_be_unchecked: bool) -> list[Listed]:
    """
    Those that can be chosen.

    Args:
        is_open: whether also those that are kept to age-restricted channels may draw.
        may_be_unchecked: whether also those may at whose pictures no safety checker looks.
    """
    return [
        model
        for model in models
        if model.card is not None
        and (is_open or not model.card.nsfw)
        and (may_be_unchecked or not model.is_unchecked)
        and utf16_length(model.name) <= MAX_CHOICE_CHARACTERS
    ]


def _label(model: Listed) -> str:
    """Title, name and family, as many characters as Discord shows."""
    title, name, family = map(one_line, (model.title, model.name, model.family))
    called = title if title.casefold() == name.casefold() else f"{title} ({name})"
    return clipped(f"{called} · {family}" if family else called, MAX_CHOICE_CHARACTERS)
