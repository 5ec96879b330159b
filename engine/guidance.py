"""Classifier-free guidance."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def guide(noise_pred: Tensor, guidance_scale: float) -> Tensor:
    """
    One prediction from a picture's rows of the U-Net's output.

    Args:
        noise_pred: `[1, c, h, w]` without guidance, `[2, c, h, w]` with it: without the prompt, with the prompt.
        guidance_scale: unused where there is one row.

    Returns:
        float32 `[1, c, h, w]`, memory of its own: schedulers keep earlier predictions, and a view would keep the
        whole batch's.

    Source: Ho & Salimans 2022, "Classifier-free diffusion guidance", https://arxiv.org/abs/2207.12598, equation 6.
    """
    noise_pred = noise_pred.float()
    if len(noise_pred) == 1:
        return noise_pred.clone()
    uncond, cond = noise_pred.chunk(2)
    return uncond + guidance_scale * (cond - uncond)
