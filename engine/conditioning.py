"""Prompts -> what the U-Net attends to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from engine.chunks import Chunker, rest
from engine.errors import InvalidRequest
from engine.weighting import weigh

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor, nn

    from engine.adapters import Weighted
    from engine.chunks import Chunk
    from engine.loading import LoadedModel
    from engine.prompt import Note, Prompt, Text
    from engine.reading import Reading

KEPT_TEXTS = 64
"""Encoded texts that are kept: the empty negative prompt and rerolls cost nothing then; 0.2 MB a chunk for SD 1.x."""


Schedule = tuple[tuple[int, "Tensor"], ...]
"""Until which step what holds: the model's dtype, `[1, n, d]`, on its device."""


@dataclass(slots=True, eq=False)
class Conditioning:
    """One picture's prompts, encoded: what each row attends to from step to step."""

    rows: tuple[Schedule, ...]
    """The negative prompt comes first where there is one, then every operand of AND; n is the same throughout."""
    weights: tuple[float, ...] = (1.0,)
    """What each operand of AND counts."""
    cut_prompt: str = ""
    """The end of the prompt, as typed, that is longer than what is read."""
    cut_negative_prompt: str = ""
    notes: tuple[Note, ...] = ()
    _latest: tuple[tuple[int, ...], Tensor] | None = None
    """What was given last: most prompts do not change from step to step, and pictures of one request share this."""

    @property
    def tokens(self) -> int:
        """The length of every text: n."""
        return self.rows[0][0][1].shape[1]

    def at(self, step: int) -> Tensor:
        """`[rows, n, d]`: what holds at a step, counted from 0 as people count steps."""
        numbers = tuple(next(number for number, (until, _) in enumerate(row) if step < until) for row in self.rows)
        if self._latest is None or self._latest[0] != numbers:
            embeds = torch.cat([row[number][1] for row, number in zip(self.rows, numbers, strict=True)])
            self._latest = numbers, embeds
        return self._latest[1]


class TextEncoder:
    """A model's tokenizer and text encoder; what was encoded lately is kept. Runs on the engine's thread."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._split = lru_cache(KEPT_TEXTS)(Chunker(model.tokenizer, model.embeddings).split)
        self._encode = lru_cache(KEPT_TEXTS)(self._encode_text)

    def encode(self, reading: Reading) -> Conditioning:
        """
        A picture's prompts, all of them in the same number of chunks; what is longer than the reading allows is cut.

        The reading's LoRAs must be active in the text encoder, and no others.

        Raises:
            InvalidRequest: the text encoder has fewer layers than are to be skipped.
        """
        layers = self._model.text_encoder.config.num_hidden_layers
        if reading.clip_skip > layers:
            sentence = f"clip_skip must be from 1 to {layers} with this model, got {reading.clip_skip}"
            raise InvalidRequest(
                "range", sentence, name="clip_skip", minimum=1, maximum=layers, value=str(reading.clip_skip)
            )
        prompts = _texts(reading.prompt)
        negatives = _texts(reading.negative_prompt) if reading.negative_prompt else []
        split = {text: self._split(text) for text in (*negatives, *prompts)}
        chunks = min(reading.max_chunks, max(map(len, split.values())))
        operands = [
            *(reading.negative_prompt.subprompts if reading.negative_prompt else ()),
            *reading.prompt.subprompts,
        ]
        return Conditioning(
            rows=tuple(
                tuple(
                    (until, self._encode(text, chunks, reading.clip_skip, reading.text_loras))
                    for until, text in operand.schedule
                )
                for operand in operands
            ),
            weights=reading.weights,
            # Of texts that take turns the one that lost most.
            cut_prompt=max((rest(text, split[text][chunks:]) for text in prompts), key=len),
            cut_negative_prompt=max((rest(text, split[text][chunks:]) for text in negatives), key=len, default=""),
            notes=(*reading.notes, *self._embedding_notes(split)),
        )

    def _embedding_notes(self, texts: Iterable[Text]) -> tuple[Note, ...]:
        spans = [span.text for text in texts for section in text.sections for span in section]
        notes = [note for text in spans for note in self._model.embeddings.notes(text)]
        return tuple(dict.fromkeys(notes))

    def _encode_text(self, text: Text, count: int, clip_skip: int, _loras: Weighted) -> Tensor:
        """
        `[1, count * 77, d]`: the text's chunks, and empty ones behind them until there are enough.

        The LoRAs are those that are active, and make that what is kept without them, or with others, is not taken.
        """
        chunks = self._split(text)[:count]
        chunks = [*chunks, *([] for _ in range(count - len(chunks)))]
        embeds = self._run(chunks, clip_skip)
        weights = torch.ones(embeds.shape[:2], dtype=torch.float32)
        for row, chunk in zip(weights, chunks, strict=True):
            row[1 : len(chunk) + 1] = torch.tensor([token.weight for token in chunk])
        return weigh(embeds, weights.to(embeds.device), self._model.weighting).reshape(1, -1, embeds.shape[-1])

    def _run(self, chunks: Sequence[Chunk], clip_skip: int) -> Tensor:
        """`[chunks, 77, d]`: what the text encoder makes of them, each with its start and end."""
        tokenizer, text_encoder, device = self._model.tokenizer, self._model.text_encoder, self._model.device
        # Where the padding is another token than the end, the end comes first, as in diffusers and AUTOMATIC1111.
        tokens = torch.full((len(chunks), tokenizer.model_max_length), tokenizer.pad_token_id)
        mask = torch.zeros_like(tokens)
        for row, seen, chunk in zip(tokens, mask, chunks, strict=True):
            numbers = [tokenizer.bos_token_id, *(token.number for token in chunk), tokenizer.eos_token_id]
            row[: len(numbers)] = torch.tensor(numbers)
            seen[: len(numbers)] = 1
        uses_mask = getattr(text_encoder.config, "use_attention_mask", None)
        with _vectors_in_place(text_encoder.get_input_embeddings(), chunks):
            output = text_encoder(
                tokens.to(device),
                attention_mask=mask.to(device) if uses_mask else None,
                output_hidden_states=clip_skip > 1,
            )
        embeds: Tensor = output[0]
        if clip_skip > 1:
            embeds = text_encoder.final_layer_norm(output.hidden_states[-clip_skip])
        return embeds.to(self._model.dtype)


def _texts(prompt: Prompt) -> list[Text]:
    return [text for operand in prompt.subprompts for _, text in operand.schedule]


@contextmanager
def _vectors_in_place(token_embedding: nn.Module, chunks: Sequence[Chunk]) -> Iterator[None]:
    """Lets the text encoder read embeddings' vectors where they stand in the chunks."""
    places = [
        (row, column, token.vector)
        for row, chunk in enumerate(chunks)
        for column, token in enumerate(chunk, start=1)
        if token.vector is not None
    ]
    if not places:
        yield
        return

    def replace(_: nn.Module, __: tuple[Tensor, ...], embeds: Tensor) -> Tensor:
        embeds = embeds.clone()
        for row, column, vector in places:
            embeds[row, column] = vector.to(embeds)
        return embeds

    handle = token_embedding.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()
