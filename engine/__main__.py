"""`python -m engine "a red heart" -o heart.png`: the engine without Discord."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import sys
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine import bench
from engine.errors import EngineError, InvalidDevice, InvalidModel, InvalidRequest
from engine.events import GenerationResult, Picture, Progress
from engine.expansion import wildcards_in
from engine.outputs import Grid, InvalidOutput, Output
from engine.png import encode, encode_image
from engine.prompt import Note, quoted
from engine.request import MAX_IMAGES, GenerationRequest
from engine.schedulers import SCHEDULERS
from engine.trailing import read_options
from engine.values import merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.card import ModelCard
    from engine.engine import Engine
    from engine.request import CompleteRequest
    from engine.trailing import Trailing

EXIT_FAILURE, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130
DEFAULT_MODEL = "emoji"
RESERVED = ("fetch",)
"""First words that will be commands; `-- fetch` draws one."""
GRID = re.compile(r"(\d{1,9})x(\d{1,9})", flags=re.ASCII)
MAX_SHOWN_CHARACTERS = 60
"""Of the end of a prompt that was left out."""


def main(arguments: Sequence[str]) -> int:
    """Draw what the command line asks for, and give the exit status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever closed it does not want to read
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - open as long as this process
    # Without a handler, Python would print the tracebacks that the engine logs.
    logging.getLogger("engine").addHandler(logging.NullHandler())
    if arguments and arguments[0] in RESERVED:
        _say(f"{arguments[0]} is a command that is still to come; to draw one: python -m engine -- {arguments[0]}")
        return EXIT_BAD_INPUT
    try:
        if arguments and arguments[0] == "bench":
            return bench.run(arguments[1:])
        return _run(_parser().parse_args(_with_grid_value(arguments)))
    except (InvalidRequest, InvalidModel, InvalidDevice, InvalidOutput) as error:
        _say(f"error: {error}")
        return EXIT_BAD_INPUT
    except (EngineError, OSError) as error:
        _say(f"error: {error}")
        return EXIT_FAILURE
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """Refuses bad input with one sentence, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        if message.endswith("required: PROMPT"):
            message = "PROMPT is missing; one that begins with a dash comes after `--`"
        self.exit(EXIT_BAD_INPUT, f"error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m engine",
        description="Draws pictures with Stable Diffusion. Their paths go to stdout, one a line; all else to stderr.",
        epilog="Exit status: 0 drawn, 2 bad input, 1 failed or every picture withheld, 130 interrupted.",
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
    parser.add_argument("--model", metavar="NAME|DIR|HUB-ID", help="default: emoji, the bundled one")
    parser.add_argument("--models-dir", metavar="DIR", type=Path, help="where models lie that are asked for by name")
    parser.add_argument("--tokenizer", metavar="DIR|HUB-ID", help="take this part from elsewhere")
    parser.add_argument("--text-encoder", metavar="DIR|HUB-ID", help="likewise")
    parser.add_argument(
        "--vae", metavar="NAME|DIR|HUB-ID", help="likewise; a name is that of one in vae/ of --models-dir"
    )
    parser.add_argument("--allow-flagged", action="store_true", help="write pictures that the safety checker flagged")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--dtype", default="auto", help="auto, float32, float16 or bfloat16")
    parser.add_argument("--memory", default="normal", help="normal, low or lowest: slower, but on smaller cards")
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


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of the request that have options of their own, where those were given."""
    count = options.num_images
    if count is None and options.grid:
        count = options.grid.rows * options.grid.columns
    given = {
        "negative_prompt": options.negative_prompt,
        "width": options.width,
        "height": options.height,
        "num_inference_steps": options.steps,
        "guidance_scale": options.guidance_scale,
        "seed": options.seed,
        "scheduler": options.scheduler,
        "num_images": count,
        "max_embeddings_multiples": options.max_embeddings_multiples,
        "clip_skip": options.clip_skip,
    }
    return {name: value for name, value in given.items() if value is not None}


def _model(options: argparse.Namespace, trailing: Trailing) -> tuple[str, tuple[Note, ...]]:
    """The model that was asked for, and that the one at the prompt's end is another."""
    typed = trailing.options.get("model")
    if options.model is None or typed in (None, options.model):
        return options.model or typed or DEFAULT_MODEL, ()
    facts = {"option": "model", "value": quoted(typed), "used": quoted(options.model)}
    sentence = f"--model {facts['value']} at the prompt's end does not hold, since {facts['used']} was given beside it"
    return options.model, (Note("option_overruled", sentence, facts),)


def _grid_for(options: argparse.Namespace, count: int) -> Grid | None:
    if options.grid is False:
        return None
    grid: Grid = options.grid or Grid.of(count)
    if grid.rows * grid.columns < count:
        raise InvalidOutput(f"grid {grid.rows}x{grid.columns} has fewer places than the {count} pictures")
    return grid


def _run(options: argparse.Namespace) -> int:
    from engine.engine import Engine

    trailing, given = read_options(options.prompt), _given(options)
    GenerationRequest(prompt=trailing.text, **given)  # what is wrong here is said before a model is looked for
    model, other_model = _model(options, trailing)
    # On no event loop, where Ctrl-C would wait for a model that is being fetched.
    engine = Engine.open(
        model,
        device=options.device,
        dtype=options.dtype,
        memory=options.memory,
        models_dir=options.models_dir,
        tokenizer=options.tokenizer,
        text_encoder=options.text_encoder,
        vae=options.vae,
    )
    values, overruled = merged(trailing.options, given, engine.card)
    asked = GenerationRequest(prompt=trailing.text, model=engine.model, **values)
    request = asked.completed(engine.card, wildcards_in(options.models_dir))
    grid = _grid_for(options, request.num_images)
    output = Output(place=options.output, prompt=request.prompt, files=1 if grid else request.num_images)
    if grid is not None:
        grid.check(request.width, request.height, output.extension)
    files = _Files(output, engine.card, is_flagged_allowed=options.allow_flagged)
    try:
        result = asyncio.run(_draw(engine, request, files if grid is None else None))
        if grid is not None:
            files.save_grid(result, grid)
    finally:
        if not options.json:
            _print_paths(files.paths)
    result = replace(result, notes=(*trailing.notes, *other_model, *overruled, *result.notes))
    _report(result, files, engine.card)
    if options.json:
        print(json.dumps(_facts(result, files, engine.card, is_grid=grid is not None)))
    return 0 if files.paths else EXIT_FAILURE


@dataclass(frozen=True, slots=True)
class _Files:
    """What has been written so far: the file of each picture by its index, or the one of a grid under 0."""

    output: Output
    card: ModelCard
    is_flagged_allowed: bool
    paths: dict[int, Path] = field(default_factory=dict)

    def is_shown(self, picture: Picture) -> bool:
        return self.is_flagged_allowed or not picture.flagged

    async def save(self, picture: Picture, request: CompleteRequest) -> None:
        if self.is_shown(picture):
            data = await asyncio.to_thread(encode, picture, request, self.card, extension=self.output.extension)
            self.paths[picture.index] = self.output.save(data, index=picture.index, seed=picture.seed)

    def save_grid(self, result: GenerationResult, grid: Grid) -> None:
        images = {picture.index: picture.image for picture in result.pictures if self.is_shown(picture)}
        if images:
            data = encode_image(grid.compose(images), result.request, self.card, extension=self.output.extension)
            self.paths[0] = self.output.save(data, index=0, seed=result.request.seed)


async def _draw(engine: Engine, request: CompleteRequest, files: _Files | None) -> GenerationResult:
    """Draw with a progress bar; where `files` are given, each picture is written once it is finished."""
    from tqdm import tqdm

    async with engine:
        for notice in engine.notices:
            _say(notice)
        with tqdm(total=request.num_inference_steps, file=sys.stderr, unit="step") as bar:
            async with aclosing(engine.stream(request)) as events:
                async for event in events:
                    if isinstance(event, GenerationResult):
                        bar.update(bar.total - bar.n)
                        return event
                    if isinstance(event, Progress):
                        bar.update(event.step - bar.n)
                    elif files is not None and isinstance(event, Picture):
                        await files.save(event, request)
    raise AssertionError("a stream ends with its result or an error")


def _report(result: GenerationResult, files: _Files, card: ModelCard) -> None:
    """Say what was used, and whatever did not go as asked."""
    request = result.request
    last_seed = max(request.seeds)
    seeds = f"seed {request.seed}" + (f" to {last_seed}" if last_seed > request.seed else "")
    sampler = card.sampler(request.scheduler)
    steps = f"{request.num_inference_steps} step{'s' if request.num_inference_steps > 1 else ''}"
    _say(
        f"{result.model}, {request.width}x{request.height}, {steps}, {sampler}, "
        f"guidance {request.guidance_scale:g}, {seeds}: drawn in {result.drawing_s:.1f} s"
    )
    if request.negative_prompt and request.negative_prompt == card.negative_prompt:
        _say(f"negative prompt: {request.negative_prompt} (an empty --negative-prompt removes the model's own)")
    for name, cut in (("prompt", result.cut_prompt), ("negative prompt", result.cut_negative_prompt)):
        if cut:
            beginning = " ".join(cut.split())
            if len(beginning) > MAX_SHOWN_CHARACTERS:
                beginning = f"{beginning[:MAX_SHOWN_CHARACTERS]} ..."
            _say(f"the {name} is longer than the model reads; its last {len(cut)} characters are left out: {beginning}")
    for note in result.notes:
        _say(note.sentence)
    flagged = [picture.index + 1 for picture in result.pictures if picture.flagged]
    if flagged:
        numbers = ", ".join(map(str, flagged))
        done = "written all the same" if files.is_flagged_allowed else "not written (--allow-flagged writes it)"
        _say(f"the safety checker flagged picture {numbers}: {done}")


def _facts(result: GenerationResult, files: _Files, card: ModelCard, *, is_grid: bool) -> dict[str, Any]:
    """What `--json` prints: what was used, and where each picture is; a path is null for what was not written."""
    request, asked = result.request, result.request.asked
    paths = {index: str(path) for index, path in files.paths.items()}
    return {
        "model": result.model,
        "request": {each.name: getattr(asked, each.name) for each in fields(asked) if each.name != "owner"},
        "sampler": card.sampler(request.scheduler),
        "pictures": [
            {
                "index": picture.index,
                "seed": picture.seed,
                "prompt": request.pictures[picture.index].prompt,
                "path": None if is_grid else paths.get(picture.index),
                "flagged": picture.flagged,
            }
            for picture in result.pictures
        ],
        "grid": paths.get(0) if is_grid else None,
        "has_safety_checker": result.has_safety_checker,
        "cut_prompt": result.cut_prompt,
        "cut_negative_prompt": result.cut_negative_prompt,
        "notes": [{"rule": note.rule, "sentence": note.sentence, "facts": dict(note.facts)} for note in result.notes],
        "waited_s": round(result.waited_s, 3),
        "drawing_s": round(result.drawing_s, 3),
    }


def _print_paths(paths: dict[int, Path]) -> None:
    """The paths in picture order, as bytes, since a file's name need not be text."""
    sys.stdout.buffer.write(b"".join(os.fsencode(paths[index]) + b"\n" for index in sorted(paths)))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
