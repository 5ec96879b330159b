"""What a model says about itself: `model.toml` in its folder, `NAME.toml` beside its file, or else its configs."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidRequest
from engine.files.bounds import Bounds, read_bounds
from engine.files.families import VARIANTS
from engine.files.folder import invalid, unreadable
from engine.request import GenerationRequest
from engine.schedulers import SCHEDULERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from engine.request import CompleteRequest

ASKED_VARIANTS = ("none", "turbo", "lightning")
"""What a card may say; that a model is another one shows in its config."""
FILE_NAME = "model.toml"
MAX_FILE_BYTES = 2**18
SIZE = re.compile(r"\d{1,5}(?:x\d{1,5})?", flags=re.ASCII)
WEIGHTINGS = ("lpw", "a1111", "none")
"""Multiply and restore the mean of the whole text, of each chunk, or of nothing (`engine.texts.weighting`)."""
AUTO = "auto"
"""The weighting that the operator set, or else the family's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """
    A model's title, licence and defaults: what a request leaves out comes from here.

    Raises:
        InvalidRequest: a default that no request could ask for.
        ValueError: the weighting is unknown, or the rescaling of guidance out of its range.
    """

    title: str
    licence: str = ""
    nsfw: bool = False
    """Whether it is kept to channels that are age-restricted."""
    draws: str = ""
    """What this model knows, in a few words; empty for a model that draws anything."""
    examples: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """What it was made from, and under which licence, one a line."""
    limits: tuple[str, ...] = ()
    """What it cannot do yet, one a line."""
    steps: int = 50
    guidance: float = 7.5
    width: int
    height: int
    scheduler: str = "default"
    own_sampler: str = ""
    """What people call the scheduler that `default` stands for, such as `PLMS`."""
    clip_skip: int = 1
    negative_prompt: str = ""
    """What a request keeps away from that says nothing about it."""
    trigger_words: tuple[str, ...] = ()
    """What the model was taught to answer to; shown to people, and never added to what they typed."""
    vae: str = ""
    """The name of a VAE that is used instead of the model's own; empty: its own."""
    bounds: Bounds = field(default_factory=Bounds)
    weighting: str = AUTO
    """How the prompts' attention weights are applied: `AUTO` or one of `WEIGHTINGS`."""
    size_multiple: int = 8
    """Of which width and height must be multiples: a figure of the model's, which no card can change."""
    english_only: bool = True
    """Whether the text encoder has learned English alone, as CLIP's have."""
    variant: str = ""
    """For drawing in few steps: one of `engine.files.families.VARIANTS`, or none."""
    guidance_rescale: float = 0.0
    """How much of guidance's overexposure is taken back, from 0 to 1: arXiv 2305.08891, section 3.4."""

    def __post_init__(self) -> None:
        rescale = self.guidance_rescale
        if isinstance(rescale, bool) or not isinstance(rescale, int | float) or not 0 <= rescale <= 1:
            raise ValueError(f"guidance_rescale must be a number from 0 to 1, got {rescale!r}")
        check_weighting(self.weighting)
        GenerationRequest(
            prompt="a default",
            width=self.width,
            height=self.height,
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            scheduler=self.scheduler,
            clip_skip=self.clip_skip,
            negative_prompt=self.negative_prompt,
        ).completed(self)

    def check(self, request: CompleteRequest) -> None:
        """
        Whether the model draws what is asked.

        Raises:
            InvalidRequest: something is outside of its bounds, or of a size that it cannot have.
        """
        self.bounds.check(request, self.title)
        if request.width % self.size_multiple or request.height % self.size_multiple:
            raise InvalidRequest(
                "model_size",
                f"with {self.title} width and height must be multiples of {self.size_multiple}, "
                f"got {request.width}x{request.height}",
                model=self.title,
                multiple=self.size_multiple,
                width=request.width,
                height=request.height,
            )

    def sampler(self, scheduler: str) -> str:
        """What people call a scheduler; for `default`, what they call the model's own."""
        return self.own_sampler if scheduler == "default" else SCHEDULERS[scheduler].title

    def is_lcm(self, scheduler: str) -> bool:
        """Whether this scheduler is LCM, by its name or as the model's own."""
        return self.sampler(scheduler) == SCHEDULERS["lcm"].title


def check_weighting(weighting: str) -> None:
    """
    Whether a card or an operator may say this.

    Raises:
        ValueError: they may not; the sentence has all that they may.
    """
    known = (AUTO, *WEIGHTINGS)
    if weighting not in known:
        raise ValueError(f"weighting must be one of {', '.join(known)}, got {weighting!r}")


def card_file(model: Path) -> Path:
    """Where a model's card is: in its folder, or beside its file."""
    return model / FILE_NAME if model.is_dir() else model.with_suffix(".toml")


def read_card(model: Path, card: ModelCard) -> ModelCard:
    """
    The given card, which comes from the model's configs, with what the operator's own card says instead.

    Args:
        model: its folder or its file.

    Raises:
        InvalidModel: the card is there but unreadable, or one of its keys is unknown or wrong.
    """
    file = card_file(model)
    entries = _entries(file)
    for key, value in sorted(entries.items(), key=lambda entry: ORDER.get(entry[0], 2)):
        try:
            card = replace(card, **_field_of(key, value))
        except (InvalidRequest, ValueError) as error:
            rule = getattr(error, "rule", "")
            about = "the defaults must keep to them: " if rule in ("model_range", "model_scheduler") else ""
            raise invalid("model_card", file, f"has a wrong {key}: {about}{error}") from error
    return card


def _entries(file: Path) -> dict[str, Any]:
    try:
        if file.exists() and not file.is_file():
            raise invalid("model_card", file, "is no file")
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise invalid("model_card", file, f"is longer than {MAX_FILE_BYTES} bytes")
        return tomllib.loads(data.decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, RecursionError) as error:
        raise invalid("model_card", file, f"is no TOML: {error}") from error


KEYS: Mapping[str, str] = {
    "title": "a text",
    "licence": "a text",
    "draws": "a text",
    "scheduler": "a text",
    "negative_prompt": "a text",
    "vae": "a text",
    "examples": "a list of texts",
    "sources": "a list of texts",
    "limits": "a list of texts",
    "trigger_words": "a list of texts",
    "steps": "a whole number",
    "guidance": "a number",
    "clip_skip": "a whole number",
    "weighting": "a text",
    "variant": "a text",
    "guidance_rescale": "a number",
    "english_only": "true or false",
    "nsfw": "true or false",
    "size": 'a text such as "512x512" or one whole number',
    "bounds": "a table of steps, guidance, side and clip_skip, each as [least, most], and schedulers",
}
"""What a card may hold."""


ORDER = {"variant": 0, "scheduler": 1, "bounds": 3}
"""A variant has defaults of its own; how many steps there may be depends on the scheduler; defaults keep to bounds."""


def _field_of(key: str, value: Any) -> dict[str, Any]:
    if key not in KEYS:
        raise ValueError(f"the key is unknown; known: {', '.join(KEYS)}")
    if not _is_of_kind(KEYS[key], value) or (key == "title" and not value.strip()):
        raise ValueError(f"it must be {KEYS[key]}, got {value!r}")
    if key == "variant":
        if value not in ASKED_VARIANTS:
            raise ValueError(f"it must be one of {', '.join(ASKED_VARIANTS)}, got {value!r}")
        few = VARIANTS.get(value)
        return {key: value, "steps": few.steps, "guidance": few.guidance} if few else {key: ""}
    if key == "bounds":
        return {key: read_bounds(value)}
    if key == "size":
        width, _, height = str(value).partition("x")
        return {"width": int(width), "height": int(height or width)}
    return {key: tuple(value) if isinstance(value, list) else value}


def _is_of_kind(kind: str, value: Any) -> bool:
    """Whether a value has the form that `KEYS` says; how large numbers may be is checked with the request."""
    match kind:
        case "a text":
            return isinstance(value, str)
        case "a list of texts":
            return isinstance(value, list) and all(isinstance(line, str) for line in value)
        case "true or false":
            return isinstance(value, bool)
        case 'a text such as "512x512" or one whole number':
            return isinstance(value, str | int) and not isinstance(value, bool) and bool(SIZE.fullmatch(str(value)))
        case _ if kind.startswith("a table"):
            return isinstance(value, dict)
    return True
