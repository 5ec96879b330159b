"""Says what a model does not heed of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.files.families import VARIANTS
from engine.files.wholefolder import WholeFolder
from engine.prompt import Note
from engine.schedulers import keeps_zero_snr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.models import Found
    from engine.reading import Reading
    from engine.request import CompleteRequest


def unheeded(request: CompleteRequest, readings: Iterable[Reading], folder: Found) -> Iterator[Note]:
    """
    A note for each thing that was asked for and has no effect with this model.

    Args:
        readings: of all its pictures.
    """
    card = folder.card
    if isinstance(folder, WholeFolder):
        yield from _unheeded_whole(request, folder)
        return
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


def _unheeded_whole(request: CompleteRequest, folder: WholeFolder) -> Iterator[Note]:
    """Likewise with a model that is run whole, by its own sampler."""
    card = folder.card
    if request.guidance_scale > 1 and not folder.has_guidance:
        yield Note("unheeded_guidance", f"guidance_scale has no effect with {card.title}, which draws without it")
    takes_negative = folder.has_guidance and folder.whole.takes_negative
    if request.negative_prompt.strip() and not takes_negative:
        yield Note("unheeded_negative", f"the negative prompt has no effect with {card.title}")
    if request.scheduler != "default":
        yield Note("unheeded_sampler", f"{card.title} draws with its own sampler alone")
    if request.clip_skip != 1:
        yield Note("unheeded_clip_skip", f"clip_skip has no effect with {card.title}")
    if request.max_embeddings_multiples is not None:
        yield Note("unheeded_chunks", f"max_embeddings_multiples has no effect with {card.title}")
