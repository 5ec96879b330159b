"""What the engine tells whoever asked for pictures: frozen, and free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from engine.prompt import Note
    from engine.request import CompleteRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """The request's model is being loaded."""

    model: str
    """Its title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a request is: `step` of `steps` as people asked for them, averaged over its pictures."""

    step: int
    steps: int
    pictures_done: int
    num_images: int
    seconds_per_step: float
    """Wall seconds between this request's steps lately, so `(steps - step) * seconds_per_step` is what remains."""
    pictures_begun: int = 0
    """How many have joined the batch, finished ones among them."""
    cut_prompt: str = ""
    """As the result says it: a request that ends early has no result."""
    cut_negative_prompt: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One finished picture. Nothing is blackened: whoever shows it reads `flagged` first."""

    index: int
    seed: int
    image: Image
    flagged: bool = False
    """True where the model's safety checker found it unsafe; False also where the model has no checker."""
    gpu_s: float = 0.0
    """Seconds of the device that it took: its part of each tick by rows, its texts, its decoding and checking."""


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
    notes: tuple[Note, ...] = ()
    """What the prompts' notations did otherwise than was typed."""
    waited_s: float = 0.0
    """From the call to the first step."""
    drawing_s: float = 0.0
    """From the first step to the last picture."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture."""
        return tuple(picture.seed for picture in self.pictures)


Event = Loading | Progress | Picture | GenerationResult
"""
What `Engine.stream` yields: Loading where the model is not in memory, any number of Progress, each Picture once it is
finished, at last the result.
"""
