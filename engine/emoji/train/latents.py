"""The data as the denoiser sees it: scenes encoded by the VAE, each once, kept on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.emoji.dataset.scenes import draw
from engine.emoji.train.run import autocast

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.emoji.dataset.scenes import Pool

ENCODED_AT_ONCE = 16


def to_pixels(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """(n, height, width, 3) of bytes as (n, 3, height, width) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def encode(vae: Any, pictures: NDArray[np.uint8]) -> torch.Tensor:
    """The means of the posterior times the scaling factor, for (n, height, width, 3): (n, 4, height / 8, width / 8)."""
    pixels = to_pixels(pictures).to(vae.device, memory_format=torch.channels_last)
    with autocast(vae.device):
        means = vae.encode(pixels).latent_dist.mode() * vae.config.scaling_factor
    return torch.Tensor(means.float().cpu())


class LatentStore:
    """
    Encodes a scene when it is first asked for and remembers it in a memory-mapped file of float16 latents.

    Args:
        folder: Where the files lie. One folder belongs to one VAE and one data set.
        vae: `AutoencoderKL`, on the device that encodes.
        pictures: (emoji, 128, 128, 4), premultiplied.
    """

    def __init__(self, folder: Path, vae: Any, pictures: NDArray[np.uint8]) -> None:
        self._folder, self._vae, self._pictures = folder, vae, pictures
        self._files: dict[str, tuple[NDArray[np.float16], NDArray[np.bool_]]] = {}

    def get(self, pool: Pool, numbers: NDArray[np.int64]) -> torch.Tensor:
        """Their latents in float32, (n, 4, height / 8, width / 8)."""
        latents, known = self._open(pool)
        missing = np.unique(numbers[~known[numbers]])
        for start in range(0, len(missing), ENCODED_AT_ONCE):
            chosen = missing[start : start + ENCODED_AT_ONCE]
            pictures = np.stack([draw(pool.make(int(one)), self._pictures) for one in chosen])
            latents[chosen] = encode(self._vae, pictures).numpy().astype(np.float16)
            known[chosen] = True
        return torch.from_numpy(latents[numbers].astype(np.float32))

    def _open(self, pool: Pool) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        if pool.name not in self._files:
            self._folder.mkdir(parents=True, exist_ok=True)
            shape = (pool.count, 4, pool.size[1] // 8, pool.size[0] // 8)
            self._files[pool.name] = (
                _mapped(self._folder / f"{pool.name}.latents", np.float16, shape),
                _mapped(self._folder / f"{pool.name}.known", np.bool_, shape[:1]),
            )
        return self._files[pool.name]


def _mapped(path: Path, dtype: Any, shape: tuple[int, ...]) -> Any:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    mode = "r+" if path.exists() and path.stat().st_size == size else "w+"
    return np.memmap(path, dtype, mode, shape=shape)  # type: ignore[call-overload]
