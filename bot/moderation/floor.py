"""What no setting allows: text that combines sexual words with words, ages or signs for minors, by lists in files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import regex

from bot.moderation import ages
from bot.moderation.folding import Word, folded, spelled, words
from bot.moderation.phrases import Phrases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LISTS = files("bot.moderation") / "lists"
MINORS, SEXUAL, SUGGESTIVE, ALWAYS, HARMLESS = "minors", "sexual", "suggestive", "always", "harmless"
DISGUISED = regex.compile(r"[a-z0-9@$!]*(?:[a-z][0-9@$!]|[0-9@$!][a-z])[a-z0-9@$!]*")
"""A word in which digits or signs may stand for letters."""
DISGUISES = [str.maketrans("013457@$!", f"o{one}eastasi") for one in "il"]
FEWEST_SPELLED = 2
LEAST_INSIDE = 4
"""Letters of a listed word that is also found inside of what was spelled letter by letter."""
LEAST_JOINED = 3
"""Letters of a listed word that is also found written together with another."""


def entries(kind: str) -> list[str]:
    """The lines of a list."""
    lines = (line.strip() for line in (LISTS / f"{kind}.txt").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def combines(texts: Iterable[str]) -> bool:
    """Whether texts of one picture say, in one or in several of them, what must not be combined."""
    found: set[str] = set()
    for text in texts:
        found |= _found(text)
        if ALWAYS in found or {MINORS, SEXUAL} <= found:
            return True
    return False


@cache
def _phrases() -> Phrases[str]:
    return Phrases((entry, kind) for kind in (MINORS, SEXUAL, SUGGESTIVE, ALWAYS, HARMLESS) for entry in entries(kind))


@cache
def _listed_words() -> dict[str, str]:
    """The lists' single words in Latin letters, and the list of each."""
    return {
        entry: kind
        for kind in (MINORS, SEXUAL, ALWAYS)
        for entry in entries(kind)
        if entry.isascii() and entry.isalpha()
    }


def _found(text: str) -> set[str]:
    """The lists that a text has words of, in whatever way it is read; an age is a word for minors."""
    found = {MINORS} if ages.names_minor_in_chinese(folded(text)) else set()
    for read in _readings(text):
        found |= _in_lists([word.text for word in read])
        if together := spelled(read, fewest=FEWEST_SPELLED):
            found |= _in_lists([word.text for word in together])
            runs = [word.text for word in set(together) - set(read)]
            found |= {
                kind
                for entry, kind in _listed_words().items()
                for run in runs
                if len(entry) >= LEAST_INSIDE and entry in run
            }
    return found


def _readings(text: str) -> Iterator[list[Word]]:
    """The words of a text, as they are, and with letters for the digits and signs that may stand for them."""
    yield words(text)
    plain = folded(text)
    for disguise in DISGUISES:
        undisguised = DISGUISED.sub(lambda word, disguise=disguise: word[0].translate(disguise), plain)
        if undisguised != plain:
            yield words(undisguised)


def _in_lists(text: Sequence[str]) -> set[str]:
    hits = list(_phrases().find(text))
    harmless = {place for start, end, kind in hits if kind == HARMLESS for place in range(start, end)}
    hits = [hit for hit in hits if not harmless.issuperset(range(*hit[:2]))]
    found = {kind for _, _, kind in hits}
    if len({text[start] for start, _, kind in hits if kind == SUGGESTIVE}) > 1:
        found.add(SEXUAL)
    if ages.names_minor(text):
        found.add(MINORS)
    for word in text:
        found |= _written_together(word)
    return found


def _written_together(word: str) -> set[str]:
    """The lists of two words that are one without the space between them; of a word that is no such thing none."""
    listed = _listed_words()
    for middle in range(LEAST_JOINED, len(word) - LEAST_JOINED + 1):
        kinds = {listed.get(word[:middle], HARMLESS), listed.get(word[middle:], HARMLESS)}
        if kinds == {MINORS, SEXUAL}:
            return kinds
    return set()
