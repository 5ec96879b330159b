"""The models in memory: one is loaded when it is needed, and those that nobody draws with make room for it."""

from __future__ import annotations

import gc
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from engine.conditioning import TextEncoder
from engine.denoise import predict
from engine.errors import OutOfMemory
from engine.footprint import bytes_of, capacity_of, parts_of
from engine.latents import decode
from engine.loading import LoadedModel
from engine.lora.adapters import Adapters
from engine.memory import SharedCall, is_out_of_memory, release
from engine.sources import Capacity
from engine.turns import leaving

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from engine.devices import Device
    from engine.drawing import Begun
    from engine.sources import Source
    from engine.wholeloading import LoadedWhole

log = logging.getLogger(__name__)

CARD_SHARE = 0.7
"""Of a card's free memory that models may take; the rest is for drawing."""
MACHINE_SHARE = 0.5
"""Likewise of a machine's memory, where that is drawn with."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resident:
    """A model in memory, with everything that belongs to it alone."""

    model: LoadedModel
    encoder: TextEncoder
    adapters: Adapters
    predict: SharedCall[Begun, torch.Tensor]
    decode: SharedCall[Begun, torch.Tensor]
    bytes: int

    @classmethod
    def of(cls, model: LoadedModel) -> Resident:
        """What draws with a model that has just been loaded."""
        return cls(
            model=model,
            encoder=TextEncoder(model),
            adapters=Adapters(model),
            predict=SharedCall(
                "unet",
                lambda begun: predict(model, [each.trajectory for each in begun]),
                weigh=lambda each: each.place.rows,
                device=model.device,
            ),
            decode=SharedCall(
                "vae",
                lambda begun: decode(model, [each.trajectory.latents for each in begun]),
                weigh=lambda _: 1,
                device=model.device,
            ),
            bytes=sum(map(bytes_of, parts_of(model).values())),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WholeResident:
    """A model in memory that draws one picture at a time."""

    model: LoadedWhole
    bytes: int

    @classmethod
    def of(cls, model: LoadedWhole) -> WholeResident:
        """What draws with a model that has just been loaded."""
        return cls(model=model, bytes=sum(model.weights_bytes.values()))


class Residents:
    """
    Models in memory, as many as the budget holds; a larger one has it to itself. Runs on the engine's thread.

    Args:
        load: raises as `engine.loading.load`.
        budget_bytes: None: a part of what the device has.
    """

    def __init__(
        self, load: Callable[[Source], LoadedModel | LoadedWhole], device: Device, *, budget_bytes: int | None = None
    ) -> None:
        self._load = load
        self.device = device.device
        self.capacity = Capacity(_budget(device) if budget_bytes is None else budget_bytes, device.dtype.itemsize)
        self._kept: dict[Source, Resident | WholeResident] = {}
        """The least recently used first."""
        self._alone: set[Source] = set()
        """Those that turned out to fit beside no other, whatever the budget says."""

    def __contains__(self, source: object) -> bool:
        return source in self._kept

    def __bool__(self) -> bool:
        return bool(self._kept)

    def __getitem__(self, source: Source) -> Resident | WholeResident:
        return self._kept[source]

    def use(self, source: Source) -> None:
        """Note that somebody begins to draw with a model that is in memory."""
        self._kept[source] = self._kept.pop(source)

    def has_room(self, source: Source, in_use: Collection[Source]) -> bool:
        """Whether a model can be loaded without taking one away that is in use."""
        return self._leaving(source, in_use) is not None

    def bring(self, source: Source, in_use: Collection[Source]) -> bool:
        """
        Load a model, for which others that are not in use may leave.

        Returns:
            False where those in use must be finished with first.

        Raises:
            InvalidModel: a library refuses a part of it.
            OutOfMemory: it does not fit the device, even alone.
        """
        while (gone := self._leaving(source, in_use)) is not None:
            self._let_go(gone)
            try:
                model = self._load(source)
                self._kept[source] = Resident.of(model) if isinstance(model, LoadedModel) else WholeResident.of(model)
            except Exception as error:
                if not (isinstance(error, OutOfMemory) or is_out_of_memory(error)):
                    raise
                # A traceback keeps what was loaded alive.
                failure = error.with_traceback(None)
            else:
                log.info("model_loaded model=%s bytes=%d", source.name, self._kept[source].bytes)
                return True
            self._release()
            if not self._kept:
                sentence = f"the model does not fit the memory of {self.device}"
                raise OutOfMemory("model_memory", sentence, device=str(self.device)) from failure
            log.warning("model_fits_alone_at_most model=%s beside=%d", source.name, len(self._kept))
            self._alone.add(source)
        return False

    def leave_but(self, in_use: Collection[Source]) -> bool:
        """Let all models go that are not in use; False where there are none."""
        gone = [source for source in self._kept if source not in in_use]
        self._let_go(gone)
        return bool(gone)

    def _leaving(self, source: Source, in_use: Collection[Source]) -> tuple[Source, ...] | None:
        capacity = self.capacity
        needed = capacity.budget_bytes + 1 if source in self._alone else capacity.needed(source)
        sizes = {kept: resident.bytes for kept, resident in self._kept.items()}
        return leaving(sizes, in_use, needed, capacity.budget_bytes)

    def _let_go(self, sources: Collection[Source]) -> None:
        names = [source.name for source in sources]
        for source in sources:
            del self._kept[source]
        if names:
            self._release()
            log.info("models_left models=%s", ", ".join(names))

    def _release(self) -> None:
        """What nobody holds any more is given back; networks and their adapters hold each other in circles."""
        gc.collect()
        release(self.device)


def _budget(device: Device) -> int:
    """What models may take by themselves; nothing where even the parts of one take turns."""
    if device.moves_parts:
        return 0
    if device.device.type == "cuda":
        return int(CARD_SHARE * torch.cuda.mem_get_info(device.device)[0])
    share = CARD_SHARE if device.device.type == "mps" else MACHINE_SHARE
    return int(share * (capacity_of(device.device) or 0))
