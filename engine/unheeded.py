"""Says what a model does not heed of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.families import VARIANTS
from engine.prompt import Note
from engine.schedulers import keeps_zero_snr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.models import ModelFolder
    from engine.reading import Reading
    from engine.request import CompleteRequest


def unheeded(request: CompleteRequest, readings: Iterable[Reading], folder: ModelFolder) -> Iterator[Note]:
    """
    A note for each thing that was asked for and has no effect with this model.

    Args:
        readings: of all its pictures.
    """
    card = folder.card
    if card.variant:
        if request.guidance_scale > 1 and not VARIANTS[card.variant].is_told_guidance:
            yield Note("unheeded_guidance", f"guidance_scale has no effect with {card.title}, which draws without it")
        # Parts joined by AND are composed by means of it nevertheless.
        if request.negative_prompt.strip() and any(reading.negative_prompt is None for reading in readings):
            sentence = f"the negative prompt has no effect with {card.title}, which draws without it"
            yield Note("unheeded_negative_prompt", sentence)
    if not keeps_zero_snr(request.scheduler, folder.scheduler_config):
        title = card.sampler(request.scheduler)
        sentence = f"sampler {title} does not begin at pure noise, from which {card.title} was trained to draw"
        yield Note("unheeded_zero_snr", sentence, {"sampler": title})
