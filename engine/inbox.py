"""What the engine's thread is told by other threads."""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.drawing import Drawing


@dataclass(frozen=True, slots=True)
class Submit:
    """Let the drawing's pictures join as soon as there is room."""

    drawing: Drawing


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop what is left of the drawing, which then hears nothing more."""

    drawing: Drawing


@dataclass(frozen=True, slots=True)
class Close:
    """Take no more drawings, and end when the begun pictures are finished, or at once."""

    finish: bool


Inbox = SimpleQueue[Submit | Cancel | Close]
