"""Text with brackets of which one branch is taken at a time: kept flat, since brackets may be very deep."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Choice:
    """A bracket; its branches are ranges of tokens."""

    branches: tuple[range, ...]
    after: int
    """The token after the bracket."""

    @classmethod
    def between(cls, marks: Sequence[int]) -> Choice:
        """The bracket whose branches lie between these tokens, the first of which opens it."""
        return cls(tuple(range(mark + 1, after) for mark, after in pairwise(marks)), marks[-1] + 1)


def taken(tokens: Sequence[str], choices: Mapping[int, Choice], take: Callable[[int], int]) -> str:
    """
    The text in which each bracket is one of its branches.

    Args:
        choices: by the number of the token that opens them.
        take: the branch of the bracket with this number; asked once for each that is reached, in order.
    """
    pieces = []
    within: list[tuple[int, int]] = []
    place = 0
    while place < len(tokens):
        if within and place == within[-1][0]:
            place = within.pop()[1]
        elif choice := choices.get(place):
            branch = choice.branches[take(place)]
            within.append((branch.stop, choice.after))
            place = branch.start
        else:
            pieces.append(tokens[place])
            place += 1
    return "".join(pieces)
