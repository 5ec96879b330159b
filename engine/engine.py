"""The engine as an event loop sees it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from engine.completion import complete
from engine.drawing import Drawing, readings_for
from engine.errors import EngineClosed, InvalidRequest, OutOfMemory
from engine.events import GenerationResult
from engine.executor import Executor
from engine.files.card import AUTO, check_weighting
from engine.files.catalogue import Catalogue
from engine.files.wholefolder import WholeFolder
from engine.mailbox import Mailbox
from engine.models import find_model
from engine.notation.expansion import wildcards_in
from engine.sources import Source, Sources, name_of
from engine.unheeded import unheeded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection
    from pathlib import Path
    from types import TracebackType

    from engine.completion import Completed
    from engine.devices import Device
    from engine.events import Event
    from engine.files.card import ModelCard
    from engine.loading import LoadedModel
    from engine.reading import Reading
    from engine.request import CompleteRequest, GenerationRequest
    from engine.residents import Residents
    from engine.room import Room
    from engine.sources import Capacity
    from engine.wholeloading import LoadedWhole

MAX_ROWS = 16


class Engine:
    """
    Models that draw everybody's requests together; belongs to one event loop.

        async with Engine.open(model="emoji") as engine:
            result = await engine.generate(GenerationRequest(prompt="a red heart", seed=7))

    `async with` waits for the default model. Who wants to ask before it is loaded calls `start`, `ready` and `close`
    instead. Other models are loaded when they are first asked for, beside those in memory or in place of them.
    """

    notices: tuple[str, ...] = ()
    """What the operator should hear about the device; known when the default model is loaded."""

    def __init__(
        self,
        sources: Sources,
        catalogue: Catalogue,
        *,
        device: str,
        dtype: str,
        memory: str,
        weighting: str,
        max_rows: int,
        models_dir: Path | None,
        model_memory_bytes: int | None,
        idle_unload_s: float | None,
    ) -> None:
        self.model = sources.default.name
        """What requests call the default model."""
        self.card: ModelCard = sources.default.card
        """The default model's."""
        self.catalogue = catalogue
        self._sources = sources
        self._wildcards = wildcards_in(models_dir)
        self._max_rows = max_rows
        self._device = device
        self._dtype = dtype
        self._memory = memory
        self._weighting = weighting
        self._model_memory_bytes = model_memory_bytes
        self._rooms: dict[Source, Room] = {}
        self._capacity: Capacity | None = None
        self._executor = Executor(self._open_residents, max_rows, idle_unload_s=idle_unload_s)
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
        weighting: str = AUTO,
        models_dir: Path | None = None,
        tokenizer: str | Path | None = None,
        text_encoder: str | Path | None = None,
        vae: str | Path | None = None,
        safety_checker: Path | None = None,
        max_rows: int = MAX_ROWS,
        model_memory_bytes: int | None = None,
        idle_unload_s: float | None = None,
    ) -> Engine:
        """
        An engine for a model whose files have been checked, but not loaded, and for others that requests name.

        These are the bundled one and those in `models_dir`.

        Args:
            model: as `find_model` takes it, `models_dir` and the parts from other folders too.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
            dtype: `auto`, `float32`, `float16`, `bfloat16`.
            memory: how sparing of the device's memory to be: `normal`, `low`, `lowest`.
            weighting: how prompts' attention weights are applied where a model's card does not say: `lpw`, `a1111`,
                `none`; `auto` is `lpw`, and `none` for Stable Diffusion XL.
            safety_checker: the folder of the one that looks at the pictures of models without their own.
            max_rows: of the U-Net's call, 2 or more; a picture takes 1, or 2 with guidance.
            model_memory_bytes: that models may take together; one that is larger has it to itself. By itself a part of
                what is free on the card, or of the machine's memory.
            idle_unload_s: after so long without work, all models leave the memory until the next request.

        Raises:
            InvalidModel: a file is missing, broken or of a foreign kind.
            ValueError: `max_rows` is too small, or the weighting unknown.
        """
        check_weighting(weighting)
        find = partial(find_model, models_dir=models_dir, safety_checker=safety_checker)
        folder = find(model, tokenizer=tokenizer, text_encoder=text_encoder, vae=vae)
        default = Source.of(name_of(model), folder)
        catalogue = Catalogue(folder, models_dir, default_name=default.name, find_at=find)
        return cls(
            Sources(default, catalogue.find, given=str(model)),
            catalogue,
            device=device,
            dtype=dtype,
            memory=memory,
            weighting=weighting,
            max_rows=max_rows,
            models_dir=models_dir,
            model_memory_bytes=model_memory_bytes,
            idle_unload_s=idle_unload_s,
        )

    @property
    def busy_s(self) -> float:
        """Seconds of the device that pictures have taken so far: `gpu_s` of all of them, and `dropped_s`."""
        return self._executor.totals.busy_s

    @property
    def dropped_s(self) -> float:
        """Those of them that went into pictures which were cancelled or failed."""
        return self._executor.totals.dropped_s

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
        Begin to load the default model, on the engine's thread; requests may be made at once.

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
        Wait until the default model is loaded.

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
            InvalidModel: as `find_source`.
            InvalidRequest: as `find_source`; or what the model's card fills in does not go together with what was
                asked, there would be too many pictures, or a LoRA cannot be used with this model.
        """
        return self._complete(request).request

    def find_source(self, model: str | None) -> Source:
        """
        The model of a name, with its card and LoRAs; of none: the default. Reads files of any other than the default.

        Raises:
            InvalidRequest: no model has this name.
            InvalidModel: it is broken.
        """
        return self._sources.find(model)

    def card_of(self, model: str) -> ModelCard:
        """The card of a model that has drawn; of one that nothing has asked for, the default's. Reads no file."""
        return (self._sources.known(model) or self._sources.default).card

    def has_unchecked(self, model: str) -> bool:
        """Whether no safety checker looks at this model's pictures, or nothing has asked for it yet. Reads no file."""
        source = self._sources.known(model)
        return source is None or source.is_unchecked

    def fit_together(self, models: Collection[str]) -> bool:
        """
        Whether these models may be in memory at the same time; reads no file.

        Before the device is known, and of models that nothing has asked for yet, only one alone may.
        """
        names = set(models)
        sources = [source for name in names if (source := self._sources.known(name)) is not None]
        if len(names) <= 1:
            return True
        return self._capacity is not None and len(sources) == len(names) and self._capacity.holds(sources)

    def rows_of(self, request: CompleteRequest) -> tuple[int, ...]:
        """
        U-Net rows that each picture takes: one for each part that AND joins, and one for what is drawn away from.

        Of a model that nothing has asked for, as the default draws it. Reads no file.
        """
        return tuple(reading.rows for reading in self.readings(request))

    def readings(self, request: CompleteRequest) -> tuple[Reading, ...]:
        """
        What each picture is told, parsed as its model reads prompts; LoRAs are not looked for.

        Of a model that nothing has asked for, as the default reads it. Reads no file; long prompts take a while.
        """
        source = self._sources.known(request.model or self.model) or self._sources.default
        return readings_for(source, request)

    def check_size(self, request: CompleteRequest) -> None:
        """
        Whether a picture of this size fits the device; before its model is loaded nobody knows, and it passes.

        Raises:
            InvalidRequest: it cannot fit, or the device once had too little memory for it (`size_memory`).
        """
        source = self._sources.known(request.model or self.model)
        if source is not None and (room := self._rooms.get(source)) is not None:
            room.check(request.width, request.height, max(self.rows_of(request)))

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
            OutOfMemory: a picture, or its model, does not fit the device, even alone.
            DrawingFailed: a library failed; the cause is chained.
            EngineClosed: the engine was closed before the last picture was finished.
        """
        mailbox = Mailbox()
        completed = await self._completed(request)
        drawing = Drawing(
            request=completed.request,
            source=completed.source,
            post=mailbox.post,
            notes=completed.notes,
            loras=completed.loras,
        )
        readings = (place.reading for place in drawing.places)
        drawing.notes += tuple(unheeded(drawing.request, readings, completed.source.folder))
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
            if error.rule == "out_of_memory" and (room := self._rooms.get(drawing.source)) is not None:
                room.ran_out(drawing.request.width, drawing.request.height, rows)
            raise
        finally:
            self._executor.cancel(drawing)

    async def close(self, *, finish: bool = True) -> None:
        """
        Take no more requests; returns when the thread has ended and the models are gone.

        Args:
            finish: pictures that have begun are finished; otherwise they are given back before the next tick.
                Whoever waits for one that is given back hears EngineClosed. May be called again with False.
        """
        self._is_closed = True
        if self._is_started:
            self._executor.close(finish=finish)
            await asyncio.wrap_future(self._executor.ended)

    async def _completed(self, request: GenerationRequest) -> Completed:
        if request.model not in (None, self.model) or "__" in request.prompt or "<" in request.prompt:
            return await asyncio.to_thread(self._complete, request)
        return self._complete(request)

    def _complete(self, request: GenerationRequest) -> Completed:
        return complete(request, self._sources.find(request.model), self._wildcards)

    def _checked_rows(self, drawing: Drawing) -> int:
        """The U-Net rows of its largest picture, which fit a call and the device."""
        rows = max(place.rows for place in drawing.places)
        if rows > self._max_rows:
            parts, most = rows - 1, self._max_rows - 1
            sentence = f"a prompt may have at most {most} parts joined by AND here, got {parts}"
            raise InvalidRequest("operands", sentence, maximum=most, count=parts)
        if (room := self._rooms.get(drawing.source)) is not None:
            room.check(drawing.request.width, drawing.request.height, rows)
        return rows

    def _open_residents(self) -> Residents:
        """Runs on the engine's thread, which is thereby the first to import torch."""
        from engine.devices import choose_device

        device = choose_device(self._device, self._dtype, self._memory)
        self.notices = device.notices
        from engine.residents import Residents  # seconds, of which nobody who mistyped a device should wait

        residents = Residents(partial(self._load, device), device, budget_bytes=self._model_memory_bytes)
        self._capacity = residents.capacity
        residents.bring(self._sources.default, in_use=())
        return residents

    def _load(self, device: Device, source: Source) -> LoadedModel | LoadedWhole:
        if isinstance(source.folder, WholeFolder):
            from engine.wholeloading import load_whole, room_of_whole

            whole = load_whole(source.folder, device)
            self._rooms[source] = room_of_whole(whole, source.folder, device)
            return whole
        from engine.offload import load_within, room_of

        model = load_within(source.folder, device)
        if self._weighting != AUTO and source.card.weighting == AUTO:
            model = replace(model, weighting=self._weighting)
        # A model that comes back still does not fit what it did not fit before.
        self._rooms.setdefault(source, room_of(model, device))
        return model
