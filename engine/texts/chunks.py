"""Texts of any length as chunks of what a text encoder reads at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.prompt import Span, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from engine.prompt import Section, Text
    from engine.texts.embeddings import Embeddings


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """One place of a chunk, and where in the text it comes from."""

    number: int
    """In the tokenizer's vocabulary."""
    weight: float
    section: int
    span: int
    start: int
    """Its first character in the span."""
    vector: Tensor | None = None
    """`[d]`, which stands in place of the token: a part of an embedding."""


Chunk = list[Token]


class Chunker:
    """
    A tokenizer, and the embeddings whose names are words of the prompts.

    Args:
        tokenizer: a CLIP tokenizer of transformers that knows offsets.
        encoder: the number of its text encoder, from 0.
    """

    def __init__(self, tokenizer: Any, embeddings: Embeddings, encoder: int = 0) -> None:
        self._tokenizer = tokenizer
        self._embeddings = embeddings
        self._encoder = encoder
        self._room: int = tokenizer.model_max_length - 2

    def split(self, text: Text) -> list[Chunk]:
        """
        The text's tokens in chunks of 75, every section in a chunk of its own; an empty text has one empty chunk.

        An embedding that would be torn apart begins a new chunk, as in AUTOMATIC1111.
        """
        chunks: list[Chunk] = []
        for section in range(len(text.sections)):
            chunks.append([])
            for run in self._runs(text, section):
                if len(chunks[-1]) + len(run) > self._room:
                    chunks.append([])
                chunks[-1].extend(run)
        return chunks

    def _runs(self, text: Text, section: int) -> Iterator[list[Token]]:
        """The section's tokens one by one, but those of an embedding together."""
        for number, span in enumerate(text.sections[section]):
            at = 0
            for found in self._embeddings.find(span.text):
                yield from self._tokens(span, at, found.start, section, number)
                # Whatever token stands there, the vector takes its place.
                vectors = found.vectors[self._encoder]
                yield [Token(0, span.weight, section, number, found.start, vector) for vector in vectors]
                at = found.end
            yield from self._tokens(span, at, len(span.text), section, number)

    def _tokens(self, span: Span, start: int, end: int, section: int, number: int) -> Iterator[list[Token]]:
        read = self._tokenizer(
            span.text[start:end], add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        for token, (offset, _) in zip(read.input_ids, read.offset_mapping, strict=True):
            yield [Token(token, span.weight, section, number, start + offset)]


def rest(text: Text, chunks: Sequence[Chunk]) -> str:
    """The end of a text that begins with the first of these chunks, as it might have been typed."""
    token = next((chunk[0] for chunk in chunks if chunk), None)
    if token is None:
        return ""
    spans = text.sections[token.section][token.span :]
    first = Span(spans[0].text[token.start :], spans[0].weight)
    sections = [(first, *spans[1:]), *text.sections[token.section + 1 :]]
    return " BREAK ".join(_typed(section) for section in sections).strip()


def _typed(section: Section) -> str:
    return render(tuple(span for span in section if span.text))
