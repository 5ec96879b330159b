"""What `/models` tells: the models, LoRAs, embeddings and VAEs that there are, whatever each of them is read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from engine.files.companions import embeddings_in, vaes_in
from engine.lora.loras import fault_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from engine import InvalidRequest, LoraFile
    from engine.files.catalogue import Listed
    from engine.files.companions import Companion
    from engine.lora.loras import Base
    from engine.sources import Source

Kind = Literal["models", "loras", "embeddings", "vaes"]
KINDS: tuple[Kind, ...] = ("models", "loras", "embeddings", "vaes")
"""In the order in which they are told."""
FAULTS = {
    "lora_misfit": "models-misfit",
    "lora_foreign": "models-misfit",
    "lora_whole": "models-misfit",
    "lora_unusable": "models-unusable",
}
"""What the catalogue says in a list, by the engine's rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why something cannot be used: a key of the catalogue, and its values."""

    key: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that `/models` lists; what is empty is not known."""

    kind: Kind
    name: str
    """What prompts and options call it."""
    title: str = ""
    family: str = ""
    size_bytes: int = 0
    licence: str = ""
    steps: int | None = None
    """How many its pictures take where nobody says otherwise."""
    trigger_words: tuple[str, ...] = ()
    is_age_restricted: bool = False
    """Whether it draws in age-restricted channels only."""
    fault: Fault | None = None


def inventory(
    default: Source, models: Collection[Listed], models_dir: Path | None, *, may_be_unchecked: bool = True
) -> tuple[Entry, ...]:
    """
    Everything that there is, kind by kind. Reads files: call it in a worker thread.

    Args:
        default: the model that draws where nobody names one.
        models: those that may be asked for, and those of them that cannot be used.
        may_be_unchecked: whether models draw anywhere at whose pictures no safety checker looks.
    """
    base = default.base
    families = {model.family for model in models if not model.fault}
    widths = (base.text_width, None) if base.has_second_encoder else (base.text_width,)
    embeddings = embeddings_in(default.folder.embeddings, widths)
    return (
        *(_model(model, may_be_unchecked=may_be_unchecked) for model in models),
        *(_lora(file, base, families) for file in default.loras.all()),
        *(_companion("embeddings", file, base.family) for file in embeddings),
        *(_companion("vaes", file) for file in vaes_in(models_dir)),
    )


def _model(model: Listed, *, may_be_unchecked: bool = True) -> Entry:
    is_kept_back = model.is_unchecked and not may_be_unchecked
    return Entry(
        kind="models",
        name=model.name,
        title=model.title,
        family=model.family,
        size_bytes=model.size_bytes,
        licence=model.licence,
        steps=model.card.steps if model.card else None,
        trigger_words=model.card.trigger_words if model.card else (),
        is_age_restricted=model.card is not None and (model.card.nsfw or is_kept_back),
        # What exactly is wrong may name paths, and is the operator's own: the log says it.
        fault=Fault(key="models-faulty") if model.fault else None,
    )


def _lora(file: LoraFile, base: Base, families: Collection[str]) -> Entry:
    error = fault_of(file, base)
    if error is not None and error.rule in ("lora_misfit", "lora_whole") and file.base in families:
        error = None  # another model can use it
    return Entry(
        kind="loras",
        name=file.name,
        title=file.title,
        family=file.base,
        size_bytes=file.size_bytes,
        licence=file.licence,
        trigger_words=file.trigger_words,
        fault=_fault(error) if error else None,
    )


def _fault(error: InvalidRequest) -> Fault:
    return Fault(key=FAULTS[error.rule], values={name: str(value) for name, value in error.facts.items()})


def _companion(kind: Kind, file: Companion, family: str = "") -> Entry:
    return Entry(
        kind=kind,
        name=file.name,
        family="" if file.fault else family,
        size_bytes=file.size_bytes,
        trigger_words=file.words,
        fault=Fault(key="models-unusable", values={"reason": file.fault}) if file.fault else None,
    )
