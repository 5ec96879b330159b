"""What one model may be asked for, within what any model may be."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from engine.checks import check_integer, check_number, check_scheduler, check_size, plain
from engine.errors import InvalidRequest
from engine.request import MAX_CLIP_SKIP, MAX_GUIDANCE_SCALE, MAX_SIDE_PX, MAX_STEPS, MIN_SIDE_PX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.request import CompleteRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """
    The least and the most of each value, and the schedulers that a model is meant for.

    Raises:
        ValueError: a least that is more than the most.
        InvalidRequest: a bound that no request could have.
    """

    steps: tuple[int, int] = (1, MAX_STEPS)
    guidance: tuple[float, float] = (0, MAX_GUIDANCE_SCALE)
    side: tuple[int, int] = (MIN_SIDE_PX, MAX_SIDE_PX)
    """Of width and height, in pixels."""
    clip_skip: tuple[int, int] = (1, MAX_CLIP_SKIP)
    schedulers: tuple[str, ...] = ()
    """Empty: all of them."""

    def __post_init__(self) -> None:
        for value in self.steps:
            check_integer("steps", value, 1, MAX_STEPS)
        for scale in self.guidance:
            check_number("guidance", scale, 0, MAX_GUIDANCE_SCALE)
        for value in self.side:
            check_integer("side", value, MIN_SIDE_PX, MAX_SIDE_PX)
        check_size(*self.side, MIN_SIDE_PX, MAX_SIDE_PX)
        for value in self.clip_skip:
            check_integer("clip_skip", value, 1, MAX_CLIP_SKIP)
        for scheduler in self.schedulers:
            check_scheduler(scheduler)
        for name in PAIRS:
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"the least of {name} must not be more than the most, got [{low}, {high}]")

    def check(self, request: CompleteRequest, model: str) -> None:
        """
        Whether a request keeps to them.

        Args:
            model: its title, for the sentence.

        Raises:
            InvalidRequest: it does not.
        """
        for name, (low, high) in {
            "num_inference_steps": self.steps,
            "guidance_scale": self.guidance,
            "width": self.side,
            "height": self.side,
            "clip_skip": self.clip_skip,
        }.items():
            value = getattr(request, name)
            if not low <= value <= high:
                raise InvalidRequest(
                    "model_range",
                    f"with {model} {name} must be from {plain(low)} to {plain(high)}, got {plain(value)}",
                    model=model,
                    name=name,
                    minimum=plain(low),
                    maximum=plain(high),
                    value=str(plain(value)),
                )
        if self.schedulers and request.scheduler not in self.schedulers:
            names = ", ".join(self.schedulers)
            sentence = f"with {model} scheduler must be one of {names}, got {request.scheduler}"
            raise InvalidRequest("model_scheduler", sentence, model=model, names=names)


PAIRS = tuple(field.name for field in fields(Bounds) if field.name != "schedulers")


def read_bounds(table: Mapping[str, Any]) -> Bounds:
    """
    The bounds that a card's table `bounds` gives; what it leaves out is as wide as for any model.

    Raises:
        ValueError, InvalidRequest: a key is unknown, or its value no bound.
    """
    for key, value in table.items():
        if key in PAIRS:
            if not isinstance(value, list) or len(value) != len(("least", "most")):
                raise ValueError(f"{key} must be the least and the most, such as [1, 8], got {value!r}")
        elif key != "schedulers":
            raise ValueError(f"the key {key} is unknown; known: {', '.join(PAIRS)}, schedulers")
        elif not isinstance(value, list) or not value:
            raise ValueError(f"schedulers must be a list of names, got {value!r}")
    return Bounds(**{key: tuple(value) for key, value in table.items()})
