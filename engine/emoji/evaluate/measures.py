"""What is measured on pictures, each as one function of arrays."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.emoji.dataset.colours import COLOURS
from engine.emoji.train.latents import to_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CORNER = 6
BATCH = 16


def background_of(picture: NDArray[np.uint8]) -> str:
    """The colour nearest (L1) to the median of three corners of 6x6; the fourth may hold a part of the subject."""
    corners = np.concatenate(
        [
            picture[:CORNER, :CORNER].reshape(-1, 3),
            picture[:CORNER, -CORNER:].reshape(-1, 3),
            picture[-CORNER:, :CORNER].reshape(-1, 3),
        ]
    )
    median = np.median(corners, axis=0)
    return min(COLOURS, key=lambda name: float(np.abs(np.array(COLOURS[name]) - median).sum()))


def mean_pairwise_distance(pictures: Sequence[NDArray[np.uint8]]) -> float:
    """The mean absolute difference between every two of them, of 255."""
    distances = [np.abs(one.astype(np.int16) - other).mean() for one, other in combinations(pictures, 2)]
    return float(np.mean(distances))


@torch.no_grad()
def reconstruction_psnr(vae: Any, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Peak signal to noise in dB of each of (n, height, width, 3) pictures after encoding and decoding."""
    found = []
    for start in range(0, len(pictures), BATCH):
        pixels = to_pixels(pictures[start : start + BATCH])
        decoded = vae.decode(vae.encode(pixels).latent_dist.mode()).sample.clamp(-1, 1)
        error = (decoded - pixels).square().mean(dim=(1, 2, 3)).clamp(min=1e-10)
        found.append((10 * torch.log10(4 / error)).double().numpy())
    return np.concatenate(found)
