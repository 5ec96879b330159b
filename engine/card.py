"""What a model says about itself: `model.toml` in its folder, or else its config files."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidRequest
from engine.folder import invalid, unreadable
from engine.request import GenerationRequest
from engine.schedulers import SCHEDULERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "model.toml"
WEIGHTINGS = ("lpw", "a1111", "none")
"""Multiply and restore the mean of the whole text, of each chunk, or of nothing (`engine.weighting`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """
    A model's title, licence and defaults: what a request leaves out comes from here.

    Raises:
        InvalidRequest: a default that no request could ask for.
        ValueError: the weighting is unknown.
    """

    title: str
    licence: str = ""
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
    weighting: str = "lpw"
    """How the prompts' attention weights are applied: one of `WEIGHTINGS`."""
    english_only: bool = True
    """Whether the text encoder has learned English alone, as CLIP's have."""

    def __post_init__(self) -> None:
        if self.weighting not in WEIGHTINGS:
            raise ValueError(f"weighting must be one of {', '.join(WEIGHTINGS)}, got {self.weighting!r}")
        GenerationRequest(
            prompt="a default",
            width=self.width,
            height=self.height,
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            scheduler=self.scheduler,
            clip_skip=self.clip_skip,
        ).completed(self)

    def sampler(self, scheduler: str) -> str:
        """What people call a scheduler; for `default`, what they call the model's own."""
        return self.own_sampler if scheduler == "default" else SCHEDULERS[scheduler].title

    def is_lcm(self, scheduler: str) -> bool:
        """Whether this scheduler is LCM, by its name or as the model's own."""
        return self.sampler(scheduler) == SCHEDULERS["lcm"].title


def read_card(folder: Path, card: ModelCard) -> ModelCard:
    """
    The given card, which comes from the model's config files, with what `model.toml` says instead.

    Raises:
        InvalidModel: `model.toml` is there but unreadable, or one of its keys is unknown or wrong.
    """
    file = folder / FILE_NAME
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return card
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, RecursionError) as error:
        raise invalid("model_card", file, f"is no TOML: {error}") from error
    # The scheduler first, since how many steps there may be depends on it.
    for key, value in sorted(entries.items(), key=lambda entry: entry[0] != "scheduler"):
        try:
            card = replace(card, **_field_of(key, value))
        except (InvalidRequest, ValueError) as error:
            raise invalid("model_card", file, f"has a wrong {key}: {error}") from error
    return card


KEYS: Mapping[str, str] = {
    "title": "a text",
    "licence": "a text",
    "draws": "a text",
    "scheduler": "a text",
    "examples": "a list of texts",
    "sources": "a list of texts",
    "limits": "a list of texts",
    "steps": "a whole number",
    "guidance": "a number",
    "clip_skip": "a whole number",
    "weighting": "a text",
    "english_only": "true or false",
    "size": 'a text such as "512x512" or one whole number',
}
"""What `model.toml` may hold."""


def _field_of(key: str, value: Any) -> dict[str, Any]:
    if key not in KEYS:
        raise ValueError(f"the key is unknown; known: {', '.join(KEYS)}")
    must_be = ValueError(f"it must be {KEYS[key]}, got {value!r}")
    if key == "size":
        sides = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", str(value), flags=re.ASCII)
        if sides is None or not isinstance(value, str | int) or isinstance(value, bool):
            raise must_be
        return {"width": int(sides[1]), "height": int(sides[2] or sides[1])}
    if KEYS[key] == "true or false" and not isinstance(value, bool):
        raise must_be
    if KEYS[key] == "a text":
        if not isinstance(value, str) or (key == "title" and not value.strip()):
            raise must_be
        return {key: value}
    if KEYS[key] == "a list of texts":
        if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
            raise must_be
        return {key: tuple(value)}
    return {key: value}
