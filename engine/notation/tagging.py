"""A LoRA that was chosen by its name → the prompt with its tag and its trigger words."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from engine.notation.expansion import WILDCARD
from engine.notation.trailing import read_options
from engine.prompt import AND, NUMBER, TAG, Note, parse, quoted

if TYPE_CHECKING:
    from engine.lora.lorafile import LoraFile

WEIGHT = 0.8
"""Of a LoRA that nobody gave another."""
UNTAGGED = re.compile(r"[<>:{}|\\]|(?:^|\s)[-–—―]|^\s|\s$|\s\s")
"""What a tag cannot hold, because it means something else in a prompt or is not kept."""
UNWRITTEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that nobody sees."""
WEIGHT_AT_END = re.compile(rf":\s*(?:{NUMBER.pattern})\s*(?:{TAG.pattern}\s*)*$", re.IGNORECASE)


def can_be_tagged(name: str) -> bool:
    """Whether a prompt's tag can hold a LoRA's name."""
    return bool(name) and _is_written(name) and not UNTAGGED.search(name) and not WILDCARD.search(name)


def tagged(prompt: str, file: LoraFile) -> tuple[str, tuple[Note, ...]]:
    """
    The prompt with a LoRA's trigger words and its tag, each unless it is there, before the options at the prompt's end.

    Returns:
        The prompt, and what was added to it, if anything.
    """
    text = read_options(prompt).text
    options = prompt[len(text) :].strip()
    names = {tag.name for tag in parse(text, 1).loras}
    tag = "" if names & {file.name, file.trained_name} else f"<lora:{file.name}:{WEIGHT}>"
    words = [word for word in file.trigger_words if _is_written(word) and word.casefold() not in text.casefold()]
    if words:
        end = WEIGHT_AT_END.search(text) if AND.search(text) else None
        weight = end[0] if end else ""  # of the last part, which counts only behind all its words
        before = text[: len(text) - len(weight)].rstrip(" ,")
        text = " ".join(filter(None, [", ".join(filter(None, [before, *words])), weight]))
    news = ", ".join(filter(None, [tag, *words]))
    note = Note("lora_added", f"added to the prompt: {quoted(news)}", {"text": news})
    return " ".join(filter(None, [text.rstrip(), tag, options])), (note,) if news else ()


def _is_written(text: str) -> bool:
    return not any(unicodedata.category(character) in UNWRITTEN for character in text)
