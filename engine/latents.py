"""Seed -> noise, latents -> pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from PIL import Image

from engine.failures import no_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

    from engine.loading import LoadedModel


def draw_noise(generator: Generator, channels: int, height: int, width: int) -> Tensor:
    """
    The noise that a picture of `height` x `width` latent cells begins with, as diffusers' pipelines draw it.

    Returns:
        float32 `[1, c, h, w]` on the CPU, so that a seed means the same picture on every device.
    """
    return torch.randn((1, channels, height, width), generator=generator)


def decode(model: LoadedModel, latents: Sequence[Tensor]) -> list[Tensor]:
    """
    Latents of one size, each `[1, c, h, w]`, through the VAE in one call.

    Returns:
        float32 `[1, 3, H, W]` each, about [-1, 1], on the model's device.
    """
    config = model.vae.config
    scaled = torch.cat(list(latents))
    if config.latents_mean is not None and config.latents_std is not None:
        mean, std = (scaled.new_tensor(each).view(1, -1, 1, 1) for each in (config.latents_mean, config.latents_std))
        scaled = scaled * std / config.scaling_factor + mean
    else:
        scaled = scaled / config.scaling_factor
    pixels = model.vae.decode(scaled.to(model.vae.dtype), return_dict=False)[0]
    return list(pixels.float().split(1))


def to_image(pixels: Tensor) -> Image.Image:
    """
    A picture from `[1, 3, H, W]` in [-1, 1], rounded as diffusers' `VaeImageProcessor` does.

    Raises:
        DrawingFailed: not all of these are finite numbers.
    """
    if not pixels.isfinite().all():
        raise no_numbers()
    unit = (pixels[0] * 0.5 + 0.5).clamp(0, 1)
    return Image.fromarray((unit * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy())
