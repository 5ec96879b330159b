"""One library call for many pictures, in smaller parts where the device's memory does not suffice for all."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

log = logging.getLogger(__name__)

OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""How allocators without an exception of their own say it: MPS, the CPU's (POSIX, Windows), cuBLAS."""

T = TypeVar("T")
R = TypeVar("R")


def is_out_of_memory(error: Exception) -> bool:
    """Whether a library failed for want of memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in OUT_OF_MEMORY_WORDS)


def release(device: torch.device) -> None:
    """Give memory that is cached and unused back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


class SharedCall(Generic[T, R]):
    """
    A call that many share, so that the failure of one is not everybody's. Runs on the engine's thread.

    Out of memory, the halves are tried, down to a single one, which is tried once more alone; what was too much is
    remembered for its size. After any other error everyone is tried alone, to find whose error it is.

    Args:
        name: for the log.
        call: changes none of its arguments, since it may be called again; as many results as arguments.
        weigh: what an argument adds to the call's memory, in rows.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[Sequence[T]], Sequence[R]],
        *,
        weigh: Callable[[T], int],
        device: torch.device,
    ) -> None:
        self._name = name
        self._call = call
        self._weigh = weigh
        self._device = device
        self._limits: dict[Hashable, int] = {}

    def __call__(self, size: Hashable, sharers: Sequence[T]) -> Iterator[tuple[T, R | Exception]]:
        """Each of the sharers, all of one size, with its result or with why it has none."""
        parts = deque(self._fitting(size, sharers))
        alone_again: list[T] = []
        while parts:
            part = parts.popleft()
            try:
                results = self._call(part)
            except Exception as error:  # noqa: BLE001 - whatever a library raises is one sharer's alone
                # A traceback keeps the failed call's tensors alive, and their memory is what the next try needs.
                failure = error.with_traceback(None) if is_out_of_memory(error) else error
            else:
                yield from zip(part, results, strict=True)
                continue
            if len(part) > 1:
                parts.extendleft(reversed(self._smaller(size, part, failure)))
            elif is_out_of_memory(failure) and part[0] not in alone_again:
                release(self._device)
                alone_again.append(part[0])
                parts.appendleft(part)
            else:
                yield part[0], failure

    def _fitting(self, size: Hashable, sharers: Sequence[T]) -> list[list[T]]:
        parts: list[list[T]] = []
        room = 0
        for sharer in sharers:
            weight = self._weigh(sharer)
            if not parts or weight > room:
                parts.append([])
                room = self._limits.get(size, sum(map(self._weigh, sharers)))
            parts[-1].append(sharer)
            room -= weight
        return parts

    def _smaller(self, size: Hashable, part: list[T], failure: Exception) -> list[list[T]]:
        if not is_out_of_memory(failure):
            log.warning("shared_call_failed call=%s pictures=%d", self._name, len(part), exc_info=failure)
            return [[sharer] for sharer in part]
        release(self._device)
        rows = sum(map(self._weigh, part))
        self._limits[size] = rows // 2
        log.warning("out_of_memory call=%s size=%s rows=%d limit=%d", self._name, size, rows, rows // 2)
        return [part[: len(part) // 2], part[len(part) // 2 :]]
