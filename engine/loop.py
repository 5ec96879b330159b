"""The loop that draws: deal, tick, decode, and between them hear what other threads want."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from queue import Empty
from typing import TYPE_CHECKING, NamedTuple

import torch

from engine.adapters import Adapters
from engine.conditioning import TextEncoder
from engine.denoise import Trajectory, advance, begin, predict
from engine.errors import DrawingFailed, EngineClosed, EngineError, OutOfMemory
from engine.inbox import Cancel, Close, Inbox, Submit
from engine.latents import decode, to_image
from engine.lengths import going_together
from engine.memory import SharedCall, is_out_of_memory
from engine.request import Picture
from engine.safety import is_flagged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.batcher import Batcher
    from engine.drawing import Drawing, Place
    from engine.loading import LoadedModel
    from engine.lorafile import LoraFile

log = logging.getLogger(__name__)

MAX_DECODE_PX = 1024 * 1024
"""Pixels decoded between two ticks (one picture at least): nobody's next step waits long for somebody's decoding."""
MAX_ERROR_CHARACTERS = 300
"""Of a library's words in a sentence; the log has them all."""


class _Begun(NamedTuple):
    """A place whose picture is on its way."""

    place: Place
    trajectory: Trajectory


class Loop:
    """
    Every drawing between its submission and its end; a fault in one is that drawing's alone, and the loop goes on.

    Runs on the engine's thread.
    """

    def __init__(self, model: LoadedModel, batcher: Batcher[Place], inbox: Inbox) -> None:
        self._model = model
        self._batcher = batcher
        self._inbox = inbox
        self._encoder = TextEncoder(model)
        self._adapters = Adapters(model)
        self._drawings: set[Drawing] = set()
        self._undecoded: list[_Begun] = []
        self._is_closing = False
        self._predict = SharedCall[_Begun, torch.Tensor](
            "unet",
            lambda begun: predict(model, [each.trajectory for each in begun]),
            weigh=lambda each: each.place.rows,
            device=model.device,
        )
        self._decode = SharedCall[_Begun, torch.Tensor](
            "vae",
            lambda begun: decode(model, [each.trajectory.latents for each in begun]),
            weigh=lambda _: 1,
            device=model.device,
        )

    def run(self) -> None:
        """Draw until closed."""
        with torch.inference_mode():
            while True:
                try:
                    if not self._hear():
                        return
                    self._batcher.deal()
                    self._tick(self._batcher.next_batch())
                    self._decode_some()
                except Exception as error:  # noqa: BLE001 - a fault of our own must not leave anybody waiting for ever
                    for drawing in tuple(self._drawings):
                        self._fail(drawing, error)

    def _hear(self) -> bool:
        """Do what other threads have asked; wait for it where there is nothing to draw. False when all is done."""
        while self._drawings or not self._is_closing:
            try:
                message = self._inbox.get(block=not self._drawings)
            except Empty:
                return True
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
        for place in drawing.places:
            self._batcher.add(place)

    def _drop(self, drawing: Drawing) -> None:
        self._drawings.discard(drawing)
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
            _Begun(place, place.trajectory)
            for place in places
            if place.trajectory is not None and place.drawing in self._drawings
        ]
        if not stepping:
            return
        # All that step together have the same.
        self._adapters.activate("unet", stepping[0].place.reading.unet_loras)
        for group in going_together(stepping, lambda each: each.trajectory.conditioning.tokens):
            for each, noise_pred in self._predict(stepping[0].place.size, group):
                with self._failing_alone(each.place.drawing):
                    advance(each.trajectory, _unless_failed(noise_pred))
        for place, trajectory in stepping:
            if place.drawing in self._drawings and trajectory.is_finished:
                self._batcher.remove(place)
                self._undecoded.append(_Begun(place, trajectory))
        for drawing in dict.fromkeys(place.drawing for place, _ in stepping):
            if drawing in self._drawings:
                drawing.tell_progress()

    def _begin(self, place: Place) -> None:
        """Make the trajectory of a place that joins for the first time."""
        drawing = place.drawing
        if place.trajectory is None:
            with self._failing_alone(drawing):
                self._adapters.load(place.reading.loras, in_use=self._loras_in_use())
                self._adapters.activate("text_encoder", place.reading.text_loras)
                conditioning = drawing.condition(place.reading, self._encoder)
                place.trajectory = begin(self._model, drawing.request, place.index, conditioning)

    def _loras_in_use(self) -> set[LoraFile]:
        places = (place for drawing in self._drawings for place in drawing.places)
        return {file for place in places if place.trajectory is not None for file in place.reading.loras}

    def _decode_some(self) -> None:
        """Decode finished pictures of one size, as many as may keep the others from their next tick."""
        if not self._undecoded:
            return
        size = height, width = self._undecoded[0].place.size
        chunk = [each for each in self._undecoded if each.place.size == size][
            : max(1, MAX_DECODE_PX // (height * width))
        ]
        self._undecoded = [each for each in self._undecoded if each not in chunk]
        for (place, _), pixels in self._decode(size, chunk):
            with self._failing_alone(place.drawing):
                self._finish(place, _unless_failed(pixels))

    def _finish(self, place: Place, pixels: torch.Tensor) -> None:
        drawing = place.drawing
        if drawing not in self._drawings:
            return
        image = to_image(pixels)
        flagged = is_flagged(self._model, pixels, image)
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
