"""What a U-Net is told of a picture besides texts and timesteps: its sizes, the guidance, a canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from engine.files.families import SDXL

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from engine.loading import LoadedModel
    from engine.request import CompleteRequest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Besides:
    """Each is None for a U-Net that is not told it; all are on the model's device."""

    time_ids: Tensor | None
    """float32 `[1, 6]`: a picture's height and width before it was cut, where it was cut, and its height and width."""
    guidance: Tensor | None
    """float32 `[1, d]`: the guidance that a U-Net imitates, as it reads numbers."""
    canvas: Tensor | None
    """float32 `[1, 1 + c, h, w]`: an inpainting model's mask, 1 where it paints, and the latents of what is left."""


def besides(model: LoadedModel, request: CompleteRequest, generator: Generator) -> Besides:
    """
    What is told of one of a request's pictures. Runs on the engine's thread.

    Args:
        generator: the picture's, on the CPU, which has drawn its noise.
    """
    told = (request.height, request.width, 0, 0, request.height, request.width)
    time_ids = torch.tensor([told], dtype=torch.float32, device=model.device) if model.family == SDXL else None
    width = model.unet.config.time_cond_proj_dim
    guidance = None if width is None else guidance_embedding(request.guidance_scale, width).to(model.device)
    is_inpainting = model.unet.config.in_channels != model.latent_channels
    canvas = _empty_canvas(model, request.height, request.width, generator) if is_inpainting else None
    return Besides(time_ids=time_ids, guidance=guidance, canvas=canvas)


def guidance_embedding(guidance_scale: float, width: int) -> Tensor:
    """
    A guidance scale as waves of `width` lengths.

    Returns:
        float32 `[1, width]` in [-1, 1] on the CPU.

    Source: Meng et al. 2022, "On distillation of guided diffusion models", https://arxiv.org/abs/2210.03142, section 3;
        `get_guidance_scale_embedding` of diffusers, which counts without guidance as 0.
    """
    half = width // 2
    lengths = torch.exp(torch.arange(half) * (-torch.log(torch.tensor(10000.0)) / (half - 1)))
    angles = torch.tensor([guidance_scale - 1]) * 1000.0 * lengths
    waves = torch.cat([torch.sin(angles), torch.cos(angles)])
    return torch.nn.functional.pad(waves, (0, width - 2 * half)).unsqueeze(0)


def _empty_canvas(model: LoadedModel, height: int, width: int, generator: Generator) -> Tensor:
    """A mask that leaves nothing of the picture, and the latents of that nothing, which is mid-grey."""
    grey = torch.zeros(1, 3, height, width, device=model.device, dtype=model.vae.dtype)
    latents = model.vae.encode(grey).latent_dist.sample(generator) * model.vae.config.scaling_factor
    mask = torch.ones_like(latents[:, :1])
    return torch.cat([mask, latents], dim=1).float()
