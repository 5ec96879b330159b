"""What the LoRAs and the embedding beside a model change, measured through diffusers' own loaders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.emoji.dataset.styles import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.emoji.evaluate.painter import Painter

SUBJECTS = ("dog face", "strawberry", "rocket", "grinning face", "soccer ball", "mushroom", "frog", "key")
SEED = 4


@dataclass(frozen=True, slots=True)
class Effect:
    """One measure, on the same eight captions and seeds, without a companion and with it."""

    name: str
    measure: str
    without: float
    with_it: float


def blockiness(picture: NDArray[np.uint8]) -> float:
    """Mean absolute difference (of 255) between a picture and the means of its 8x8 blocks: 0 where it is pixelated."""
    height, width, channels = picture.shape
    blocks = picture.astype(np.float32).reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, channels)
    return float(np.abs(blocks - blocks.mean(axis=(1, 3), keepdims=True)).mean())


def colourfulness(picture: NDArray[np.uint8]) -> float:
    """Mean distance (of 255) between the largest and smallest channel: 0 where it is grey."""
    return float((picture.max(axis=-1).astype(np.int16) - picture.min(axis=-1)).mean())


def goldness(picture: NDArray[np.uint8]) -> float:
    """Share of the pixels that are not white in which red exceeds green, and green exceeds blue by far."""
    red, green, blue = (picture[..., channel].astype(np.int16) for channel in range(3))
    subject = picture.min(axis=-1) < 230
    golden = (red > green) & (green > blue + 40) & (green > red * 0.5)
    return float((golden & subject).sum() / max(1, subject.sum()))


LORA_MEASURES: Mapping[str, tuple[str, Callable[[NDArray[np.uint8]], float]]] = {
    "pixel": ("difference from 8x8 blocks, of 255", blockiness),
    "sketch": ("colourfulness, of 255", colourfulness),
}


def effects(painter: Painter, folder: Path) -> tuple[Effect, ...]:
    """What each companion in the model's folder does; empty where it has none."""
    loras = [name for name in LORA_MEASURES if (folder / "loras" / f"{name}.safetensors").exists()]
    embedding = folder / "embeddings" / "gold.safetensors"
    if not loras and not embedding.exists():
        return ()
    pipeline = painter.pipeline
    plain = _drawn(painter, "{}")
    found = []
    for name in loras:
        measure, of = LORA_MEASURES[name]
        pipeline.load_lora_weights(folder / "loras", weight_name=f"{name}.safetensors", adapter_name=name)
        styled = _drawn(painter, "{}")
        pipeline.unload_lora_weights()
        found.append(Effect(name, measure, _mean(of, plain), _mean(of, styled)))
    if embedding.exists():
        pipeline.load_textual_inversion(embedding)
        golden = _drawn(painter, "<gold> {}")
        pipeline.unload_textual_inversion()
        found.append(Effect("<gold>", "golden share of the subject", _mean(goldness, plain), _mean(goldness, golden)))
    return tuple(found)


def _drawn(painter: Painter, template: str) -> NDArray[np.uint8]:
    return painter.draw([template.format(subject) for subject in SUBJECTS], [SEED] * len(SUBJECTS))


def _mean(measure: Callable[[NDArray[np.uint8]], float], pictures: NDArray[np.uint8]) -> float:
    return float(np.mean([measure(picture) for picture in pictures]))
