"""Attention: `(word)`, `(word:1.4)` and `[word]`, weighed as AUTOMATIC1111's web UI and lpw_stable_diffusion do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from math import inf

MAX_WEIGHT = 10.0
"""Weights are clamped to this, on both sides of zero."""
ROUND, SQUARE = 1.1, 1 / 1.1
"""What a pair of brackets without a number multiplies by, and also a bracket that nothing closes."""
EXACT_DEPTH = 64
"""Beyond so many brackets around one word products are shared between words, and may differ in the last bit."""
MAX_PRODUCT = 1e30
"""Keeps products finite, so that nothing becomes infinity times zero."""

TOKEN = re.compile(r"\\[()\[\]\\]?|:(?P<weight>[+-]?(?:\d+(?:\.\d*)?|\.\d+))\)|[()\[\]:]|[^\\()\[\]:]+")
BREAK = re.compile(r"\bBREAK\b")
SPECIAL = re.compile(r"[()\[\]\\]")


@dataclass(frozen=True, slots=True)
class Span:
    """Text as the tokenizer reads it, its escapes resolved, and its weight."""

    text: str
    weight: float = 1.0


Section = tuple[Span, ...]
"""Text in one piece: neighbours differ in weight, and there is always one span at least."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A text with its weights, and what is worth saying about them."""

    sections: tuple[Section, ...]
    clamped: tuple[Span, ...]
    """Spans whose weight, given here as it was typed, lies beyond `MAX_WEIGHT`."""
    unclosed: int
    """How many brackets nothing closes: each holds to the end of the text."""


def parse_attention(text: str) -> Section:
    """
    The text in spans of one weight each.

    Brackets of the two kinds do not know each other and may cross. Time grows linearly with the text.

    Source: `parse_prompt_attention` in https://github.com/AUTOMATIC1111/stable-diffusion-webui
    `modules/prompt_parser.py` and in diffusers' community pipeline `lpw_stable_diffusion`, which agree but for BREAK.
    """
    spans, _ = _merged(_Reader().read(text, breaks=False)[0])
    return spans


def weigh(text: str) -> Weighed:
    """The text in sections divided by BREAK, which brackets may reach across, each in spans of one weight."""
    reader = _Reader()
    sections, clamped = [], []
    for spans in reader.read(text, breaks=True):
        section, beyond = _merged(spans)
        sections.append(section)
        clamped += beyond
    return Weighed(tuple(sections), tuple(clamped), reader.unclosed)


def render(spans: Section) -> str:
    """A text that `parse_attention` reads as these spans."""
    return "".join(_rendered(span) for span in spans)


def _rendered(span: Span) -> str:
    # A backslash before none of its characters stands for nothing: so can a span without text be written.
    text = SPECIAL.sub(r"\\\g<0>", span.text) or "\\"
    if span.weight == 1 and span.text:
        return text
    return f"({text}:{Decimal(repr(span.weight)):f})"


def _merged(spans: list[Span]) -> tuple[Section, list[Span]]:
    """Neighbours of one weight joined, and those spans whose weight had to be clamped."""
    runs: list[tuple[list[str], float]] = []
    clamped = []
    for span in spans:
        weight = bounded(span.weight, MAX_WEIGHT)
        if weight != span.weight:
            clamped.append(span)
        if runs and runs[-1][1] == weight:
            runs[-1][0].append(span.text)
        else:
            runs.append(([span.text], weight))
    return tuple(Span("".join(texts), weight) for texts, weight in runs) or (Span(""),), clamped


def bounded(number: float, limit: float) -> float:
    """The number, or the limit that it lies beyond on its side of zero."""
    return max(-limit, min(limit, number))


class _Nest:
    """The brackets of one kind by number, -1 being none: what each lies in, multiplies by, and when it was closed."""

    def __init__(self, unclosed: float) -> None:
        self.innermost = -1
        self.parents: list[int] = []
        self.multipliers: list[float] = []
        self.closed_at: list[float] = []
        self._unclosed = unclosed

    def open(self) -> None:
        self.parents.append(self.innermost)
        self.multipliers.append(self._unclosed)
        self.closed_at.append(inf)
        self.innermost = len(self.parents) - 1

    def close(self, multiplier: float, time: int) -> None:
        self.multipliers[self.innermost] = bounded(multiplier, MAX_PRODUCT)
        self.closed_at[self.innermost] = time
        self.innermost = self.parents[self.innermost]

    def products(self) -> list[float]:
        """What each bracket and all around it multiply by; the last entry, which is number -1, by nothing."""
        products: list[float] = []
        for parent, multiplier in zip(self.parents, self.multipliers, strict=True):
            outer = products[parent] if parent >= 0 else 1.0
            products.append(bounded(outer * multiplier, MAX_PRODUCT))
        return [*products, 1.0]


class _Reader:
    """Reads one text: first which brackets lie around each piece, then, all being closed, what they multiply by."""

    def __init__(self) -> None:
        self._round, self._square = _Nest(ROUND), _Nest(SQUARE)

    @property
    def unclosed(self) -> int:
        return self._round.closed_at.count(inf) + self._square.closed_at.count(inf)

    def read(self, text: str, *, breaks: bool) -> list[list[Span]]:
        """The pieces of each section, their weights unbounded; without `breaks` there is one section."""
        sections: list[list[tuple[str, int, int]]] = [[]]
        for time, token in enumerate(TOKEN.finditer(text)):
            piece = self._piece(token, time)
            if piece is None:
                continue
            parts = _broken(piece) if breaks and not token[0].startswith("\\") else [piece]
            for number, part in enumerate(parts):
                if number:
                    sections.append([])
                sections[-1].append((part, self._round.innermost, self._square.innermost))
        products = self._round.products(), self._square.products()
        return [
            [
                Span(part, self._weight(inner_round, inner_square, *products))
                for part, inner_round, inner_square in section
            ]
            for section in sections
        ]

    def _piece(self, token: re.Match[str], time: int) -> str | None:
        """The text that a token stands for; None where it opens or closes a bracket."""
        word = token[0]
        if word.startswith("\\"):
            return word[1:]
        if word == "(":
            self._round.open()
        elif word == "[":
            self._square.open()
        elif word.endswith(")") and self._round.innermost >= 0:
            self._round.close(float(token["weight"] or ROUND), time)
        elif word == "]" and self._square.innermost >= 0:
            self._square.close(SQUARE, time)
        else:
            return word
        return None

    def _weight(self, inner: int, other: int, round_products: list[float], square_products: list[float]) -> float:
        """The product of all brackets around a piece, in the order in which they were closed, round ones first."""
        rounds, squares = self._round, self._square
        product = 1.0
        for _ in range(EXACT_DEPTH):
            if inner < 0 and other < 0:
                return product
            if other < 0 or (inner >= 0 and rounds.closed_at[inner] <= squares.closed_at[other]):
                product, inner = product * rounds.multipliers[inner], rounds.parents[inner]
            else:
                product, other = product * squares.multipliers[other], squares.parents[other]
            product = bounded(product, MAX_PRODUCT)
        return bounded(product * round_products[inner], MAX_PRODUCT) * square_products[other]


def _broken(text: str) -> list[str]:
    """The parts between BREAKs, without the spaces around them."""
    first, *others = BREAK.split(text)
    if not others:
        return [first]
    *middle, last = others
    return [first.rstrip(), *(part.strip() for part in middle), last.lstrip()]
