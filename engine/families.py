"""The families of models that draw together in the batched loop, and how each is told by its config files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SD1 = "Stable Diffusion 1.x"
SD2 = "Stable Diffusion 2.x"
SDXL = "Stable Diffusion XL"
FAMILIES = (SD1, SD2, SDXL)

BY_CONTEXT_WIDTH: Mapping[int, str] = {768: SD1, 1024: SD2, 2048: SDXL}
"""By how wide the texts are that the U-Net attends to."""

PIPELINES: Mapping[str, bool] = {
    "StableDiffusionPipeline": False,
    "StableDiffusionInpaintPipeline": False,
    "LatentConsistencyModelPipeline": False,
    "StableDiffusionXLPipeline": True,
    "StableDiffusionXLInpaintPipeline": True,
}
"""What a model's index may call itself, and whether that has two text encoders."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What diffusers' own pipeline of a family draws with where nobody says otherwise."""

    guidance: float
    weighting: str
    """How attention weights are applied: one of `engine.card.WEIGHTINGS`."""


DEFAULTS: Mapping[str, Defaults] = {
    SD1: Defaults(7.5, "lpw"),
    SD2: Defaults(7.5, "lpw"),
    SDXL: Defaults(5.0, "none"),
}


def family_of(unet: Mapping[str, Any], text: Mapping[str, Any]) -> str:
    """
    A model's family.

    Args:
        unet: the U-Net's config.
        text: the first text encoder's, without what is around it in a whole CLIP model's.
    """
    if unet.get("addition_embed_type") == "text_time":
        return SDXL
    width = unet.get("cross_attention_dim")
    if isinstance(width, int) and width in BY_CONTEXT_WIDTH:
        return BY_CONTEXT_WIDTH[width]
    # OpenAI's text encoders compute with another activation than OpenCLIP's, whatever their width.
    return SD2 if text.get("hidden_act") == "gelu" else SD1
