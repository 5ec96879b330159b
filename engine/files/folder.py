"""Reads the files of a model's folder; whatever is wrong with one becomes one sentence that names it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from engine.errors import InvalidModel


def shown(file: Path) -> str:
    """A path as people recognise it: relative where it lies in the working directory."""
    try:
        return str(file.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)


def invalid(rule: str, file: Path, reason: str) -> InvalidModel:
    """The sentence `FILE REASON`, as an error to raise."""
    return InvalidModel(rule, f"{shown(file)} {reason}", file=shown(file), reason=reason)


def unreadable(file: Path, error: OSError) -> InvalidModel:
    """The sentence about a file that is missing or that the system does not let us read."""
    is_missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    return invalid("model_broken", file, "is missing" if is_missing else f"cannot be read: {error.strerror or error}")


def is_folder(path: Path) -> bool:
    """
    Whether there is a folder of this name.

    Raises:
        InvalidModel: the system does not let us look, or no file can have this name.
    """
    try:
        return path.is_dir()
    except OSError as error:
        raise unreadable(path, error) from error


def stays_in(root: str, path: Path) -> bool:
    """Whether what a path stands for, wherever links lead, lies in a folder, of which `root` is the real path."""
    return Path(os.path.realpath(path)).is_relative_to(root)


def read_json(file: Path) -> dict[str, Any]:
    """
    A JSON file that holds an object.

    Raises:
        InvalidModel: it is missing, unreadable or something else.
    """
    try:
        if file.exists() and not file.is_file():  # reading a pipe would never end
            raise invalid("model_broken", file, "cannot be read: it is no file")
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, RecursionError) as error:
        raise invalid("model_broken", file, f"is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise invalid("model_broken", file, f"must hold a JSON object, holds a {type(content).__name__}")
    return content
