"""Loads a model that is run whole: its networks as all others, then diffusers' own pipeline around them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import diffusers
import torch
import transformers

from engine.footprint import Footprint, bytes_of, capacity_of
from engine.loading import LIBRARY_ERRORS, load_checker, load_network, quiet_libraries, refused
from engine.room import Room

if TYPE_CHECKING:
    from engine.devices import Device
    from engine.files.wholefolder import Network, WholeFolder
    from engine.files.wholes import Whole

LIBRARIES = {"diffusers": diffusers, "transformers": transformers}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedWhole:
    """A pipeline in memory on one device. The engine's thread owns it, and lends it to one picture at a time."""

    pipeline: Any
    whole: Whole
    safety_checker: Any | None
    feature_extractor: Any | None
    device: torch.device
    """On which its safety checker works, with `dtype`."""
    dtype: torch.dtype

    @property
    def weights_bytes(self) -> dict[str, int]:
        """What each of its networks takes."""
        parts = {**self.pipeline.components, "safety_checker": self.safety_checker}
        return {name: bytes_of(part) for name, part in parts.items() if isinstance(part, torch.nn.Module)}


def load_whole(folder: WholeFolder, device: Device) -> LoadedWhole:
    """
    Load every part of a model that keeps to the device's level of memory. Takes seconds; runs on the engine's thread.

    Such models are made for bfloat16 and overflow in float16, so that one takes the place of the other.

    Raises:
        InvalidModel: a library refuses a part; the sentence has its words.
        OutOfMemory: the model alone does not fit the device.
    """
    if device.dtype == torch.float16 and (device.device.type != "cuda" or torch.cuda.is_bf16_supported()):
        device = replace(device, dtype=torch.bfloat16)
    place = replace(device, device=torch.device("cpu")) if device.moves_parts else device
    # Drawn with outside of the engine's inference mode, as diffusers draws.
    with quiet_libraries(), torch.inference_mode(mode=False):
        networks = {name: _load(name, network, place, folder) for name, network in folder.networks.items()}
        pipeline = _pipeline(folder, networks)
        pipeline.set_progress_bar_config(disable=True)
        # It would print what it cuts of people's prompts.
        logging.getLogger(type(pipeline).__module__).setLevel(logging.ERROR)
        if device.memory != "normal" and hasattr(getattr(pipeline, "vae", None), "enable_tiling"):
            pipeline.vae.enable_slicing()
            pipeline.vae.enable_tiling()
        if device.moves_parts:
            pipeline.enable_model_cpu_offload(device=device.device)
        checker = load_checker(folder, place)
    return LoadedWhole(pipeline=pipeline, whole=folder.whole, **checker, device=place.device, dtype=place.dtype)


def room_of_whole(model: LoadedWhole, folder: WholeFolder, device: Device) -> Room:
    """What a loaded model can draw on its device: of what a picture takes nothing is known before one was too much."""
    weights = model.weights_bytes.values()
    footprint = Footprint(
        unet_bytes=max(weights) if device.moves_parts else sum(weights),
        vae_bytes=0,
        others_bytes=0,
        row_bytes=0,
        pixel_bytes=0,
        cell_px=folder.card.size_multiple,
        is_offloaded=device.moves_parts,
    )
    capacity = capacity_of(device.device)
    return Room(footprint, capacity, device=str(device.device), multiple=folder.card.size_multiple)


def _load(name: str, network: Network, device: Device, folder: WholeFolder) -> Any:
    part_class = getattr(LIBRARIES[network.library], network.class_name, None)
    is_known = isinstance(part_class, type) and issubclass(part_class, torch.nn.Module)
    if not is_known:
        error = ValueError(f"{network.library} has no network {network.class_name}")
        raise refused(folder.path / name, error)
    return load_network(part_class, network.part, device, channels_last=False)


def _pipeline(folder: WholeFolder, networks: dict[str, Any]) -> Any:
    pipeline_class = getattr(diffusers, folder.pipeline)
    unused = dict.fromkeys(folder.unused)
    try:
        return pipeline_class.from_pretrained(str(folder.path), local_files_only=True, **networks, **unused)
    except LIBRARY_ERRORS as error:
        raise refused(folder.path, error) from error
