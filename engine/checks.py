"""Whether a value is one that a picture can be made with, whatever the model; each rule has one sentence."""

from __future__ import annotations

import difflib

from engine.errors import InvalidRequest
from engine.schedulers import SCHEDULERS


def check_prompt(prompt: object, maximum: int) -> None:
    """
    A text of at most so many characters, with something in it.

    Raises:
        InvalidRequest: the sentence names the value and the rule, here and in all checks below.
    """
    check_text("prompt", prompt, maximum)
    if isinstance(prompt, str) and not prompt.strip():
        raise InvalidRequest("prompt_empty", "prompt must not be empty")


def check_text(name: str, text: object, maximum: int) -> None:
    """A text of at most so many characters, all of them whole."""
    if not isinstance(text, str):
        raise InvalidRequest("text", f"{name} must be a text, got {type(text).__name__}", name=name)
    if len(text) > maximum:
        raise InvalidRequest(
            "text_length",
            f"{name} must be at most {maximum} characters long, got {len(text)}",
            name=name,
            maximum=maximum,
            length=len(text),
        )
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidRequest("text_surrogate", f"{name} holds half a character (a lone surrogate)", name=name)


def check_integer(name: str, value: object, minimum: int, maximum: int) -> None:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest("integer", f"{name} must be a whole number, got {value!r}", name=name)
    _check_range(name, value, minimum, maximum)


def check_number(name: str, value: object, minimum: float, maximum: float) -> None:
    """A number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest("number", f"{name} must be a number, got {value!r}", name=name)
    _check_range(name, value, minimum, maximum)


def _check_range(name: str, value: float, minimum: float, maximum: float) -> None:
    if not minimum <= value <= maximum:
        low, high = plain(minimum), plain(maximum)
        raise InvalidRequest(
            "range",
            f"{name} must be from {low} to {high}, got {value}",
            name=name,
            minimum=low,
            maximum=high,
            value=str(value).removesuffix(".0"),
        )


def plain(number: float) -> float:
    """A number without a needless `.0`."""
    return int(number) if number == int(number) else number


def check_size(width: int | None, height: int | None, minimum: int, maximum: int) -> None:
    """Sides within bounds that are multiples of 8; None is not known yet."""
    for name, side in (("width", width), ("height", height)):
        if side is not None:
            check_integer(name, side, minimum, maximum)
    if any(side is not None and side % 8 for side in (width, height)):
        raise InvalidRequest(
            "size_multiple",
            f"width and height must be multiples of 8, got {width or '-'}x{height or '-'}",
            width=width or "-",
            height=height or "-",
        )


def check_scheduler(scheduler: object) -> None:
    """The name of a scheduler that we have."""
    if scheduler not in tuple(SCHEDULERS):  # what cannot be hashed is unknown, too
        near = difflib.get_close_matches(str(scheduler).lower(), SCHEDULERS, n=3, cutoff=0.4)
        names = near or list(SCHEDULERS)
        raise InvalidRequest(
            "scheduler_unknown",
            f"scheduler {scheduler!r} is unknown; {'nearest' if near else 'known'}: {', '.join(names)}",
            scheduler=str(scheduler)[:100],
            names=", ".join(names),
        )


def check_lcm_steps(steps: int, maximum: int) -> None:
    """As few steps as LCM takes."""
    if steps > maximum:
        raise InvalidRequest(
            "lcm_steps", f"scheduler lcm takes 1 to {maximum} steps, got {steps}", steps=steps, maximum=maximum
        )
