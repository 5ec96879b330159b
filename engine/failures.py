"""What whoever asked for a picture hears when there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import DrawingFailed, EngineClosed, EngineError, OutOfMemory
from engine.memory import is_out_of_memory

if TYPE_CHECKING:
    from engine.request import CompleteRequest

MAX_ERROR_CHARACTERS = 300
"""Of a library's words in a sentence; the log has them all."""


def closed() -> EngineClosed:
    """The engine ends before the picture does."""
    return EngineClosed("engine_closed", "the engine was closed before the picture was finished")


def no_numbers() -> DrawingFailed:
    """A network computed with what is too large for its dtype, or with damaged weights."""
    sentence = (
        "the model's numbers left their range, and nothing came of the picture: "
        "its weights or a LoRA's are damaged or too strong, or it needs the dtype float32"
    )
    return DrawingFailed("no_numbers", sentence)


def failure_of(request: CompleteRequest, error: Exception) -> EngineError:
    """What is said of an error that ended a request, which is chained unless it says that itself."""
    if isinstance(error, EngineError):
        return error
    failure: EngineError
    if is_out_of_memory(error):
        width, height = request.width, request.height
        sentence = f"the device's memory does not suffice for a picture of {width}x{height}, even alone"
        failure = OutOfMemory("out_of_memory", sentence, width=width, height=height)
    else:
        words = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_ERROR_CHARACTERS]
        failure = DrawingFailed("drawing_failed", f"drawing failed in a library: {words}")
    failure.__cause__ = error
    return failure
