"""Small safetensors files that say what LoRAs say, and hold zeros."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

TO_K = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
EMOJI_WIDTH, XL_WIDTH = 192, 2048


def save_tensors(file: Path, shapes: dict[str, list[int]], metadata: dict[str, Any] | None = None) -> Path:
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    content = json.dumps(header).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(content)) + content + bytes(end))
    return file


def save_lora(models_dir: Path, name: str, *, width: int = EMOJI_WIDTH, title: str = "", words: str = "") -> Path:
    """A LoRA for the bundled model, or for one of another width."""
    told = {"modelspec.title": title, "modelspec.trigger_phrase": words, "modelspec.license": "MIT" if title else ""}
    shapes = {f"{TO_K}.lora_down.weight": [4, width], f"{TO_K}.lora_up.weight": [160, 4]}
    file = models_dir / "loras" / f"{name}.safetensors"
    return save_tensors(file, shapes, {key: value for key, value in told.items() if value})
