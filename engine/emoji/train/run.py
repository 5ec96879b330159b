"""What all stages of a training share: device, seed, a budget of time, and checkpoints that a kill cannot spoil."""

from __future__ import annotations

import ctypes
import math
import sys
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHECKPOINT_EVERY_S = 120.0
LONGEST_STEP_S = 10.0
"""A step that took longer was interrupted: by a machine that slept, or a process that was stopped."""
WARM_UP = 0.02
LAST_RATE = 0.01
"""Of the highest learning rate, where the cosine ends."""
SHOWN_LOSS_DECAY = 0.99
"""The progress bar shows a running mean."""


@dataclass(frozen=True, slots=True)
class Run:
    """One training run: where it works, on what, and from which seed."""

    folder: Path
    """Holds checkpoints and encoded pictures between the stages."""
    device: torch.device
    seed: int


def autocast(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 where the device gains by it: four times as fast on a CPU that has it."""
    if device.type in {"cpu", "cuda"}:
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


@dataclass(slots=True)
class Budget:
    """So many steps, or so many seconds of steps, whichever is given; only time spent in steps counts."""

    seconds: float
    steps: int | None = None
    spent_s: float = 0.0
    done: int = 0

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.done / self.steps if self.steps is not None else self.spent_s / self.seconds)

    @property
    def rate(self) -> float:
        """The learning rate's factor: a short rise, then half a cosine."""
        if self.progress < WARM_UP:
            return max(self.progress / WARM_UP, 0.01)
        return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * (self.progress - WARM_UP) / (1 - WARM_UP)))

    def __iter__(self) -> Iterator[int]:
        """Step numbers until the budget is spent."""
        last = time.monotonic()
        while self.progress < 1:
            self.done += 1  # so that a checkpoint at the step's end counts it
            yield self.done - 1
            now = time.monotonic()
            self.spent_s += min(now - last, LONGEST_STEP_S)
            last = now


def take_steps(
    name: str,
    optimizer: torch.optim.Optimizer,
    budget: Budget,
    loss_of: Callable[[int], torch.Tensor],
    *,
    highest_rate: float,
    gradient_norm: float | None = None,
    after_step: Callable[[], None] = lambda: None,
) -> None:
    """
    Take optimizer steps, with a progress bar, until the budget is spent.

    Args:
        loss_of: the loss of a step, by its number.
        highest_rate: the learning rate at the top of the budget's curve.
        gradient_norm: what all gradients together are clipped to.
    """
    learned = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    shown, first = 0.0, budget.done
    with tqdm(initial=budget.done, total=budget.steps, desc=name, unit="step", mininterval=5) as bar:
        for step in budget:
            for group in optimizer.param_groups:
                group["lr"] = highest_rate * budget.rate
            loss = loss_of(step)
            loss.backward()  # type: ignore[no-untyped-call]
            if gradient_norm is not None:
                torch.nn.utils.clip_grad_norm_(learned, gradient_norm)
            optimizer.step()
            optimizer.zero_grad()
            shown += (float(loss.detach()) - shown) * (1 - min(SHOWN_LOSS_DECAY, (step - first) / (step - first + 1)))
            bar.update()
            bar.set_postfix(loss=f"{shown:.4f}", done=f"{budget.progress:.1%}", refresh=False)
            after_step()


class Checkpoint:
    """A file of tensors and numbers, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved_at = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """What was saved last, on the CPU."""
        if not self._path.exists():
            return None
        loaded: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        return loaded

    @property
    def is_due(self) -> bool:
        """Whether the last one is some minutes old."""
        return time.monotonic() - self._saved_at > CHECKPOINT_EVERY_S

    def save(self, content: dict[str, Any]) -> None:
        """Write `content` beside the last checkpoint, then take its place."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".part")
        torch.save(content, partial)
        partial.replace(self._path)
        self._saved_at = time.monotonic()


def keep_large_buffers() -> None:
    """
    Tell glibc to keep large buffers instead of returning them to the system after each step.

    Measured on two CPU cores: 15 % fewer seconds a step, all of them page faults.
    """
    if sys.platform != "linux":
        return
    trim_threshold, mmap_threshold = -1, -3
    with suppress(OSError, AttributeError):  # musl has no mallopt
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 32 << 20)  # the most that glibc takes
        libc.mallopt(trim_threshold, 1 << 30)
