"""Classifier-free guidance."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def guide(noise_pred: Tensor, guidance_scale: float, weights: Sequence[float] = (1.0,), rescale: float = 0.0) -> Tensor:
    """
    One prediction from a picture's rows of the U-Net's output.

    Args:
        noise_pred: `[1, c, h, w]` without guidance; else `[1 + k, c, h, w]`: without the prompt, then with each of its
            k operands.
        guidance_scale: unused where there is one row.
        weights: what each operand counts, k of them.
        rescale: how much of guidance's greater deviation, which overexposes pictures, is taken back, from 0 to 1.

    Returns:
        float32 `[1, c, h, w]`, memory of its own: schedulers keep earlier predictions, and a view would keep the
        whole batch's.

    Source: Ho & Salimans 2022, "Classifier-free diffusion guidance", https://arxiv.org/abs/2207.12598, equation 6;
        Liu et al. 2022, "Compositional visual generation with composable diffusion models",
        https://arxiv.org/abs/2206.01714, equation 11; Lin et al. 2023, "Common diffusion noise schedules and sample
        steps are flawed", https://arxiv.org/abs/2305.08891, equations 15 and 16.
    """
    noise_pred = noise_pred.float()
    if len(noise_pred) == 1:
        return noise_pred.clone()
    uncond = guided = plain = noise_pred[:1]
    for weight, cond in zip(weights, noise_pred[1:], strict=True):
        guided = guided + weight * guidance_scale * (cond - uncond)
        plain = plain + weight * (cond - uncond)
    return guided * (rescale * plain.std() / guided.std() + 1 - rescale) if rescale else guided
