"""Prompts -> what the U-Net attends to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from engine.loading import LoadedModel
    from engine.request import CompleteRequest

KEPT_TEXTS = 64
"""Encoded texts that are kept: the empty negative prompt and rerolls cost nothing then; 0.2 MB each for SD 1.x."""


@dataclass(frozen=True, slots=True)
class Conditioning:
    """A request's prompts, encoded."""

    embeds: Tensor
    """The model's dtype, `[rows, n, d]`, on its device: the negative prompt first where guidance is on."""
    cut_prompt: str
    """The end of the prompt, as typed, that did not fit the text encoder's tokens."""
    cut_negative_prompt: str


class TextEncoder:
    """A model's tokenizer and text encoder; what was encoded lately is kept. Runs on the engine's thread."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._encode = lru_cache(KEPT_TEXTS)(self._encode_text)

    def encode(self, request: CompleteRequest) -> Conditioning:
        """The request's prompts as `StableDiffusionPipeline` encodes them: cut at the text encoder's tokens."""
        prompt_embeds, cut_prompt = self._encode(request.prompt)
        if not request.has_guidance:
            return Conditioning(prompt_embeds, cut_prompt, "")
        negative_prompt_embeds, cut_negative_prompt = self._encode(request.negative_prompt)
        return Conditioning(torch.cat([negative_prompt_embeds, prompt_embeds]), cut_prompt, cut_negative_prompt)

    def _encode_text(self, text: str) -> tuple[Tensor, str]:
        tokenizer, text_encoder = self._model.tokenizer, self._model.text_encoder
        length = tokenizer.model_max_length
        tokens = tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        uses_mask = getattr(text_encoder.config, "use_attention_mask", None)
        embeds = text_encoder(
            tokens.input_ids.to(self._model.device),
            attention_mask=tokens.attention_mask.to(self._model.device) if uses_mask else None,
        )[0]
        # The last place of a full row holds the end token, so the text was cut one token before it.
        unread = tokenizer(text, return_offsets_mapping=True, verbose=False).offset_mapping[length - 1 : -1]
        return embeds.to(self._model.dtype), text[unread[0][0] :].strip() if unread else ""
