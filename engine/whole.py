"""Draws a picture by a whole pipeline's own call, which is let go from step to step so that others draw in between."""

from __future__ import annotations

import inspect
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from engine.memory import is_out_of_memory
from engine.notation.plain import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.reading import Reading
    from engine.request import CompleteRequest
    from engine.wholeloading import LoadedWhole


class _Abandoned(BaseException):
    """Nobody wants the picture any more: ends the pipeline's call at the end of a step."""


class WholePicture:
    """
    One picture on its way through a pipeline, which runs in a thread of its own while the engine's thread waits.

    So one of the two runs at any time, and between two steps none of the pipeline does. No two of one pipeline may be
    on their way at once.

    Args:
        draw: the pipeline's call; given what it is to call at the end of each step, with how many there are.
        steps: as people count them.
    """

    image: Image.Image | None = None
    """None until it is finished."""
    is_blackened: bool = False
    """Whether the pipeline's own checker has flagged and blackened it: the image is plain grey then."""

    def __init__(self, draw: Callable[[Callable[[int], None]], Image.Image], steps: int) -> None:
        self.calls = steps
        self.calls_done = 0
        self._error: Exception | None = None
        self._is_abandoned = False
        self._go = Semaphore(0)
        self._stopped = Semaphore(0)
        self._thread = Thread(target=self._run, args=(draw,), name="engine-whole", daemon=True)

    def step(self) -> None:
        """
        Let the pipeline go to the end of its next step, or after the last one to the picture.

        Raises:
            Exception: whatever it raises.
        """
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._go.release()
        self._stopped.acquire()
        if self._error is not None:
            error, self._error = self._error, None
            # A traceback keeps the failed call's tensors alive.
            raise error.with_traceback(None) if is_out_of_memory(error) else error

    def abandon(self) -> None:
        """End the pipeline's call where it is; returns when it has ended. One that has ended is left alone."""
        if self._thread.is_alive():
            self._is_abandoned = True
            self._go.release()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self, draw: Callable[[Callable[[int], None]], Image.Image]) -> None:
        try:
            self.image = draw(self._end_step)
        except _Abandoned:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine's thread raises it
            self._error = error
        finally:
            self._stopped.release()

    def _end_step(self, calls: int) -> None:
        """Runs in the pipeline's thread."""
        self.calls = calls
        self.calls_done += 1
        self._stopped.release()
        self._go.acquire()
        if self._is_abandoned:
            raise _Abandoned


def begin_whole(model: LoadedWhole, request: CompleteRequest, index: int, reading: Reading) -> WholePicture:
    """Picture `index` of a request, before its first step."""
    pipeline = model.pipeline

    def draw(end_step: Callable[[int], None]) -> Image.Image:
        taken = inspect.signature(type(pipeline).__call__).parameters
        arguments = _arguments(model, request, reading)
        arguments |= _callback(taken, lambda: end_step(len(pipeline.scheduler.timesteps)))
        # As the pipelines draw by themselves, whatever device the weights are on.
        generator = torch.Generator("cpu").manual_seed(request.seeds[index])
        try:
            output = pipeline(**arguments, generator=generator)
        finally:
            # A part that was brought onto the card to work would stay there when the call ends early.
            pipeline.maybe_free_model_hooks()
        image: Image.Image = output.images[0]
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            picture.is_blackened = True
            return Image.new("RGB", image.size, "grey")
        return image.convert("RGB")

    picture = WholePicture(draw, request.num_inference_steps)
    return picture


def rests(model: LoadedWhole, reading: Reading) -> tuple[str, str]:
    """The ends of prompt and negative prompt for which none of the pipeline's tokenizers has room."""
    negative = reading.negative_prompt
    return _rest(model.pipeline, text_of(reading.prompt)), _rest(model.pipeline, text_of(negative)) if negative else ""


def _rest(pipeline: Any, text: str) -> str:
    taken = inspect.signature(type(pipeline).__call__).parameters
    rests = []
    for name, tokenizer in pipeline.components.items():
        if name.startswith("tokenizer") and getattr(tokenizer, "is_fast", False):
            # CLIP's has its own length, whatever the others are let read.
            asked = taken["max_sequence_length"].default if "max_sequence_length" in taken else None
            room = tokenizer.model_max_length if "CLIP" in type(tokenizer).__name__ or asked is None else asked
            ends = tokenizer(text, return_offsets_mapping=True, verbose=False)["offset_mapping"]
            # The last place is that of the token that ends the text.
            rest = text[ends[room - 1][0] :] if len(ends) > room else ""
            rests.append(rest if rest.strip() else "")
    return min(rests, key=len, default="")


def _arguments(model: LoadedWhole, request: CompleteRequest, reading: Reading) -> dict[str, Any]:
    """What the pipeline is told; of what it decides for itself, nothing."""
    arguments = {
        "prompt": text_of(reading.prompt),
        "width": request.width,
        "height": request.height,
        "num_inference_steps": request.num_inference_steps,
        model.whole.guidance_argument: request.guidance_scale,
    }
    if reading.negative_prompt is not None:
        text = text_of(reading.negative_prompt)
        # Where this is the argument, guidance is off without a negative prompt.
        if text.strip() or model.whole.guidance_argument == "true_cfg_scale":
            arguments["negative_prompt"] = text
    return arguments


def _callback(taken: Any, end_step: Callable[[], None]) -> dict[str, Any]:
    """The argument by which a pipeline tells the end of a step: older ones have another."""
    if "callback_on_step_end" in taken:

        def on_step_end(_pipeline: Any, _step: int, _timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            end_step()
            return values

        return {"callback_on_step_end": on_step_end}
    return {"callback": lambda _step, _timestep, _latents: end_step(), "callback_steps": 1}
