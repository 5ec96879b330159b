"""Where models are on this machine: the bundled one, folders and single files, by path or by name in `MODELS_DIR`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from engine.errors import InvalidModel
from engine.files import hub
from engine.files.checkpoint import PICKLES
from engine.files.fetched import fetched_folder
from engine.files.folder import is_folder
from engine.files.weights import ENDING

BUNDLED = "emoji"
"""The model that comes with this package."""


def bundled_folder() -> Path:
    """Where the model lies that comes with this package."""
    return Path(str(files("engine"))) / BUNDLED


def local_place(model: str | Path, models_dir: Path | None) -> Path | None:
    """
    The model's folder or file; None for what can only be a hub id.

    Raises:
        InvalidModel: it is neither, or no file can have this name.
    """
    if model == BUNDLED:
        return bundled_folder()
    if str(model).strip():
        named = models_dir / model if models_dir else None
        places = [Path(model), *([named] if named else [])]
        if named and named.name:
            # A pickle is found too, to be refused by the sentence that says why.
            places += [named.with_name(named.name + ending) for ending in (ENDING, *PICKLES)]
        for place in places:
            if is_folder(place) or place.is_file():
                return place
    if models_dir and (fetched := fetched_folder(str(model), models_dir)):
        return fetched
    if isinstance(model, str) and hub.is_hub_id(model):
        return None
    known = [file.parent.name for file in models_dir.glob("*/model_index.json")] if models_dir else []
    known += [file.stem for file in models_dir.glob(f"*{ENDING}")] if models_dir else []
    raise InvalidModel(
        "model_missing",
        f"model {str(model)!r} is not there: it is no folder and no file"
        f"{f' here or in {models_dir}' if models_dir else ''}; known: {', '.join([BUNDLED, *sorted(known)])}",
        file=str(model),
        reason="is not there",
    )
