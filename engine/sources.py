"""The models that an engine may draw with, by the names that requests give them: checked, but perhaps not loaded."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from engine.errors import InvalidModel
from engine.files.checkpoint import StoredPart
from engine.files.hub import WEIGHTS
from engine.files.places import BUNDLED, bundled_folder
from engine.files.vaes import VaeFile
from engine.files.weights import ENDING, Part, read_header
from engine.files.wholefolder import WholeFolder
from engine.lora.loras import Base, Loras, base_of, loras_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from engine.files.card import ModelCard
    from engine.models import Found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """What a model is loaded from; once its files have changed, it is another one."""

    name: str
    """What requests call it."""
    folder: Found
    loras: Loras
    base: Base
    weights: int
    """How many numbers it holds."""

    @classmethod
    def of(cls, name: str, folder: Found) -> Source:
        """
        The source of a model that was found under this name.

        Raises:
            InvalidModel: its files have gone since it was found.
        """
        return cls(name=name, folder=folder, loras=loras_of(folder), base=base_of(folder), weights=_weights(folder))

    @property
    def card(self) -> ModelCard:
        """What the model says about itself."""
        return self.folder.card

    @property
    def is_unchecked(self) -> bool:
        """Whether no safety checker looks at its pictures, though it may draw what one would flag."""
        return is_unchecked(self.folder)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much of a device's memory models may take."""

    budget_bytes: int
    weight_bytes: int
    """What one number takes there."""

    def needed(self, source: Source) -> int:
        """What a model will take, in bytes."""
        return source.weights * self.weight_bytes

    def holds(self, sources: Collection[Source]) -> bool:
        """Whether models may be in memory together; one alone always may."""
        return len(sources) <= 1 or sum(map(self.needed, sources)) <= self.budget_bytes


def is_unchecked(folder: Found) -> bool:
    """As `Source.is_unchecked`: of the bundled model, which knows emoji alone, never."""
    return not folder.has_safety_checker and os.path.realpath(folder.path) != os.path.realpath(bundled_folder())


class Sources:
    """
    Finds models by name, and keeps those that were found. May be called from any thread.

    Args:
        find: gives a model by any name that it has, with its own.
        given: what the operator calls the default.
    """

    def __init__(self, default: Source, find: Callable[[str], tuple[str, Found]], *, given: str = "") -> None:
        self.default = default
        self._default_names = (default.name, given or default.name)
        self._find = find
        self._found: dict[str, Source] = {}
        self._lock = Lock()

    def find(self, name: str | None) -> Source:
        """
        The model of this name; of none: the default. Reads files, unless it is the default.

        Raises:
            InvalidRequest: no model has this name, or it is broken.
            InvalidModel: its files have gone since it was found.
        """
        if name is None or name in self._default_names:
            return self.default
        with self._lock:
            # A model may have several names, but must be in memory once.
            own_name, folder = self._find(name)
            if own_name == self.default.name:
                return self.default
            found = self._found.get(own_name)
            if found is None or found.folder != folder:
                found = self._found[own_name] = Source.of(own_name, folder)
            return found

    def known(self, name: str) -> Source | None:
        """The model that has this very name, if it was found before; reads no file."""
        return self.default if name in self._default_names else self._found.get(name)


def name_of(model: str | Path) -> str:
    """What requests call a model that the operator names: of a path only the last part, which is nobody else's."""
    if Path(model).suffix == ENDING and not Path(model).is_dir():
        return Path(model).stem
    return str(model) if model == BUNDLED or not Path(model).is_dir() else Path(model).resolve().name


def _weights(folder: Found) -> int:
    """How many numbers a model's files hold, as their headers say."""
    if isinstance(folder, WholeFolder):
        parts: Sequence[object] = folder.parts
    else:
        parts = [getattr(folder, field.name) for field in fields(folder)]
    files = [file for part in parts for file in _files(part)]
    headers = [read_header(file) for file in files]
    stored = sum(part.weights for part in parts if isinstance(part, StoredPart))
    try:
        shapes = [entry["shape"] for header in headers for entry in header.values() if "shape" in entry]
        return stored + sum(int(math.prod(shape)) for shape in shapes)
    except TypeError as error:
        reason = "holds a weights file whose header cannot be read"
        sentence = f"{folder.path} {reason}"
        raise InvalidModel("model_broken", sentence, file=str(folder.path), reason=reason) from error


def _files(part: object) -> list[Path]:
    """The files of weights of a part of a model; of what is no part, none."""
    if isinstance(part, VaeFile):
        return [part.path]
    if not isinstance(part, Part):
        return []
    matches = [(file, WEIGHTS.fullmatch(file.name)) for file in sorted(part.folder.glob("*.safetensors"))]
    return [file for file, match in matches if match and (match[1] or "") == f".{part.variant}" * bool(part.variant)]
