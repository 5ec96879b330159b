"""One request on its way through the engine: its places in the batch, its pictures so far, what its asker hears."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from engine.events import GenerationResult, Loading, Progress
from engine.files.wholefolder import WholeFolder
from engine.meter import Account
from engine.notation.plain import read_plain
from engine.reading import read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from engine.conditioning import Conditioning, TextEncoder
    from engine.denoise import Trajectory
    from engine.events import Event, Picture
    from engine.lora.loras import Chosen
    from engine.prompt import Note
    from engine.reading import Reading
    from engine.request import CompleteRequest
    from engine.residents import Resident
    from engine.sources import Source
    from engine.whole import WholePicture

LATEST_WEIGHT = 0.3
"""How much the latest step counts in `Progress.seconds_per_step`: company changes within a few steps."""


@dataclass(slots=True, eq=False)
class Place:
    """One picture of a drawing: what the batcher deals with."""

    drawing: Drawing
    index: int
    reading: Reading
    trajectory: Trajectory | WholePicture | None = None
    """None until it has joined the batch for the first time."""
    account: Account = field(default_factory=Account)

    @property
    def owner(self) -> Hashable:
        """The request's owner; a request without one is its own."""
        owner = self.drawing.request.owner
        return self.drawing if owner is None else owner

    @property
    def rows(self) -> int:
        """Rows of the U-Net call."""
        return self.reading.rows

    @property
    def cost(self) -> float:
        """Seconds of GPU that it is expected to take, or where nobody has said so, row-steps of a million pixels."""
        request = self.drawing.request
        if request.cost is not None:
            return request.cost / len(self.drawing.places)
        return self.rows * request.num_inference_steps * request.width * request.height / 10**6

    @property
    def weight(self) -> float:
        """The weight that its owner has."""
        return self.drawing.request.weight

    @property
    def is_followed(self) -> bool:
        """Whether another request of its owner is about to come."""
        return self.drawing.request.is_followed

    @property
    def is_ending(self) -> bool:
        """Whether its next step is its last."""
        return self.trajectory is not None and self.trajectory.calls_done >= self.trajectory.calls - 1

    @property
    def key(self) -> Hashable:
        """What pictures must have in common to share a U-Net call."""
        return self.source, self.size, self.reading.unet_loras

    @property
    def source(self) -> Source:
        """The model that it is drawn with."""
        return self.drawing.source

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.drawing.request.height, self.drawing.request.width


class Begun(NamedTuple):
    """A place whose picture is on its way, and the model that draws it together with others."""

    place: Place
    trajectory: Trajectory
    resident: Resident


def readings_for(source: Source, request: CompleteRequest, loras: Chosen | None = None) -> tuple[Reading, ...]:
    """What each picture of a request is to be told, as this model reads it."""
    if isinstance(source.folder, WholeFolder):
        return read_plain(request, source.folder)
    return read_all(request, loras, has_guidance=not source.card.variant)


@dataclass(slots=True, eq=False, kw_only=True)
class Drawing:
    """A request, and how far it is. Belongs to the engine's thread; `post` hands over to whoever asked."""

    request: CompleteRequest
    source: Source
    post: Callable[[Event | Exception], None]
    places: tuple[Place, ...] = field(init=False)
    pictures: dict[int, Picture] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    loras: Chosen | None = None
    """What the tags in its prompts stand for."""
    _conditionings: dict[Reading, Conditioning] = field(default_factory=dict)
    _cut: tuple[str, str] = ("", "")
    _submitted_at: float = field(init=False)
    _started_at: float = math.nan
    _told_at: float = 0.0
    _told_steps: float = 0.0
    _seconds_per_step: float = 0.0

    def __post_init__(self) -> None:
        readings = readings_for(self.source, self.request, self.loras)
        self.places = tuple(Place(self, index, reading) for index, reading in enumerate(readings))
        self._submitted_at = time.monotonic()

    @property
    def is_complete(self) -> bool:
        """Whether every picture is finished."""
        return len(self.pictures) == len(self.places)

    @property
    def has_begun_pictures(self) -> bool:
        """Whether a picture is on its way."""
        return any(place.trajectory and place.index not in self.pictures for place in self.places)

    def start(self) -> None:
        """Note that the first picture joins; the others do not matter."""
        if math.isnan(self._started_at):
            self._started_at = self._told_at = time.monotonic()

    def gather(self, notes: Iterable[Note], cut_prompt: str = "", cut_negative_prompt: str = "") -> None:
        """Keep what is to be said with the result, each thing once."""
        self.notes = tuple(dict.fromkeys((*self.notes, *notes)))
        self._cut = self._cut[0] or cut_prompt, self._cut[1] or cut_negative_prompt

    def condition(self, reading: Reading, encoder: TextEncoder) -> Conditioning:
        """A picture's encoded prompts: each encoded once. The drawing starts when the first picture joins."""
        self.start()
        if reading not in self._conditionings:
            encoded = self._conditionings[reading] = encoder.encode(reading)
            self.gather(encoded.notes, encoded.cut_prompt, encoded.cut_negative_prompt)
        return self._conditionings[reading]

    def tell_loading(self) -> None:
        """Say that the request's model is being loaded."""
        self.post(Loading(model=self.source.card.title))

    def tell_progress(self) -> None:
        """Say how far the request is: the mean over its pictures, in steps as people count them."""
        steps = self._steps()
        now = time.monotonic()
        if (gained := steps - self._told_steps) > 0:
            latest = (now - self._told_at) / gained
            weight = LATEST_WEIGHT if self._told_steps else 1
            self._seconds_per_step += weight * (latest - self._seconds_per_step)
            self._told_at, self._told_steps = now, steps
        self.post(
            Progress(
                # A sum of fractions may fall short of a whole step by a rounding error.
                step=int(steps + 1e-6),
                steps=self.request.num_inference_steps,
                pictures_done=len(self.pictures),
                num_images=len(self.places),
                seconds_per_step=self._seconds_per_step,
                pictures_begun=sum(place.trajectory is not None for place in self.places),
                cut_prompt=self._cut[0],
                cut_negative_prompt=self._cut[1],
                notes=self.notes,
            )
        )

    def finish_picture(self, picture: Picture) -> None:
        """Hand over a finished picture and, after the last one, the result."""
        self.pictures[picture.index] = picture
        self.post(picture)
        if not self.is_complete:
            self.tell_progress()
            return
        cut_prompt, cut_negative_prompt = self._cut
        self.post(
            GenerationResult(
                request=self.request,
                pictures=tuple(self.pictures[place.index] for place in self.places),
                model=self.source.card.title,
                has_safety_checker=self.source.folder.has_safety_checker,
                cut_prompt=cut_prompt,
                cut_negative_prompt=cut_negative_prompt,
                notes=self.notes,
                waited_s=self._started_at - self._submitted_at,
                drawing_s=time.monotonic() - self._started_at,
            )
        )

    def _steps(self) -> float:
        begun = [place.trajectory for place in self.places if place.trajectory is not None]
        done = sum(each.calls_done / each.calls for each in begun)
        return self.request.num_inference_steps * done / len(self.places)
