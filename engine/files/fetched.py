"""Models in `MODELS_DIR` that came from the hub: what their folders are called, and from where each came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from engine.errors import InvalidModel
from engine.files.folder import read_json
from engine.files.hub import HubModel

if TYPE_CHECKING:
    from pathlib import Path

RECORD = "fetched.json"
"""The file in a model's folder that says where it came from."""


def folder_name(model: HubModel) -> str:
    """What a model's folder is called: `name`, or `name@REVISION`."""
    return model.name.partition("/")[2].replace("/", "-")


def fetched_folder(name: str, models_dir: Path) -> Path | None:
    """The folder that holds a model of the hub; None where it was not fetched, or `name` is no id."""
    if (model := HubModel.of(name)) is None:
        return None
    folder = models_dir / folder_name(model)
    return folder if hub_id_of(folder) == model.name else None


def hub_id_of(folder: Path) -> str:
    """The id by which a model was fetched; empty for what was not."""
    if not (folder / RECORD).is_file():
        return ""
    try:
        name = read_json(folder / RECORD).get("model")
    except InvalidModel:
        return ""
    return name if isinstance(name, str) and HubModel.of(name) else ""


def record(folder: Path, model: HubModel, commit: str) -> None:
    """Note in a model's folder where it came from."""
    (folder / RECORD).write_text(json.dumps({"model": model.name, "commit": commit}), encoding="utf-8")
