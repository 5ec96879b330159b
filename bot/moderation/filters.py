"""Which rules find something in what will be encoded, and the text without what they replace; for worker threads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.moderation.folding import folded, normal, spelled, words
from bot.moderation.phrases import Phrases
from bot.moderation.rules import compiled
from engine.prompt import TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bot.moderation.encoded import Encoded
    from bot.moderation.folding import Word
    from bot.moderation.rules import Place, Rule

RULE_S = 0.1
"""A regular expression that takes longer for all texts of a request finds nothing in it."""
ALL_RULES_S = 2.0
"""Those whose turn comes later find nothing."""
NOTATION = frozenset("()[]{}|<>\\:")
"""What stands in the middle of words that are found belongs to brackets around them."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that found something, and what."""

    rule: Rule
    found: str


@dataclass(slots=True)
class Search:
    """What came of looking through texts."""

    hits: dict[Rule, Hit] = field(default_factory=dict)
    """In the order of the rules' numbers, the operator's first."""
    slow: set[Rule] = field(default_factory=set)
    """Regular expressions that ran out of time."""

    def of(self, *actions: str) -> list[Hit]:
        """The hits of rules with these actions."""
        return [hit for hit in self.hits.values() if hit.rule.action in actions]


class Filters:
    """Rules, ready to be looked for: words and phrases all at once, regular expressions one after the other."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._phrases = Phrases((rule.pattern, rule) for rule in self.rules if rule.kind != "regex")
        self._regexes = [(rule, compiled(rule.pattern)) for rule in self.rules if rule.kind == "regex"]

    def search(self, encoded: Encoded) -> Search:
        """What is found in what the pictures are told, and in what they are drawn away from."""
        found: dict[Rule, Hit] = {}
        search = Search()
        texts: dict[Place, Sequence[str]] = {"prompt": encoded.prompts, "negative": encoded.negative}
        for place, of_place in texts.items():
            for text in of_place:
                found = {**self._in_words(normal(text), place), **found}
        ends_at = time.monotonic() + ALL_RULES_S
        for rule, pattern in self._regexes:
            looked_at = [text for place, of_place in texts.items() if rule.looks_at(place) for text in of_place]
            try:
                if (match := _first(pattern, looked_at, min(time.monotonic() + RULE_S, ends_at))) is not None:
                    found[rule] = Hit(rule, match)
            except TimeoutError:
                search.slow.add(rule)
        search.hits = {rule: found[rule] for rule in self.rules if rule in found}
        return search

    def _in_words(self, text: str, place: Place) -> dict[Rule, Hit]:
        read = words(text)
        return {
            rule: Hit(rule, text[start:end])
            for each in (spelled(read), read)
            if each is not None
            for start, end, rule in self._places(each)
            if rule.looks_at(place)
        }

    def _places(self, read: Sequence[Word]) -> Iterator[tuple[int, int, Rule]]:
        for start, end, rule in self._phrases.find([word.text for word in read]):
            yield read[start].start, read[end - 1].end, rule

    def replaced(self, text: str, place: Place) -> str:
        """
        A prompt as typed without what rules replace; where a LoRA's name is found, its tag is left out.

        What brackets tear apart stays, and is found again by whoever searches what comes of this.
        """
        pieces, behind = [], 0
        text = normal(text)
        for tag in TAG.finditer(text):
            pieces += [self._replaced(text[behind : tag.start()], place), self._tag(tag, place)]
            behind = tag.end()
        return "".join([*pieces, self._replaced(text[behind:], place)])

    def _tag(self, tag: Any, place: Place) -> str:
        name: str = tag["arguments"].partition(":")[0]
        return tag[0] if self._replaced(name, place) == name else ""

    def _replaced(self, text: str, place: Place) -> str:
        read = words(text)
        spans = [
            span
            for each in (read, spelled(read))
            if each is not None
            for span in self._places(each)
            if span[2].action == "replace" and span[2].looks_at(place) and NOTATION.isdisjoint(text[span[0] : span[1]])
        ]
        for start, end, rule in _apart(spans):
            text = text[:start] + (rule.replacement or "") + text[end:]
        for rule, pattern in self._regexes:
            if rule.action == "replace" and rule.looks_at(place):
                text = _substituted(pattern, rule.replacement or "", text)
        return text


def _apart(spans: Iterable[tuple[int, int, Rule]]) -> list[tuple[int, int, Rule]]:
    """Those that do not lie in others, from the last to the first; of two that overlap the longer."""
    kept: list[tuple[int, int, Rule]] = []
    for span in sorted(spans, key=lambda each: each[0] - each[1]):
        if all(span[1] <= start or end <= span[0] for start, end, _ in kept):
            kept.append(span)
    return sorted(kept, key=lambda each: -each[0])


def _first(pattern: Any, texts: Iterable[str], until: float) -> str | None:
    """
    What a regular expression finds first, in texts as they are and folded.

    Raises:
        TimeoutError: it took too long.
    """
    for text in texts:
        for form in dict.fromkeys((normal(text), folded(text))):
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            if (match := pattern.search(form, timeout=left_s, concurrent=True)) is not None:
                return str(match[0])
    return None


def _substituted(pattern: Any, replacement: str, text: str) -> str:
    """The text as it is where that takes too long: the rule then finds nothing in it either."""
    try:
        changed: str = pattern.sub(lambda _: replacement, text, timeout=RULE_S, concurrent=True)
    except TimeoutError:
        return text
    return changed
