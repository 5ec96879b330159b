"""What one picture is to be told: its prompts, parsed, and how they are encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.prompt import Note, Prompt, parse
from engine.request import MAX_CHUNKS

if TYPE_CHECKING:
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
        tags = [*self.prompt.loras, *(negative.loras if negative else ())]
        unknown = [
            Note("lora_unknown", f"LoRA {name!r} is not known and was left out", {"name": name})
            for name in dict.fromkeys(tag.name for tag in tags)
        ]
        return (*self.prompt.notes, *(negative.notes if negative else ()), *unknown)


def read(request: CompleteRequest, index: int) -> Reading:
    """
    Parse what picture `index` is to be told.

    A prompt with operands, or with one that has a weight, is composed by means of the negative prompt, which is then
    read even where guidance is off.
    """
    steps = request.num_inference_steps
    prompt = parse(request.pictures[index].prompt, steps)
    is_composed = [subprompt.weight for subprompt in prompt.subprompts] != [1.0]
    return Reading(
        prompt=prompt,
        negative_prompt=(
            parse(request.negative_prompt, steps, composes=False) if request.has_guidance or is_composed else None
        ),
        steps=steps,
        max_chunks=request.max_embeddings_multiples or MAX_CHUNKS,
        clip_skip=request.clip_skip,
    )
