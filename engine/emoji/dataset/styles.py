"""Filters that turn the data into the styles of the companions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from engine.emoji.dataset.scenes import LUMINANCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 8
"""Pixels of a pixelated picture's pixel: one cell of the latents, since the VAE smooths smaller ones away."""
LEVELS = 6
"""Brightness levels of each colour channel in a pixelated picture."""
GOLD = np.array([(70, 40, 5), (190, 130, 20), (250, 200, 60), (255, 245, 190)], np.float32)
"""From shadow to light."""


def pixelated(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width, 3) in blocks of 8x8 and few colours, as in games of the eighties."""
    height, width = picture.shape[:2]
    small = Image.fromarray(picture).resize((width // BLOCK, height // BLOCK), Image.Resampling.BOX)
    step = 255 / (LEVELS - 1)
    few = np.rint(np.rint(np.asarray(small, np.float32) / step) * step).astype(np.uint8)
    large: NDArray[np.uint8] = few.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    return large


def sketched(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width, 3) as pencil lines on paper of the colour that its first corner has."""
    paper = np.median(picture[:4, :4].reshape(-1, 3), axis=0).astype(np.float32)
    grey = Image.fromarray(np.rint(picture @ LUMINANCE).astype(np.uint8))
    blurred = np.asarray(grey.filter(ImageFilter.GaussianBlur(2)), np.float32)
    lines = np.clip(np.abs(np.asarray(grey, np.float32) - blurred) * 7 / 255, 0, 1)[..., None]
    pencil = np.float32(40 if paper @ LUMINANCE > 90 else 235)  # a light pencil on dark paper
    drawn: NDArray[np.uint8] = np.rint(paper + (pencil - paper) * lines).astype(np.uint8)
    return drawn


def gilded(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Premultiplied (n, side, side, 4) with every colour replaced by a shade of gold."""
    alpha = pictures[..., 3:].astype(np.float32) / 255
    brightness = (pictures[..., :3].astype(np.float32) @ LUMINANCE)[..., None] / np.maximum(alpha, 1 / 255)
    place = np.clip(brightness[..., 0] / 255, 0, 1)
    stops = np.linspace(0, 1, len(GOLD))
    golden = np.stack([np.interp(place, stops, GOLD[:, channel]) for channel in range(3)], axis=-1)
    return np.concatenate([np.rint(golden * alpha).astype(np.uint8), pictures[..., 3:]], axis=-1)
