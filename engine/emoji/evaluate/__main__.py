"""`python -m engine.emoji.evaluate`: measures a model that draws emoji, and writes the figures into its card."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from engine.emoji.dataset.sources import InvalidSource, read_emoji, read_pictures
from engine.emoji.evaluate.evaluation import SEEDS, SUBJECTS, evaluate
from engine.emoji.evaluate.painter import Painter
from engine.emoji.evaluate.report import figures, with_figures
from engine.emoji.evaluate.sheet import contact_sheet
from engine.emoji.train.options import add_source_options, folders_of
from engine.errors import InvalidModel

EXIT_BAD_INPUT = 2


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the figures, and give the exit status."""
    options = _parser().parse_args(arguments)
    try:
        painter = Painter(options.model)
        if options.sheet:
            contact_sheet(painter).save(options.sheet, optimize=True)
        if options.sheet_only:
            return 0
        emoji = read_emoji(*folders_of(options))
        found = evaluate(
            painter,
            emoji,
            read_pictures(emoji),
            options.work,
            subjects=options.subjects,
            seeds=options.seeds,
        )
    except (InvalidSource, InvalidModel) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    text = figures(found, painter.card)
    print(json.dumps(asdict(found)) if options.json else text)
    if options.card:
        old = options.card.read_text("utf-8") if options.card.exists() else f"# {painter.card.title}\n"
        options.card.write_text(with_figures(old, text), "utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.emoji.evaluate", description=main.__doc__)
    parser.add_argument(
        "model",
        nargs="?",
        type=Path,
        default=Path(__file__).parent.parent,
        help="a folder in diffusers' layout; the bundled model by default",
    )
    add_source_options(parser)
    parser.add_argument("--subjects", type=int, default=SUBJECTS, help="how many emoji are drawn (%(default)s)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many pictures of each (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--card", type=Path, help="write the figures into this MODEL_CARD.md")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of 64 prompts to this file")
    parser.add_argument("--sheet-only", action="store_true", help="measure nothing, only draw the sheet")
    return parser


if __name__ == "__main__":
    sys.exit(main())
