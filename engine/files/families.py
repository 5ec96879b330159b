"""The families of models that draw together in the batched loop, and how each is told by its config files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SD1 = "Stable Diffusion 1.x"
SD2 = "Stable Diffusion 2.x"
SDXL = "Stable Diffusion XL"
FAMILIES = (SD1, SD2, SDXL)

BY_CONTEXT_WIDTH: Mapping[int, str] = {768: SD1, 1024: SD2, 2048: SDXL}
"""By how wide the texts are that the U-Net attends to."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One of diffusers' pipelines whose models are drawn with here."""

    has_two_encoders: bool = False
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    """What it has the model's scheduler do whatever that one's config says."""


PIPELINES: Mapping[str, Pipeline] = {
    # An old config without the offset never reaches the first training timestep.
    "StableDiffusionPipeline": Pipeline(scheduler={"steps_offset": 1}),
    "StableDiffusionInpaintPipeline": Pipeline(scheduler={"steps_offset": 1, "skip_prk_steps": True}),
    "LatentConsistencyModelPipeline": Pipeline(),
    "StableDiffusionXLPipeline": Pipeline(has_two_encoders=True),
    "StableDiffusionXLInpaintPipeline": Pipeline(has_two_encoders=True),
}
"""By what a model's index calls itself."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What diffusers' own pipeline of a family draws with where nobody says otherwise."""

    guidance: float
    weighting: str
    """How attention weights are applied: one of `engine.files.card.WEIGHTINGS`."""
    steps: int = 50


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


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to draw in few steps, for which a model was trained; none of them draws away from a negative prompt."""

    guidance: float
    """By default."""
    steps: int = 4
    """By default."""
    is_told_guidance: bool = False
    """Whether the U-Net is told how much guidance to imitate; guidance has no effect otherwise."""
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    """What it needs of the model's scheduler."""


_TRAILING = {"timestep_spacing": "trailing"}
"""The first step is that of pure noise, however few there are: arXiv 2305.08891, section 3.3."""
VARIANTS: Mapping[str, Variant] = {
    "lcm": Variant(guidance=8.5, is_told_guidance=True),
    "turbo": Variant(guidance=0.0, scheduler=_TRAILING),
    "lightning": Variant(guidance=0.0, scheduler=_TRAILING),
}


def variant_of(unet: Mapping[str, Any], scheduler: Mapping[str, Any]) -> str:
    """
    The few-step variant that a model is; empty for none.

    Args:
        unet: the U-Net's config.
        scheduler: the scheduler's.
    """
    if unet.get("time_cond_proj_dim") is not None:
        return "lcm"
    # Trained with a noise schedule that ends in pure noise, a model predicts the velocity instead.
    predicts_noise = scheduler.get("prediction_type", "epsilon") == "epsilon"
    return "turbo" if predicts_noise and scheduler.get("timestep_spacing") == "trailing" else ""
