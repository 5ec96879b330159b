"""A small classifier that names the emoji in a picture, trained on augmented pictures of the data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import (
    affine_grid,
    avg_pool2d,
    conv2d,
    cross_entropy,
    grid_sample,
    interpolate,
    relu,
)
from tqdm import tqdm

from engine.emoji.dataset.colours import COLOURS
from engine.emoji.train.run import autocast

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

SIDE = 64
BATCH, STEPS = 96, 4000
LEARNING_RATE = 2e-3
TOP = 5
CHECKED = 40
"""Batches of unseen augmentations for its own figure."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """Knows every emoji of the data by its index."""

    network: Any
    own_top5: float
    """Share of unseen augmentations with the right emoji among its first five."""

    @torch.no_grad()
    def first_five(self, pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The five likeliest emoji for each of (n, height, width, 3) pictures, likeliest first: (n, 5)."""
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        small = interpolate(pixels, (SIDE, SIDE), mode="area")
        found: NDArray[np.int64] = self.network(small).topk(TOP).indices.numpy()
        return found


def train_classifier(pictures: NDArray[np.uint8], folder: Path, seed: int, steps: int = STEPS) -> Classifier:
    """
    The classifier for premultiplied pictures of (emoji, 128, 128, 4), from `folder` where it was trained before.

    Augmentation: one of the twelve backgrounds, size, turn, place, bends, brightness, a hidden patch, blur and noise;
    strong enough that a soft or bent drawing is named by what it shows.
    """
    file = folder / f"classifier-{len(pictures)}-{seed}-{steps}.pt"
    network = _Network(len(pictures))
    if file.exists():
        saved = torch.load(file, weights_only=True)
        network.load_state_dict(saved["network"])
        return Classifier(network.eval(), saved["own_top5"])
    small = avg_pool2d(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255, pictures.shape[1] // SIDE)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    random = torch.Generator().manual_seed(seed)
    for _ in tqdm(range(steps), desc="classifier", unit="step", mininterval=5):
        chosen = torch.randint(len(small), (BATCH,), generator=random)
        with autocast(torch.device("cpu")):
            loss = cross_entropy(network(_augmented(small[chosen], random)).float(), chosen, label_smoothing=0.05)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    network.eval()
    own_top5 = _own_top5(network, small, torch.Generator().manual_seed(seed + 1))
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"network": network.state_dict(), "own_top5": own_top5}, file)
    return Classifier(network, own_top5)


@torch.no_grad()
def _own_top5(network: nn.Module, small: torch.Tensor, random: torch.Generator) -> float:
    right = 0
    for _ in range(CHECKED):
        chosen = torch.randint(len(small), (BATCH,), generator=random)
        right += int((network(_augmented(small[chosen], random)).topk(TOP).indices == chosen[:, None]).sum())
    return right / (CHECKED * BATCH)


def _augmented(pictures: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """(n, 3, 64, 64) in [0, 1] from premultiplied (n, 4, 64, 64)."""
    count = len(pictures)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=random)

    angle, scale = uniform(-0.22, 0.22), uniform(0.96, 1.3)
    rows = torch.stack(
        (
            torch.stack((angle.cos() * scale, -angle.sin() * scale, uniform(-0.12, 0.12)), 1),
            torch.stack((angle.sin() * scale, angle.cos() * scale, uniform(-0.12, 0.12)), 1),
        ),
        1,
    )
    places = affine_grid(rows, list(pictures.shape), align_corners=False) + _bends(count, random)
    turned = grid_sample(pictures, places, align_corners=False)
    table = torch.tensor(list(COLOURS.values())) / 255
    background = table[torch.randint(len(table), (count,), generator=random)][:, :, None, None]
    shown = turned[:, :3] + (1 - turned[:, 3:]) * background
    shown = shown * uniform(0.85, 1.15, 1, 1, 1) + uniform(-0.05, 0.05, 3, 1, 1)
    shown = _blurred(_patched(shown, random), random)
    return (shown + 0.03 * torch.randn(shown.shape, generator=random)).clamp(0, 1)


def _bends(count: int, random: torch.Generator) -> torch.Tensor:
    """(n, 64, 64, 2) of smooth displacements, in halves of a side: five points a side move by up to about a tenth."""
    coarse = 0.05 * torch.randn(count, 2, 5, 5, generator=random)
    return interpolate(coarse, (SIDE, SIDE), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)


def _patched(pictures: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Every second one with a rectangle of its mean colour on it, of up to a third of a side."""
    patched = pictures.clone()
    for picture in patched[::2]:
        height, width = (int(number) for number in torch.randint(4, SIDE // 3, (2,), generator=random))
        top, left = (int(number) for number in torch.randint(SIDE - SIDE // 3, (2,), generator=random))
        picture[:, top : top + height, left : left + width] = picture.mean(dim=(1, 2), keepdim=True)
    return patched


def _blurred(pictures: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Blurred by up to 2.2 pixels, one width a batch."""
    width = float(torch.rand((), generator=random)) * 2.2 + 1e-3
    line = torch.exp(-0.5 * (torch.arange(-5.0, 6.0) / width) ** 2)
    line = (line / line.sum()).view(1, 1, 1, 11).repeat(3, 1, 1, 1)
    across = conv2d(pictures, line, padding=(0, 5), groups=3)
    return conv2d(across, line.transpose(2, 3), padding=(5, 0), groups=3)


class _Network(nn.Module):
    """A residual network of four stages, 0.9 million parameters beside the last layer."""

    def __init__(self, classes: int, widths: tuple[int, ...] = (32, 64, 128, 192)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(
            _Block(before, width) for before, width in zip((widths[0], *widths[:-1]), widths, strict=True)
        )
        self.last = nn.Linear(widths[-1] * 4, classes)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        hidden = self.stem((pixels - 0.5) * 4)
        for block in self.blocks:
            hidden = avg_pool2d(block(hidden), 2)
        found: torch.Tensor = self.last(hidden.flatten(1))
        return found


class _Block(nn.Module):
    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(before, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.norms = nn.ModuleList((nn.BatchNorm2d(before), nn.BatchNorm2d(width)))
        self.shortcut = nn.Conv2d(before, width, 1)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        inner = self.first(relu(self.norms[0](hidden)))
        inner = self.second(relu(self.norms[1](inner)))
        output: torch.Tensor = self.shortcut(hidden) + inner
        return output
