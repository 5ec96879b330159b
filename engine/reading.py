"""What one picture is to be told: its prompts, parsed, and how they are encoded."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.lora.loras import Chosen, unknown
from engine.prompt import MAX_NOTES, LoraTag, Note, Prompt, parse, quoted
from engine.request import MAX_CHUNKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.lora.lorafile import LoraFile
    from engine.request import CompleteRequest


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture's prompts, parsed: equal readings are encoded to the same."""

    prompt: Prompt
    negative_prompt: Prompt | None
    """None where nothing is drawn away from."""
    steps: int
    max_chunks: int
    """How many chunks of 75 tokens are read of each text; what is longer is cut."""
    clip_skip: int
    """As in AUTOMATIC1111: 1 reads the text encoder's last layer."""
    unet_loras: tuple[tuple[LoraFile, float], ...] = ()
    """With their weights, none of which is 0, in a fixed order: pictures for which this is the same share calls."""
    text_loras: tuple[tuple[LoraFile, float], ...] = ()
    """Likewise, for the text encoder."""
    lora_notes: tuple[Note, ...] = ()

    @property
    def weights(self) -> tuple[float, ...]:
        """What each operand of AND counts, in the order of the rows behind the negative prompt's."""
        return tuple(subprompt.weight for subprompt in self.prompt.subprompts)

    @property
    def rows(self) -> int:
        """Rows of the U-Net's call."""
        return len(self.prompt.subprompts) + (self.negative_prompt is not None)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was done otherwise than it was typed."""
        negative = self.negative_prompt
        return (*self.prompt.notes, *(negative.notes if negative else ()), *self.lora_notes)

    @property
    def loras(self) -> tuple[LoraFile, ...]:
        """All that the picture is drawn with."""
        return tuple(dict.fromkeys(file for file, _ in (*self.unet_loras, *self.text_loras)))


def read(request: CompleteRequest, index: int, loras: Chosen | None = None, *, has_guidance: bool = True) -> Reading:
    """
    Parse what picture `index` is to be told.

    A prompt with operands, or with one that has a weight, is composed by means of the negative prompt, which is then
    read even where guidance is off.

    Args:
        loras: what tags stand for; without it, nothing is known of any.
        has_guidance: whether the model can be guided at all.
    """
    steps = request.num_inference_steps
    prompt = parse(request.pictures[index].prompt, steps)
    is_composed = [subprompt.weight for subprompt in prompt.subprompts] != [1.0]
    has_negative = (has_guidance and request.has_guidance) or is_composed
    negative = parse(request.negative_prompt, steps, composes=False) if has_negative else None
    chosen = loras or Chosen()
    return Reading(
        prompt=prompt,
        negative_prompt=negative,
        steps=steps,
        max_chunks=request.max_embeddings_multiples or MAX_CHUNKS,
        clip_skip=request.clip_skip,
        unet_loras=_weighted((chosen.files.get(tag.name), tag.weight) for tag in prompt.loras),
        text_loras=_weighted((chosen.files.get(tag.name), tag.text_encoder_weight) for tag in prompt.loras),
        lora_notes=(*_notes(prompt.loras, chosen), *_negative_notes(negative)),
    )


def read_all(
    request: CompleteRequest, loras: Chosen | None = None, *, has_guidance: bool = True
) -> tuple[Reading, ...]:
    """`read` for each picture; a prompt that several pictures share is parsed once."""
    prompts = [picture.prompt for picture in request.pictures]
    readings = {
        prompt: read(request, prompts.index(prompt), loras, has_guidance=has_guidance)
        for prompt in dict.fromkeys(prompts)
    }
    return tuple(readings[prompt] for prompt in prompts)


def _weighted(loras: Iterable[tuple[LoraFile | None, float]]) -> tuple[tuple[LoraFile, float], ...]:
    """Each LoRA once: the weights of several tags add up."""
    weights: dict[LoraFile, float] = defaultdict(float)
    for file, weight in loras:
        if file is not None:
            weights[file] += weight
    return tuple(sorted(((file, weight) for file, weight in weights.items() if weight), key=lambda each: each[0].path))


def _notes(tags: Iterable[LoraTag], chosen: Chosen) -> Iterable[Note]:
    for name in itertools.islice(dict.fromkeys(tag.name for tag in tags), MAX_NOTES):
        if name in chosen.notes:
            yield chosen.notes[name]
        elif name not in chosen.files:
            yield unknown(name)


def _negative_notes(negative: Prompt | None) -> Iterable[Note]:
    names = dict.fromkeys(tag.name for tag in (negative.loras if negative else ()))
    for name in itertools.islice(names, MAX_NOTES):
        sentence = f"a LoRA changes the whole picture, so {quoted(name)!r} in the negative prompt was left out"
        yield Note("lora_negative", sentence, {"name": quoted(name)})
