"""Pure: whose request the engine is given next, so that its batch is full and nobody's turn is missed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_MEMBERS = 64
"""Whose requests the engine has at the same time, where there are not more places than that."""


@dataclass(frozen=True, slots=True)
class Held:
    """One request that the engine has."""

    user_id: int
    rows: int
    """U-Net rows of its pictures that are not finished."""
    rows_to_begin: int
    """Those of them that have not joined the batch."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """The members of whom the engine has enough for now."""

    to_begin: Mapping[int, int]
    """Rows that have not joined the batch, of each member of whom the engine has any request."""
    most_to_begin: int
    takes_newcomers: bool

    def __contains__(self, user_id: object) -> bool:
        if user_id not in self.to_begin:
            return not self.takes_newcomers
        return self.to_begin[user_id] >= self.most_to_begin  # type: ignore[index] # it is one of its keys


def passed_over(held: Iterable[Held], max_rows: int) -> PassedOver:
    """
    Who is given nothing more, as long as the engine has these requests.

    Where rows are free, nobody. Else whoever has nothing there is given their first at once, since they may be owed a
    place that somebody holds as their second; and of several members each has something there that has not begun, so
    that the batcher keeps to their turns whoever's pictures end.
    """
    rows, to_begin = 0, Counter[int]()
    for each in held:
        rows += each.rows
        to_begin[each.user_id] += each.rows_to_begin
    if rows < max_rows:
        return PassedOver({}, 0, takes_newcomers=True)
    # Each of so many holds only one place: whoever else comes waits in the line as well as there.
    takes_newcomers = len(to_begin) < max(MOST_MEMBERS, 2 * max_rows)
    most = 1 if len(to_begin) > 1 else 0
    return PassedOver(to_begin, most, takes_newcomers=takes_newcomers)
