"""What the text encoder reads of a request, as text: brackets and weights removed, with the names of LoRAs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.admission import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.prompt import Prompt, Text
    from engine.reading import Reading

MAX_CHARACTERS = 60_000
"""Of all texts of a request, so that looking through them takes a moment; nobody needs so many."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What is read of each different picture, and of what all of them are drawn away from."""

    pictures: tuple[tuple[str, ...], ...]
    """Several texts of one picture are drawn at different steps, joined by AND, or names of LoRAs."""
    negative: tuple[str, ...]

    @property
    def prompts(self) -> tuple[str, ...]:
        """All texts that are drawn."""
        return tuple(dict.fromkeys(text for texts in self.pictures for text in texts))


def encoded(readings: Iterable[Reading]) -> Encoded:
    """
    What the pictures of a request are told. Embeddings' words stand in their texts.

    Raises:
        Refused: prompt editing makes more text of it than can be looked through.
    """
    readings = tuple(readings)
    pictures = dict.fromkeys(texts_of(reading.prompt) for reading in readings)
    negatives = dict.fromkeys(reading.negative_prompt for reading in readings if reading.negative_prompt)
    negative = dict.fromkeys(text for prompt in negatives for text in texts_of(prompt))
    if sum(len(text) for texts in (*pictures, negative) for text in texts) > MAX_CHARACTERS:
        raise Refused("filter-too-much")
    return Encoded(tuple(pictures), tuple(negative))


def texts_of(prompt: Prompt) -> tuple[str, ...]:
    """Every text that a prompt becomes at some step, and the names of its LoRAs."""
    texts = (_words(text) for subprompt in prompt.subprompts for _, text in subprompt.schedule)
    return tuple(dict.fromkeys((*texts, *(tag.name for tag in prompt.loras))))


def _words(text: Text) -> str:
    return " ".join("".join(span.text for span in section) for section in text.sections)
