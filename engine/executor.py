"""The engine's thread: it loads the first model and then belongs to the loop that draws."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING

from engine.batcher import Batcher
from engine.inbox import Cancel, Close, Inbox, Submit
from engine.meter import Totals

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.drawing import Drawing, Place
    from engine.residents import Residents


class Executor:
    """
    A thread that draws until it is closed; its methods may be called from any other.

    `loaded` resolves when the first model is, or to why there is none; `ended` when the thread is done; `totals` tells
    what pictures have taken of the device.

    Args:
        open_residents: called on the thread; gives the models in memory, the first of them loaded.
        idle_unload_s: after so long without work, the models leave the memory; None: never.

    Raises:
        ValueError: `max_rows` is too small.
    """

    def __init__(
        self, open_residents: Callable[[], Residents], max_rows: int, *, idle_unload_s: float | None = None
    ) -> None:
        self.loaded: Future[None] = Future()
        self.ended: Future[None] = Future()
        for future in (self.loaded, self.ended):
            # From here on nobody who stops waiting can cancel it for the others.
            future.set_running_or_notify_cancel()
        self._open_residents = open_residents
        self._idle_unload_s = idle_unload_s
        self._batcher: Batcher[Place] = Batcher(max_rows)
        self._inbox = Inbox()
        self.totals = Totals()
        self._thread = Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to load the first model."""
        self._thread.start()

    def submit(self, drawing: Drawing) -> None:
        """Let the drawing's pictures join as soon as there are its model and room."""
        self._inbox.put(Submit(drawing))

    def cancel(self, drawing: Drawing) -> None:
        """Drop what is left of the drawing before the next tick; it hears nothing more."""
        self._inbox.put(Cancel(drawing))

    def close(self, *, finish: bool) -> None:
        """Take no more drawings; pictures that have begun are finished, or given back before the next tick."""
        self._inbox.put(Close(finish))

    def _run(self) -> None:
        try:
            self._draw()
        finally:
            self.ended.set_result(None)

    def _draw(self) -> None:
        try:
            residents = self._open_residents()
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits for the model hears it
            self.loaded.set_exception(error)
            self._refuse_all(error)
            return
        self.loaded.set_result(None)
        # The loop's module imports torch, which has been imported by now.
        from engine.loop import Loop

        Loop(residents, self._batcher, self._inbox, idle_unload_s=self._idle_unload_s, totals=self.totals).run()

    def _refuse_all(self, error: Exception) -> None:
        while not isinstance(message := self._inbox.get(), Close):
            if isinstance(message, Submit):
                message.drawing.post(error)
