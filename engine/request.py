"""What is asked of the engine and what it gives back: frozen, validated, and free of torch."""

from __future__ import annotations

import difflib
import secrets
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from engine.errors import InvalidRequest
from engine.schedulers import SCHEDULERS

if TYPE_CHECKING:
    from collections.abc import Hashable

    from PIL.Image import Image

    from engine.card import ModelCard

MAX_PROMPT_CHARACTERS = 6000
"""Discord's own limit for one option: https://discord.com/developers/docs/interactions/application-commands."""
MIN_SIDE_PX, MAX_SIDE_PX = 64, 2048
MAX_STEPS = 150
MAX_LCM_STEPS = 50
MAX_GUIDANCE_SCALE = 50.0
MAX_IMAGES = 16
MAX_SEED = 2**53 - 1
"""The largest integer that JSON, SQLite and Discord's number option all keep exactly."""
DRAWN_SEED_LIMIT = 2**32
"""Seeds drawn at random stay below this, so that people can copy them by hand."""


def draw_seed(num_images: int) -> int:
    """A random seed whose last picture's seed is still below `DRAWN_SEED_LIMIT`."""
    return secrets.randbelow(DRAWN_SEED_LIMIT - num_images)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """
    A picture, or several that differ only by seed, as somebody asked for it.

    What is None is left to the model (`completed`), but for the seed: none or -1 is drawn here, so that a request's
    seed is always explicit. Picture i uses `seed + i`. `owner` is opaque: whoever shares it shares a fair share.

    Raises:
        InvalidRequest: the sentence names the value and the rule.
        TypeError: the owner cannot be hashed.
    """

    prompt: str
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    seed: int = -1
    scheduler: str | None = None
    num_images: int = 1
    owner: Hashable = field(default=None, compare=False)

    def __post_init__(self) -> None:
        hash(self.owner)
        _check_text("prompt", self.prompt)
        if not self.prompt.strip():
            raise InvalidRequest("prompt_empty", "prompt must not be empty")
        _check_text("negative_prompt", self.negative_prompt)
        _check_integer("num_images", self.num_images, 1, MAX_IMAGES)
        for name in ("width", "height"):
            if (side := getattr(self, name)) is not None:
                _check_integer(name, side, MIN_SIDE_PX, MAX_SIDE_PX)
        if any(side is not None and side % 8 for side in (self.width, self.height)):
            raise InvalidRequest(
                "size_multiple",
                f"width and height must be multiples of 8, got {self.width or '-'}x{self.height or '-'}",
                width=self.width or "-",
                height=self.height or "-",
            )
        self._check_scheduler()
        self._check_guidance()
        self._check_seed()

    def _check_scheduler(self) -> None:
        if self.scheduler not in (None, *SCHEDULERS):
            near = difflib.get_close_matches(str(self.scheduler).lower(), SCHEDULERS, n=3, cutoff=0.4)
            names = near or list(SCHEDULERS)
            raise InvalidRequest(
                "scheduler_unknown",
                f"scheduler {self.scheduler!r} is unknown; {'nearest' if near else 'known'}: {', '.join(names)}",
                scheduler=str(self.scheduler)[:100],
                names=", ".join(names),
            )
        if self.num_inference_steps is not None:
            _check_integer("num_inference_steps", self.num_inference_steps, 1, MAX_STEPS)
            if self.scheduler == "lcm":
                _check_lcm_steps(self.num_inference_steps)

    def _check_guidance(self) -> None:
        scale = self.guidance_scale
        if scale is None:
            return
        if isinstance(scale, bool) or not isinstance(scale, int | float):
            raise InvalidRequest("number", f"guidance_scale must be a number, got {scale!r}", name="guidance_scale")
        if not 0 <= scale <= MAX_GUIDANCE_SCALE:
            raise InvalidRequest(
                "range",
                f"guidance_scale must be from 0 to {MAX_GUIDANCE_SCALE:g}, got {scale}",
                name="guidance_scale",
                minimum=0,
                maximum=int(MAX_GUIDANCE_SCALE),
                value=str(scale).removesuffix(".0"),
            )

    def _check_seed(self) -> None:
        if self.seed is None or self.seed == -1:
            object.__setattr__(self, "seed", draw_seed(self.num_images))
            return
        _check_integer("seed", self.seed, 0, MAX_SEED)
        if self.seed + self.num_images - 1 > MAX_SEED:
            raise InvalidRequest(
                "last_seed",
                f"seed must be at most {MAX_SEED - self.num_images + 1} for {self.num_images} pictures, since each has "
                f"the next seed, got {self.seed}",
                maximum=MAX_SEED - self.num_images + 1,
                count=self.num_images,
                value=self.seed,
            )

    def completed(self, card: ModelCard) -> CompleteRequest:
        """
        Fill what was left out from the model's card, and nothing else.

        Raises:
            InvalidRequest: what the card fills in does not go together with what was asked (lcm's steps).
        """
        values = {name.name: getattr(self, name.name) for name in fields(self)}
        values["width"] = values["width"] or card.width
        values["height"] = values["height"] or card.height
        values["scheduler"] = values["scheduler"] or card.scheduler
        is_lcm = card.is_lcm(values["scheduler"])
        if values["num_inference_steps"] is None:
            values["num_inference_steps"] = min(card.steps, MAX_LCM_STEPS) if is_lcm else card.steps
        if is_lcm:
            _check_lcm_steps(values["num_inference_steps"])
        if values["guidance_scale"] is None:
            values["guidance_scale"] = card.guidance
        return CompleteRequest(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteRequest(GenerationRequest):
    """A request in which everything is explicit: what was really used."""

    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: str

    @property
    def has_guidance(self) -> bool:
        """Whether classifier-free guidance is on: above 1, as in diffusers."""
        return self.guidance_scale > 1

    @property
    def seeds(self) -> range:
        """The seed of each picture."""
        return range(self.seed, self.seed + self.num_images)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a request is: `step` of `steps` as people asked for them, averaged over its pictures."""

    step: int
    steps: int
    pictures_done: int
    num_images: int
    seconds_per_step: float
    """Wall seconds between this request's steps lately, so `(steps - step) * seconds_per_step` is what remains."""
    cut_prompt: str = ""
    """As the result says it: a request that ends early has no result."""
    cut_negative_prompt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One finished picture. Nothing is blackened: whoever shows it reads `flagged` first."""

    index: int
    seed: int
    image: Image
    flagged: bool = False
    """True where the model's safety checker found it unsafe; False also where the model has no checker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationResult:
    """A finished request: what was used, and the pictures in order of their index."""

    request: CompleteRequest
    pictures: tuple[Picture, ...]
    model: str
    """The model's title."""
    has_safety_checker: bool
    cut_prompt: str = ""
    """The end of the prompt, as typed, that did not fit the text encoder's tokens; empty if all fitted."""
    cut_negative_prompt: str = ""
    waited_s: float = 0.0
    """From the call to the first step."""
    drawing_s: float = 0.0
    """From the first step to the last picture."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture."""
        return tuple(picture.seed for picture in self.pictures)


Event = Progress | Picture | GenerationResult
"""What `Engine.stream` yields: any number of Progress, each Picture once it is finished, at last the result."""


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str):
        raise InvalidRequest("text", f"{name} must be a text, got {type(text).__name__}", name=name)
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(
            "text_length",
            f"{name} must be at most {MAX_PROMPT_CHARACTERS} characters long, got {len(text)}",
            name=name,
            maximum=MAX_PROMPT_CHARACTERS,
            length=len(text),
        )
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidRequest("text_surrogate", f"{name} holds half a character (a lone surrogate)", name=name)


def _check_lcm_steps(steps: int) -> None:
    if steps > MAX_LCM_STEPS:
        raise InvalidRequest(
            "lcm_steps",
            f"scheduler lcm takes 1 to {MAX_LCM_STEPS} steps, got {steps}",
            steps=steps,
            maximum=MAX_LCM_STEPS,
        )


def _check_integer(name: str, value: object, minimum: int, maximum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest("integer", f"{name} must be a whole number, got {value!r}", name=name)
    if not minimum <= value <= maximum:
        raise InvalidRequest(
            "range",
            f"{name} must be from {minimum} to {maximum}, got {value}",
            name=name,
            minimum=minimum,
            maximum=maximum,
            value=str(value),
        )
