"""The twelve backgrounds, which are also the colours that things are tinted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "red": (229, 57, 53),
    "orange": (251, 140, 0),
    "yellow": (253, 216, 53),
    "green": (67, 160, 71),
    "blue": (30, 136, 229),
    "purple": (142, 36, 170),
    "pink": (240, 98, 146),
    "brown": (121, 85, 72),
    "black": (0, 0, 0),
    "gray": (158, 158, 158),
    "teal": (0, 150, 136),
}
"""sRGB values of 8 bits by name. White comes first: it is the background of a prompt that names none."""
WHITE = "white"
