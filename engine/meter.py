"""Measures what pictures take of the device, and shares it among those for whom it was done."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch


class Watch(Protocol):
    """Tells how long a device works. Its marks are its own."""

    def mark(self) -> Any:
        """A moment of the device: when it is done with all that it has been told so far."""

    def seconds(self, start: Any, end: Any, *, wait: bool) -> float | None:
        """From one mark to another; None where the device is not there yet and `wait` is false."""


class HostWatch:
    """For work that is done when its call returns: on the CPU."""

    def mark(self) -> float:
        """As `Watch`."""
        return time.perf_counter()

    def seconds(self, start: float, end: float, *, wait: bool) -> float | None:  # noqa: ARG002 - it is always there
        """As `Watch`."""
        return end - start


class CudaWatch:
    """Events between the kernels, so that nobody waits for the device in order to measure it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def mark(self) -> Any:
        """As `Watch`."""
        import torch

        cuda: Any = torch.cuda  # its events have no types
        event = cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def seconds(self, start: Any, end: Any, *, wait: bool) -> float | None:
        """As `Watch`."""
        if not wait and not end.query():
            return None
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000


class MpsWatch(HostWatch):
    """Apple's graphics processors: waits for all work at each mark."""

    def mark(self) -> float:
        """As `Watch`."""
        import torch

        torch.mps.synchronize()
        return super().mark()


def watch_of(device: torch.device) -> Watch:
    """What measures the work of a device."""
    if device.type == "cuda":
        return CudaWatch(device)
    return MpsWatch() if device.type == "mps" else HostWatch()


@dataclass(slots=True, eq=False)
class Account:
    """What one picture has taken so far."""

    gpu_s: float = 0.0
    is_dropped: bool = False
    """Whether the picture will never be finished."""


@dataclass(slots=True)
class Totals:
    """What has been measured since the start. Written on the engine's thread alone; any other may read."""

    busy_s: float = 0.0
    """All seconds in which pictures were worked on; loading models is not among them."""
    dropped_s: float = 0.0
    """Those that went into pictures which were never finished, and into tries for which memory did not suffice."""


class _Piece(NamedTuple):
    """A piece of work, whose end the device may not have reached yet."""

    start: Any
    end: Any
    shares: Mapping[Account, int]
    wasted: set[Account]


class Meter:
    """
    Measures from piece to piece without a gap, so that the parts of all pictures make up the busy time.

    Runs on the engine's thread.
    """

    def __init__(self, watch: Watch, totals: Totals) -> None:
        self._watch = watch
        self._totals = totals
        self._pieces: deque[_Piece] = deque()
        self._last = watch.mark()

    def begin(self) -> None:
        """Note that work begins again; what lies before, since the last piece, was none."""
        self._last = self._watch.mark()

    @contextmanager
    def sharing(self, shares: Mapping[Account, int]) -> Iterator[set[Account]]:
        """
        Divide what happens until the end of this, since the piece before, in proportion to shares.

        Whoever is put into the set that this gives will need the same once more: what it took this time is not theirs.
        """
        wasted: set[Account] = set()
        try:
            yield wasted
        finally:
            start, self._last = self._last, self._watch.mark()
            self._pieces.append(_Piece(start, self._last, shares, wasted))
            self._settle(wait=False)

    def spent_s(self, account: Account) -> float:
        """What a picture that is finished has taken."""
        self._settle(wait=True)
        return account.gpu_s

    def drop(self, account: Account) -> None:
        """Note that a picture will never be finished, so that what it has taken bought nothing."""
        if not account.is_dropped:
            account.is_dropped = True
            self._totals.dropped_s += account.gpu_s

    def _settle(self, *, wait: bool) -> None:
        while self._pieces:
            piece = self._pieces[0]
            seconds = self._watch.seconds(piece.start, piece.end, wait=wait)
            if seconds is None:
                return
            self._pieces.popleft()
            self._totals.busy_s += seconds
            self._divide(seconds, piece)

    def _divide(self, seconds: float, piece: _Piece) -> None:
        whole = sum(piece.shares.values())
        for account, share in piece.shares.items():
            part = seconds * share / whole
            if account not in piece.wasted:
                account.gpu_s += part
            if account in piece.wasted or account.is_dropped:
                self._totals.dropped_s += part
