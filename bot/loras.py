"""The option `lora` of `/imagine`: what it offers while it is typed, and what it adds to the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord.app_commands import Choice

from bot.admission import Refused
from bot.markdown import clipped, one_line, utf16_length
from bot.matching import MAX_CHOICE_CHARACTERS, MAX_CHOICES, offer, rank
from bot.offers import source_so_far
from bot.replies import SHOWN_PROMPT_CHARACTERS
from engine.lora.loras import fault_of, unknown
from engine.notation.tagging import can_be_tagged, tagged

if TYPE_CHECKING:
    from collections.abc import Iterable

    import discord

    from bot.client import Client
    from engine import LoraFile
    from engine.prompt import Note
    from engine.sources import Source

MAX_NEAR = 3


async def complete(interaction: discord.Interaction[Client], typed: str) -> list[Choice[str]]:
    """The LoRAs that fit the model which was asked for so far."""
    return await offer(interaction, lambda: choices_for(typed, fitting(source_so_far(interaction))))


def fitting(source: Source) -> list[LoraFile]:
    """The LoRAs that fit a model and can be named in a prompt. Reads files: call it in a worker thread."""
    return [file for file in source.loras.all() if can_be_tagged(file.name) and fault_of(file, source.base) is None]


def choices_for(typed: str, files: Iterable[LoraFile]) -> list[Choice[str]]:
    """The best matches by title and file name: those that begin so, then a word of theirs, then any part of them."""
    ranked = sorted(
        (place, _label(file).casefold(), _label(file), file.name)
        for file in files
        if (place := rank(typed, file.title, file.name)) is not None
        and utf16_length(file.name) <= MAX_CHOICE_CHARACTERS
    )
    return [Choice(name=label, value=name) for _, _, label, name in ranked[:MAX_CHOICES]]


def with_lora(source: Source, prompt: str, name: str) -> tuple[str, tuple[Note, ...]]:
    """
    The prompt with the LoRA that a member chose or typed, and what is to be said: what was added out of sight.

    Reads files: call it in a worker thread.

    Raises:
        Refused: no LoRA has this name.
    """
    name = name.strip()
    file, _ = source.loras.find(name)
    if file is not None and can_be_tagged(file.name):
        prompt, notes = tagged(prompt, file)
        return prompt, notes if utf16_length(one_line(prompt)) > SHOWN_PROMPT_CHARACTERS else ()
    files = fitting(source)
    near = [choice.value for choice in choices_for(name, files)] if name else []
    near = near or str(unknown(name, [file.name for file in files]).facts["names"]).split(", ")
    if any(near):
        raise Refused("lora-unknown-near", lora=name, near=", ".join(near[:MAX_NEAR]))
    raise Refused("lora-unknown", lora=name)


def _label(file: LoraFile) -> str:
    """Title and file name, as many characters as Discord shows."""
    title = one_line(file.title)
    if title in ("", file.name):
        return clipped(file.name, MAX_CHOICE_CHARACTERS)
    ending = f" ({clipped(file.name, MAX_CHOICE_CHARACTERS // 2)})"
    return clipped(title, MAX_CHOICE_CHARACTERS - utf16_length(ending)) + ending
