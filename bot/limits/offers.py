"""What `/limits set` offers as a value while it is typed: numbers, sizes, models, LoRAs, channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord.app_commands import Choice

from bot.limits.texts import value_text
from bot.limits.values import ALL, NOTHING
from bot.locales import catalogue
from bot.markdown import clipped, one_line, utf16_length
from bot.matching import MAX_CHOICE_CHARACTERS, MAX_CHOICES, offer, rank
from bot.policy import DIMENSIONS, LIMIT_NAMES, parse_limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.client import Client
    from bot.policy import LimitName

SIDES = (128, 256, 384, 512, 640, 768, 1024, 1280, 1536, 2048)
NUMBERS: Mapping[str, tuple[int, ...]] = {
    "pictures_per_day": (0, 5, 10, 20, 30, 50, 60, 100, 200, 500),
    "places_in_line": (0, 1, 2, 3, 5, 10, 20, 50),
    "pixels": tuple(side * side for side in SIDES),
    "steps": (10, 20, 25, 30, 40, 50, 75, 100, 150),
    "pictures_per_request": (1, 2, 3, 4),
    "seconds_per_day": (0, 30, 60, 120, 300, 600, 1800, 3600),
    "seconds_between": (0, 5, 10, 30, 60, 120, 300, 600, 3600),
    "places_of_channel": (1, 2, 5, 10, 20, 50, 100),
    "places_of_server": (5, 10, 20, 50, 100, 200, 500),
    "account_days": (0, 1, 3, 7, 14, 30, 90, 365),
    "joined_days": (0, 1, 3, 7, 14, 30, 90, 365),
}


async def complete_value(interaction: discord.Interaction[Client], typed: str) -> list[Choice[str]]:
    """Values that the limit which was chosen so far can have; none before one is chosen."""
    name = interaction.namespace.limit
    if name not in LIMIT_NAMES:
        return []
    if DIMENSIONS[name].kind == "list":
        return await offer(interaction, lambda: lists_for(typed, _named(interaction, name), interaction.locale.value))
    ceiling = getattr(interaction.client.settings.limits.ceiling, name)
    can_exceed = bool(interaction.namespace.pool)
    return numbers_for(name, typed, None if can_exceed else ceiling, interaction.locale.value)


def numbers_for(name: LimitName, typed: str, ceiling: int | None, locale: str) -> list[Choice[str]]:
    """The number that was typed, and those that begin so; none that the operator's ceiling forbids."""
    dimension, number = DIMENSIONS[name], parse_limit(name, typed)
    likely = [*NUMBERS[name], *([] if ceiling is None else [ceiling]), *([] if number is None else [number])]
    fitting = [
        value
        for value in sorted(set(likely))
        if dimension.minimum <= value <= dimension.maximum and dimension.within(value, ceiling) == value
    ]
    labels = {value: value_text(name, value, locale) for value in fitting}
    return [
        Choice(name=label, value=str(value))
        for value, label in labels.items()
        if value == number or rank(typed, label) == 0 or (name == "pixels" and rank(typed, label) is not None)
    ][:MAX_CHOICES]


def lists_for(typed: str, known: Mapping[str, str], locale: str) -> list[Choice[str]]:
    """
    What was typed with a last name that fits; at the beginning also everything and nothing.

    Args:
        known: what each name is called where people read it.
    """
    say = catalogue(locale).say
    before, _, last = typed.rpartition(",")
    chosen = [each.strip() for each in before.split(",") if each.strip()]
    words = {ALL: say("limit-everything"), NOTHING: say("limit-nothing")} if not chosen else {}
    choices = [Choice(name=label, value=word) for word, label in words.items() if rank(last, label, word) is not None]
    ranked = sorted(
        (place, called.casefold(), name)
        for name, called in known.items()
        if name not in chosen and (place := rank(last.strip().removeprefix("#"), called, name)) is not None
    )
    for _, _, name in ranked:
        value = ", ".join([*chosen, name])
        label = one_line(", ".join([*(known.get(each, each) for each in chosen), known[name]]))
        if utf16_length(value) <= MAX_CHOICE_CHARACTERS:
            choices.append(Choice(name=clipped(label, MAX_CHOICE_CHARACTERS), value=value))
    return choices[:MAX_CHOICES]


def _named(interaction: discord.Interaction[Client], name: LimitName) -> dict[str, str]:
    """What there is to choose from. Reads files: call it in a worker thread."""
    engine = interaction.client.engine
    if name == "models":
        return {model.name: model.title for model in engine.catalogue.all() if model.card is not None}
    if name == "loras":
        return {file.name: file.name for file in engine.find_source(None).loras.all()}
    channels = interaction.guild.channels if interaction.guild else ()
    named = [channel for channel in channels if not isinstance(channel, discord.CategoryChannel)]
    return {f"<#{channel.id}>": f"#{channel.name}" for channel in named}
