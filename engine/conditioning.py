"""Prompts -> what the U-Net attends to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from engine.errors import InvalidRequest
from engine.texts.chunks import rest
from engine.texts.encoder import KEPT_TEXTS, Encoded, Encoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.loading import LoadedModel
    from engine.lora.adapters import Weighted
    from engine.prompt import Note, Prompt, Text
    from engine.reading import Reading

Schedule = tuple[tuple[int, Encoded], ...]
"""Until which step what holds."""


@dataclass(slots=True, eq=False)
class Conditioning:
    """One picture's prompts, encoded: what each row is told from step to step."""

    rows: tuple[Schedule, ...]
    """The negative prompt comes first where there is one, then every operand of AND; n is the same throughout."""
    weights: tuple[float, ...] = (1.0,)
    """What each operand of AND counts."""
    cut_prompt: str = ""
    """The end of the prompt, as typed, that is longer than what is read."""
    cut_negative_prompt: str = ""
    notes: tuple[Note, ...] = ()
    _latest: tuple[tuple[int, ...], Encoded] | None = None
    """What was given last: most prompts do not change from step to step, and pictures of one request share this."""

    @property
    def tokens(self) -> int:
        """The length of every text: n."""
        return self.rows[0][0][1].embeds.shape[1]

    def at(self, step: int) -> Encoded:
        """`[rows, n, d]`, and `[rows, p]`: what holds at a step, counted from 0 as people count steps."""
        numbers = tuple(next(number for number, (until, _) in enumerate(row) if step < until) for row in self.rows)
        if self._latest is None or self._latest[0] != numbers:
            self._latest = numbers, _stacked([row[number][1] for row, number in zip(self.rows, numbers, strict=True)])
        return self._latest[1]


class TextEncoder:
    """A model's tokenizers and text encoders; what was encoded lately is kept. Runs on the engine's thread."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._encoders = tuple(Encoder(model, number) for number in range(len(model.text_encoders)))
        self._has_zeros = model.text_encoder_2 is not None and model.has_zeros_for_empty
        self._encode = lru_cache(KEPT_TEXTS)(self._encode_text)

    def encode(self, reading: Reading) -> Conditioning:
        """
        A picture's prompts, all of them in the same number of chunks; what is longer than the reading allows is cut.

        The reading's LoRAs must be active in the text encoders, and no others.

        Raises:
            InvalidRequest: a text encoder has fewer layers than are to be skipped.
        """
        self._check_clip_skip(reading.clip_skip)
        prompts = _texts(reading.prompt)
        negatives = _texts(reading.negative_prompt) if reading.negative_prompt else []
        texts = list(dict.fromkeys((*negatives, *prompts)))
        needed = max(len(encoder.split(text)) for text in texts for encoder in self._encoders)
        chunks = min(reading.max_chunks, needed)

        return Conditioning(
            rows=self._rows(reading, chunks, is_untold=self._has_zeros and not any(map(_says, negatives))),
            weights=reading.weights,
            # Of texts that take turns the one that lost most.
            cut_prompt=max((self._rest(text, chunks) for text in prompts), key=len),
            cut_negative_prompt=max((self._rest(text, chunks) for text in negatives), key=len, default=""),
            notes=(*reading.notes, *self._embedding_notes(texts)),
        )

    def _rows(self, reading: Reading, chunks: int, *, is_untold: bool) -> tuple[Schedule, ...]:
        """
        What each row is told.

        Args:
            is_untold: the negative prompt, which says nothing, is told as zeros.
        """
        rows = []
        for prompt in (reading.negative_prompt, reading.prompt):
            for operand in prompt.subprompts if prompt else ():
                texts = [
                    self._encode(text, chunks, reading.clip_skip, reading.text_loras) for _, text in operand.schedule
                ]
                if is_untold and prompt is reading.negative_prompt:
                    texts = list(map(_zeros, texts))
                rows.append(tuple(zip((until for until, _ in operand.schedule), texts, strict=True)))
        return tuple(rows)

    def _check_clip_skip(self, clip_skip: int) -> None:
        layers = min(encoder.layers for encoder in self._encoders)
        if clip_skip > layers:
            sentence = f"clip_skip must be from 1 to {layers} with this model, got {clip_skip}"
            raise InvalidRequest("range", sentence, name="clip_skip", minimum=1, maximum=layers, value=str(clip_skip))

    def _rest(self, text: Text, chunks: int) -> str:
        """What an encoder does not read of a text: of several encoders the one that reads least."""
        return max((rest(text, encoder.split(text)[chunks:]) for encoder in self._encoders), key=len)

    def _embedding_notes(self, texts: Iterable[Text]) -> tuple[Note, ...]:
        spans = [span.text for text in texts for section in text.sections for span in section]
        notes = [note for text in spans for note in self._model.embeddings.notes(text)]
        return tuple(dict.fromkeys(notes))

    def _encode_text(self, text: Text, count: int, clip_skip: int, _loras: Weighted) -> Encoded:
        """
        What all encoders make of a text, side by side; only the last of several gives the text as a whole.

        The LoRAs are those that are active, and make that what is kept without them, or with others, is not taken.
        """
        parts = [encoder.encode(text, count, clip_skip) for encoder in self._encoders]
        embeds = parts[0].embeds if len(parts) == 1 else torch.cat([part.embeds for part in parts], dim=-1)
        return Encoded(embeds, parts[-1].pooled)


def _texts(prompt: Prompt) -> list[Text]:
    return [text for operand in prompt.subprompts for _, text in operand.schedule]


def _says(text: Text) -> bool:
    return any(span.text.strip() for section in text.sections for span in section)


def _zeros(text: Encoded) -> Encoded:
    return Encoded(torch.zeros_like(text.embeds), None if text.pooled is None else torch.zeros_like(text.pooled))


def _stacked(texts: list[Encoded]) -> Encoded:
    """What several rows are told, as one; each is told a text as a whole, or none is."""
    pooled = [text.pooled for text in texts if text.pooled is not None]
    return Encoded(torch.cat([text.embeds for text in texts]), torch.cat(pooled) if pooled else None)
