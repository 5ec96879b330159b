"""The prompt language: a prompt as typed → what the text encoder reads at each step, and the LoRAs that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.notation.attention import MAX_PRODUCT, MAX_WEIGHT, Section, Span, bounded, parse_attention, render, weigh
from engine.notation.editing import Edited

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LoraTag",
    "Note",
    "Prompt",
    "Section",
    "Span",
    "Subprompt",
    "Text",
    "parse",
    "parse_attention",
    "quoted",
    "render",
]

MAX_TEXTS = 150
"""A prompt gives no more different texts than this, since each costs a call of the text encoder."""
MAX_NOTES = 20
"""More of them nobody reads."""
MAX_QUOTED_CHARACTERS = 60

TAG = re.compile(r"<(?P<kind>lora|lyco|hypernet):(?P<arguments>[^<>]*)>", re.IGNORECASE)
OPEN_TAG = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*", re.IGNORECASE)
AND = re.compile(r"\bAND\b")
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")
WEIGHT_LIKE = re.compile(r":(\s*[+-]?[\d.,]+\s*)\)")
POSITIONAL = ("te", "unet")
"""The order of a tag's weights."""


@dataclass(frozen=True, slots=True)
class Text:
    """What the text encoders read at once: sections divided by BREAK, each of which begins a new chunk."""

    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Subprompt:
    """One operand of AND; a prompt without AND has one of weight 1."""

    weight: float
    schedule: tuple[tuple[int, Text], ...]
    """The text for the steps before each number, from the number before it on; the last number is that of all steps."""


@dataclass(frozen=True, slots=True)
class LoraTag:
    """`<lora:NAME:WEIGHT>`; with two weights the first is the text encoder's, as in the web UI."""

    name: str
    weight: float
    """The U-Net's."""
    text_encoder_weight: float


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was done to a text, or left undone; `rule` names it for catalogues in other languages."""

    rule: str
    sentence: str
    facts: Mapping[str, str | int | float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that was read: one subprompt at least, the LoRAs in the order of their tags, and what is to be said."""

    subprompts: tuple[Subprompt, ...]
    loras: tuple[LoraTag, ...]
    notes: tuple[Note, ...]


def parse(text: str, steps: int, *, composes: bool = True) -> Prompt:
    """
    What a prompt says: LoRA tags, then AND, then prompt editing, then BREAK and attention. Every text means something.

    Time grows linearly with the text, once for each different text that prompt editing makes of it.

    Args:
        steps: as people count them, at least 1.
        composes: False leaves AND in the text, as in negative prompts.
    """
    reader = _Reader(steps)
    text = reader.take_tags(text)
    operands = AND.split(text) if composes else [text]
    is_alone = len(operands) == 1
    subprompts = [Subprompt(1.0, reader.schedule(text))] if is_alone else map(reader.subprompt, operands)
    return Prompt(tuple(subprompts), tuple(reader.loras), tuple(reader.notes.values()))


class _Reader:
    """Reads one prompt, and gathers on the way its LoRAs and notes; texts that are the same are read once."""

    def __init__(self, steps: int) -> None:
        self.loras: list[LoraTag] = []
        self.notes: dict[str, Note] = {}
        self._steps = steps
        self._texts: dict[str, Text] = {}

    def _note(self, rule: str, sentence: str, **facts: str | float) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.setdefault(sentence, Note(rule, sentence, facts))

    def take_tags(self, text: str) -> str:
        """The text without its tags."""
        text = TAG.sub(self._take_tag, text)
        for unclosed in OPEN_TAG.findall(text):
            tag = quoted(unclosed)
            self._note("syntax_ignored", f"{tag} has no closing >, and is read as words", text=tag)
        return text

    def _take_tag(self, tag: re.Match[str]) -> str:
        shown = quoted(tag[0])
        if tag["kind"].lower() == "hypernet":
            self._note("syntax_ignored", f"hypernetworks are not supported, so {shown} was left out", text=shown)
            return ""
        name, *arguments = (argument.strip() for argument in tag["arguments"].split(":"))
        weights = _weights(arguments)
        if not name or weights is None:
            self._note(
                "lora_malformed",
                f"a LoRA is written <lora:name:0.8>, got {shown}, which was left out",
                text=shown,
            )
            return ""
        te, unet = (self._clamped(shown, weight) for weight in weights)
        self.loras.append(LoraTag(name, weight=unet, text_encoder_weight=te))
        return ""

    def subprompt(self, operand: str) -> Subprompt:
        """An operand of AND, which may end with its weight."""
        text, colon, number = operand.rstrip().rpartition(":")
        if colon and NUMBER.fullmatch(number.strip()):
            return Subprompt(self._clamped(quoted(operand.strip()), float(number)), self.schedule(text.rstrip()))
        return Subprompt(1.0, self.schedule(operand.rstrip()))

    def schedule(self, text: str) -> tuple[tuple[int, Text], ...]:
        """The texts of an operand, until the limit of all texts is reached: then the last one stays."""
        edited = Edited(text, self._steps)
        for bracket in edited.never:
            shown = quoted(bracket)
            self._note(
                "schedule_never",
                f"{shown} would change after the last of {self._steps} steps, and never does",
                text=shown,
                steps=self._steps,
            )
        for bracket in edited.unread:
            shown = quoted(bracket)
            sentence = f"{shown} is neither [from:to:0.5] nor [one|other], and is read as words that weigh less"
            self._note("syntax_ignored", sentence, text=shown)
        schedule: list[tuple[int, Text]] = []
        for until, words in edited.texts():
            if schedule and words not in self._texts and len(self._texts) >= MAX_TEXTS:
                self._note(
                    "schedule_limit",
                    f"the prompt changes into more than {MAX_TEXTS} different texts, so it stops changing at step "
                    f"{schedule[-1][0]}",
                    maximum=MAX_TEXTS,
                    step=schedule[-1][0],
                )
                return (*schedule[:-1], (self._steps, schedule[-1][1]))
            schedule.append((until, self._text(words)))
        return tuple(schedule)

    def _text(self, words: str) -> Text:
        if words not in self._texts:
            weighed = weigh(words)
            for span in weighed.clamped:
                self._clamped(quoted(span.text.strip()), span.weight)
            for like in WEIGHT_LIKE.finditer(words):
                if not NUMBER.fullmatch(like[1]):
                    shown = quoted(like[0])
                    sentence = f"a weight is written (word:1.4), so {shown} is read as words"
                    self._note("weight_unread", sentence, text=shown)
            if weighed.unclosed:
                self._note(
                    "bracket_unclosed",
                    f"brackets that are never closed hold to the end of the prompt: {weighed.unclosed}",
                    count=weighed.unclosed,
                )
            self._texts[words] = Text(_without_empty_end(weighed.sections))
        return self._texts[words]

    def _clamped(self, shown: str, weight: float) -> float:
        clamped = bounded(weight, MAX_WEIGHT)
        if clamped != weight:
            self._note(
                "weight_clamped",
                f"weights go from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}, so {shown} weighs {clamped:g}",
                text=shown,
                weight=bounded(weight, MAX_PRODUCT),
                used=clamped,
            )
        return clamped


def _without_empty_end(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """A BREAK at the end begins nothing."""
    filled = (end for end in range(len(sections), 1, -1) if any(span.text.strip() for span in sections[end - 1]))
    return sections[: next(filled, 1)]


def _weights(arguments: list[str]) -> tuple[float, float] | None:
    """The weights of a tag, the text encoder's first; None where it says something else."""
    named: dict[str, str] = {}
    for number, argument in enumerate(arguments):
        name, equals, value = argument.rpartition("=")
        if not equals and number >= len(POSITIONAL):
            return None
        named[name.strip() if equals else POSITIONAL[number]] = value.strip()
    if not named.keys() <= set(POSITIONAL) or not all(NUMBER.fullmatch(value) for value in named.values()):
        return None
    te = float(named.get("te", 1))
    return te, float(named.get("unet", te))


def quoted(text: str) -> str:
    """A text as a sentence quotes it: on one line, and not too long."""
    line = " ".join(text[: 2 * MAX_QUOTED_CHARACTERS].split())
    return line if len(line) <= MAX_QUOTED_CHARACTERS else line[: MAX_QUOTED_CHARACTERS - 1] + "…"
