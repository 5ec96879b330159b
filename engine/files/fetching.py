"""Fetches a model from the hub into `MODELS_DIR`: checked before it is downloaded, resumed, whole before it shows."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from engine.errors import InvalidModel
from engine.files.fetched import fetched_folder, folder_name, record
from engine.files.folder import invalid, read_json
from engine.files.hub import HubModel, fetch_file, look_up, wanted_files
from engine.files.parts import check_classes
from engine.models import find_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.files.hub import Contents

INDEX = "model_index.json"
UNFINISHED = ".fetching"
"""The folder in `MODELS_DIR` for models that are not whole yet."""
SPARE_BYTES = 64 * 2**20
"""Left free on the disk."""


def fetch_model(name: str, models_dir: Path, say: Callable[[str], None]) -> Path:
    """
    The folder of a model, fetched unless it is there already; then the hub is not asked.

    What was fetched before an interruption is not fetched again. Only the files that loading reads are taken.

    Args:
        name: `organisation/name`, or `organisation/name@REVISION`.
        say: hears what will be fetched; progress bars go to stderr.

    Raises:
        InvalidModel: it is none that can be drawn with, the hub does not give it, or the disk has no room.
    """
    if (model := HubModel.of(name)) is None:
        reason = "is no id on the Hugging Face hub: organisation/name, or organisation/name@REVISION"
        raise InvalidModel("model_missing", f"{name!r} {reason}", file=name, reason=reason)
    if (folder := fetched_folder(name, models_dir)) is not None:
        return find_model(folder).path
    folder = models_dir / folder_name(model)
    if folder.exists():
        reason = (
            f"is there already, and was not fetched as {model.name}: rename it, or choose another folder for models"
        )
        raise invalid("model_there", folder, reason)
    contents = look_up(model)
    unfinished = _unfinished_folder(folder, contents)
    _fetch_files(model, contents, unfinished, say)
    find_model(unfinished)
    record(unfinished, model, contents.commit)
    unfinished.rename(folder)
    if not any(unfinished.parent.iterdir()):
        unfinished.parent.rmdir()
    return folder


def _unfinished_folder(folder: Path, contents: Contents) -> Path:
    """Where a model is until it is whole; what was fetched of another version goes."""
    parent = folder.parent / UNFINISHED
    unfinished = parent / f"{folder.name}.{contents.commit}"
    unfinished.mkdir(parents=True, exist_ok=True)
    for old in parent.iterdir():
        if old.name.rpartition(".")[0] == folder.name and old != unfinished:
            shutil.rmtree(old)
    return unfinished


def _fetch_files(model: HubModel, contents: Contents, folder: Path, say: Callable[[str], None]) -> None:
    """The index first, so that gigabytes of a foreign model never come in."""
    if INDEX not in contents.files:
        reason = f"holds no model in diffusers' layout (no {INDEX}): see {model.page}"
        raise InvalidModel("model_foreign", f"{model.name} {reason}", file=model.name, reason=reason)
    fetch_file(model, contents, INDEX, folder)
    check_classes(folder / INDEX, read_json(folder / INDEX), {})
    files = wanted_files(list(contents.files), variant=model.variant)
    total = sum(contents.files[file].size_bytes for file in files)
    needed = max(0, total - sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
    free = shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        place = folder.parent.parent
        reason = f"needs {size_text(needed)} more on the disk of {place}, where {size_text(free)} are free"
        raise InvalidModel("disk_full", f"{model.name} {reason}", file=model.name, reason=reason)
    rest = f", {size_text(total - needed)} of them there already" if needed < total else ""
    say(f"{model.name}: {len(files)} files, {size_text(total)}{rest}")
    for file in files:
        fetch_file(model, contents, file, folder)


def size_text(size_bytes: int) -> str:
    """A size as people read it."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"  # noqa: PLR2004 - a gigabyte
