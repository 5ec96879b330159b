"""What is asked of the engine: frozen, validated, and free of torch."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from engine.checks import (
    check_integer,
    check_lcm_steps,
    check_number,
    check_prompt,
    check_scheduler,
    check_size,
    check_text,
)
from engine.errors import InvalidRequest
from engine.notation.expansion import Wildcards, expand

if TYPE_CHECKING:
    from collections.abc import Hashable

    from engine.files.card import ModelCard

MAX_PROMPT_CHARACTERS = 6000
"""Discord's own limit for one option: https://discord.com/developers/docs/interactions/application-commands."""
MIN_SIDE_PX, MAX_SIDE_PX = 64, 2048
MAX_STEPS = 150
MAX_LCM_STEPS = 50
MAX_GUIDANCE_SCALE = 50.0
MAX_IMAGES = 16
MAX_CHUNKS = 8
"""Of 75 tokens each: what is longer is cut."""
MAX_CLIP_SKIP = 12
"""The layers of SD 1.x's text encoder."""
MAX_SEED = 2**53 - 1
"""The largest integer that JSON, SQLite and Discord's number option all keep exactly."""
DRAWN_SEED_LIMIT = 2**32
"""Seeds drawn at random stay below this, so that people can copy them by hand."""


def draw_seed(num_images: int) -> int:
    """A random seed whose last picture's seed is still below `DRAWN_SEED_LIMIT`."""
    return secrets.randbelow(DRAWN_SEED_LIMIT - num_images)


def _check_share(weight: float, cost: float | None) -> None:
    if not 0 < weight < math.inf:
        raise ValueError(f"weight must be a number above 0, got {weight}")
    if cost is not None and not 0 < cost < math.inf:
        raise ValueError(f"cost must be a number above 0, got {cost}")


@dataclass(frozen=True, slots=True)
class Variant:
    """What one picture of a request is drawn from."""

    prompt: str
    """With its wildcards and permutations replaced."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """
    A picture, or several that differ by seed and by permutation (`{a|b}`), as somebody asked for it.

    What is None is left to the model (`completed`), but for the seed: none or -1 is drawn here, so that a request's
    seed is always explicit. Picture i of a permutation uses `seed + i`. `owner` is opaque: whoever shares it shares a
    fair share.

    Raises:
        InvalidRequest: the sentence names the value and the rule.
        ValueError: weight or cost is no number above 0.
        TypeError: the owner cannot be hashed.
    """

    prompt: str
    negative_prompt: str | None = None
    """An empty one says that there is none, whatever the model's card has."""
    width: int | None = None
    height: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    seed: int = -1
    scheduler: str | None = None
    num_images: int = 1
    """Of each permutation; of a complete request: of all of them together."""
    max_embeddings_multiples: int | None = None
    """Chunks of 75 tokens that are read of each prompt; None: as many as it needs, up to `MAX_CHUNKS`."""
    clip_skip: int | None = None
    """As in AUTOMATIC1111: 1 reads the text encoder's last layer, 2 the one before it."""
    model: str | None = None
    """A name that the engine finds a model by; None: the engine's own, which `Engine.complete` fills in."""
    owner: Hashable = field(default=None, compare=False)
    weight: float = field(default=1.0, compare=False)
    """Of two owners, who has twice the other's weight gets twice the places that are left once each holds one."""
    is_followed: bool = field(default=False, compare=False)
    """Whether its owner has more to ask for: their turn is kept for a moment when all of this one is drawn."""
    cost: float | None = field(default=None, compare=False)
    """Seconds of GPU that it is expected to take, for fair shares; None: in proportion to pixels and steps."""

    def __post_init__(self) -> None:
        hash(self.owner)
        _check_share(self.weight, self.cost)
        check_prompt(self.prompt, MAX_PROMPT_CHARACTERS)
        if self.negative_prompt is not None:
            check_text("negative_prompt", self.negative_prompt, MAX_PROMPT_CHARACTERS)
        if self.model is not None:
            check_text("model", self.model, MAX_PROMPT_CHARACTERS)
        check_integer("num_images", self.num_images, 1, MAX_IMAGES)
        for name, most in (("max_embeddings_multiples", MAX_CHUNKS), ("clip_skip", MAX_CLIP_SKIP)):
            if (value := getattr(self, name)) is not None:
                check_integer(name, value, 1, most)
        check_size(self.width, self.height, MIN_SIDE_PX, MAX_SIDE_PX)
        if self.scheduler is not None:
            check_scheduler(self.scheduler)
        if self.num_inference_steps is not None:
            check_integer("num_inference_steps", self.num_inference_steps, 1, MAX_STEPS)
            if self.scheduler == "lcm":
                check_lcm_steps(self.num_inference_steps, MAX_LCM_STEPS)
        if self.guidance_scale is not None:
            check_number("guidance_scale", self.guidance_scale, 0, MAX_GUIDANCE_SCALE)
        self._check_seed()

    def _check_seed(self) -> None:
        if self.seed is None or self.seed == -1:
            object.__setattr__(self, "seed", draw_seed(self.num_images))
            return
        check_integer("seed", self.seed, 0, MAX_SEED)
        count = self._seed_count()
        if self.seed + count - 1 > MAX_SEED:
            raise InvalidRequest(
                "last_seed",
                f"seed must be at most {MAX_SEED - count + 1} for {count} pictures, since each has "
                f"the next seed, got {self.seed}",
                maximum=MAX_SEED - count + 1,
                count=count,
                value=self.seed,
            )

    def _seed_count(self) -> int:
        return self.num_images

    def completed(self, card: ModelCard, wildcards: Wildcards | None = None) -> CompleteRequest:
        """
        Fill what was left out from the model's card, and write out wildcards and permutations; nothing else.

        Raises:
            InvalidRequest: what the card fills in does not go together with what was asked (lcm's steps), something is
                outside of the model's bounds, or there are too many permutations.
        """
        values = {name.name: getattr(self, name.name) for name in fields(self)}
        values |= self._expanded(wildcards or Wildcards(None))
        if values["negative_prompt"] is None:
            values["negative_prompt"] = card.negative_prompt
        values["width"] = values["width"] or card.width
        values["height"] = values["height"] or card.height
        values["scheduler"] = values["scheduler"] or card.scheduler
        is_lcm = card.is_lcm(values["scheduler"])
        if values["num_inference_steps"] is None:
            values["num_inference_steps"] = min(card.steps, MAX_LCM_STEPS) if is_lcm else card.steps
        if is_lcm:
            check_lcm_steps(values["num_inference_steps"], MAX_LCM_STEPS)
        if values["guidance_scale"] is None:
            values["guidance_scale"] = card.guidance
        if values["clip_skip"] is None:
            values["clip_skip"] = card.clip_skip
        complete = CompleteRequest(**values)
        card.check(complete)
        return complete

    def _expanded(self, wildcards: Wildcards) -> dict[str, Any]:
        """The variants and their number: first all seeds of the first permutation."""
        seeds = range(self.seed, self.seed + self.num_images)
        texts = [expand(self.prompt, seed, wildcards, most=MAX_IMAGES // self.num_images).texts for seed in seeds]
        if texts == [(self.prompt,)] * self.num_images:
            return {"variants": ()}
        variants = tuple(
            Variant(of_seed[number], seed)
            for number in range(max(map(len, texts)))
            for of_seed, seed in zip(texts, seeds, strict=True)
            if number < len(of_seed)
        )
        return {"variants": variants, "num_images": len(variants)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteRequest(GenerationRequest):
    """A request in which everything is explicit: what was really used."""

    negative_prompt: str = ""
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: str
    clip_skip: int = 1
    variants: tuple[Variant, ...] = ()
    """What each picture is drawn from; empty where each is drawn from the prompt as it stands."""

    def __post_init__(self) -> None:
        GenerationRequest.__post_init__(self)  # `super()` does not work in a class with slots
        for variant in self.variants:
            check_prompt(variant.prompt, MAX_PROMPT_CHARACTERS)
        if self.variants and len(self.variants) != self.num_images:
            raise ValueError(f"variants must be as many as pictures, {self.num_images}, got {len(self.variants)}")

    def _seed_count(self) -> int:
        return len({variant.seed for variant in self.variants}) or self.num_images

    def completed(self, card: ModelCard, wildcards: Wildcards | None = None) -> CompleteRequest:  # noqa: ARG002 - they have been written out
        """
        The same: nothing is left to fill in.

        Raises:
            InvalidRequest: it was completed for another model, or before this one's card was changed, and now lcm takes
                fewer steps, or something is outside of the bounds.
        """
        if card.is_lcm(self.scheduler):
            check_lcm_steps(self.num_inference_steps, MAX_LCM_STEPS)
        card.check(self)
        return self

    @property
    def asked(self) -> GenerationRequest:
        """As it was asked: before its wildcards and permutations were written out."""
        names = {each.name for each in fields(GenerationRequest)}
        values = {name: getattr(self, name) for name in names}
        return GenerationRequest(**values | {"num_images": self._seed_count()})

    @property
    def pictures(self) -> tuple[Variant, ...]:
        """What each picture is drawn from."""
        return self.variants or tuple(Variant(self.prompt, self.seed + index) for index in range(self.num_images))

    def of_picture(self, index: int) -> CompleteRequest:
        """The request that makes this one picture alone."""
        variant = self.pictures[index]
        cost = None if self.cost is None else self.cost / self.num_images
        return replace(self, prompt=variant.prompt, seed=variant.seed, num_images=1, variants=(), cost=cost)

    @property
    def has_guidance(self) -> bool:
        """Whether classifier-free guidance is on: above 1, as in diffusers."""
        return self.guidance_scale > 1

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture."""
        return tuple(picture.seed for picture in self.pictures)
