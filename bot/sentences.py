"""Pure: an error or a note -> the sentence that a person reads, with its fields and samplers as people call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.admission import Refused
from bot.limits.texts import names_text, refusal_note
from bot.locales import catalogue
from bot.markdown import clipped, one_line, plain
from bot.policy import LIMIT_NAMES
from engine import SCHEDULERS

if TYPE_CHECKING:
    from engine import EngineError
    from engine.prompt import Note

SHOWN_TEXT_CHARACTERS = 80
"""Of a negative prompt, of what was cut, and of a faulty value: escaped, all of them fit Discord's 2000 together."""


def sentence(error: Refused | EngineError, locale: str) -> str:
    """What a member reads of an error that is theirs to mend."""
    say = catalogue(locale).say
    if isinstance(error, Refused):
        words = say(error.key, **{name: _shown(name, value, locale) for name, value in error.values.items()})
        return words + refusal_note(error.rules, locale)
    key = f"engine-{error.rule.replace('_', '-')}"
    return say(key, **{name: _shown(name, value, locale) for name, value in error.facts.items()})


def note_text(note: Note, locale: str) -> str:
    """One line about what was done to a prompt; where names are like the one that was typed, with these."""
    key = f"note-{note.rule.replace('_', '-')}"
    key = f"{key}-near" if note.facts.get("names") else key
    return catalogue(locale).say(key, **{name: _noted(value) for name, value in note.facts.items()})


def field_name(name: str, locale: str) -> str:
    """What people call a field of a request, or a limit."""
    key = name.replace("_", "-")
    return catalogue(locale).say(f"limit-{key}" if name in LIMIT_NAMES else f"name-{key}")


def sampler_title(scheduler: str, locale: str) -> str:
    """A scheduler's name as people know it; one of another version's keeps the name that it had there."""
    if scheduler == "default":
        return catalogue(locale).say("sampler-default")
    return SCHEDULERS[scheduler].title if scheduler in SCHEDULERS else scheduler


def quoted(text: str) -> str:
    """The beginning of a text that somebody typed, in one line and harmless."""
    return plain(clipped(one_line(text), SHOWN_TEXT_CHARACTERS))


def _noted(fact: str | float) -> str | int:
    """A fact of a note as people read it: weights without needless zeros, typed text made harmless."""
    if isinstance(fact, str):
        return quoted(fact)
    return fact if isinstance(fact, int) else f"{fact:g}"


def _shown(name: str, value: object, locale: str) -> object:
    """A value as people read it: the names of fields and samplers translated, typed text made harmless."""
    if isinstance(value, tuple):
        return names_text(name, value, locale)
    if not isinstance(value, str):
        return value
    if name == "name":
        return field_name(value, locale)
    if name == "names":
        return ", ".join(sampler_title(scheduler, locale) for scheduler in value.split(", "))
    return plain(clipped(value, SHOWN_TEXT_CHARACTERS))
