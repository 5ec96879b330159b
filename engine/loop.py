"""The loop that draws: load, deal, tick, decode, and between them hear what other threads want."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from queue import Empty
from typing import TYPE_CHECKING

import torch

from engine.denoise import advance, begin
from engine.drawing import Begun
from engine.errors import DrawingFailed, EngineClosed, EngineError, OutOfMemory
from engine.events import Picture
from engine.inbox import Cancel, Close, Inbox, Submit
from engine.latents import to_image
from engine.lengths import going_together
from engine.memory import is_out_of_memory
from engine.safety import is_flagged
from engine.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.batcher import Batcher
    from engine.drawing import Drawing, Place
    from engine.lorafile import LoraFile
    from engine.residents import Resident, Residents
    from engine.sources import Source

log = logging.getLogger(__name__)

MAX_DECODE_PX = 1024 * 1024
"""Pixels decoded between two ticks (one picture at least): nobody's next step waits long for somebody's decoding."""
MAX_ERROR_CHARACTERS = 300
"""Of a library's words in a sentence; the log has them all."""


class Loop:
    """
    Every drawing between its submission and its end; a fault in one is that drawing's alone, and the loop goes on.

    Runs on the engine's thread.
    """

    def __init__(
        self, residents: Residents, batcher: Batcher[Place], inbox: Inbox, *, idle_unload_s: float | None
    ) -> None:
        self._residents = residents
        self._batcher = batcher
        self._inbox = inbox
        self._idle_unload_s = idle_unload_s
        self._turns: Turns[Drawing, Source] = Turns()
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
            drawing.post(_closed())
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
            for place in drawing.places:
                self._batcher.add(place)

    def _drop(self, drawing: Drawing) -> None:
        self._drawings.discard(drawing)
        self._turns.remove(drawing)
        for place in drawing.places:
            self._batcher.remove(place)
        self._undecoded = [each for each in self._undecoded if each.place.drawing is not drawing]

    def _close(self, *, finish: bool) -> None:
        self._is_closing = True
        for drawing in tuple(self._drawings):
            for place in drawing.places:
                if not (finish and place.trajectory):
                    self._batcher.remove(place)
            if not (finish and drawing.has_begun_pictures):
                self._end(drawing, _closed())

    def _tick(self, places: Sequence[Place]) -> None:
        for place in places:
            self._begin(place)
        stepping = [
            Begun(place, place.trajectory)
            for place in places
            if place.trajectory is not None and place.drawing in self._drawings
        ]
        if not stepping:
            return
        # All that step together have the same.
        resident = self._resident(stepping[0].place)
        resident.adapters.activate("unet", stepping[0].place.reading.unet_loras)
        for group in going_together(stepping, lambda each: each.trajectory.conditioning.tokens):
            for each, noise_pred in resident.predict(stepping[0].place.size, group):
                if self._has_made_room(noise_pred):
                    continue  # the same step again, in the next tick
                with self._failing_alone(each.place.drawing):
                    advance(each.trajectory, _unless_failed(noise_pred))
        for place, trajectory in stepping:
            if place.drawing in self._drawings and trajectory.is_finished:
                self._batcher.remove(place)
                self._undecoded.append(Begun(place, trajectory))
        for drawing in dict.fromkeys(place.drawing for place, _ in stepping):
            if drawing in self._drawings:
                drawing.tell_progress()

    def _begin(self, place: Place) -> None:
        """Make the trajectory of a place that joins for the first time."""
        drawing, resident = place.drawing, self._resident(place)
        if place.trajectory is None:
            with self._failing_alone(drawing):
                resident.adapters.load(place.reading.loras, in_use=self._loras_in_use(place.source))
                resident.adapters.activate("text_encoder", place.reading.text_loras)
                conditioning = drawing.condition(place.reading, resident.encoder)
                place.trajectory = begin(resident.model, drawing.request, place.index, conditioning)

    def _resident(self, place: Place) -> Resident:
        return self._residents[place.source]

    def _loras_in_use(self, source: Source) -> set[LoraFile]:
        places = (place for drawing in self._drawings if drawing.source is source for place in drawing.places)
        return {file for place in places if place.trajectory is not None for file in place.reading.loras}

    def _decode_some(self) -> None:
        """Decode finished pictures of one model and size, as many as may keep the others from their next tick."""
        if not self._undecoded:
            return
        first = self._undecoded[0].place
        height, width = first.size
        chunk = [each for each in self._undecoded if (each.place.source, each.place.size) == (first.source, first.size)]
        chunk = chunk[: max(1, MAX_DECODE_PX // (height * width))]
        self._undecoded = [each for each in self._undecoded if each not in chunk]
        for each, pixels in self._resident(first).decode(first.size, chunk):
            if self._has_made_room(pixels):
                self._undecoded.append(each)
                continue
            with self._failing_alone(each.place.drawing):
                self._finish(each.place, _unless_failed(pixels))

    def _has_made_room(self, result: torch.Tensor | Exception) -> bool:
        """Whether memory did not suffice, and models that nobody draws with have left it."""
        is_short = isinstance(result, Exception) and is_out_of_memory(result)
        return is_short and self._residents.leave_but(self._in_use())

    def _finish(self, place: Place, pixels: torch.Tensor) -> None:
        drawing = place.drawing
        if drawing not in self._drawings:
            return
        image = to_image(pixels)
        flagged = is_flagged(self._resident(place).model, pixels, image)
        drawing.finish_picture(
            Picture(index=place.index, seed=drawing.request.seeds[place.index], image=image, flagged=flagged)
        )
        if drawing.is_complete:
            self._drawings.discard(drawing)
        elif self._is_closing and not drawing.has_begun_pictures:
            self._end(drawing, _closed())

    @contextmanager
    def _failing_alone(self, drawing: Drawing) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a library raises, only this drawing fails
            self._fail(drawing, error)

    def _fail(self, drawing: Drawing, error: Exception) -> None:
        if drawing not in self._drawings:
            return
        if isinstance(error, EngineError):
            failure = error
        elif is_out_of_memory(error):
            failure = _out_of_memory(drawing)
        else:
            words = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_ERROR_CHARACTERS]
            failure = DrawingFailed("drawing_failed", f"drawing failed in a library: {words}")
        if failure is not error:
            failure.__cause__ = error
        log.error("drawing_failed rule=%s", failure.rule, exc_info=error)
        self._end(drawing, failure)

    def _end(self, drawing: Drawing, failure: EngineError) -> None:
        self._drop(drawing)
        drawing.post(failure)


def _unless_failed(result: torch.Tensor | Exception) -> torch.Tensor:
    if isinstance(result, Exception):
        raise result
    return result


def _closed() -> EngineClosed:
    return EngineClosed("engine_closed", "the engine was closed before the picture was finished")


def _out_of_memory(drawing: Drawing) -> OutOfMemory:
    width, height = drawing.request.width, drawing.request.height
    sentence = f"the device's memory does not suffice for a picture of {width}x{height}, even alone"
    return OutOfMemory("out_of_memory", sentence, width=width, height=height)
