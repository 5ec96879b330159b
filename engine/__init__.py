"""
Turns requests into pictures; everybody's pictures are denoised together.

    async with Engine.open(model="emoji") as engine:
        result = await engine.generate(GenerationRequest(prompt="a red heart", seed=7))

Importing this package imports no torch: the engine's own thread does, when it opens a model.
"""

from engine.engine import Engine
from engine.errors import (
    DrawingFailed,
    EngineClosed,
    EngineError,
    InvalidDevice,
    InvalidModel,
    InvalidRequest,
    OutOfMemory,
)
from engine.events import Event, GenerationResult, Loading, Picture, Progress
from engine.files.card import ModelCard
from engine.lora.lorafile import LoraFile
from engine.lora.loras import Loras, loras_of
from engine.models import find_model
from engine.notation.expansion import wildcards_in
from engine.request import CompleteRequest, GenerationRequest, Variant
from engine.schedulers import SCHEDULERS

__all__ = [
    "SCHEDULERS",
    "CompleteRequest",
    "DrawingFailed",
    "Engine",
    "EngineClosed",
    "EngineError",
    "Event",
    "GenerationRequest",
    "GenerationResult",
    "InvalidDevice",
    "InvalidModel",
    "InvalidRequest",
    "Loading",
    "LoraFile",
    "Loras",
    "ModelCard",
    "OutOfMemory",
    "Picture",
    "Progress",
    "Variant",
    "find_model",
    "loras_of",
    "wildcards_in",
]
