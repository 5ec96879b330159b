"""A LoRA's tensors as the layers of a network that they change, whichever program wrote the file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import safetensors.torch
from diffusers.loaders import StableDiffusionLoraLoaderMixin
from diffusers.utils.state_dict_utils import (
    convert_state_dict_to_diffusers,
    convert_state_dict_to_peft,
    convert_unet_state_dict_to_peft,
)
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from engine.files.weights import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
LAYER, KOHYA = ".lora", ".down.weight"
PARTS = "unet", "text_encoder", "text_encoder_2"
ADAPTER_METADATA = "lora_adapter_metadata"
"""Where diffusers writes what PEFT was configured with, as JSON."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What is added to a layer's output: `up(down(x)) * alpha / rank`."""

    down: Tensor
    """`[rank, in]`, or `[rank, in, h, w]` of a convolution."""
    up: Tensor
    """`[out, rank]`, or `[out, rank, 1, 1]`."""
    alpha: float

    @property
    def rank(self) -> int:
        """How many numbers lie between `down` and `up`."""
        return len(self.down)


class Misfit(Exception):
    """A LoRA changes a layer that a network does not have, or not of this size."""


def read_layers(path: Path, unet_config: Any) -> dict[str, dict[str, Layer]]:
    """
    The layers of a LoRA by part, one of `PARTS`, and by their names in it, on the CPU in the file's dtype.

    Raises:
        EngineError, OSError, SafetensorError, ValueError, LookupError, RuntimeError: the file holds something else.
    """
    metadata = read_header(path).get("__metadata__") or {}
    # Not mapped into memory: a file that is written anew meanwhile would end the process.
    tensors = safetensors.torch.load(path.read_bytes())
    tensors, network_alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(tensors, unet_config=unet_config)
    # Of some layers diffusers names the tensor that the alpha is for, of others the layer.
    names = {name.removesuffix(".alpha"): alpha for name, alpha in (network_alphas or {}).items()}
    alphas = {name if name.endswith(KOHYA) else name + LAYER + KOHYA: alpha for name, alpha in names.items()}
    adapter = json.loads(metadata.get(ADAPTER_METADATA) or "{}")
    by_part = {
        part: dict(_layers(_renamed(part, tensors), _renamed(part, alphas), _own(part, adapter))) for part in PARTS
    }
    if (count := 2 * sum(map(len, by_part.values()))) != len(tensors):
        raise ValueError(f"{len(tensors) - count} of {len(tensors)} tensors belong to no layer")
    return {part: layers for part, layers in by_part.items() if layers}


def fitted(layers: Mapping[str, Layer], network: nn.Module) -> dict[str, Layer]:
    """
    The layers by the network's own names and in its shapes.

    Raises:
        Misfit: the network lacks one, or has it in another size.
    """
    modules = {name: module for name, module in network.named_modules() if not _is_adapters(name)}
    fitting = {}
    for name, layer in layers.items():
        # Of a text encoder transformers has dropped the first part of the names.
        own = name if name in modules else name.removeprefix("text_model.")
        module = modules.get(own)
        module = module.get_base_layer() if isinstance(module, BaseTunerLayer) else module
        down: tuple[int, ...]
        up: tuple[int, ...]
        if isinstance(module, nn.Linear):
            down, up = (layer.rank, module.in_features), (module.out_features, layer.rank)
        elif isinstance(module, nn.Conv2d) and module.groups == 1:
            down = layer.rank, module.in_channels, *module.kernel_size
            up = module.out_channels, layer.rank, 1, 1
        else:
            raise Misfit(f"there is no {name}")
        # A linear layer and a convolution of one pixel are the same, and models differ in which they have.
        if (layer.down.numel(), layer.up.numel()) != (math.prod(down), math.prod(up)):
            raise Misfit(f"{name} is {list(layer.up.shape)} by {list(layer.down.shape)}")
        fitting[own] = Layer(layer.down.reshape(down), layer.up.reshape(up), layer.alpha)
    return fitting


def _is_adapters(name: str) -> bool:
    return ".base_layer" in name or ".lora_" in name


def _renamed(part: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    """A part's entries, as PEFT calls them."""
    own = {key.removeprefix(f"{part}."): value for key, value in entries.items() if key.startswith(f"{part}.")}
    if part == "unet":
        renamed = own if any(DOWN in key for key in own) else convert_unet_state_dict_to_peft(own)
    else:
        renamed = convert_state_dict_to_peft(convert_state_dict_to_diffusers(own)) if own else own
    return dict(renamed)


def _own(part: str, adapter: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(f"{part}."): value for key, value in adapter.items() if key.startswith(f"{part}.")}


def _layers(
    tensors: Mapping[str, Tensor], alphas: Mapping[str, float], adapter: Mapping[str, Any]
) -> Iterator[tuple[str, Layer]]:
    patterns = {key.removeprefix("^"): alpha for key, alpha in (adapter.get("alpha_pattern") or {}).items()}
    for key, down in tensors.items():
        if not key.endswith(DOWN):
            continue
        name, rank = key.removesuffix(DOWN), len(down)
        near = next((alpha for end, alpha in patterns.items() if f".{name}".endswith(f".{end}")), None)
        alpha = float(alphas.get(key, adapter.get("lora_alpha", rank) if near is None else near))
        if adapter.get("use_rslora"):
            alpha *= math.sqrt(rank)
        if not math.isfinite(alpha) or not rank:
            raise ValueError(f"{name} has rank {rank} and alpha {alpha:g}")
        up = tensors[name + UP]
        if not (down.isfinite().all() and up.isfinite().all()):
            raise ValueError(f"{name} holds what is no finite number")
        yield name, Layer(down, up, alpha)
