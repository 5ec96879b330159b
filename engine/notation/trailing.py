"""Options at the end of a prompt, `a castle --ar 16:9 --seed 7 --no blur, noise`, as people know them elsewhere."""

from __future__ import annotations

import difflib
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.prompt import Note, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NAMES: Mapping[str, str] = {
    "ar": "aspect",
    "aspect": "aspect",
    "seed": "seed",
    "steps": "steps",
    "s": "steps",
    "cfg": "guidance",
    "guidance": "guidance",
    "scale": "guidance",
    "sampler": "sampler",
    "n": "images",
    "images": "images",
    "w": "width",
    "width": "width",
    "h": "height",
    "height": "height",
    "no": "negative_prompt",
    "negative": "negative_prompt",
    "model": "model",
}
"""What people write, and what the option is called here."""
LONG = frozenset({"negative_prompt", "sampler", "model"})
"""Options that take all words up to the next one; the others take one word."""
MAX_NOTES = 20

WORD = re.compile(r"\S+")
FLAG = re.compile(r"(?P<dash>-{2,}|[–—―]+)(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?:=(?P<value>.*))?")
NOTHING = re.compile('["“”]{2}')
"""How somebody types an empty text."""
DIGIT = re.compile(r"[+-]?\.?[0-9]")


@dataclass(frozen=True, slots=True)
class Trailing:
    """A prompt without the options at its end, and these by our names, their values as typed."""

    text: str
    options: Mapping[str, str]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class _Flag:
    """A word that looks like an option, and the words up to the next such word."""

    start: int
    flag: str
    has_hyphens: bool
    """Typed with hyphens; a single long dash may come from a phone, and may be punctuation."""
    key: str | None
    """None: unknown."""
    value: str
    words: int
    """How many the value has."""

    @property
    def is_option(self) -> bool:
        """Whether it can stand at the end of a prompt, with nothing but options after it."""
        return self.key in LONG or self.words <= 1

    @property
    def is_surely_option(self) -> bool:
        """Whether it can begin the options: an unknown word after a long dash is prose, unless a number follows."""
        return self.has_hyphens or self.key is not None or DIGIT.match(self.value) is not None


def read_options(text: str) -> Trailing:
    """
    The options at the very end of a prompt, in any case, after `--` or a long dash.

    What looks like an option but has prose after it is prose itself, and stays. Values are not checked here. Every text
    means something, and time grows linearly with it.
    """
    flags = list(_flags(text))
    trailing = itertools.takewhile(lambda flag: flag.is_option, reversed(flags))
    options = list(itertools.dropwhile(lambda flag: not flag.is_surely_option, reversed(list(trailing))))
    start = options[0].start if options else len(text)
    inside = [flag for flag in flags if flag.start < start and flag.key is not None]
    values, notes = _values(options)
    notes += [
        Note(
            "option_inside",
            f"{quoted(flag.flag)} has other words after its value, so it is read as words; options come last",
            {"option": quoted(flag.flag)},
        )
        for flag in inside
    ]
    return Trailing(text[:start].rstrip() if options else text, values, tuple(notes[:MAX_NOTES]))


def _flags(text: str) -> Iterator[_Flag]:
    words = list(WORD.finditer(text))
    found = [(number, flag) for number, word in enumerate(words) if (flag := FLAG.fullmatch(word[0]))]
    starts = [*(number for number, _ in found), len(words)]
    for (number, flag), end in zip(found, starts[1:], strict=True):
        after = words[number + 1 : end]
        given = flag["value"] or ""
        value = text[after[0].start() : after[-1].end()] if after else ""
        yield _Flag(
            start=words[number].start(),
            flag=flag["dash"] + flag["name"],
            has_hyphens=flag["dash"].startswith("-"),
            key=NAMES.get(flag["name"].casefold()),
            value=" ".join(part for part in (given, value) if part),
            words=len(after) + bool(given),
        )


def _values(flags: Iterable[_Flag]) -> tuple[dict[str, str], list[Note]]:
    """What the options say, the last of several being heard."""
    values: dict[str, str] = {}
    notes = []
    for flag in flags:
        value = flag.value.strip('"“”,; \t\n')
        option = quoted(flag.flag)
        if flag.key is None:
            near = ", ".join(f"--{name}" for name in difflib.get_close_matches(option.strip("-–—―"), NAMES, n=3))
            nearest = f"; nearest: {near}" if near else ""
            facts = {"option": option, "value": quoted(value), "names": near}
            notes.append(Note("option_unknown", f"option {option} is unknown and left out{nearest}", facts))
        elif not value and not (flag.key == "negative_prompt" and NOTHING.fullmatch(flag.value)):
            notes.append(Note("option_empty", f"option {option} has no value and is left out", {"option": option}))
        else:
            if flag.key in values:
                facts = {"option": option, "value": quoted(value)}
                sentence = f"option {option} is given more than once, and the last, {quoted(value)}, holds"
                notes.append(Note("option_repeated", sentence, facts))
            values[flag.key] = value
    return values, notes
