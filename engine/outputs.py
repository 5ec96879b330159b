"""Where the command line puts pictures: names that overwrite only what was named, checked before anything is drawn."""

from __future__ import annotations

import math
import os
import re
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from engine.png import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SLUG_CHARACTERS = 48
MAX_WEBP_SIDE_PX = 16_383
"""https://developers.google.com/speed/webp/faq#what_is_the_maximum_size_a_webp_image_can_be"""


class InvalidOutput(Exception):
    """A place where no picture can be written; the sentence names it and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """
    Where the files of one run go: named by the person who asked, or after prompt and seed in a folder.

    Invariant: once built, every file can be written, as far as can be known before writing it.

    Raises:
        InvalidOutput: one of them cannot.
    """

    place: str
    """A file's name; or a folder that exists, or that ends in a separator and then is made."""
    prompt: str
    files: int

    def __post_init__(self) -> None:
        if not self.place:
            raise InvalidOutput("output must be a file or a folder, got an empty name")
        if self._is_folder:
            _check_folder(Path(self.place), is_made=self.place.endswith(("/", os.sep)))
            return
        if self.extension not in EXTENSIONS:
            known = ", ".join(f".{extension}" for extension in EXTENSIONS)
            raise InvalidOutput(
                f"output {self.place} must end in one of {known}, or be a folder (a new one ends in {os.sep})"
            )
        for index in range(self.files):
            _check_file(self._named(index))

    @property
    def extension(self) -> str:
        """What kind of file is written: what the name says, png in a folder."""
        return "png" if self._is_folder else Path(self.place).suffix.lower().removeprefix(".")

    @property
    def _is_folder(self) -> bool:
        try:
            return self.place.endswith(("/", os.sep)) or Path(self.place).is_dir()
        except OSError:  # a name that is too long, on Python before 3.14
            return False

    def _named(self, index: int) -> Path:
        file = Path(self.place)
        return file if self.files == 1 else file.with_name(f"{file.stem}-{index + 1}{file.suffix}")

    def save(self, data: bytes, *, index: int, seed: int) -> Path:
        """Write one file. A name that was given is overwritten; one that we make up never is."""
        if not self._is_folder:
            self._named(index).write_bytes(data)
            return self._named(index)
        stem = f"{_slug(self.prompt)}-{seed}"
        number = 1
        while True:
            file = Path(self.place) / f"{stem}{f'-{number}' if number > 1 else ''}.{self.extension}"
            try:
                with file.open("xb") as stream:
                    stream.write(data)
            except FileExistsError:
                number += 1
            else:
                return file


def _slug(prompt: str) -> str:
    """A prompt as part of a file's name, in characters that every file system and shell takes."""
    plain = unicodedata.normalize("NFKD", prompt[: 4 * MAX_SLUG_CHARACTERS]).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall("[a-z0-9]+", plain))[:MAX_SLUG_CHARACTERS].strip("-") or "picture"


def _check_folder(folder: Path, *, is_made: bool) -> None:
    try:
        if is_made:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError as error:
        raise InvalidOutput(f"output folder {folder} cannot be made: it is a file") from error
    except OSError as error:
        raise InvalidOutput(f"output folder {folder} cannot be written: {error.strerror}") from error


def _check_file(file: Path) -> None:
    """Open the file for writing without touching what it holds; one that was not there is gone afterwards."""
    try:
        is_new = not file.exists()
        with file.open("ab"):
            pass
        if is_new:
            file.resolve().unlink()  # of a link that points nowhere, what it points to
    except FileNotFoundError as error:
        raise InvalidOutput(f"output {file} cannot be written: its folder is not there") from error
    except (OSError, ValueError) as error:
        raise InvalidOutput(f"output {file} cannot be written: {getattr(error, 'strerror', error)}") from error


@dataclass(frozen=True, slots=True)
class Grid:
    """One image of several pictures, row by row."""

    rows: int
    columns: int

    @classmethod
    def of(cls, count: int) -> Grid:
        """The squarest grid that holds so many pictures, rather wide than tall."""
        columns = math.ceil(math.sqrt(count))
        return cls(math.ceil(count / columns), columns)

    def check(self, width: int, height: int, extension: str) -> None:
        """
        Whether a file of this kind can hold the grid of pictures of this size.

        Raises:
            InvalidOutput: it cannot.
        """
        whole = self.columns * width, self.rows * height
        if extension == "webp" and max(whole) > MAX_WEBP_SIDE_PX:
            raise InvalidOutput(
                f"a grid of {whole[0]}x{whole[1]} is too large for webp, whose sides are at most {MAX_WEBP_SIDE_PX}; "
                "png and jpg take it"
            )

    def compose(self, images: Mapping[int, Image.Image]) -> Image.Image:
        """The grid, each picture at the place of its index; places without one stay black."""
        width, height = next(iter(images.values())).size
        whole = Image.new("RGB", (self.columns * width, self.rows * height))
        for index, image in images.items():
            whole.paste(image, (index % self.columns * width, index // self.columns * height))
        return whole
