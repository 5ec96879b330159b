"""What a model does to get by with less of its device's memory: slices, tiles, parts that come only to work."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from diffusers.models.attention import BasicTransformerBlock

from engine.footprint import capacity_of, footprint_of, parts_of
from engine.loading import load
from engine.memory import release
from engine.room import Room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.devices import Device
    from engine.loading import LoadedModel
    from engine.models import ModelFolder

CPU = torch.device("cpu")


def load_within(folder: ModelFolder, device: Device) -> LoadedModel:
    """
    Load a model that keeps to the device's level of memory.

    At `low` pictures are as at `normal` but for rounding, up to the model's own size; larger ones are decoded in tiles,
    whose colours may differ a little. At `lowest`, besides, only the part that works is on the device: each change of
    part takes as long as its weights take to come over.

    Raises:
        InvalidModel, OutOfMemory: as `load`.
    """
    model = load(folder, replace(device, device=CPU) if device.moves_parts else device)
    if device.memory != "normal":
        slice_layers(model.unet, device.device)
        _tile(model.vae, max(folder.card.width, folder.card.height))
    if device.moves_parts:
        model = replace(model, device=device.device)
        Stage(parts_of(model), device.device)
    return model


def room_of(model: LoadedModel, device: Device) -> Room:
    """What a model that was loaded on this device can draw there."""
    footprint = footprint_of(model, is_offloaded=device.moves_parts)
    return Room(footprint, capacity_of(device.device), device=str(device.device))


def slice_layers(unet: Any, device: torch.device) -> None:
    """
    Let the U-Net's largest layers work on a row at a time.

    These are the feed-forward layers: they hold as much as all else together, and by rows an eighth of that in a call
    of eight. Attention comes next only where PyTorch has no fused kernel for it, which holds no scores: in slices of
    diffusers' kind, Stable Diffusion 1.5 would take 2.4 times as much at 1024x1024 (traced as `engine.footprint`).
    """
    for block in unet.modules():
        if isinstance(block, BasicTransformerBlock):
            block.set_chunk_feed_forward(chunk_size=1, dim=0)
    if device.type == "mps":
        unet.set_attentionslice_layers("max")


def _tile(vae: Any, native_px: int) -> None:
    """Let the VAE decode one picture at a time, and larger ones than the model's own in tiles of that size."""
    vae.enable_slicing()
    vae.enable_tiling()
    side = max(native_px, vae.tile_sample_min_size)
    vae.tile_sample_min_size = side
    vae.tile_latent_min_size = side // 2 ** (len(vae.config.block_out_channels) - 1)


class Stage:
    """
    The device, on which at most one of a model's parts is at any time; the others wait in the machine's memory.

    A pipeline's chain of hooks does not do: here the text encoder is called between two calls of the U-Net, whenever
    somebody joins. Runs on the engine's thread.
    """

    def __init__(self, parts: Mapping[str, Any], device: torch.device) -> None:
        self._parts = parts
        self._device = device
        self._current: Any = None
        for part in parts.values():
            add_hook_to_module(part, _Entrance(self))

    def bring(self, part: Any) -> None:
        """Put a part on the device, after the one that was there has left."""
        if part is self._current:
            return
        self._current = None
        for other in self._parts.values():
            # All of them: a LoRA's layers may come to the device without their part.
            if other is not part:
                other.to(CPU)
        release(self._device)
        part.to(self._device)
        self._current = part


class _Entrance(ModelHook):  # type: ignore[misc]  # accelerate has no types
    """Brings a part onto the stage before it works; diffusers calls it before `decode` and `encode`, too."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        self._stage.bring(module)
        return args, kwargs
