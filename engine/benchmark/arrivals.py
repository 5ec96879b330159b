"""What a benchmark asks for and when: requests as different as members', and the times at which they come."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from engine.request import GenerationRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.files.card import ModelCard

PROMPTS = (
    "a red heart on a blue background",
    "a cat face",
    "a ghost in a dark forest, moonlight, highly detailed",
    "a birthday cake",
    "a portrait of an astronaut, oil painting, soft light",
    "a whale",
    "a street at night in the rain, neon signs, reflections",
    "a strawberry",
)
NEGATIVE_PROMPTS = ("", "blurry", "", "green, lowres")
SCHEDULERS = ("dpmpp_2m_karras", "euler_a", "ddim", "unipc", "euler", "dpmpp_2m", "deis")
"""Seven, since eight prompts would otherwise always come with the same ones."""
GUIDANCE = (4.0, 7.5, 5.0, 1.0, 6.0)
MIN_STEPS, MAX_STEPS = 10, 50
PAIR_EVERY = 4
"""Every so many requests one asks for two pictures."""


def mixed_requests(
    count: int, card: ModelCard, *, seed: int = 1, steps: int | None = None, size: tuple[int, int] | None = None
) -> tuple[GenerationRequest, ...]:
    """
    So many requests within the card's bounds, no two alike, and the same ones for the same seed.

    Args:
        steps: of all of them; by itself from 10 to 50, or the card's own for a model that needs few.
        size: likewise; by itself the model's own.
    """
    dice = random.Random(seed)  # noqa: S311 - a benchmark, no secret
    bounds = card.bounds
    width, height = size or (card.width, card.height)
    schedulers = (card.scheduler,) if card.variant else bounds.schedulers or SCHEDULERS
    guidance = (card.guidance,) if card.variant else tuple(_within(scale, bounds.guidance) for scale in GUIDANCE)
    range_of_steps = (card.steps, card.steps) if card.variant else (MIN_STEPS, MAX_STEPS)
    return tuple(
        GenerationRequest(
            prompt=PROMPTS[number % len(PROMPTS)],
            negative_prompt=NEGATIVE_PROMPTS[number % len(NEGATIVE_PROMPTS)],
            width=width,
            height=height,
            num_inference_steps=steps or int(_within(dice.randint(*range_of_steps), bounds.steps)),
            guidance_scale=guidance[number % len(guidance)],
            scheduler=schedulers[number % len(schedulers)],
            num_images=2 if number % PAIR_EVERY == PAIR_EVERY - 1 else 1,
            seed=1000 * number,
            owner=number,
        )
        for number in range(count)
    )


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])


def poisson_arrivals(count: int, per_second: float, *, seed: int = 1) -> tuple[float, ...]:
    """Seconds from the start at which members who know nothing of each other come; the first comes at once."""
    dice = random.Random(seed)  # noqa: S311 - a benchmark, no secret
    gaps = (dice.expovariate(per_second) for _ in range(count - 1))
    return tuple(itertools.accumulate(gaps, initial=0.0))


def one_at_a_time(arrivals: Sequence[float], seconds: Sequence[float]) -> tuple[float, ...]:
    """How long each waits for its end where one is served after the other, each for so many seconds."""
    ends: list[float] = []
    for arrived, took in zip(arrivals, seconds, strict=True):
        ends.append(max(arrived, ends[-1] if ends else 0.0) + took)
    return tuple(end - arrived for end, arrived in zip(ends, arrivals, strict=True))


@dataclass(frozen=True, slots=True)
class Latency:
    """How long requests took, in seconds."""

    mean: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Percentiles are those that were measured: the smallest that so many are not above."""
        ranked = sorted(seconds)
        p95, p99 = (ranked[-(-percent * len(ranked) // 100) - 1] for percent in (95, 99))
        return cls(fmean(ranked), p95, p99)
