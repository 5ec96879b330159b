"""Trains text encoder and U-Net together, on encoded scenes and their captions."""

from __future__ import annotations

import random as random_module
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.training_utils import EMAModel, compute_snr

from engine.emoji.dataset.scenes import WHITE_SHARE
from engine.emoji.train.run import Checkpoint, autocast, take_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diffusers import DDPMScheduler

    from engine.emoji.dataset.captions import Captions
    from engine.emoji.dataset.scenes import Pool, Size
    from engine.emoji.train.latents import LatentStore
    from engine.emoji.train.run import Budget, Run

BATCH = 32
"""Square pictures a step; of the larger sizes as many as cost the same."""
LEARNING_RATE = 1e-3
EMA_DECAY = 0.9996
SNR_LIMIT = 5.0
GRADIENT_NORM = 1.0


@dataclass(frozen=True, slots=True)
class Denoiser:
    """The parts that learn here, and what they learn with."""

    tokenizer: Any
    text_encoder: Any
    unet: Any
    schedule: DDPMScheduler
    """Adds noise as the model's own scheduler config says."""

    def to(self, device: torch.device) -> None:
        """Move both to the device, laid out and with the attention that trains fastest there."""
        self.text_encoder.to(device).train()
        self.unet.to(device, memory_format=torch.channels_last).train()
        if device.type == "cpu":
            # The CPU's fused attention has a slow backward pass: 0.39 s a step against 0.28 s on two cores.
            self.unet.set_attn_processor(AttnProcessor())

    def parameters(self) -> list[torch.nn.Parameter]:
        """Of both, in one fixed order."""
        return [*self.unet.parameters(), *self.text_encoder.parameters()]

    def tokens(self, captions: Sequence[str]) -> torch.Tensor:
        """(captions, 77) of token ids, padded and cut."""
        ids: torch.Tensor = self.tokenizer(
            list(captions), padding="max_length", truncation=True, max_length=77, return_tensors="pt"
        ).input_ids
        return ids


class Scenes:
    """Batches of latents and captions, drawn by the pools' shares and the emoji's weights."""

    def __init__(
        self,
        pools: Sequence[Pool],
        store: LatentStore,
        captions: Captions,
        plain_weights: Any,
    ) -> None:
        self._pools, self._store, self._captions = pools, store, captions
        self._plain_weights = plain_weights
        self._sizes: list[Size] = sorted({pool.size for pool in pools})

    def batch(self, step: int, seed: int) -> tuple[torch.Tensor, list[str]]:
        """The step's latents, all of one size, and captions."""
        random = np.random.default_rng((seed, 99, step))
        words = random_module.Random(f"{seed} {step}")
        shares = np.array([sum(pool.share for pool in self._pools if pool.size == size) for size in self._sizes])
        size = self._sizes[random.choice(len(self._sizes), p=shares / shares.sum())]
        pools = [pool for pool in self._pools if pool.size == size]
        count = BATCH * 128 * 128 // (size[0] * size[1])
        shares = np.array([pool.share for pool in pools])
        chosen = random.choice(len(pools), size=count, p=shares / shares.sum())
        latents, captions = [], []
        for index, pool in enumerate(pools):
            numbers = self._numbers(pool, int((chosen == index).sum()), random)
            if len(numbers):
                latents.append(self._store.get(pool, numbers))
                captions += [self._captions.training(pool.make(int(number)), words) for number in numbers]
        return torch.cat(latents), captions

    def _numbers(self, pool: Pool, count: int, random: np.random.Generator) -> Any:
        if pool.name != "plain":  # their emoji were drawn by weight when the scenes were made
            return random.integers(pool.count, size=count)
        colours = pool.count // len(self._plain_weights)
        emoji = random.choice(len(self._plain_weights), size=count, p=self._plain_weights)
        white = random.random(count) < WHITE_SHARE
        return emoji * colours + np.where(white, 0, random.integers(1, colours, size=count))


def train_denoiser(denoiser: Denoiser, scenes: Scenes, budget: Budget, run: Run) -> None:
    """Train until the budget is spent, going on from the run's checkpoint, and leave the averaged weights."""
    denoiser.to(run.device)
    parameters = denoiser.parameters()
    optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    average = EMAModel(parameters, decay=EMA_DECAY, use_ema_warmup=True, power=0.75, foreach=True)
    checkpoint = Checkpoint(run.folder / "denoiser.pt")
    _resume(checkpoint, denoiser, optimizer, average, budget)

    def after_step() -> None:
        average.step(parameters)
        if checkpoint.is_due:
            _save(checkpoint, denoiser, optimizer, average, budget)

    take_steps(
        "denoiser",
        optimizer,
        budget,
        lambda step: denoising_loss(denoiser, scenes.batch(step, run.seed), step, run),
        highest_rate=LEARNING_RATE,
        gradient_norm=GRADIENT_NORM,
        after_step=after_step,
    )
    _save(checkpoint, denoiser, optimizer, average, budget)
    average.copy_to(parameters)
    denoiser.unet.eval()
    denoiser.text_encoder.eval()


def denoising_loss(denoiser: Denoiser, batch: tuple[torch.Tensor, list[str]], step: int, run: Run) -> torch.Tensor:
    """
    The loss of one step, for latents of (n, 4, h, w) and n captions; timesteps and noise come from the step's number.

    Half of it is the plain mean over timesteps, half is weighted by min-SNR (arXiv:2303.09556): the plain half keeps
    colours, the other shapes.
    """
    latents, captions = batch
    schedule = denoiser.schedule
    random = torch.Generator().manual_seed(run.seed * 1_000_003 + step)
    noise = torch.randn(latents.shape, generator=random)
    timesteps = torch.randint(schedule.config.num_train_timesteps, (len(latents),), generator=random)
    noisy = schedule.add_noise(latents, noise, timesteps).to(run.device, memory_format=torch.channels_last)
    target = schedule.get_velocity(latents, noise, timesteps).to(run.device)
    snr = compute_snr(schedule, timesteps).to(run.device)
    with autocast(run.device):
        words = denoiser.text_encoder(denoiser.tokens(captions).to(run.device)).last_hidden_state
        predicted = denoiser.unet(noisy, timesteps.to(run.device), words).sample
    each = (predicted.float() - target).square().mean(dim=(1, 2, 3))
    loss: torch.Tensor = (each * (0.5 + 0.5 * snr.clamp(max=SNR_LIMIT) / (snr + 1))).mean()
    return loss


def _save(checkpoint: Checkpoint, denoiser: Denoiser, optimizer: Any, average: EMAModel, budget: Budget) -> None:
    checkpoint.save(
        {
            "unet": denoiser.unet.state_dict(),
            "text_encoder": denoiser.text_encoder.state_dict(),
            "optimizer": optimizer.state_dict(),
            "average": average.state_dict(),
            "done": budget.done,
            "spent_s": budget.spent_s,
        }
    )


def _resume(checkpoint: Checkpoint, denoiser: Denoiser, optimizer: Any, average: EMAModel, budget: Budget) -> None:
    saved = checkpoint.load()
    if saved is None:
        return
    denoiser.unet.load_state_dict(saved["unet"])
    denoiser.text_encoder.load_state_dict(saved["text_encoder"])
    optimizer.load_state_dict(saved["optimizer"])
    average.load_state_dict(saved["average"])
    average.to(next(denoiser.unet.parameters()).device)
    budget.done, budget.spent_s = saved["done"], saved["spent_s"]
