"""Whose model is in memory next: first come, first served, so that nobody waits for ever. No torch, no threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Hashable, Mapping

W = TypeVar("W")
M = TypeVar("M", bound="Hashable")


class Turns(Generic[W, M]):
    """
    Whoever waits for a model that is not in memory, and all who came after them, in the order in which they came.

    When a model comes, all who wait for it by then go with it. So a wait ends after no more switches than there were
    others in front of it, each for as many as had come until then.
    """

    def __init__(self) -> None:
        self._waiting: dict[W, M] = {}

    def __contains__(self, waiter: object) -> bool:
        return waiter in self._waiting

    def add(self, waiter: W, model: M) -> None:
        """Let somebody wait, behind all others."""
        self._waiting[waiter] = model

    def remove(self, waiter: W) -> None:
        """Take somebody out; who does not wait is left alone."""
        self._waiting.pop(waiter, None)

    @property
    def wanted(self) -> M | None:
        """The model of whoever has waited longest; None where nobody waits."""
        return next(iter(self._waiting.values()), None)

    def waiting_for(self, model: M) -> list[W]:
        """All who wait for a model."""
        return [waiter for waiter, wanted in self._waiting.items() if wanted == model]

    def take_ready(self, in_memory: Container[M]) -> list[W]:
        """Take out those in front, up to the first whose model is not in memory: whoever is behind waits with them."""
        ready: list[W] = []
        for waiter, model in self._waiting.items():
            if model not in in_memory:
                break
            ready.append(waiter)
        for waiter in ready:
            self.remove(waiter)
        return ready

    def take_all(self, model: M) -> list[W]:
        """Take out all who wait for a model, since it has come."""
        together = self.waiting_for(model)
        for waiter in together:
            self.remove(waiter)
        return together


def leaving(in_memory: Mapping[M, int], in_use: Collection[M], needed: int, budget: int) -> tuple[M, ...] | None:
    """
    The models that must leave the memory before another comes, as few as possible; None while those in use fill it.

    Where nothing is in use, all may leave, and the other is tried even if it is larger than the budget.

    Args:
        in_memory: what each takes, the least recently used first.
        needed: what the other takes.
    """
    gone: list[M] = []
    taken = sum(in_memory.values())
    for model, size in in_memory.items():
        if taken + needed <= budget:
            break
        if model not in in_use:
            gone.append(model)
            taken -= size
    fits = taken + needed <= budget
    return tuple(gone) if fits or len(gone) == len(in_memory) else None
