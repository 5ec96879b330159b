"""A request as it was asked -> with all that was left open, and what was found out about it on the way."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.errors import InvalidRequest
from engine.notation.expansion import expand
from engine.request import MAX_IMAGES

if TYPE_CHECKING:
    from engine.lora.loras import Chosen
    from engine.notation.expansion import Wildcards
    from engine.prompt import Note
    from engine.request import CompleteRequest, GenerationRequest
    from engine.sources import Source


@dataclass(frozen=True, slots=True)
class Completed:
    """What will be drawn, and with what."""

    request: CompleteRequest
    source: Source
    notes: tuple[Note, ...]
    """What its wildcards gave no line for."""
    loras: Chosen


def complete(request: GenerationRequest, source: Source, wildcards: Wildcards) -> Completed:
    """
    Fill in what was left to the model, and find what the prompts name.

    Raises:
        InvalidRequest: what the model's card fills in does not go together with what was asked, there would be too many
            pictures, or a LoRA cannot be used with this model.
    """
    completed = replace(request, model=source.name).completed(source.card, wildcards)
    notes: dict[Note, None] = {}
    if "__" in request.prompt:
        # Drawn again as `completed` did; the files of a request that was completed long ago may have changed since.
        with suppress(InvalidRequest):
            for seed in sorted({picture.seed for picture in completed.pictures}):
                notes |= dict.fromkeys(expand(request.prompt, seed, wildcards, most=MAX_IMAGES).notes)
    prompts = dict.fromkeys(picture.prompt for picture in completed.pictures)
    return Completed(completed, source, tuple(notes), source.loras.choose(prompts, source.base))
