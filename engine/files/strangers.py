"""Tells what a file of weights is that is no Stable Diffusion model, by the names of its tensors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

UNET = "model.diffusion_model."
FIRST = f"{UNET}input_blocks.0.0.weight"
"""What every U-Net begins with in a Stable Diffusion checkpoint."""
NOT_READ = "whose single files are not read: take its folder in diffusers' layout"
LORA = re.compile(r"lora_(?:unet|te\d?)_|.*\.lora_|.*_lora\.|.*\.hada_|.*\.lokr_|.*\.oft_")
STRANGERS: Mapping[str, str] = {
    r"emb_params$|string_to_param\.|clip_[lg]$": (
        "is a textual-inversion embedding, not a model: it belongs into the folder embeddings"
    ),
    r"control_model\.|controlnet_|control_": "is a ControlNet, not a model",
    r"(model\.diffusion_model\.)?joint_blocks\.": f"is a Stable Diffusion 3 model, {NOT_READ}",
    r"(model\.diffusion_model\.)?double_(stream_)?blocks\.": f"is a Flux model or a relative, {NOT_READ}",
    r"conditioner\.embedders\.0\.model\.": (
        "is a refiner of Stable Diffusion XL, which draws nothing by itself: take the base model"
    ),
    r"edm_mean$|edm_vpred\.": (
        "is a relative of Stable Diffusion XL with noise levels of its own (EDM), which are not supported"
    ),
    r".*motion_modules\.": "is a motion module (AnimateDiff), not a model",
}
"""What holds tensors whose names begin like this, which no model has that is read here."""
LONELY: Mapping[str, str] = {
    r"model_ema\.": (
        "holds the averaged weights (EMA) alone, under names that only training reads: "
        "take the file that is meant for drawing, often called emaonly or pruned"
    ),
    r"(first_stage_model\.)?(encoder|decoder)\.": "is a VAE, not a model: use it with a model as its VAE",
    r"input_blocks\.|diffusion_model\.": "is a U-Net alone, without text encoder and VAE: take the whole checkpoint",
    r"(down_blocks|mid_block|up_blocks|conv_in)\.": (
        "is one part of a model in diffusers' layout: give the folder that has the model_index.json"
    ),
    r"(cond_stage_model|conditioner|text_model|text_encoders?)\.": "is a text encoder alone, without a U-Net",
    r"(model\.diffusion_model\.|transformer_blocks\.|blocks\.|layers\.)": f"is a model without a U-Net, {NOT_READ}",
}
"""The same where there is no U-Net under the name that it has in Stable Diffusion's checkpoints."""


def stranger(name: str, names: Collection[str]) -> str | None:
    """
    What a file holds instead of a model, as the rest of a sentence that its path begins; None for what may be one.

    Args:
        name: of the file, without its ending.
        names: of its tensors.
    """
    if any(LORA.match(each) for each in names):
        return (
            f"is a LoRA, not a model: it belongs into the folder loras of the models' folder, and <lora:{name}:1> "
            "into the prompt"
        )
    known = STRANGERS if FIRST in names else {**STRANGERS, **LONELY}
    for pattern, reason in known.items():
        begins = re.compile(pattern)
        if any(begins.match(each) for each in names):
            return reason
    return None if FIRST in names else "holds no model: none of its tensors has a name that Stable Diffusion's have"
