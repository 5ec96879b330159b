"""Attention weights on encoded texts, as one community's tools and another's apply them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


def _keep_mean(embeds: Tensor, weighted: Tensor) -> Tensor:
    """Scale so that the mean over the whole text is what it was: `lpw_stable_diffusion` of diffusers' community."""
    return weighted * (embeds.mean() / weighted.mean())


def _keep_chunk_means(embeds: Tensor, weighted: Tensor) -> Tensor:
    """Scale each chunk so that its mean is what it was: AUTOMATIC1111's `Original` emphasis."""
    means = embeds.mean(dim=(-2, -1), keepdim=True)
    return weighted * (means / weighted.mean(dim=(-2, -1), keepdim=True))


def _keep_nothing(_: Tensor, weighted: Tensor) -> Tensor:
    """Only multiply: AUTOMATIC1111's `No norm`."""
    return weighted


NORMS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "lpw": _keep_mean,
    "a1111": _keep_chunk_means,
    "none": _keep_nothing,
}


def weigh(embeds: Tensor, weights: Tensor, weighting: str) -> Tensor:
    """
    An encoded text in which each token counts as much as its weight says.

    Args:
        embeds: `[chunks, n, d]`.
        weights: float32 `[chunks, n]` on the same device.
        weighting: one of `engine.files.card.WEIGHTINGS`.

    Returns:
        As `embeds`; the very same where every weight is 1.
    """
    if torch.equal(weights, torch.ones_like(weights)):
        return embeds
    exact = embeds.float()
    return NORMS[weighting](exact, exact * weights.unsqueeze(-1)).to(embeds.dtype)
