"""The options of `python -m engine PROMPT`."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from engine.commands.terminal import Parser
from engine.files.card import AUTO, WEIGHTINGS
from engine.outputs import Grid
from engine.request import MAX_IMAGES
from engine.schedulers import SCHEDULERS

if TYPE_CHECKING:
    from collections.abc import Sequence

GRID = re.compile(r"(\d{1,9})x(\d{1,9})", flags=re.ASCII)


def drawing_options(arguments: Sequence[str]) -> argparse.Namespace:
    """What a command line that draws asks for; ends the process with one sentence where it cannot be read."""
    return _parser().parse_args(_with_grid_value(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m engine",
        description="Draws pictures with Stable Diffusion. Their paths go to stdout, one a line; all else to stderr.",
        epilog="`python -m engine fetch --help` tells how to get models. "
        "Exit status: 0 drawn, 2 bad input, 1 failed or every picture withheld, 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "prompt",
        metavar="PROMPT",
        help="what to draw; after `--` it may begin with a dash, "
        "and it may end in options of its own: 'a castle --ar 16:9 --no blur'",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE|DIR",
        default=".",
        help="FILE.png, .webp or .jpg is overwritten (several pictures: FILE-1.png, FILE-2.png, ...); "
        "in DIR (default: here) files are named after prompt and seed, and nothing is overwritten",
    )
    parser.add_argument(
        "--negative-prompt", metavar="TEXT", help="what to keep away from (default: as the model's card has it)"
    )
    parser.add_argument("--seed", metavar="N", type=_whole, help="picture i uses N + i; -1 (default): at random")
    parser.add_argument("--steps", metavar="N", type=_whole, help="1 to 150")
    parser.add_argument("--guidance-scale", metavar="X", type=_number, help="0 to 50; 1 or less is off")
    parser.add_argument("--width", metavar="PX", type=_whole, help="64 to 2048, a multiple of 8")
    parser.add_argument("--height", metavar="PX", type=_whole, help="likewise")
    parser.add_argument("--scheduler", metavar="NAME", help=", ".join(SCHEDULERS))
    parser.add_argument(
        "--max-embeddings-multiples",
        metavar="N",
        type=_whole,
        help="1 to 8: chunks of 75 tokens that are read of each prompt (default: as many as it needs)",
    )
    parser.add_argument("--clip-skip", metavar="N", type=_whole, help="1 reads the text encoder's last layer")
    parser.add_argument(
        "--num-images",
        metavar="N",
        type=_whole,
        help="1 to 16 of each permutation (default: 1, or as --grid has places)",
    )
    parser.add_argument(
        "--grid", metavar="RxC", nargs="?", type=_grid, default=False, help="one file: R rows of C pictures"
    )
    parser.add_argument("--model", metavar="NAME|DIR|FILE|HUB-ID[@REVISION]", help="default: emoji, the bundled one")
    parser.add_argument(
        "--models-dir",
        metavar="DIR",
        type=Path,
        default=os.environ.get("MODELS_DIR") or None,
        help="where models lie that are asked for by name (default: the environment variable MODELS_DIR)",
    )
    parser.add_argument("--tokenizer", metavar="DIR|HUB-ID", help="take this part from elsewhere")
    parser.add_argument("--text-encoder", metavar="DIR|HUB-ID", help="likewise")
    parser.add_argument(
        "--vae", metavar="NAME|DIR|HUB-ID", help="likewise; a name is that of one in vae/ of --models-dir"
    )
    parser.add_argument("--allow-flagged", action="store_true", help="write pictures that the safety checker flagged")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--dtype", default="auto", help="auto, float32, float16 or bfloat16")
    parser.add_argument("--memory", default="normal", help="normal, low or lowest: slower, but on smaller cards")
    parser.add_argument(
        "--weighting",
        default=AUTO,
        choices=(AUTO, *WEIGHTINGS),
        help="how attention weights are applied where the model's card does not say (default: as with its family)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of paths")
    return parser


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def _grid(text: str) -> Grid | None:
    """What `--grid` was given; None for the squarest one, which is what it is without a value."""
    if not text:
        return None
    sides = GRID.fullmatch(text)
    if sides is None or not 1 <= int(sides[1]) * int(sides[2]) <= MAX_IMAGES:
        raise argparse.ArgumentTypeError(f"must be rows x columns, such as 2x2, of at most {MAX_IMAGES}, got {text!r}")
    return Grid(int(sides[1]), int(sides[2]))


def _with_grid_value(arguments: Sequence[str]) -> list[str]:
    """Keep a bare `--grid` from taking the prompt behind it for its value."""
    spelled = list(arguments)
    end = spelled.index("--") if "--" in spelled else len(spelled)
    for number in range(end):
        following = spelled[number + 1] if number + 1 < end else ""
        if spelled[number] == "--grid" and not GRID.fullmatch(following):
            spelled[number] = "--grid="
    return spelled
