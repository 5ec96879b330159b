"""Pure rules: which limits hold for a member, and whether a request or a moderator's number keeps to them."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Literal

from engine.request import MAX_STEPS, MIN_SIDE_PX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine import CompleteRequest

LimitName = Literal["pictures_per_day", "places_in_line", "pixels", "steps"]

MAX_PICTURES = 4
"""Pictures in one message: a gallery of two by two."""
MAX_COUNT = 1_000_000
"""Above any number of pictures or places that somebody means."""
MAX_PIXELS = 2048 * 2048

REFUSALS: Mapping[str, tuple[str, ...]] = {
    "too-many-pictures": ("asked", "limit"),
    "too-many-pixels": ("width", "height", "limit", "side"),
    "too-many-steps": ("asked", "limit"),
    "quota-zero": ("limit",),
    "quota-used-up": ("asked", "left", "limit", "more_at"),
    "quota-too-few-left": ("asked", "left", "limit", "more_at"),
    "places-zero": ("limit",),
    "places-used-up": ("limit",),
    "limit-no-number": ("name", "text"),
    "limit-too-small": ("name", "value", "minimum"),
    "limit-above-ceiling": ("name", "value", "ceiling"),
}
"""Every key with which policy and admission refuse, and the values that come with it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a key of the catalogue, and the numbers that its sentence names."""

    key: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits of one member in one place."""

    pictures_per_day: int
    places_in_line: int
    pixels: int
    steps: int


MINIMUM = Rules(pictures_per_day=0, places_in_line=0, pixels=MIN_SIDE_PX**2, steps=1)
"""What a limit may be at least: nobody can be allowed a picture smaller than the smallest, but nothing is a limit."""
MAXIMUM = Rules(pictures_per_day=MAX_COUNT, places_in_line=MAX_COUNT, pixels=MAX_PIXELS, steps=MAX_STEPS)
"""What a limit may be at most, whoever sets it: what the engine draws."""
LIMIT_NAMES: tuple[LimitName, ...] = ("pictures_per_day", "places_in_line", "pixels", "steps")
"""The names of the limits, as `Rules` and the table `limits` have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorLimits:
    """What holds where no moderator set anything, and what no moderator exceeds."""

    default: Rules
    ceiling: Rules


def effective(operator: OperatorLimits, server: Mapping[str, int], member: Mapping[str, int]) -> Rules:
    """The member's own limits, else the server's, else the operator's default; never above the operator's ceiling."""
    wanted = asdict(operator.default) | dict(server) | dict(member)
    return Rules(
        **{field.name: min(wanted[field.name], getattr(operator.ceiling, field.name)) for field in fields(Rules)}
    )


def check(request: CompleteRequest, rules: Rules) -> Refusal | None:
    """Why this request is refused whoever asks and whenever; None if it is not."""
    if request.num_images > MAX_PICTURES:
        return Refusal("too-many-pictures", {"asked": request.num_images, "limit": MAX_PICTURES})
    if request.width * request.height > rules.pixels:
        side = math.isqrt(rules.pixels) // 8 * 8
        size = {"width": request.width, "height": request.height}
        return Refusal("too-many-pixels", size | {"limit": rules.pixels, "side": side})
    if request.num_inference_steps > rules.steps:
        return Refusal("too-many-steps", {"asked": request.num_inference_steps, "limit": rules.steps})
    return None


def is_foreign(text: str) -> bool:
    """Whether more than half of its letters are not Latin ones; emoji, digits and punctuation are no letters."""
    letters = [each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each).startswith("L")]
    latin = sum(unicodedata.name(each, "").startswith("LATIN") for each in letters)
    return 2 * latin < len(letters)


def check_limit(name: LimitName, value: int, ceiling: Rules) -> Refusal | None:
    """Why a moderator may not set this limit to this number; None if they may."""
    minimum = getattr(MINIMUM, name)
    if value < minimum:
        return Refusal("limit-too-small", {"name": name, "value": value, "minimum": minimum})
    highest = getattr(ceiling, name)
    if value > highest:
        return Refusal("limit-above-ceiling", {"name": name, "value": value, "ceiling": highest})
    return None


def parse_limit(name: LimitName, text: str) -> int | None:
    """The number that somebody typed for a limit; pixels also as a size, `1024x1024`. None if it is no number."""
    text = text.strip()
    if name == "pixels" and (size := re.fullmatch(r"([0-9]{1,9})\s*[xX\u00d7]\s*([0-9]{1,9})", text)):
        return int(size[1]) * int(size[2])
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None
