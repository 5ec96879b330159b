"""The most memory that something takes while it lasts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024
"""Of `ru_maxrss`: https://man7.org/linux/man-pages/man2/getrusage.2.html; on macOS it is in bytes."""


class Peak:
    """
    From its making on: on CUDA what was allocated at most, on the CPU how far the resident set's mark has grown.

    The CPU's mark never falls: a process can measure only what is larger than all that it did before.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats(device)
        self._before = self._resident_bytes()

    @property
    def bytes(self) -> int | None:
        """The peak so far; None where it cannot be told: on MPS and, on the CPU, under Windows."""
        if self._device.type == "cuda":
            import torch

            return int(torch.cuda.max_memory_allocated(self._device))
        now = self._resident_bytes()
        return None if now is None or self._before is None else now - self._before

    def _resident_bytes(self) -> int | None:
        if self._device.type != "cpu" or sys.platform == "win32":
            return None
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_UNIT
