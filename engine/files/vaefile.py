"""Builds a VAE from a single file, whichever way it names its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import diffusers
import safetensors.torch
import torch
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

from engine.files.vaes import FIRST, PREFIXES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from engine.files.vaes import VaeFile

OLD_NAMES: Mapping[str, str] = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""What diffusers called the parts of attention before, and what it calls them."""


def build_vae(file: VaeFile, dtype: torch.dtype) -> diffusers.AutoencoderKL:
    """
    The VAE on the CPU.

    Raises:
        OSError, SafetensorError, ValueError, LookupError, RuntimeError: the file holds something else.
    """
    tensors = safetensors.torch.load_file(file.path)
    prefix = next(prefix for prefix in PREFIXES if prefix + FIRST in tensors)
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if any(name.startswith("decoder.up_blocks.") for name in own):
        own = {_new_name(name): tensor for name, tensor in own.items()}
    else:
        own = convert_ldm_vae_checkpoint(own, file.config)
    with torch.device("meta"):
        vae = diffusers.AutoencoderKL.from_config(file.config)
    wanted: dict[str, Tensor] = vae.state_dict()
    # Linear layers may be stored as convolutions of one pixel; what a trainer left besides is none of ours.
    known = {name: own[name].to(dtype).reshape(like.shape) for name, like in wanted.items() if name in own}
    vae.load_state_dict(known, assign=True)
    return vae


def _new_name(name: str) -> str:
    for old, new in OLD_NAMES.items():
        name = name.replace(f".attentions.0.{old}.", f".attentions.0.{new}.")
    return name
