"""What lies beside a model besides LoRAs: its embeddings and other VAEs, told by their headers, without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import InvalidModel
from engine.files.folder import stays_in
from engine.files.vaes import VAES
from engine.files.weights import ENDING, read_header, shape_of
from engine.lora.loras import read_version
from engine.texts.embeddings import ENCODER_KEYS, GENERIC_KEYS, MAX_FILE_BYTES, MAX_VECTORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A file, or a folder in diffusers' layout, beside a model."""

    name: str
    size_bytes: int
    words: tuple[str, ...] = ()
    """What prompts call it, where that is not its name alone."""
    fault: str = ""
    """Why it cannot be used, after the words `its file`."""


def embeddings_in(folders: Iterable[Path], widths: Sequence[int | None]) -> tuple[Companion, ...]:
    """
    The embeddings of some folders by their names, the first folder going before, also those that cannot be used.

    Args:
        widths: of each of the model's text encoders; None where it is not known.
    """
    found: dict[str, Companion] = {}
    for folder in folders:
        for path in _inside(folder):
            if path.suffix == ENDING and path.is_file() and path.stem.casefold() not in found:
                found[path.stem.casefold()] = _embedding(path, widths)
    return tuple(found[name] for name in sorted(found))


def vaes_in(models_dir: Path | None) -> tuple[Companion, ...]:
    """The VAEs that the operator keeps, by their names, also those that cannot be used."""
    paths = _inside(models_dir / VAES) if models_dir is not None else ()
    vaes = [vae for path in paths if (vae := _vae(path)) is not None]
    return tuple(sorted(vaes, key=lambda vae: vae.name.casefold()))


def _inside(folder: Path) -> Iterator[Path]:
    """What stands in a folder; links that lead out of it are left out."""
    root = os.path.realpath(folder)
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        if not path.name.startswith(".") and stays_in(root, path):
            yield path


def _embedding(path: Path, widths: Sequence[int | None]) -> Companion:
    size_bytes = read_version(path)[1]
    try:
        header = read_header(path)
    except InvalidModel as error:
        return Companion(name=path.stem, size_bytes=size_bytes, fault=str(error.facts["reason"]))
    shapes = {name: shape_of(entry) for name, entry in header.items() if name != "__metadata__"}
    fault = f"is larger than an embedding can be: {size_bytes} bytes" if size_bytes > MAX_FILE_BYTES else ""
    fault = fault or _embedding_fault(shapes, widths)
    words = () if fault else tuple(name for name in shapes if name not in (*GENERIC_KEYS, *ENCODER_KEYS, path.stem))
    return Companion(name=path.stem, size_bytes=size_bytes, words=words, fault=fault)


def _embedding_fault(shapes: Mapping[str, tuple[int, ...]], widths: Sequence[int | None]) -> str:
    """Why tensors of these names and shapes are no embedding for the model, as loading finds it too."""
    keys = tuple(shapes) if len(widths) == 1 else ENCODER_KEYS
    if len(shapes) != len(widths) or sorted(shapes) != sorted(keys):
        ours = "one" if len(widths) == 1 else " and ".join(ENCODER_KEYS)
        return f"holds {len(shapes)} tensors, an embedding for this model is {ours}"
    counts = set()
    for key, width in zip(keys, widths, strict=True):
        count, wide = (1, *shapes[key])[-2:] if len(shapes[key]) in (1, 2) else (0, 0)
        if not 1 <= count <= MAX_VECTORS or width not in (None, wide):
            return f"is for another model: it holds {list(shapes[key])}, not [1 to {MAX_VECTORS}, {width}]"
        counts.add(count)
    return "" if len(counts) == 1 else f"holds {' and '.join(map(str, sorted(counts)))} vectors for one word"


def _vae(path: Path) -> Companion | None:
    """The VAE that a file or folder is; None for anything else."""
    is_folder = (path / "config.json").is_file()
    if not is_folder and (path.suffix != ENDING or not path.is_file()):
        return None
    files = [file for file in _inside(path) if file.suffix == ENDING] if is_folder else [path]
    fault = "" if files else "is missing"
    for file in files:
        try:
            read_header(file)
        except InvalidModel as error:
            fault = str(error.facts["reason"])
    size_bytes = sum(read_version(file)[1] for file in files)
    return Companion(name=path.name if is_folder else path.stem, size_bytes=size_bytes, fault=fault)
