"""Draws the pictures that are measured, with the defaults of the model's card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from engine.models import find_model
from engine.schedulers import build_scheduler

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.files.card import ModelCard

BATCH = 8


class Painter:
    """A model folder, opened for measuring in float32 on the CPU."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card: ModelCard = find_model(str(folder)).card
        self.pipeline: Any = StableDiffusionPipeline.from_pretrained(folder).to(dtype=torch.float32)
        self.pipeline.set_progress_bar_config(disable=True)
        self._config = self.pipeline.scheduler.config

    def draw(
        self,
        captions: Sequence[str],
        seeds: Sequence[int],
        *,
        guidance: float | None = None,
        size: tuple[int, int] | None = None,
    ) -> NDArray[np.uint8]:
        """One picture for each caption and seed: (n, height, width, 3)."""
        width, height = size or (self.card.width, self.card.height)
        drawn = []
        for start in range(0, len(captions), BATCH):
            chosen = slice(start, start + BATCH)
            self.pipeline.scheduler = build_scheduler(self.card.scheduler, self._config)
            generators = [torch.Generator().manual_seed(seed) for seed in seeds[chosen]]
            drawn.append(
                self.pipeline(
                    list(captions[chosen]),
                    num_inference_steps=self.card.steps,
                    guidance_scale=self.card.guidance if guidance is None else guidance,
                    width=width,
                    height=height,
                    generator=generators,
                    output_type="np",
                ).images
            )
        pixels: NDArray[np.uint8] = np.rint(np.concatenate(drawn) * 255).astype(np.uint8)
        return pixels
