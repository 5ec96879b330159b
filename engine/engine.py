"""The engine as an event loop sees it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, NamedTuple, Self

from engine.drawing import Drawing
from engine.errors import EngineClosed, InvalidRequest, OutOfMemory
from engine.executor import Executor
from engine.expansion import expand, wildcards_in
from engine.loras import base_of, loras_of
from engine.mailbox import Mailbox
from engine.models import find_model
from engine.reading import read_all
from engine.request import MAX_IMAGES, GenerationResult

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path
    from types import TracebackType

    from engine.card import ModelCard
    from engine.loading import LoadedModel
    from engine.loras import Chosen
    from engine.models import ModelFolder
    from engine.prompt import Note
    from engine.request import CompleteRequest, Event, GenerationRequest
    from engine.room import Room

MAX_ROWS = 16


class _Completed(NamedTuple):
    """A request with all that was left open, and what was found out about it on the way."""

    request: CompleteRequest
    notes: tuple[Note, ...]
    """What its wildcards gave no line for."""
    loras: Chosen


class Engine:
    """
    A model that draws everybody's requests together; belongs to one event loop.

        async with Engine.open(model="emoji") as engine:
            result = await engine.generate(GenerationRequest(prompt="a red heart", seed=7))

    `async with` waits for the model. Who wants to ask before it is loaded calls `start`, `ready` and `close` instead.
    """

    notices: tuple[str, ...] = ()
    """What the operator should hear about the device; known when the model is loaded."""

    def __init__(
        self, folder: ModelFolder, *, device: str, dtype: str, memory: str, max_rows: int, models_dir: Path | None
    ) -> None:
        self.card: ModelCard = folder.card
        self._folder = folder
        self.loras = loras_of(folder)
        self._base = base_of(folder)
        self._wildcards = wildcards_in(models_dir)
        self._max_rows = max_rows
        self._device = device
        self._dtype = dtype
        self._memory = memory
        self._room: Room | None = None
        self._executor = Executor(self._load, max_rows)
        self._is_started = False
        self._is_closed = False

    @classmethod
    def open(
        cls,
        model: str | Path = "emoji",
        *,
        device: str = "auto",
        dtype: str = "auto",
        memory: str = "normal",
        models_dir: Path | None = None,
        tokenizer: str | Path | None = None,
        text_encoder: str | Path | None = None,
        vae: str | Path | None = None,
        max_rows: int = MAX_ROWS,
    ) -> Engine:
        """
        An engine for a model whose files have been checked, but not loaded.

        Args:
            model: as `find_model` takes it, `models_dir` and the parts from other folders too.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
            dtype: `auto`, `float32`, `float16`, `bfloat16`.
            memory: how sparing of the device's memory to be: `normal`, `low`, `lowest`.
            max_rows: of the U-Net's call, 2 or more; a picture takes 1, or 2 with guidance.

        Raises:
            InvalidModel: a file is missing, broken or of a foreign kind.
            ValueError: `max_rows` is too small.
        """
        folder = find_model(model, models_dir=models_dir, tokenizer=tokenizer, text_encoder=text_encoder, vae=vae)
        return cls(folder, device=device, dtype=dtype, memory=memory, max_rows=max_rows, models_dir=models_dir)

    async def __aenter__(self) -> Self:
        self.start()
        try:
            await self.ready()
        except BaseException:
            await self.close(finish=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close(finish=error is None)

    def start(self) -> None:
        """
        Begin to load the model, on the engine's thread; requests may be made at once.

        Raises:
            EngineClosed: the engine was closed; open another.
        """
        if self._is_closed:
            raise EngineClosed("engine_closed", "the engine is closed")
        if not self._is_started:
            self._is_started = True
            self._executor.start()

    async def ready(self) -> None:
        """
        Wait until the model is loaded.

        Raises:
            InvalidModel: a library refuses a part of it.
            InvalidDevice: the device is not there, or this torch cannot use it.
            OutOfMemory: the model alone does not fit the device.
        """
        await asyncio.wrap_future(self._executor.loaded)

    def complete(self, request: GenerationRequest) -> CompleteRequest:
        """
        The request with all that was left to the model, to wildcard files and to permutations: what will be drawn.

        Raises:
            InvalidRequest: what the model's card fills in does not go together with what was asked, there would be too
                many pictures, or a LoRA cannot be used with this model.
        """
        complete = request.completed(self.card, self._wildcards)
        self._choose(complete)
        return complete

    def check_size(self, request: CompleteRequest) -> None:
        """
        Whether a picture of this size fits the device; before the model is loaded nobody knows, and it passes.

        Raises:
            InvalidRequest: it cannot fit, or the device once had too little memory for it (`size_memory`).
        """
        if self._room is not None:
            rows = max(reading.rows for reading in read_all(request))
            self._room.check(request.width, request.height, rows)

    async def generate(self, request: GenerationRequest) -> GenerationResult:
        """
        The pictures of a request. Cancelling the awaiting task drops them before the next tick.

        Raises:
            EngineError: as `stream`.
        """
        async with aclosing(self.stream(request)) as events:
            results = [event async for event in events if isinstance(event, GenerationResult)]
        return results[0]

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Event, None]:
        """
        How far a request is, each picture once it is finished, at last the result.

        A slow reader sees only the newest progress, but every picture. Closing the stream drops what is left.

        Raises:
            InvalidRequest: as `complete` and `check_size`; or more parts are joined by AND than are drawn at once.
            InvalidModel, InvalidDevice: there is no model to draw with.
            OutOfMemory: a picture does not fit the device, even alone.
            DrawingFailed: a library failed; the cause is chained.
            EngineClosed: the engine was closed before the last picture was finished.
        """
        mailbox = Mailbox()
        completed = await self._completed(request)
        drawing = Drawing(
            request=completed.request,
            model=self.card.title,
            has_safety_checker=self._folder.has_safety_checker,
            post=mailbox.post,
            notes=completed.notes,
            loras=completed.loras,
        )
        rows = self._checked_rows(drawing)
        self.start()
        self._executor.submit(drawing)
        try:
            while True:
                event = await mailbox.read()
                yield event
                if isinstance(event, GenerationResult):
                    return
        except OutOfMemory as error:
            if error.rule == "out_of_memory" and self._room is not None:
                self._room.ran_out(drawing.request.width, drawing.request.height, rows)
            raise
        finally:
            self._executor.cancel(drawing)

    async def close(self, *, finish: bool = True) -> None:
        """
        Take no more requests; returns when the thread has ended and the model is gone.

        Args:
            finish: pictures that have begun are finished; otherwise they are given back before the next tick.
                Whoever waits for one that is given back hears EngineClosed. May be called again with False.
        """
        self._is_closed = True
        if self._is_started:
            self._executor.close(finish=finish)
            await asyncio.wrap_future(self._executor.ended)

    async def _completed(self, request: GenerationRequest) -> _Completed:
        if "__" in request.prompt or "<" in request.prompt:
            return await asyncio.to_thread(self._complete, request)
        return self._complete(request)

    def _complete(self, request: GenerationRequest) -> _Completed:
        complete = request.completed(self.card, self._wildcards)
        notes: dict[Note, None] = {}
        if "__" in request.prompt:
            # Drawn again as `completed` did; the files of a request that was completed long ago may have changed since.
            with suppress(InvalidRequest):
                for seed in sorted({picture.seed for picture in complete.pictures}):
                    notes |= dict.fromkeys(expand(request.prompt, seed, self._wildcards, most=MAX_IMAGES).notes)
        return _Completed(complete, tuple(notes), self._choose(complete))

    def _choose(self, request: CompleteRequest) -> Chosen:
        return self.loras.choose(dict.fromkeys(picture.prompt for picture in request.pictures), self._base)

    def _checked_rows(self, drawing: Drawing) -> int:
        """The U-Net rows of its largest picture, which fit a call and the device."""
        rows = max(place.rows for place in drawing.places)
        if rows > self._max_rows:
            parts, most = rows - 1, self._max_rows - 1
            sentence = f"a prompt may have at most {most} parts joined by AND here, got {parts}"
            raise InvalidRequest("operands", sentence, maximum=most, count=parts)
        if self._room is not None:
            self._room.check(drawing.request.width, drawing.request.height, rows)
        return rows

    def _load(self) -> LoadedModel:
        """Runs on the engine's thread, which is thereby the first to import torch."""
        from engine.devices import choose_device

        device = choose_device(self._device, self._dtype, self._memory)
        self.notices = device.notices
        from engine.offload import load_within, room_of  # seconds, of which nobody who mistyped a device should wait

        model = load_within(self._folder, device)
        self._room = room_of(model, device)
        return model
