"""The safety checker that some models bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from engine.loading import LoadedModel


def is_flagged(model: LoadedModel, pixels: Tensor, image: Image) -> bool:
    """
    Whether the model's safety checker finds the picture unsafe; False where the model brings none.

    Args:
        pixels: `[1, 3, H, W]`. The checker sees a copy, since diffusers' blackens what it is given.
        image: the same picture.
    """
    if model.safety_checker is None or model.feature_extractor is None:
        return False
    clip_input = model.feature_extractor(image, return_tensors="pt").pixel_values
    clip_input = clip_input.to(device=model.device, dtype=model.dtype)
    _, flags = model.safety_checker(images=pixels.clone(), clip_input=clip_input)
    return bool(flags[0])
