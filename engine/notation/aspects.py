"""Aspects, by name or as `16:9`, and the size that a picture of one has with a model."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from engine.errors import InvalidRequest
from engine.request import MAX_SIDE_PX, MIN_SIDE_PX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.files.card import ModelCard

ASPECTS: Mapping[str, float] = {"square": 1, "portrait": 2 / 3, "landscape": 3 / 2, "wide": 16 / 9, "tall": 9 / 16}
"""Width divided by height."""
RATIO = re.compile(r"(?P<width>\d{1,4}(?:\.\d{1,4})?)\s*[:/xX×]\s*(?P<height>\d{1,4}(?:\.\d{1,4})?)", flags=re.ASCII)
MAX_RATIO = MAX_SIDE_PX // MIN_SIDE_PX
"""Of the longer side to the shorter one."""


def aspect_ratio(aspect: str) -> float:
    """
    Width divided by height.

    Raises:
        InvalidRequest: it is no name and no ratio, or no picture is as long as that.
    """
    if (named := ASPECTS.get(aspect.strip().casefold())) is not None:
        return named
    sides = RATIO.fullmatch(aspect.strip())
    if sides is None:
        known = ", ".join(ASPECTS)
        sentence = f"aspect {aspect!r} is unknown; known: {known}, or two numbers such as 16:9"
        raise InvalidRequest("aspect_unknown", sentence, aspect=aspect, known=known)
    width, height = float(sides["width"]), float(sides["height"])
    if not max(width, height) <= MAX_RATIO * min(width, height) or not width:
        sentence = f"aspect must be from 1:{MAX_RATIO} to {MAX_RATIO}:1, got {aspect}"
        raise InvalidRequest("aspect_range", sentence, aspect=aspect, maximum=MAX_RATIO)
    return width / height


def aspect_size(aspect: str, card: ModelCard) -> tuple[int, int]:
    """
    Width and height of nearly this aspect and nearly the model's own area, multiples of what the model takes.

    The sides keep to the model's bounds. Never more than that area, so that no aspect exceeds a limit which the model's
    own size keeps to; but where the shorter side would be below the least.

    Raises:
        InvalidRequest: as `aspect_ratio`.
    """
    width_per_height = aspect_ratio(aspect)
    least, most = card.bounds.side
    ratio = min(max(width_per_height, 1 / width_per_height), most / least)
    area_px = max(card.width * card.height, math.ceil(least**2 * ratio))
    step = card.size_multiple
    sides = range(-(-least // step) * step, most + 1, step)

    def nearest(longer: int) -> Iterator[int]:
        """Above and below the shorter side that has the aspect, or the area where that one would exceed it."""
        below = int(min(longer / ratio, area_px / longer)) // step * step
        return (shorter for shorter in (below, below + step) if shorter in sides and longer * shorter <= area_px)

    def distance(size: tuple[int, int]) -> float:
        longer, shorter = size
        return 2 * abs(math.log(longer / shorter / ratio)) + abs(math.log(longer * shorter / area_px))

    sizes = ((longer, shorter) for longer in sides for shorter in nearest(longer))
    longer, shorter = min(sizes, key=distance)
    return (longer, shorter) if width_per_height >= 1 else (shorter, longer)
