"""Who is drawn by a model that draws one picture at a time: first come, first served. No torch, no threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

P = TypeVar("P", bound="Hashable")
M = TypeVar("M", bound="Hashable")


class OneByOne(Generic[P, M]):
    """For each model those in line for it, of whom the first alone is drawn."""

    def __init__(self) -> None:
        self._lines: dict[M, dict[P, None]] = {}

    def add(self, place: P, model: M) -> bool:
        """Let somebody wait behind all others. Whether their turn has come."""
        line = self._lines.setdefault(model, {})
        line[place] = None
        return len(line) == 1

    def remove(self, place: P, model: M) -> P | None:
        """Take somebody out, who may not be there; whose turn it is now, if that was another's until now."""
        line = self._lines.get(model, {})
        was_first = next(iter(line), None) is place
        line.pop(place, None)
        if not line:
            self._lines.pop(model, None)
        return next(iter(line), None) if was_first else None
