"""Options that training and evaluation have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.emoji.dataset.sources import PICTURES_PACKAGE, WORDS_PACKAGE, fetch

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

WORK = Path("build") / "emoji"


def add_source_options(parser: ArgumentParser) -> None:
    """Where the data comes from, and where work lies."""
    parser.add_argument(
        "--work", type=Path, default=WORK, help="holds downloads, checkpoints and encoded pictures (%(default)s)"
    )
    parser.add_argument(
        "--pictures", type=Path, help=f"a folder that holds the contents of the npm package {PICTURES_PACKAGE}"
    )
    parser.add_argument(
        "--words", type=Path, help=f"a folder that holds the contents of the npm package {WORDS_PACKAGE}"
    )


def folders_of(options: Namespace) -> tuple[Path, Path]:
    """
    The folders of pictures and of words, downloaded where none were given.

    Raises:
        InvalidSource: the download failed.
    """
    return (
        options.pictures or fetch(PICTURES_PACKAGE, options.work / "sources"),
        options.words or fetch(WORDS_PACKAGE, options.work / "sources"),
    )
