"""The loop that draws: load, deal, tick, decode, and between them hear what other threads want."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from queue import Empty
from typing import TYPE_CHECKING

import torch

from engine.denoise import Trajectory, advance, begin
from engine.drawing import Begun
from engine.events import Picture
from engine.failures import closed, failure_of
from engine.inbox import Cancel, Close, Inbox, Submit
from engine.latents import to_image
from engine.memory import is_out_of_memory
from engine.meter import Account, Meter, watch_of
from engine.notation.plain import size_notes
from engine.onebyone import OneByOne
from engine.residents import WholeResident
from engine.safety import is_flagged
from engine.texts.lengths import going_together
from engine.turns import Turns
from engine.whole import WholePicture, begin_whole, rests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image

    from engine.batcher import Batcher
    from engine.drawing import Drawing, Place
    from engine.errors import EngineError
    from engine.lora.lorafile import LoraFile
    from engine.meter import Totals
    from engine.residents import Resident, Residents
    from engine.sources import Source

log = logging.getLogger(__name__)

MAX_DECODE_PX = 1024 * 1024
"""Pixels decoded between two ticks (one picture at least): nobody's next step waits long for somebody's decoding."""


class Loop:
    """
    Every drawing between its submission and its end; a fault in one is that drawing's alone, and the loop goes on.

    Runs on the engine's thread.
    """

    def __init__(
        self,
        residents: Residents,
        batcher: Batcher[Place],
        inbox: Inbox,
        *,
        idle_unload_s: float | None,
        totals: Totals,
    ) -> None:
        self._residents = residents
        self._batcher = batcher
        self._inbox = inbox
        self._idle_unload_s = idle_unload_s
        self._meter = Meter(watch_of(residents.device), totals)
        self._turns: Turns[Drawing, Source] = Turns()
        self._one_by_one: OneByOne[Place, Source] = OneByOne()
        self._drawings: set[Drawing] = set()
        """All that are not ended, those that wait for their model among them."""
        self._undecoded: list[Begun] = []
        self._is_closing = False

    def run(self) -> None:
        """Draw until closed."""
        with torch.inference_mode():
            while True:
                try:
                    if not self._hear():
                        return
                    if self._load_next():
                        continue  # which took seconds: somebody may have cancelled meanwhile
                    self._batcher.deal()
                    self._meter.begin()
                    self._tick(self._batcher.next_batch())
                    self._decode_some()
                except Exception as error:  # noqa: BLE001 - a fault of our own must not leave anybody waiting for ever
                    for drawing in tuple(self._drawings):
                        self._fail(drawing, error)

    def _hear(self) -> bool:
        """Do what other threads have asked; wait for it where there is nothing to draw. False when all is done."""
        while self._drawings or not self._is_closing:
            idle_s = self._idle_unload_s if self._residents else None
            try:
                message = self._inbox.get(block=not self._drawings, timeout=idle_s)
            except Empty:
                if self._drawings:
                    return True
                self._residents.leave_but(())
                continue
            match message:
                case Submit(drawing):
                    self._take(drawing)
                case Cancel(drawing):
                    self._drop(drawing)
                case Close(finish):
                    self._close(finish=finish)
        return False

    def _take(self, drawing: Drawing) -> None:
        if self._is_closing:
            drawing.post(closed())
            return
        self._drawings.add(drawing)
        self._turns.add(drawing, drawing.source)

    def _load_next(self) -> bool:
        """
        Let those join whose models are in memory, and load the next model that is waited for, if there is room.

        Returns:
            Whether that was tried.
        """
        self._let_join(self._turns.take_ready(self._residents))
        source = self._turns.wanted
        if source is None:
            return False
        in_use = self._in_use()
        if not self._residents.has_room(source, in_use):
            return False
        for drawing in self._turns.waiting_for(source):
            drawing.tell_loading()
        try:
            if self._residents.bring(source, in_use):
                self._let_join(self._turns.take_all(source))
        except Exception as error:  # noqa: BLE001 - whatever a library raises, only those who wait for this model fail
            for drawing in self._turns.waiting_for(source):
                self._fail(drawing, error)
        return True

    def _in_use(self) -> set[Source]:
        return {drawing.source for drawing in self._drawings if drawing not in self._turns}

    def _let_join(self, drawings: Sequence[Drawing]) -> None:
        for drawing in drawings:
            self._residents.use(drawing.source)
            is_whole = isinstance(self._residents[drawing.source], WholeResident)
            for place in drawing.places:
                if not is_whole or self._one_by_one.add(place, drawing.source):
                    self._batcher.add(place)

    def _leave(self, place: Place) -> None:
        """Take a place out of the batch; where it was its turn alone, another follows."""
        self._batcher.remove(place)
        if isinstance(place.trajectory, WholePicture):
            place.trajectory.abandon()
        if (following := self._one_by_one.remove(place, place.source)) is not None:
            self._batcher.add(following)

    def _drop(self, drawing: Drawing) -> None:
        self._drawings.discard(drawing)
        self._turns.remove(drawing)
        for place in drawing.places:
            self._leave(place)
            if place.index not in drawing.pictures:
                self._meter.drop(place.account)
        self._undecoded = [each for each in self._undecoded if each.place.drawing is not drawing]

    def _close(self, *, finish: bool) -> None:
        self._is_closing = True
        for drawing in tuple(self._drawings):
            for place in drawing.places:
                if not (finish and place.trajectory):
                    self._leave(place)
            if not (finish and drawing.has_begun_pictures):
                self._end(drawing, closed())

    def _tick(self, places: Sequence[Place]) -> None:
        if not places:
            return
        # All that step together have the same.
        resident = self._residents[places[0].source]
        if isinstance(resident, WholeResident):
            self._step_whole(resident, *places)
        else:
            self._step_together(resident, places)

    def _step_whole(self, resident: WholeResident, place: Place) -> None:
        """The next step of the one picture that a model draws at a time."""
        drawing = place.drawing
        with self._failing_alone(drawing):
            picture = place.trajectory
            with self._meter.sharing({place.account: 1}):
                if not isinstance(picture, WholePicture):
                    drawing.start()
                    drawing.gather(place.reading.notes, *rests(resident.model, place.reading))
                    picture = begin_whole(resident.model, drawing.request, place.index, place.reading)
                    place.trajectory = picture
                try:
                    picture.step()
                except Exception as error:
                    if not self._has_made_room(error):
                        raise
                    picture.abandon()
                    place.trajectory = None  # from its first step on
                    self._meter.drop(place.account)
                    place.account = Account()
                    return
            if picture.image is None:
                drawing.tell_progress()
                return
            drawing.gather(size_notes(drawing.request, picture.image.size))
            self._leave(place)
            with self._meter.sharing({place.account: 1}):
                flagged = picture.is_blackened or is_flagged(resident.model, picture.image)
            self._deliver(place, picture.image, flagged=flagged)

    def _step_together(self, resident: Resident, places: Sequence[Place]) -> None:
        for place in places:
            self._begin(resident, place)
        stepping = [
            Begun(place, place.trajectory, resident)
            for place in places
            if isinstance(place.trajectory, Trajectory) and place.drawing in self._drawings
        ]
        if not stepping:
            return
        with self._meter.sharing({each.place.account: each.place.rows for each in stepping}) as wasted:
            self._step(resident, stepping, wasted)

    def _step(self, resident: Resident, stepping: Sequence[Begun], wasted: set[Account]) -> None:
        resident.adapters.activate("unet", stepping[0].place.reading.unet_loras)
        for group in going_together(stepping, lambda each: each.trajectory.conditioning.tokens):
            for each, noise_pred in resident.predict(stepping[0].place.size, group):
                if self._has_made_room(noise_pred):
                    wasted.add(each.place.account)
                    continue  # the same step again, in the next tick
                with self._failing_alone(each.place.drawing):
                    advance(each.trajectory, _unless_failed(noise_pred))
        for each in stepping:
            if each.place.drawing in self._drawings and each.trajectory.is_finished:
                self._leave(each.place)
                self._undecoded.append(each)
        for drawing in dict.fromkeys(each.place.drawing for each in stepping):
            if drawing in self._drawings:
                drawing.tell_progress()

    def _begin(self, resident: Resident, place: Place) -> None:
        """Make the trajectory of a place that joins for the first time."""
        drawing = place.drawing
        if place.trajectory is None:
            with self._failing_alone(drawing), self._meter.sharing({place.account: 1}):
                resident.adapters.load(place.reading.loras, in_use=self._loras_in_use(place.source))
                resident.adapters.activate("text_encoder", place.reading.text_loras)
                conditioning = drawing.condition(place.reading, resident.encoder)
                place.trajectory = begin(resident.model, drawing.request, place.index, conditioning)

    def _loras_in_use(self, source: Source) -> set[LoraFile]:
        places = (place for drawing in self._drawings if drawing.source is source for place in drawing.places)
        return {file for place in places if place.trajectory is not None for file in place.reading.loras}

    def _decode_some(self) -> None:
        """Decode finished pictures of one model and size, as many as may keep the others from their next tick."""
        if not self._undecoded:
            return
        resident, first = self._undecoded[0].resident, self._undecoded[0].place
        height, width = first.size
        chunk = [each for each in self._undecoded if (each.place.source, each.place.size) == (first.source, first.size)]
        chunk = chunk[: max(1, MAX_DECODE_PX // (height * width))]
        self._undecoded = [each for each in self._undecoded if each not in chunk]
        with self._meter.sharing({each.place.account: 1 for each in chunk}) as wasted:
            decoded = list(resident.decode(first.size, chunk))
            short = [each for each, pixels in decoded if self._has_made_room(pixels)]
            wasted.update(each.place.account for each in short)
        self._undecoded += short
        for each, pixels in decoded:
            if each not in short:
                with self._failing_alone(each.place.drawing):
                    self._finish(each, _unless_failed(pixels))

    def _has_made_room(self, result: torch.Tensor | Exception) -> bool:
        """Whether memory did not suffice, and models that nobody draws with have left it."""
        is_short = isinstance(result, Exception) and is_out_of_memory(result)
        return is_short and self._residents.leave_but(self._in_use())

    def _finish(self, begun: Begun, pixels: torch.Tensor) -> None:
        if begun.place.drawing in self._drawings:
            with self._meter.sharing({begun.place.account: 1}):
                image = to_image(pixels)
                flagged = is_flagged(begun.resident.model, image)
            self._deliver(begun.place, image, flagged=flagged)

    def _deliver(self, place: Place, image: Image, *, flagged: bool) -> None:
        drawing = place.drawing
        drawing.finish_picture(
            Picture(
                index=place.index,
                seed=drawing.request.seeds[place.index],
                image=image,
                flagged=flagged,
                gpu_s=self._meter.spent_s(place.account),
            )
        )
        if drawing.is_complete:
            self._drawings.discard(drawing)
        elif self._is_closing and not drawing.has_begun_pictures:
            self._end(drawing, closed())

    @contextmanager
    def _failing_alone(self, drawing: Drawing) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a library raises, only this drawing fails
            self._fail(drawing, error)

    def _fail(self, drawing: Drawing, error: Exception) -> None:
        if drawing not in self._drawings:
            return
        failure = failure_of(drawing.request, error)
        log.error("drawing_failed rule=%s", failure.rule, exc_info=error)
        self._end(drawing, failure)

    def _end(self, drawing: Drawing, failure: EngineError) -> None:
        self._drop(drawing)
        drawing.post(failure)


def _unless_failed(result: torch.Tensor | Exception) -> torch.Tensor:
    if isinstance(result, Exception):
        raise result
    return result
