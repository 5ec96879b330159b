"""The emoji themselves: pictures and words, from two npm packages or from folders that hold their contents."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PICTURES_PACKAGE = "@lobehub/fluent-emoji-3d@1.1.0"
"""Microsoft's Fluent Emoji 3D (MIT): WebP files of 256x256 with alpha, named by code points."""
WORDS_PACKAGE = "emojibase-data@17.0.0"
"""Label, tags, group and order of every emoji (MIT)."""
GROUPS = ("smileys", "people", "component", "animals", "food", "travel", "activities", "objects", "symbols", "flags")
"""Emojibase's groups by their numbers."""
LEFT_OUT_GROUPS = {"component", "flags"}
SIDE = 128
"""Pixels of a picture's side in the data."""


class InvalidSource(Exception):
    """The pictures or words cannot be had. Its message is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emoji:
    """One emoji with its words, and where its picture lies."""

    code: str
    """Code points in lower-case hexadecimal, joined by hyphens, without variation selectors."""
    label: str
    tags: tuple[str, ...]
    group: str
    picture: Path


def fetch(package: str, folder: Path) -> Path:
    """
    The unpacked contents of an npm package, downloaded with `npm pack` where `folder` does not hold them yet.

    Raises:
        InvalidSource: npm is missing or failed.
    """
    unpacked = folder / package.strip("@").replace("/", "-").replace("@", "-")
    if unpacked.exists():
        return unpacked
    npm = shutil.which("npm")
    if npm is None:
        raise InvalidSource(f"npm, which downloads {package}, is not installed; give its contents as a folder instead")
    folder.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(  # noqa: S603 - the package's name is a constant
        [npm, "pack", package, "--silent"], cwd=folder, capture_output=True, text=True, check=False
    )
    if packed.returncode:
        raise InvalidSource(f"npm could not download {package}: {(packed.stderr.split() or ['no reason given'])[-1]}")
    partial = unpacked.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    archive = folder / packed.stdout.split()[-1]
    with tarfile.open(archive) as contents:
        contents.extractall(partial, filter="data")
    archive.unlink()
    partial.rename(unpacked)
    return unpacked


def read_emoji(pictures: Path, words: Path) -> tuple[Emoji, ...]:
    """
    Every emoji that has a picture and words, in emojibase's order, without flags and skin tones.

    Args:
        pictures: A folder with `<code points>.webp` anywhere in it.
        words: A folder with emojibase's `en/data.json` anywhere in it.

    Raises:
        InvalidSource: A folder does not hold what it should.
    """
    files = {_code(file.stem): file for file in sorted(pictures.rglob("*.webp"))}
    tables = sorted(words.rglob("en/data.json"))
    if not files:
        raise InvalidSource(f"{pictures} holds no .webp pictures")
    if not tables:
        raise InvalidSource(f"{words} holds no en/data.json")
    rows = [row for row in json.loads(tables[0].read_text("utf-8")) if "group" in row]
    found = [
        Emoji(
            code=_code(row["hexcode"]),
            label=readable(row["label"]),
            tags=tuple(tag.lower() for tag in row.get("tags", ()) if tag.lower() != readable(row["label"])),
            group=GROUPS[row["group"]],
            picture=files[_code(row["hexcode"])],
        )
        for row in sorted(rows, key=lambda row: int(row["order"]))
        if GROUPS[row["group"]] not in LEFT_OUT_GROUPS and _code(row["hexcode"]) in files
    ]
    if not found:
        raise InvalidSource(f"{pictures} and {words} have no emoji in common")
    return tuple(found)


def readable(label: str) -> str:
    """An emojibase label as people write it: `person: red hair` becomes `person with red hair`."""
    subject, _, detail = label.lower().partition(": ")
    if not detail:
        return subject
    return f"{detail} {subject}" if detail == "bald" else f"{subject} with {detail}"


def read_pictures(emoji: Sequence[Emoji], side: int = SIDE) -> NDArray[np.uint8]:
    """Their pictures, premultiplied by alpha and shrunk by area: (emoji, side, side, 4)."""
    pictures = np.empty((len(emoji), side, side, 4), np.uint8)
    for index, one in enumerate(emoji):
        with Image.open(one.picture) as image:
            # RGBa is premultiplied; resizing RGBA would undo that at every edge.
            premultiplied = image.convert("RGBA").convert("RGBa")
        pictures[index] = np.asarray(premultiplied.resize((side, side), Image.Resampling.BOX))
    return pictures


def _code(text: str) -> str:
    return "-".join(point for point in text.lower().split("-") if point != "fe0f")
