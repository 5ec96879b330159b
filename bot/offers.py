"""The option `model` of `/imagine`: what it offers while it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord.app_commands import Choice

from bot.accept import is_age_restricted
from bot.markdown import clipped, one_line, utf16_length
from bot.matching import MAX_CHOICE_CHARACTERS, MAX_CHOICES, offer, rank

if TYPE_CHECKING:
    from collections.abc import Iterable

    import discord

    from bot.client import Client
    from engine.catalogue import Listed


async def complete(interaction: discord.Interaction[Client], typed: str) -> list[Choice[str]]:
    """The models that may draw here, for what was typed so far; none where there is only one."""
    is_open = is_age_restricted(interaction)
    return await offer(interaction, lambda: choices_for(typed, interaction.client.engine.catalogue.all(), is_open))


def choices_for(typed: str, models: Iterable[Listed], is_open: bool) -> list[Choice[str]]:
    """
    The best matches by name, title and family among the models that can be used.

    Args:
        is_open: whether also those that are kept to age-restricted channels may draw.
    """
    usable = [
        model
        for model in models
        if model.card is not None
        and (is_open or not model.card.nsfw)
        and utf16_length(model.name) <= MAX_CHOICE_CHARACTERS
    ]
    if len(usable) <= 1:
        return []
    ranked = sorted(
        (place, number, model)
        for number, model in enumerate(usable)
        if (place := rank(typed, model.title, model.name, model.family)) is not None
    )
    return [Choice(name=_label(model), value=model.name) for _, _, model in ranked[:MAX_CHOICES]]


def _label(model: Listed) -> str:
    """Title, name and family, as many characters as Discord shows."""
    title, name, family = map(one_line, (model.title, model.name, model.family))
    called = title if title.casefold() == name.casefold() else f"{title} ({name})"
    return clipped(f"{called} · {family}" if family else called, MAX_CHOICE_CHARACTERS)
