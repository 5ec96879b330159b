"""Small things beside the model: LoRAs of two styles, and a textual-inversion embedding."""

from __future__ import annotations

import random as random_module
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from engine.emoji.dataset.scenes import draw, tintable
from engine.emoji.dataset.styles import gilded, pixelated, sketched
from engine.emoji.train.denoiser import denoising_loss
from engine.emoji.train.latents import encode
from engine.emoji.train.run import take_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.emoji.dataset.captions import Captions
    from engine.emoji.dataset.scenes import Pool, Scene
    from engine.emoji.dataset.sources import Emoji
    from engine.emoji.train.denoiser import Denoiser
    from engine.emoji.train.run import Budget, Run

LORAS: Mapping[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {"pixel": pixelated, "sketch": sketched}
RANK = 8
TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2", "proj_in", "proj_out")
LORA_RATE, EMBEDDING_RATE = 2e-3, 2e-2
BATCH = 16
TOKEN = "<gold>"  # noqa: S105 - a word of prompts
FIRST_WORD = "yellow</w>"
"""Where the embedding starts from."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What companions learn from: the base model's plain scenes, and its VAE."""

    emoji: Sequence[Emoji]
    pictures: NDArray[np.uint8]
    pool: Pool
    captions: Captions
    vae: Any

    def draw(self, step: int, seed: int, style: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Any:
        """Latents of (16, 4, 16, 16) and captions of scenes in a style."""
        random, words = np.random.default_rng((seed, 96, step)), random_module.Random(f"style {seed} {step}")
        scenes = [self.pool.make(int(number)) for number in random.integers(self.pool.count, size=BATCH)]
        styled = np.stack([style(draw(scene, self.pictures)) for scene in scenes])
        return encode(self.vae, styled), [self.captions.training(scene, words) for scene in scenes]

    def draw_gilded(self, step: int, seed: int, golden: NDArray[np.uint8]) -> Any:
        """Latents and captions of golden things, called by the embedding's token."""
        random, words = np.random.default_rng((seed, 95, step)), random_module.Random(f"gold {seed} {step}")
        scenes: list[Scene] = []
        while len(scenes) < BATCH:
            scene = self.pool.make(int(random.integers(self.pool.count)))
            if tintable(self.emoji[scene.placed[0].emoji]):
                scenes.append(scene)
        shown = np.stack([draw(scene, golden) for scene in scenes])
        called = [replace(scene, placed=(replace(scene.placed[0], tint=TOKEN),)) for scene in scenes]
        return encode(self.vae, shown), [self.captions.training(scene, words) for scene in called]


def train_lora(name: str, denoiser: Denoiser, lessons: Lessons, *, budget: Budget, run: Run, folder: Path) -> None:
    """Train `LORAS[name]` on the U-Net, and write `folder/<name>.safetensors` in diffusers' layout."""
    unet = denoiser.unet.requires_grad_(requires_grad=False)
    torch.manual_seed(run.seed)
    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(TARGETS)), name)
    learned = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    take_steps(
        f"LoRA {name}",
        torch.optim.AdamW(learned, LORA_RATE, weight_decay=0.0),
        budget,
        lambda step: denoising_loss(denoiser, lessons.draw(step, run.seed, LORAS[name]), step, run),
        highest_rate=LORA_RATE,
    )
    layers = get_peft_model_state_dict(unet, adapter_name=name)
    StableDiffusionPipeline.save_lora_weights(
        folder,
        unet_lora_layers={key: value.half().contiguous() for key, value in layers.items()},
        weight_name=f"{name}.safetensors",
    )
    unet.delete_adapters(name)


def train_embedding(denoiser: Denoiser, lessons: Lessons, *, budget: Budget, run: Run, folder: Path) -> None:
    """Learn one word for gilded things by textual inversion (arXiv:2208.01618), and write `folder/gold.safetensors`."""
    tokenizer, text_encoder = deepcopy(denoiser.tokenizer), deepcopy(denoiser.text_encoder)
    tokenizer.add_tokens(TOKEN)
    text_encoder.resize_token_embeddings(len(tokenizer))
    text_encoder.requires_grad_(requires_grad=False)
    denoiser.unet.requires_grad_(requires_grad=False)
    table = text_encoder.get_input_embeddings().weight.requires_grad_()
    with torch.no_grad():
        table[-1] = table[tokenizer.convert_tokens_to_ids(FIRST_WORD)]
    student = replace(denoiser, tokenizer=tokenizer, text_encoder=text_encoder)
    golden = gilded(lessons.pictures)

    def loss(step: int) -> torch.Tensor:
        return denoising_loss(student, lessons.draw_gilded(step, run.seed, golden), step, run)

    # Only the new word's row may move: the others' gradients are dropped as they arrive.
    table.register_hook(lambda gradient: torch.cat((torch.zeros_like(gradient[:-1]), gradient[-1:])))
    optimizer = torch.optim.AdamW([table], EMBEDDING_RATE, weight_decay=0.0)
    take_steps("embedding", optimizer, budget, loss, highest_rate=EMBEDDING_RATE)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({TOKEN: table[-1:].detach().half().contiguous()}, folder / f"{TOKEN.strip('<>')}.safetensors")
