"""The safety checker that looks at a model's pictures: the model's own, or the one that the operator keeps."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from engine.loading import LoadedModel
    from engine.wholeloading import LoadedWhole

log = logging.getLogger(__name__)


def is_flagged(model: LoadedModel | LoadedWhole, image: Image) -> bool:
    """Whether the model's safety checker finds the picture unsafe, or fails over it; False where there is none."""
    if model.safety_checker is None or model.feature_extractor is None:
        return False
    try:
        clip_input = model.feature_extractor(image, return_tensors="pt").pixel_values
        clip_input = clip_input.to(device=model.device, dtype=model.dtype)
        # It blackens the pictures that it flags: it is given none.
        _, flags = model.safety_checker(images=torch.zeros(1, 1), clip_input=clip_input)
        return bool(flags[0])
    except Exception:  # whatever a library raises: what nobody has looked at is not shown
        log.exception("safety_checker_failed")
        return True


def raise_if_infinite(_module: Any, _inputs: Any, embeds: Tensor) -> None:
    """
    Stop a checker whose numbers left their range, since no comparison with them is ever true. A forward hook.

    Raises:
        ArithmeticError: they did.
    """
    if not torch.isfinite(embeds).all():
        raise ArithmeticError("the safety checker's numbers left their range")
