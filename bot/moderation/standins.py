"""Pure: what becomes of a flagged picture, and what takes its place where it may not be seen."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from bot.store.server_settings import Flagged

STAND_IN_PX = 16
"""What is left of a picture's longer side: of a face nothing but its colours."""


def way_of(wanted: Flagged, *, is_age_restricted: bool) -> Flagged:
    """What becomes of a flagged picture: what the server wants, but only in age-restricted channels."""
    return wanted if is_age_restricted else "stand-in"


def stand_in(image: Image.Image) -> bytes:
    """A PNG of the same size in which every square has one colour. Takes milliseconds: call it in a worker thread."""
    shrunk_by = max(1.0, max(image.size) / STAND_IN_PX)
    width, height = (max(1, round(side / shrunk_by)) for side in image.size)
    coarse = image.convert("RGB").resize((width, height), Image.Resampling.BOX)
    file = io.BytesIO()
    coarse.resize(image.size, Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


async def stand_in_of_file(data: bytes) -> bytes:
    """The stand-in for a picture that lies in a file."""

    def coarse() -> bytes:
        with Image.open(io.BytesIO(data)) as image:
            return stand_in(image)

    return await asyncio.to_thread(coarse)
