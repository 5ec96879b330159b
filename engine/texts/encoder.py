"""One of a model's text encoders: a text, in chunks -> what it makes of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from engine.texts.chunks import Chunker
from engine.texts.weighting import weigh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from engine.loading import LoadedModel
    from engine.prompt import Text
    from engine.texts.chunks import Chunk

KEPT_TEXTS = 64
"""Of which something is kept: the empty negative prompt and rerolls cost nothing then; 0.2 MB a chunk for SD 1.x."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What a U-Net is told of a text."""

    embeds: Tensor
    """The model's dtype, `[1, n, d]`, on its device."""
    pooled: Tensor | None = None
    """`[1, p]`: the text as a whole, which only SDXL is told."""


class Encoder:
    """
    A tokenizer and its text encoder. Runs on the engine's thread.

    Args:
        number: which of the model's it is, from 0.
    """

    def __init__(self, model: LoadedModel, number: int) -> None:
        self._model = model
        self._tokenizer, self._network = model.text_encoders[number]
        self.split = lru_cache(KEPT_TEXTS)(Chunker(self._tokenizer, model.embeddings, number).split)

    @property
    def layers(self) -> int:
        """How many layers it has."""
        return int(self._network.config.num_hidden_layers)

    def encode(self, text: Text, count: int, clip_skip: int) -> Encoded:
        """`count` of the text's chunks, and empty ones behind them where there are fewer."""
        chunks = self.split(text)[:count]
        chunks = [*chunks, *([] for _ in range(count - len(chunks)))]
        embeds, pooled = self._run(chunks, clip_skip)
        weights = torch.ones(embeds.shape[:2], dtype=torch.float32)
        for row, chunk in zip(weights, chunks, strict=True):
            row[1 : len(chunk) + 1] = torch.tensor([token.weight for token in chunk])
        weighed = weigh(embeds, weights.to(embeds.device), self._model.weighting)
        return Encoded(weighed.reshape(1, -1, embeds.shape[-1]), pooled)

    def _run(self, chunks: Sequence[Chunk], clip_skip: int) -> tuple[Tensor, Tensor | None]:
        """`[chunks, 77, d]`: what the text encoder makes of them, each with its start and end; the first one pooled."""
        tokenizer, device, dtype = self._tokenizer, self._model.device, self._model.dtype
        # Where the padding is another token than the end, the end comes first, as in diffusers and AUTOMATIC1111.
        tokens = torch.full((len(chunks), tokenizer.model_max_length), tokenizer.pad_token_id)
        mask = torch.zeros_like(tokens)
        for row, seen, chunk in zip(tokens, mask, chunks, strict=True):
            numbers = [tokenizer.bos_token_id, *(token.number for token in chunk), tokenizer.eos_token_id]
            row[: len(numbers)] = torch.tensor(numbers)
            seen[: len(numbers)] = 1
        is_sdxl = self._model.text_encoder_2 is not None
        uses_mask = getattr(self._network.config, "use_attention_mask", None) and not is_sdxl
        with _vectors_in_place(self._network.get_input_embeddings(), chunks):
            output = self._network(
                tokens.to(device),
                attention_mask=mask.to(device) if uses_mask else None,
                output_hidden_states=is_sdxl or clip_skip > 1,
            )
        if is_sdxl:
            # It was trained on the last layer but one, which AUTOMATIC1111 reads also where 1 is asked for.
            embeds = output.hidden_states[-max(2, clip_skip)]
            text_embeds = getattr(output, "text_embeds", None)
            return embeds.to(dtype), None if text_embeds is None else text_embeds[:1].to(dtype)
        embeds = output[0] if clip_skip == 1 else self._network.final_layer_norm(output.hidden_states[-clip_skip])
        return embeds.to(dtype), None


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
