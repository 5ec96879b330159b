"""Wildcards `__name__` and permutations `{one|other}`: a prompt as typed → the prompts that are drawn."""

from __future__ import annotations

import difflib
import itertools
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import InvalidRequest
from engine.notation.branches import Choice, taken
from engine.prompt import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_FILE_BYTES = 2**20
MAX_DEPTH = 10
"""How deep wildcards may stand in the lines of wildcards."""
MAX_CHARACTERS = 6000
"""An expanded prompt can be typed, and so made again alone: it is no longer than what may be typed."""
MAX_DRAWN_CHARACTERS = 10 * MAX_CHARACTERS
"""In all lines that are drawn for one prompt, with those that only lead to other lines."""
MAX_COUNTED = 10**6
MAX_NOTES = 20
MAX_NAMES = 5000
"""Near matches are sought among no more names than this."""

WILDCARD = re.compile(r"__([A-Za-z0-9](?:[A-Za-z0-9 /-]|_(?!_)){0,99})__")
TOKEN = re.compile(r"\\.?|[][{}|]|[^][\\{}|]+", re.DOTALL)
OPENS = {"}": "{", "]": "["}


@dataclass(frozen=True, slots=True)
class Expansion:
    """The prompts that one prompt stands for, at least one, the last permutation changing first."""

    texts: tuple[str, ...]
    notes: tuple[Note, ...]


def expand(text: str, seed: int, wildcards: Wildcards, *, most: int) -> Expansion:
    """
    Wildcards first, whose lines may hold both notations, then permutations.

    The seed alone decides which lines are drawn. Braces without a bar, brackets that nothing closes and whatever has a
    backslash before it stay as typed.

    Raises:
        InvalidRequest: there are more than `most` permutations, or the wildcards make the prompt too long.
    """
    drawing = _Drawing(wildcards, seed)
    drawn = drawing.fill(text)
    if len(drawn) > max(MAX_CHARACTERS, len(text)):
        raise _too_long()
    return Expansion(_permutations(drawn, most), tuple(drawing.notes.values()))


class Wildcards:
    """
    The files `NAME.txt` of a folder: UTF-8, one text a line; empty lines and those that begin with # are skipped.

    Each is read when it is first asked for, and again once it has changed. Nothing outside of the folder is ever read.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int], tuple[str, ...]]] = {}

    def lines(self, name: str) -> tuple[str, ...]:
        """
        The lines of a wildcard, perhaps none.

        Raises:
            FileNotFoundError: there is no such wildcard.
            OSError, ValueError: its file cannot be read, is no UTF-8, or is too large.
        """
        if self._folder is None or not WILDCARD.fullmatch(f"__{name}__"):
            raise FileNotFoundError(name)
        # Path.resolve raises a RuntimeError for links in a circle.
        file = Path(os.path.realpath(self._folder / f"{name}.txt", strict=True))
        if not file.is_relative_to(self._folder.resolve()) or not file.is_file():
            raise FileNotFoundError(name)
        stat = file.stat()
        version = (stat.st_mtime_ns, stat.st_size)
        if stat.st_size > MAX_FILE_BYTES:
            raise ValueError(f"it has more than {MAX_FILE_BYTES} bytes")
        if name not in self._read or self._read[name][0] != version:
            lines = (line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines())
            self._read[name] = version, tuple(line for line in lines if line and not line.startswith("#"))
        return self._read[name][1]

    def near(self, name: str) -> list[str]:
        """The names that are most like this one, at most three."""
        return difflib.get_close_matches(name, itertools.islice(self._names(), MAX_NAMES), n=3, cutoff=0.5)

    def _names(self) -> Iterator[str]:
        if self._folder is not None:
            for file in self._folder.rglob("*.txt"):
                yield file.relative_to(self._folder).with_suffix("").as_posix()


def wildcards_in(models_dir: Path | None) -> Wildcards:
    """The wildcards of the folder where the operator keeps models; none where there is no such folder."""
    return Wildcards(models_dir / "wildcards" if models_dir is not None else None)


class _Drawing:
    """Draws the lines for one prompt, in the order in which a reader meets the wildcards."""

    def __init__(self, wildcards: Wildcards, seed: int) -> None:
        self.notes: dict[str, Note] = {}
        self._wildcards = wildcards
        self._random = random.Random(seed)  # noqa: S311 - the seed makes the picture again; nothing here is secret
        self._drawn_characters = 0

    def fill(self, text: str, depth: int = 0) -> str:
        """The text with a line in place of each wildcard that there is."""
        return WILDCARD.sub(lambda wildcard: self._line(wildcard[1], depth) or wildcard[0], text)

    def _line(self, name: str, depth: int) -> str | None:
        if depth == MAX_DEPTH:
            self._note("wildcard_depth", name, f"stands more than {MAX_DEPTH} wildcards deep, and stays as it is")
            return None
        lines = self._lines(name)
        if not lines:
            return None
        # Of all that `random` offers only `random()` is promised to stay the same in later versions of Python.
        line = lines[int(self._random.random() * len(lines))]
        self._drawn_characters += len(line) + 1
        if self._drawn_characters > MAX_DRAWN_CHARACTERS:
            raise _too_long()
        return self.fill(line, depth + 1)

    def _lines(self, name: str) -> tuple[str, ...]:
        try:
            lines = self._wildcards.lines(name)
        except (FileNotFoundError, NotADirectoryError):
            # Near matches take milliseconds to find, and a prompt may hold a thousand names.
            if len(self.notes) < MAX_NOTES and f"wildcard_unknown {name}" not in self.notes:
                near = ", ".join(self._wildcards.near(name))
                self._note("wildcard_unknown", name, f"is unknown{near and f'; nearest: {near}'}", names=near)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._note("wildcard_unreadable", name, f"cannot be read: {reason}", reason=reason)
        else:
            if not lines:
                self._note("wildcard_empty", name, "has no lines")
            return lines
        return ()

    def _note(self, rule: str, name: str, sentence: str, **facts: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.setdefault(f"{rule} {name}", Note(rule, f"wildcard {name} {sentence}", {"name": name, **facts}))


def _too_long() -> InvalidRequest:
    return InvalidRequest(
        "wildcards_length",
        f"with its wildcards the prompt is longer than {MAX_CHARACTERS} characters",
        maximum=MAX_CHARACTERS,
    )


def _permutations(text: str, most: int) -> tuple[str, ...]:
    words: list[str] = TOKEN.findall(text)
    choices, count = _braces(words)
    if count > most:
        shown = str(count) if count <= MAX_COUNTED else f"more than {MAX_COUNTED}"
        raise InvalidRequest(
            "permutations",
            f"the braces {{a|b}} make {shown} prompts of this one, the most here is {most}",
            count=shown,
            maximum=most,
        )
    path = _Path(choices)
    texts = [taken(words, choices, path.take)]
    while path.advance():
        texts.append(taken(words, choices, path.take))
    return tuple(texts)


class _Path:
    """Which branch is taken at each choice that is met on the way through a text."""

    def __init__(self, choices: Mapping[int, Choice]) -> None:
        self._choices = choices
        self._branches: list[int] = []
        self._sizes: list[int] = []

    def take(self, place: int) -> int:
        """The branch of the next choice; the first one behind what `advance` has set."""
        met = len(self._sizes)
        self._sizes.append(len(self._choices[place].branches))
        if met == len(self._branches):
            self._branches.append(0)
        return self._branches[met]

    def advance(self) -> bool:
        """Go to the next path, the last choice changing first; False after the last path."""
        sizes, self._sizes = self._sizes, []
        while self._branches and self._branches[-1] + 1 == sizes[len(self._branches) - 1]:
            self._branches.pop()
        if self._branches:
            self._branches[-1] += 1
        return bool(self._branches)


@dataclass(slots=True)
class _Bracket:
    """An open bracket: its opening token and the bars directly in it; how many texts its branches have."""

    marks: list[int]
    before: int = 0
    """In the branches that are finished."""
    now: int = 1
    """In the branch that is being read."""


def _braces(words: list[str]) -> tuple[dict[int, Choice], int]:
    """The braces that give a choice, by the number of the token that opens them, and how many texts there are."""
    paired = _paired(words)
    choices: dict[int, Choice] = {}
    around = [_Bracket([])]
    for place, word in enumerate(words):
        bracket = around[-1]
        if word == "|" and bracket.marks and words[bracket.marks[0]] == "{":
            bracket.marks.append(place)
            bracket.before, bracket.now = bracket.before + bracket.now, 1
        elif place in paired and word in OPENS:
            around.pop()
            around[-1].now = min(around[-1].now * (bracket.before + bracket.now), MAX_COUNTED + 1)
            if len(bracket.marks) > 1:
                choices[bracket.marks[0]] = Choice.between([*bracket.marks, place])
        elif place in paired:
            around.append(_Bracket([place]))
    return choices, around[0].now


def _paired(words: list[str]) -> set[int]:
    """The braces and square brackets, opening and closing, that belong to a pair; what lies across a pair does not."""
    opened: list[int] = []
    waiting = {"{": 0, "[": 0}
    paired: set[int] = set()
    for place, word in enumerate(words):
        if word in waiting:
            opened.append(place)
            waiting[word] += 1
        elif waiting.get(OPENS.get(word, "")):
            while True:
                partner = opened.pop()
                waiting[words[partner]] -= 1
                if words[partner] == OPENS[word]:
                    break
            paired |= {partner, place}
    return paired
