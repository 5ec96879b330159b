"""What a model that is run whole is told: its prompts as they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.prompt import TAG, Note, Prompt, Section, Span, Subprompt, Text, parse, quoted
from engine.reading import Reading

if TYPE_CHECKING:
    from engine.files.wholefolder import WholeFolder
    from engine.request import CompleteRequest


def read_plain(request: CompleteRequest, folder: WholeFolder) -> tuple[Reading, ...]:
    """A reading for each picture: one text without weights, from which the tags of unknown LoRAs alone were taken."""
    has_negative = folder.has_guidance and folder.whole.takes_negative and request.has_guidance
    negative = _plain(request.negative_prompt, request.num_inference_steps) if has_negative else None
    prompts = {picture.prompt: _plain(picture.prompt, request.num_inference_steps) for picture in request.pictures}
    readings = {
        prompt: Reading(
            prompt=plain,
            negative_prompt=negative,
            steps=request.num_inference_steps,
            max_chunks=1,
            clip_skip=request.clip_skip,
        )
        for prompt, plain in prompts.items()
    }
    return tuple(readings[picture.prompt] for picture in request.pictures)


def text_of(prompt: Prompt) -> str:
    """The one text of a prompt that was read plainly."""
    return prompt.subprompts[0].schedule[0][1].sections[0][0].text


def size_notes(request: CompleteRequest, size: tuple[int, int]) -> tuple[Note, ...]:
    """What is said of a picture whose size, (width, height), the model chose for itself; nothing of any other."""
    if size == (request.width, request.height):
        return ()
    width, height = size
    sentence = f"this model draws {width}x{height} where {request.width}x{request.height} is asked for"
    return (Note("size_other", sentence, {"width": width, "height": height}),)


def _plain(prompt: str, steps: int) -> Prompt:
    text = TAG.sub("", prompt).strip() if "<" in prompt else prompt
    notes = [_left_out(tag[0]) for tag in TAG.finditer(prompt)]
    if _has_notation(text, steps):
        sentence = "this model reads prompts as they are typed: brackets, weights, AND and BREAK are words to it"
        notes.append(Note("notation_plain", sentence))
    whole: Section = (Span(text, 1.0),)
    subprompt = Subprompt(1.0, ((steps, Text((whole,))),))
    return Prompt((subprompt,), (), tuple(dict.fromkeys(notes)))


def _left_out(tag: str) -> Note:
    shown = quoted(tag)
    return Note("lora_plain", f"no LoRA can be used with this model, so {shown} was left out", {"text": shown})


def _has_notation(text: str, steps: int) -> bool:
    """Whether the prompt language would read something else than the words."""
    read = parse(text, steps).subprompts
    texts = [each for subprompt in read for _, each in subprompt.schedule]
    words = "".join(span.text for section in texts[0].sections for span in section)
    return len(texts) > 1 or len(texts[0].sections) > 1 or "".join(words.split()) != "".join(text.split())
