"""`python -m engine bench`: throughput, latency and memory of the engine, beside diffusers' own pipeline if wished."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.benchmark.arrivals import mixed_requests
from engine.commands.terminal import Parser
from engine.devices import MEMORY, choose_device
from engine.engine import Engine
from engine.files.folder import invalid
from engine.files.wholefolder import WholeFolder
from engine.models import find_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEFAULT_REQUESTS = 16
DEFAULT_LOAD = 0.8
MAX_LOAD = 10.0
MIB = 2**20


def run(arguments: Sequence[str]) -> int:
    """
    Measure what the command line asks for, print it, and give the exit status.

    Raises:
        EngineError, OSError: it cannot be measured; the sentence says why.
    """
    options = _parser().parse_args(arguments)
    try:
        facts = _measured_apart(arguments, options) if len(options.memory) > 1 else _measured(options)
    except subprocess.CalledProcessError as error:  # it has said why
        return error.returncode
    sys.stdout.write(f"{json.dumps(facts) if options.json else table(facts)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m engine bench",
        description="Measures pictures a second with all requests there at once, then how long each waits where they "
        "come one by one at a share of that, and the peak of memory. Requests differ in prompt, steps, sampler and "
        "guidance.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--model", metavar="NAME|DIR|FILE|HUB-ID", default="emoji", help="default: emoji, the bundled one"
    )
    parser.add_argument("--models-dir", metavar="DIR", type=Path, help="where models lie that are asked for by name")
    parser.add_argument(
        "--requests", metavar="N", type=_requests, default=DEFAULT_REQUESTS, help="default: %(default)s"
    )
    parser.add_argument(
        "--against", choices=("diffusers", "nothing"), default="nothing", help="its pipeline, one request at a time"
    )
    parser.add_argument("--load", metavar="X", type=_load, default=DEFAULT_LOAD, help="share of capacity: %(default)s")
    parser.add_argument("--steps", metavar="N", type=int, help="of every request (default: 10 to 50)")
    parser.add_argument("--size", metavar="WxH", type=_size, help="of every picture (default: the model's own)")
    parser.add_argument(
        "--memory",
        metavar="LEVEL,...",
        type=_levels,
        default=("normal",),
        help=f"{', '.join(MEMORY)}; several are measured one after the other, each in a process of its own",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--dtype", default="auto", help="auto, float32, float16 or bfloat16")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def _requests(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,4}", text):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 99999, got {text!r}")
    return int(text)


def _load(text: str) -> float:
    if not re.fullmatch(r"\d{1,2}(\.\d{1,6})?", text, flags=re.ASCII) or not 0 < float(text) <= MAX_LOAD:
        raise argparse.ArgumentTypeError(f"must be a number above 0, up to {MAX_LOAD:g}, got {text!r}")
    return float(text)


def _size(text: str) -> tuple[int, int]:
    sides = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text, flags=re.ASCII)
    if sides is None:
        raise argparse.ArgumentTypeError(f"must be a size such as 512x512, got {text!r}")
    return int(sides[1]), int(sides[2])


def _levels(text: str) -> tuple[str, ...]:
    levels = tuple(dict.fromkeys(text.split(",")))
    if not set(levels) <= set(MEMORY):
        raise argparse.ArgumentTypeError(f"must be some of {', '.join(MEMORY)}, separated by commas, got {text!r}")
    return levels


def _measured_apart(arguments: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """Each level in a process of its own, since a process never forgets its peak; diffusers beside the first."""
    runs: list[dict[str, Any]] = []
    for level in options.memory:
        against = "nothing" if runs else options.against
        command = [sys.executable, "-m", "engine", "bench", *arguments]
        command += ["--memory", level, "--against", against, "--json"]  # the last of an option counts
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - this program again
        facts = json.loads(answer.stdout)
        runs += facts["runs"]
    return {**facts, "runs": runs}


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    from engine.benchmark.measuring import measure_diffusers, measure_engine  # and torch

    folder = find_model(options.model, models_dir=options.models_dir)
    asked = mixed_requests(options.requests, folder.card, steps=options.steps, size=options.size)
    requests = [request.completed(folder.card) for request in asked]
    against = folder if options.against == "diffusers" else None
    if isinstance(against, WholeFolder):
        raise invalid("model_foreign", folder.path, "is run whole, by diffusers' own pipeline: leave out --against")
    device = choose_device(options.device, options.dtype, options.memory[0])
    engine = Engine.open(
        options.model,
        models_dir=options.models_dir,
        device=options.device,
        dtype=options.dtype,
        memory=device.memory,
    )
    ours, arrivals = asyncio.run(measure_engine(engine, device, requests, options.load))
    theirs = measure_diffusers(against, device, requests, arrivals) if against else None
    return {
        "model": folder.card.title,
        "device": str(device.device),
        "dtype": str(device.dtype).removeprefix("torch."),
        "requests": len(requests),
        "pictures": sum(request.num_images for request in requests),
        "width": requests[0].width,
        "height": requests[0].height,
        "load": options.load,
        "runs": [{"memory": device.memory, "engine": asdict(ours), "diffusers": asdict(theirs) if theirs else None}],
    }


def table(facts: Mapping[str, Any]) -> str:
    """The figures for people: one column for the engine, one for diffusers, and how much better the engine is."""
    pictures = f"{facts['requests']} requests, {facts['pictures']} pictures of {facts['width']}x{facts['height']}"
    lines = [f"{facts['model']} on {facts['device']} in {facts['dtype']}: {pictures}"]
    for run in facts["runs"]:
        rows = list(_rows(run, facts))
        has_diffusers = run["diffusers"] is not None
        widths = [max(len(row[column]) for row in rows) for column in range(4 if has_diffusers else 2)]
        lines.append("")
        for name, *cells in rows:
            figures = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=False))
            lines.append("  ".join([name.ljust(widths[0]), *figures]).rstrip())
    return "\n".join(lines)


def _rows(run: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    ours, theirs = run["engine"], run["diffusers"]
    yield f"memory {run['memory']}", "engine", "diffusers", "ratio"
    rates = [each and each["pictures_per_s"] for each in (ours, theirs)]
    yield "pictures a second, all there at once", *_cells(rates[0], rates[1], rates[0] / rates[1] if theirs else None)
    yield f"seconds from arrival, at {facts['load']:g} of that", "", "", ""
    for key, name in (("first_picture_s", "first picture"), ("last_picture_s", "last picture")):
        for measure in ("mean", "p95", "p99"):
            seconds = [each and each[key][measure] for each in (ours, theirs)]
            ratio = seconds[1] / seconds[0] if theirs else None
            yield f"  to the {name}, {measure}", *_cells(seconds[0], seconds[1], ratio)
    name = "resident memory grew by" if facts["device"] == "cpu" else "most memory on the device"
    yield name, *(_mebibytes(each and each["peak_bytes"]) for each in (ours, theirs)), ""


def _cells(ours: float, theirs: float | None, ratio: float | None) -> tuple[str, str, str]:
    return f"{ours:.2f}", "" if theirs is None else f"{theirs:.2f}", "" if ratio is None else f"{ratio:.2f}x"


def _mebibytes(count: int | None) -> str:
    return "" if count is None else f"{count / MIB:.0f} MiB"
