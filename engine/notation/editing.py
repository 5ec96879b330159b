"""Prompt editing: `[from:to:when]` and `[one|other]`, by which a prompt's text changes from step to step."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.notation.branches import Choice, taken

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = re.compile(r"\\.?|[][():|]|[^][\\():|]+", re.DOTALL)
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
CLOSES = {")": "(", "]": "["}
SHOWN_WORDS = 100
"""Of a bracket that is told, so that brackets in brackets are not told over and over."""
MAX_COLONS = {"(": 1, "[": 2}


@dataclass(slots=True)
class _Bracket:
    """A bracket that is open, by the number of its token, and the colons and bars directly in it."""

    opened: int
    kind: str
    marks: dict[str, list[int]] = field(default_factory=lambda: {":": [], "|": []})

    @property
    def colons(self) -> list[int]:
        return self.marks[":"]

    @property
    def bars(self) -> list[int]:
        return self.marks["|"]


class Edited:
    """
    A text that changes from step to step, steps being counted from 0.

    A number with a point is a fraction of the steps, one without it is a step. A bracket with colons that fit neither
    form, or with a bracket in it that nothing closes, is text, as is all around it; so is a bar outside of brackets.
    Time grows linearly with the text, once for each text that it gives.

    Source: the grammar in https://github.com/AUTOMATIC1111/stable-diffusion-webui `modules/prompt_parser.py`.
    """

    def __init__(self, text: str, steps: int) -> None:
        self._words: list[str] = TOKEN.findall(text)
        self._steps = steps
        self._choices: dict[int, Choice] = {}
        self._untils: dict[int, int | None] = {}
        """The step from which on the second branch is drawn, for each choice; None: they alternate."""
        self._unread: list[str] = []
        self._read()

    @property
    def never(self) -> tuple[str, ...]:
        """The beginnings of the brackets whose second text never comes, since the steps end before."""
        return tuple(
            self._shown(opened, choice.after)
            for opened, choice in self._choices.items()
            if self._untils[opened] == self._steps and choice.branches[1]
        )

    @property
    def unread(self) -> tuple[str, ...]:
        """The beginnings of the brackets with colons and bars that fit no form, and so are attention."""
        return tuple(self._unread)

    def texts(self) -> Iterator[tuple[int, str]]:
        """
        Each text with the step before which it ends, neighbours being different.

        The last text ends with the last step.
        """
        text = self._at(0)
        for step in self._changes():
            changed = self._at(step)
            if changed != text:
                yield step, text
                text = changed
        yield self._steps, text

    def _changes(self) -> list[int]:
        """The steps, after the first, at which the text may change."""
        untils = set(self._untils.values())
        if None in untils:
            return list(range(1, self._steps))
        return sorted(until for until in untils if until is not None and 0 < until < self._steps)

    def _at(self, step: int) -> str:
        """The text at a step."""

        def take(place: int) -> int:
            until = self._untils[place]
            return step % len(self._choices[place].branches) if until is None else int(step >= until)

        return taken(self._words, self._choices, take)

    def _read(self) -> None:
        """Find every bracket that gives a choice."""
        opened: list[_Bracket] = []
        for place, word in enumerate(self._words):
            if word in MAX_COLONS:
                opened.append(_Bracket(place, word))
            elif word in {":", "|"} and opened:
                opened[-1].marks[word].append(place)
            elif word in CLOSES and opened:
                if not self._is_whole(opened[-1], place):
                    self._pass_over(opened[-1], place)
                    opened.clear()
                else:
                    self._choose(opened.pop(), place)

    def _is_whole(self, bracket: _Bracket, closed: int) -> bool:
        """Whether the bracket, closed by this token, is one that may stand in others: a choice, or attention."""
        if CLOSES[self._words[closed]] != bracket.kind or len(bracket.colons) > MAX_COLONS[bracket.kind]:
            return False
        if bracket.kind == "(" or not bracket.colons:
            return True
        return not bracket.bars and NUMBER.fullmatch(self._when(bracket, closed)) is not None

    def _when(self, bracket: _Bracket, closed: int) -> str:
        """What stands between the last colon and the end, if it is text."""
        return self._words[closed - 1].strip() if closed - bracket.colons[-1] == 2 else ""  # noqa: PLR2004 - neighbours

    def _shown(self, start: int, stop: int) -> str:
        return "".join(self._words[start : min(stop, start + SHOWN_WORDS)])

    def _pass_over(self, bracket: _Bracket, closed: int) -> None:
        """Remember a bracket that was meant as a choice; one colon alone may be just a colon."""
        if (bracket.kind, self._words[closed]) == ("[", "]") and (bracket.bars or len(bracket.colons) > 1):
            self._unread.append(self._shown(bracket.opened, closed + 1))

    def _choose(self, bracket: _Bracket, closed: int) -> None:
        if bracket.kind == "[" and bracket.bars:
            self._choices[bracket.opened] = Choice.between([bracket.opened, *bracket.bars, closed])
            self._untils[bracket.opened] = None
        elif bracket.kind == "[" and bracket.colons:
            between = Choice.between([bracket.opened, *bracket.colons])
            nothing = range(between.branches[0].start, between.branches[0].start)
            self._choices[bracket.opened] = Choice((nothing, *between.branches)[-2:], closed + 1)
            self._untils[bracket.opened] = self._step(self._when(bracket, closed))

    def _step(self, when: str) -> int:
        number = float(when) * self._steps if "." in when else float(when)
        return int(max(0, min(self._steps, number)))
