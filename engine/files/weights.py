"""Finds the weights of one part of a model and proves, without reading them all, that the files are whole."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.files.folder import invalid, read_json, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.errors import InvalidModel

VARIANTS = (None, "fp16")
"""Preferred first: full precision, then the half precision files that a folder may hold instead."""
MAX_HEADER_BYTES = 100_000_000
"""The format's own limit: https://github.com/huggingface/safetensors#format."""
ENDING = ".safetensors"
"""Of every file of weights that is read."""
CONVERT = (
    'python -c "import sys, torch, safetensors.torch; '
    "found = torch.load(sys.argv[1], map_location='cpu', weights_only=True); "
    "tensors = found.get('state_dict', found).items(); "
    "safetensors.torch.save_file({name: each.clone().contiguous() for name, each in tensors if torch.is_tensor(each)}, "
    'sys.argv[2])"'
)
"""A command that any shell takes; the paths of the pickle and of the new file follow it."""
LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a model: its folder, and which of its weight files is meant."""

    folder: Path
    variant: str | None = None
    """As diffusers' `variant`: None for the plain file names, `fp16` for `*.fp16.*`."""

    def read_config(self) -> Mapping[str, Any]:
        """
        What it is built by.

        Raises:
            InvalidModel: the file is gone or damaged.
        """
        return read_json(self.folder / "config.json")


def find_weights(folder: Path, stem: str) -> Part:
    """
    The weights that loading will read, each file checked against the length that its own header states.

    Raises:
        InvalidModel: there are none, only pickles, or one of them is damaged.
    """
    for variant in VARIANTS:
        ending = f".{variant}" if variant else ""
        if (file := folder / f"{stem}{ending}.safetensors").exists():
            check_safetensors(file)
            return Part(folder, variant)
        if (index := folder / f"{stem}.safetensors.index{ending}.json").exists():
            _check_shards(index)
            return Part(folder, variant)
    for file in sorted(path for pattern in ("*.bin", "*.ckpt", "*.pt") for path in folder.glob(pattern)):
        raise pickle(file)
    raise invalid("model_broken", folder / f"{stem}.safetensors", "is missing")


def pickle(file: Path) -> InvalidModel:
    """The sentence why a pickle is not loaded, and how its weights are read without running anything."""
    paths = " ".join(shlex.quote(str(path)) for path in (file, file.with_suffix(ENDING)))
    return invalid(
        "model_broken",
        file,
        "is a pickle, and loading a pickle runs its code: only safetensors is read. Where it holds nothing but "
        f"weights, this converts it and runs none of its code: {CONVERT} {paths}",
    )


def _check_shards(index: Path) -> None:
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not shards or not all(isinstance(name, str) for name in shards.values()):
        raise invalid("model_broken", index, "must hold a weight_map of tensor names to file names")
    for name in sorted(set(shards.values())):
        if Path(name).name != name:
            raise invalid("model_broken", index, f"names a file outside of its own folder: {name}")
        check_safetensors(index.parent / name)


def check_safetensors(file: Path) -> None:
    """
    Compare a file's length with what its header states, which finds every download that was cut short.

    Raises:
        InvalidModel: as `read_header`.
    """
    read_header(file)


def read_header(file: Path) -> dict[str, Any]:
    """
    The header of a file that is as long as it states: each tensor's `dtype` and `shape`, and `__metadata__`.

    Raises:
        InvalidModel: it is missing, unreadable, cut short, too long, or no safetensors file.
    """
    try:
        with file.open("rb") as stream:
            length = os.fstat(stream.fileno()).st_size
            start = stream.read(8)
            header_bytes = int.from_bytes(start, "little")
            header = stream.read(header_bytes) if header_bytes <= min(length - 8, MAX_HEADER_BYTES) else b""
            beginning = (start + header)[: len(LFS_POINTER)] if header else start + stream.read(len(LFS_POINTER))
    except OSError as error:
        raise unreadable(file, error) from error
    if beginning.startswith(LFS_POINTER):
        raise invalid(
            "model_broken", file, "is a Git LFS pointer instead of the weights: fetch them with `git lfs pull`"
        )
    if not header:
        raise invalid(
            "model_broken", file, f"is cut short or no safetensors file: {length} bytes hold no complete header"
        )
    entries, data_bytes = _parsed(file, header)
    expected = 8 + header_bytes + data_bytes
    if length < expected:
        raise invalid("model_broken", file, f"is cut short: {length} of {expected} bytes are there")
    if length > expected:
        raise invalid("model_broken", file, f"is longer than its header states: {length} instead of {expected} bytes")
    return entries


def shape_of(entry: Any) -> tuple[int, ...]:
    """The shape of a header's entry; empty where it states none."""
    shape = entry.get("shape") if isinstance(entry, dict) else None
    return tuple(side for side in shape if isinstance(side, int)) if isinstance(shape, list) else ()


def _parsed(file: Path, header: bytes) -> tuple[dict[str, Any], int]:
    """The header's entries, and how many bytes of tensors follow it."""
    try:
        entries: dict[str, Any] = json.loads(header)
        tensors = [entry for name, entry in entries.items() if name != "__metadata__"]
        data_bytes = max(int(entry["data_offsets"][1]) for entry in tensors)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise invalid("model_broken", file, "is damaged: its safetensors header cannot be read") from error
    return entries, data_bytes
