"""What people type for the values of a request, as options at the prompt's end or in a form → these values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidRequest
from engine.notation.aspects import aspect_size
from engine.notation.trailing import NOTHING
from engine.prompt import Note, quoted
from engine.schedulers import SCHEDULERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.files.card import ModelCard

FIELDS: Mapping[str, tuple[str, ...]] = {
    "aspect": ("width", "height"),
    "width": ("width",),
    "height": ("height",),
    "seed": ("seed",),
    "steps": ("num_inference_steps",),
    "guidance": ("guidance_scale",),
    "sampler": ("scheduler",),
    "images": ("num_images",),
    "negative_prompt": ("negative_prompt",),
}
"""What an option at the prompt's end says about a request; `model`, which is no part of one, has no place here."""
ANY_SEED: Mapping[str, Any] = {"seed": -1}
WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", flags=re.IGNORECASE)


def whole(name: str, text: str) -> int:
    """
    A whole number, as typed for the field `name` of a request.

    Raises:
        InvalidRequest: it is none.
    """
    if not WHOLE.fullmatch(text.strip()):
        sentence = f"{name} must be a whole number, got {text!r}"
        raise InvalidRequest("integer_typed", sentence, name=name, value=text)
    return int(text)


def number(name: str, text: str) -> float:
    """
    A number, as typed for the field `name` of a request.

    Raises:
        InvalidRequest: it is none.
    """
    if not NUMBER.fullmatch(text.strip()):
        raise InvalidRequest("number_typed", f"{name} must be a number, got {text!r}", name=name, value=text)
    return float(text)


def scheduler(text: str) -> str:
    """A scheduler's name, by that or by what people call it; what is unknown stays as it is."""
    wanted = text.strip().casefold()
    return next((name for name, each in SCHEDULERS.items() if wanted in (name, each.title.casefold())), text)


def negative_prompt(text: str) -> str:
    """A negative prompt, as typed where nothing at all means that nothing is said: a pair of quotes is an empty one."""
    return "" if NOTHING.fullmatch(text.strip()) else text


def asked_model(options: Mapping[str, str], given: str | None) -> tuple[str | None, tuple[Note, ...]]:
    """
    The model that is asked for, if any, and that the one among the options does not hold, since another was given.

    Args:
        options: those at the prompt's end.
        given: by name, elsewhere; it wins.
    """
    typed = options.get("model")
    if given is None or typed is None or typed.casefold() == given.casefold():
        return given or typed, ()
    facts = {"option": "model", "value": quoted(typed), "used": quoted(given)}
    sentence = f"--model {facts['value']} at the prompt's end does not hold, since {facts['used']} was given beside it"
    return given, (Note("option_overruled", sentence, facts),)


def merged(
    options: Mapping[str, str], given: Mapping[str, Any], card: ModelCard
) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """
    The fields of a request that are said somewhere, and which options do not hold, since something else was given.

    Args:
        options: those at the prompt's end, as `read_options` gives them.
        given: the fields that were given elsewhere; they win.

    Raises:
        InvalidRequest: an option's value cannot be read, or aspect and size are both among the options.
    """
    if "aspect" in options and ("width" in options or "height" in options):
        sentence = "aspect already says width and height: give either the aspect or the size"
        raise InvalidRequest("aspect_with_size", sentence)
    values: dict[str, Any] = {}
    notes = []
    for option, text in options.items():
        fields = FIELDS.get(option, ())
        said = dict(zip(fields, _read(option, text, card), strict=True))
        against = {field: given[field] for field in fields if field in given}
        if not against:
            values |= said
        elif said not in (against, ANY_SEED):
            used = "×".join(str(value) for value in against.values())
            sentence = f"--{option} {quoted(text)} at the prompt's end does not hold, since {used} was given beside it"
            facts = {"option": option, "value": quoted(text), "used": quoted(used)}
            notes.append(Note("option_overruled", sentence, facts))
    return {**values, **given}, tuple(notes)


def _read(option: str, text: str, card: ModelCard) -> tuple[object, ...]:
    """The values of the option's fields."""
    fields = FIELDS.get(option, ())
    if option == "aspect":
        return aspect_size(text, card)
    if option == "guidance":
        return (number(fields[0], text),)
    if option == "sampler":
        return (scheduler(text),)
    if option == "negative_prompt":
        return (text,)
    return tuple(whole(field, text) for field in fields)
