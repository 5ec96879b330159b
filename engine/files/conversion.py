"""Builds the networks of a single file: its tensors under the libraries' names, in configs that we wrote down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import diffusers
import transformers
from accelerate import init_empty_weights
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors import safe_open

from engine.files.checkpoint import PREFIXES
from engine.files.folder import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor

    from engine.files.checkpoint import Checkpoint, StoredPart

IGNORED = ("position_ids", "logit_scale", "text_projection.weight")
"""What text encoders hold besides weights that they need here; SDXL's second one has a place for its projection."""


def build_network(stored: StoredPart, dtype: torch.dtype) -> Any:
    """
    One part of a file as a network on the CPU, in this dtype.

    Raises:
        InvalidModel: tensors are missing, too many or of another shape.
        Exception: whatever the libraries raise for a damaged file.
    """
    checkpoint, part = stored.checkpoint, stored.name
    with init_empty_weights():
        network = _empty(part, stored.read_config())
    weights = _converted(part, network, _read(checkpoint, part, dtype))
    asked = network.state_dict()
    missing = sorted(asked.keys() - weights.keys())
    if missing:
        reason = (
            f"lacks {len(missing)} weights of the {part} that {checkpoint.figures.family} has, such as {missing[0]}"
        )
        raise invalid("model_broken", checkpoint.path, reason)
    foreign = sorted(name for name in weights.keys() - asked.keys() if not name.endswith(IGNORED))
    if foreign:
        reason = (
            f"holds {len(foreign)} weights of the {part} that {checkpoint.figures.family} has not, such as {foreign[0]}"
        )
        raise invalid("model_foreign", checkpoint.path, reason)
    for name, tensor in asked.items():
        if (shape := tuple(weights[name].shape)) != tuple(tensor.shape):
            reason = f"has {name} of the {part} as {list(shape)}, {checkpoint.figures.family} as {list(tensor.shape)}"
            raise invalid("model_foreign", checkpoint.path, reason)
    network.load_state_dict({name: weights[name] for name in asked}, assign=True)
    return network


def _empty(part: str, config: Mapping[str, Any]) -> Any:
    """The network without its weights."""
    match part:
        case "unet":
            return diffusers.UNet2DConditionModel.from_config(config)
        case "vae":
            return diffusers.AutoencoderKL.from_config(config)
        case "text_encoder":
            return transformers.CLIPTextModel(transformers.CLIPTextConfig(**config))
        case _:
            return transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig(**config))


def _read(checkpoint: Checkpoint, part: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors of a part under the file's names; eight-bit floats and whatever else there is become this dtype."""
    with safe_open(checkpoint.path, framework="pt") as file:
        return {name: file.get_tensor(name).to(dtype) for name in file.keys() if name.startswith(PREFIXES[part])}  # noqa: SIM118 - it is no dict


def _converted(part: str, network: Any, tensors: dict[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors under the network's names."""
    match part:
        case "unet":
            return convert_ldm_unet_checkpoint(tensors, network.config)  # type: ignore[no-any-return]
        case "vae":
            return convert_ldm_vae_checkpoint(tensors, network.config)  # type: ignore[no-any-return]
    open_clip = next((prefix for prefix in PREFIXES[part] if prefix.endswith(".model.")), None)
    if open_clip is not None and any(name.startswith(open_clip) for name in tensors):
        converted = convert_open_clip_checkpoint(network, tensors, prefix=open_clip)
    else:
        converted = convert_ldm_clip_checkpoint(tensors)
    if hasattr(network, "text_model"):
        return converted  # type: ignore[no-any-return]
    # CLIPTextModel has no inner text_model any more, and some files never had it in their names.
    return {name.removeprefix("text_model."): tensor for name, tensor in converted.items()}
