"""`python -m engine fetch MODEL`: brings a model from the Hugging Face hub into `MODELS_DIR`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.commands.terminal import EXIT_BAD_INPUT, Parser, say

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """
    Fetch a model, print its folder, and give the exit status.

    Raises:
        InvalidModel, OSError: one sentence that says what is wrong.
    """
    from engine.files.fetching import fetch_model

    options = _parser().parse_args(arguments)
    models_dir = options.models_dir or os.environ.get("MODELS_DIR")
    if not models_dir:
        say("error: --models-dir must say where models lie, or else the environment variable MODELS_DIR")
        return EXIT_BAD_INPUT
    folder = fetch_model(options.model, Path(models_dir).expanduser(), say)
    sys.stdout.buffer.write(os.fsencode(folder) + b"\n")
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="python -m engine fetch",
        description="Brings a model from the Hugging Face hub into the folder of models, and prints its folder. "
        "What is there already is not fetched again, also after an interruption. HF_TOKEN is used where it is set.",
        epilog="Exit status: 0 there, 2 bad input or no such model, 1 failed, 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "model",
        metavar="MODEL[@REVISION]",
        help="organisation/name; @fp16 prefers the weights in half precision, which take half the room",
    )
    parser.add_argument("--models-dir", metavar="DIR", help="default: the environment variable MODELS_DIR")
    return parser
