"""How much memory a loaded model takes on its device, and what one picture adds to that: a lower bound."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from engine.loading import LoadedModel

UNET_TENSORS = 12
"""
Tensors of the U-Net's first width that a row keeps at once: its skip connections, and what its blocks compute.

Source: the peak of live bytes in one call, traced on fake tensors (tests/engine/test_footprint.py), divided by rows,
latent cells and the first width: 26.0 for Stable Diffusion 1.5 and 2.1 at any size and number of rows, 18.6 at two rows
with sliced feed-forward layers, 15.8 for XL, 12.0 for the bundled model.
"""
VAE_TENSORS = 6
"""Tensors of the decoder's last width that a pixel keeps at once. Source: as above; 6.00 for every VAE and size."""
FLOAT32_PICTURES = 2
"""The decoded picture in float32: as it comes, and scaled."""
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container may take, in version 2 and 1: https://docs.kernel.org/admin-guide/cgroup-v2.html."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """
    What a model takes of its device's memory, in bytes.

    What the kernels work in, what the allocator wastes and what other programs hold is not counted: a picture that does
    not fit by this figure certainly does not fit.
    """

    unet_bytes: int
    vae_bytes: int
    others_bytes: int
    """The weights of all other parts together."""
    row_bytes: int
    """What a latent cell of a U-Net row adds."""
    pixel_bytes: int
    """What a pixel of a decoded picture adds."""
    cell_px: int
    """Pixels per latent cell and side."""
    tile_px: int | None = None
    """The side of the tiles in which larger pictures are decoded; None where they are decoded whole."""
    is_offloaded: bool = False
    """Whether only the part that works is on the device."""

    def of(self, width: int, height: int, rows: int) -> int:
        """What it takes to draw one picture of `width` x `height` pixels with so many U-Net rows."""
        drawing = rows * (width // self.cell_px) * (height // self.cell_px) * self.row_bytes
        tile = self.tile_px or max(width, height)
        decoding = min(width, tile) * min(height, tile) * self.pixel_bytes + FLOAT32_PICTURES * 3 * 4 * width * height
        if self.is_offloaded:
            return max(self.unet_bytes + drawing, self.vae_bytes + decoding)
        return self.unet_bytes + self.vae_bytes + self.others_bytes + max(drawing, decoding)


def footprint_of(model: LoadedModel, *, is_offloaded: bool) -> Footprint:
    """The footprint of a model as it was loaded."""
    weights = {name: bytes_of(part) for name, part in parts_of(model).items()}
    unet_bytes, vae_bytes = weights.pop("unet"), weights.pop("vae")
    return Footprint(
        unet_bytes=unet_bytes,
        vae_bytes=vae_bytes,
        others_bytes=sum(weights.values()),
        row_bytes=UNET_TENSORS * model.unet.config.block_out_channels[0] * model.dtype.itemsize,
        pixel_bytes=VAE_TENSORS * model.vae.config.block_out_channels[0] * model.dtype.itemsize,
        cell_px=model.vae_scale_factor,
        tile_px=model.vae.tile_sample_min_size if model.vae.use_tiling else None,
        is_offloaded=is_offloaded,
    )


def parts_of(model: LoadedModel) -> dict[str, Any]:
    """A model's networks by their names in it."""
    parts = {each.name: getattr(model, each.name) for each in fields(model)}
    return {name: part for name, part in parts.items() if hasattr(part, "parameters")}


def capacity_of(device: torch.device) -> int | None:
    """The device's whole memory in bytes, whoever uses it now; None where that cannot be told."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory())
    return _machine_bytes()


def _machine_bytes() -> int | None:
    """The memory of this machine, or of the container in it."""
    limits = []
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in CGROUP_LIMITS:
        try:
            limits.append(int(file.read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(limits, default=None)


def bytes_of(network: Any) -> int:
    """What a network's weights take."""
    return sum(each.nbytes for each in network.parameters())
