"""Which sizes a device can draw: refused is what cannot fit, and what has once been too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from engine.footprint import Footprint

STEP_PX = 64
"""The longer side of a size that is offered is a multiple of it; no side may be shorter."""
CELL_PX = 8
"""The shorter one is a multiple of this, as every size is, or of more."""
BESIDE_FAILED = 0.75
"""Of the pixels that were too many, as many are offered: a size just below would most likely be too much as well."""


class _Failed(NamedTuple):
    """A picture for which the memory did not suffice, even alone."""

    pixels: int
    rows: int


class Room:
    """
    One model on one device, until it is unloaded; in doubt a picture fits.

    Args:
        capacity_bytes: the device's whole memory; None where that is unknown.
        device: its name, for the sentence.
        multiple: of which the sides that the model draws are multiples.
    """

    def __init__(
        self, footprint: Footprint, capacity_bytes: int | None, *, device: str, multiple: int = CELL_PX
    ) -> None:
        self._footprint = footprint
        self._device = device
        self._multiple = multiple
        self._failed: tuple[_Failed, ...] = ()
        # Where not even the smallest picture seems to fit, the device has more than it says.
        is_told = capacity_bytes is not None and footprint.of(STEP_PX, STEP_PX, 1) <= capacity_bytes
        self._capacity_bytes = capacity_bytes if is_told else None

    def check(self, width: int, height: int, rows: int) -> None:
        """
        Whether a picture of this size can be drawn here.

        Args:
            rows: U-Net rows of the picture.

        Raises:
            InvalidRequest: it cannot; the sentence names the largest size of this shape that may.
        """
        if self._fits(width, height, rows):
            return
        sentence = f"a picture of {width}x{height} does not fit the memory of {self._device}"
        largest = self._largest(width, height, rows)
        if largest is not None:
            sentence += f"; the largest of this shape here is {largest[0]}x{largest[1]}"
        raise InvalidRequest(
            "size_memory",
            sentence,
            width=width,
            height=height,
            device=self._device,
            largest="×".join(map(str, largest)) if largest else "none",
        )

    def ran_out(self, width: int, height: int, rows: int) -> None:
        """Remember that the memory did not suffice for a single picture of this size."""
        self._failed = (*self._failed, _Failed(width * height, rows))

    def _fits(self, width: int, height: int, rows: int, *, share: float = 1) -> bool:
        """Whether the picture has less than this share of the pixels of any that failed, and fits the device."""
        pixels = width * height
        if any(pixels >= share * failed.pixels and rows >= failed.rows for failed in self._failed):
            return False
        return self._capacity_bytes is None or self._footprint.of(width, height, rows) <= self._capacity_bytes

    def _largest(self, width: int, height: int, rows: int) -> tuple[int, int] | None:
        """The largest size of about this shape that fits."""
        longer = max(width, height)
        for side in range(longer // STEP_PX * STEP_PX, 0, -STEP_PX):
            size = [
                max(STEP_PX, round(each * side / longer / self._multiple) * self._multiple) for each in (width, height)
            ]
            if self._fits(size[0], size[1], rows, share=BESIDE_FAILED):
                return size[0], size[1]
        return None
