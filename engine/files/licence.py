"""The text of a model's licence, as it lies in its folder."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from engine.files.folder import stays_in

if TYPE_CHECKING:
    from pathlib import Path

NAME = re.compile(r"LICEN[CS]E([._-].*)?", re.IGNORECASE)
MAX_BYTES = 2**18
MOST = 5


def licence_files(model: Path) -> tuple[Path, ...]:
    """The files that hold a model's licence, at most five; of a single file of weights none. Reads its folder."""
    try:
        named = sorted(path for path in model.iterdir() if NAME.fullmatch(path.name))
        root = os.path.realpath(model)
        found = [path for path in named if path.is_file() and path.stat().st_size <= MAX_BYTES and stays_in(root, path)]
    except OSError:
        return ()
    return tuple(found[:MOST])
