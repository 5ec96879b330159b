"""`python -m engine PROMPT`: draws, and writes the pictures where they are wanted."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from engine.commands.options import drawing_options
from engine.commands.terminal import EXIT_FAILURE, say
from engine.events import GenerationResult, Picture, Progress
from engine.notation.expansion import wildcards_in
from engine.notation.trailing import read_options
from engine.notation.values import asked_model, merged
from engine.outputs import Grid, InvalidOutput, Output
from engine.png import encode, encode_image
from engine.request import GenerationRequest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from engine.engine import Engine
    from engine.files.card import ModelCard
    from engine.request import CompleteRequest

DEFAULT_MODEL = "emoji"
MAX_SHOWN_CHARACTERS = 60
"""Of the end of a prompt that was left out."""


def run(arguments: Sequence[str]) -> int:
    """
    Draw what the command line asks for, and give the exit status.

    Raises:
        EngineError, InvalidOutput, OSError: one sentence that says what is wrong.
    """
    return _run(drawing_options(arguments))


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
    model, other_model = asked_model(trailing.options, options.model)
    # On no event loop, where Ctrl-C would wait for a model that is being fetched.
    engine = Engine.open(
        model or DEFAULT_MODEL,
        device=options.device,
        dtype=options.dtype,
        memory=options.memory,
        weighting=options.weighting,
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
            say(notice)
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
    say(
        f"{result.model}, {request.width}x{request.height}, {steps}, {sampler}, "
        f"guidance {request.guidance_scale:g}, {seeds}: drawn in {result.drawing_s:.1f} s"
    )
    if request.negative_prompt and request.negative_prompt == card.negative_prompt:
        say(f"negative prompt: {request.negative_prompt} (an empty --negative-prompt removes the model's own)")
    for name, cut in (("prompt", result.cut_prompt), ("negative prompt", result.cut_negative_prompt)):
        if cut:
            beginning = " ".join(cut.split())
            if len(beginning) > MAX_SHOWN_CHARACTERS:
                beginning = f"{beginning[:MAX_SHOWN_CHARACTERS]} ..."
            say(f"the {name} is longer than the model reads; its last {len(cut)} characters are left out: {beginning}")
    for note in result.notes:
        say(note.sentence)
    flagged = [picture.index + 1 for picture in result.pictures if picture.flagged]
    if flagged:
        numbers = ", ".join(map(str, flagged))
        done = "written all the same" if files.is_flagged_allowed else "not written (--allow-flagged writes it)"
        say(f"the safety checker flagged picture {numbers}: {done}")


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
