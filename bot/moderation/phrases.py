"""Finds many words and phrases at once, whole, whatever stands between their words."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

from bot.moderation.folding import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T = TypeVar("T")


class Phrases(Generic[T]):
    """Phrases by their first words, each with what it stands for: time grows with the text, not with their number."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        self._by_first: dict[str, list[tuple[list[str], T]]] = defaultdict(list)
        for phrase, meaning in entries:
            parts = [word.text for word in words(phrase)]
            self._by_first[parts[0]].append((parts, meaning))

    def find(self, text: Sequence[str]) -> Iterator[tuple[int, int, T]]:
        """Each phrase in a text of these words: its first word's number, that of the word behind it, its meaning."""
        for place, word in enumerate(text):
            for parts, meaning in self._by_first.get(word, ()):
                if list(text[place : place + len(parts)]) == parts:
                    yield place, place + len(parts), meaning
