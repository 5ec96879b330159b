"""Trains the VAE on crops of scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn.functional import l1_loss, mse_loss

from engine.emoji.dataset.scenes import draw
from engine.emoji.train import shapes
from engine.emoji.train.latents import to_pixels
from engine.emoji.train.run import Checkpoint, autocast, take_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.emoji.dataset.scenes import Pool
    from engine.emoji.train.run import Budget, Run

BATCH, CROP = 24, 64
LEARNING_RATE = 2e-3
GRADIENT_NORM = 1.0
EDGE_WEIGHT, KL_WEIGHT = 0.5, 1e-6
MEASURED_SCENES = 256
"""Scenes whose latents give the scaling factor."""


def train_vae(pools: Sequence[Pool], pictures: NDArray[np.uint8], budget: Budget, run: Run) -> Any:
    """
    An `AutoencoderKL` from nothing: L1, L1 of the gradients (for edges), MSE and a trace of KL.

    Its scaling factor is set so that latents have a standard deviation of one.
    """
    torch.manual_seed(run.seed)
    vae = AutoencoderKL(**shapes.VAE).to(run.device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(vae.parameters(), LEARNING_RATE, weight_decay=1e-4, fused=True)
    checkpoint = Checkpoint(run.folder / "vae.pt")
    saved = checkpoint.load()
    if saved is not None:
        vae.load_state_dict(saved["vae"])
        optimizer.load_state_dict(saved["optimizer"])
        budget.done, budget.spent_s = saved["done"], saved["spent_s"]

    def save() -> None:
        checkpoint.save(
            {
                "vae": vae.state_dict(),
                "optimizer": optimizer.state_dict(),
                "done": budget.done,
                "spent_s": budget.spent_s,
            }
        )

    def loss_of(step: int) -> torch.Tensor:
        pixels = to_pixels(_crops(pools, pictures, np.random.default_rng((run.seed, 98, step))))
        with autocast(run.device):
            return _loss(vae, pixels.to(run.device, memory_format=torch.channels_last))

    take_steps(
        "VAE",
        optimizer,
        budget,
        loss_of,
        highest_rate=LEARNING_RATE,
        gradient_norm=GRADIENT_NORM,
        after_step=lambda: save() if checkpoint.is_due else None,
    )
    save()
    vae.eval()
    vae.register_to_config(scaling_factor=_scaling_factor(vae, pools, pictures, run))
    return vae


def _crops(pools: Sequence[Pool], pictures: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    crops = np.empty((BATCH, CROP, CROP, 3), np.uint8)
    shares = np.array([pool.share for pool in pools])
    for row, chosen in enumerate(random.choice(len(pools), size=BATCH, p=shares / shares.sum())):
        pool = pools[chosen]
        picture = draw(pool.make(int(random.integers(pool.count))), pictures)
        top = int(random.integers(picture.shape[0] - CROP + 1))
        left = int(random.integers(picture.shape[1] - CROP + 1))
        crops[row] = picture[top : top + CROP, left : left + CROP]
    return crops


def _loss(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    posterior = vae.encode(pixels).latent_dist
    decoded = vae.decode(posterior.sample()).sample.float()
    across, down = (l1_loss(decoded.diff(dim=axis), pixels.diff(dim=axis)) for axis in (3, 2))
    kl = posterior.kl().mean() / pixels[0].numel()
    same = l1_loss(decoded, pixels) + mse_loss(decoded, pixels)
    loss: torch.Tensor = same + EDGE_WEIGHT * (across + down) + KL_WEIGHT * kl
    return loss


@torch.no_grad()
def _scaling_factor(vae: Any, pools: Sequence[Pool], pictures: NDArray[np.uint8], run: Run) -> float:
    random = np.random.default_rng((run.seed, 97))
    pool = pools[0]
    means = []
    for _ in range(0, MEASURED_SCENES, BATCH):
        scenes = [pool.make(int(number)) for number in random.integers(pool.count, size=BATCH)]
        pixels = to_pixels(np.stack([draw(scene, pictures) for scene in scenes]))
        means.append(vae.encode(pixels.to(run.device)).latent_dist.mode().float())
    return 1 / float(torch.cat(means).std())
