"""
AUTOMATIC1111's `parameters` text, which every tool of the field reads: written, and read back.

    PROMPT (any number of lines)
    Negative prompt: NEGATIVE PROMPT (likewise; left out if empty)
    Steps: 20, Sampler: PLMS, CFG scale: 5, Seed: 7, Size: 128x128, Model: Emoji

The text alone cannot tell a prompt from a prompt that contains such lines; our own JSON can (`engine.png`).

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui `modules/infotext_utils.py`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidRequest
from engine.request import GenerationRequest
from engine.schedulers import SCHEDULERS

if TYPE_CHECKING:
    from engine.files.card import ModelCard
    from engine.request import CompleteRequest

NEGATIVE = "Negative prompt:"
ENTRY = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""One `Key: value` of the last line, values with commas or colons being quoted as JSON."""
MAX_ENTRIES_CHARACTERS = 4000
"""A longer last line is prose: the pattern above would take minutes over a hostile file."""
FEWEST_ENTRIES = 3
"""A last line with fewer belongs to the prompt, as in the web UI."""


def write_parameters(request: CompleteRequest, card: ModelCard) -> str:
    """The text for one picture's request."""
    entries = {
        "Steps": str(request.num_inference_steps),
        "Sampler": card.sampler(request.scheduler),
        "CFG scale": f"{request.guidance_scale:.15g}",
        "Seed": str(request.seed),
        "Size": f"{request.width}x{request.height}",
        "Model": card.title,
        "Clip skip": str(request.clip_skip) if (request.clip_skip, card.clip_skip) != (1, 1) else "",
    }
    negative = [f"{NEGATIVE} {request.negative_prompt}"] if request.negative_prompt else []
    last = ", ".join(f"{key}: {_quoted(value)}" for key, value in entries.items() if value)
    return "\n".join([request.prompt, *negative, last])


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:\n"]', value) else value


def read_parameters(text: str) -> GenerationRequest | None:
    """
    The request that such a text describes, written by us, by AUTOMATIC1111's web UI, or by whoever imitates it.

    What the text does not say is left to the model, and so is a sampler that we do not have.

    Returns:
        None where the text describes no picture that this engine could draw.
    """
    *lines, last = text.strip().split("\n")
    found = ENTRY.findall(last) if len(last) <= MAX_ENTRIES_CHARACTERS else []
    if len(found) < FEWEST_ENTRIES:
        lines, found = [*lines, last], []
    start = next((number for number, line in enumerate(lines) if line.strip().startswith(NEGATIVE)), len(lines))
    negative = "\n".join(lines[start:]).strip().removeprefix(NEGATIVE).strip()
    try:
        return GenerationRequest(
            prompt="\n".join(lines[:start]).strip(),
            negative_prompt=negative,
            **_values({key: _unquoted(value) for key, value in found}),
        )
    except (InvalidRequest, ValueError):
        return None


def _unquoted(value: str) -> str:
    if value.startswith('"') and value.endswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value.strip()


def _values(entries: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, name, kind in (
        ("Steps", "num_inference_steps", int),
        ("CFG scale", "guidance_scale", float),
        ("Seed", "seed", int),
        ("Clip skip", "clip_skip", int),
    ):
        if key in entries:
            values[name] = kind(entries[key])
    if "Size" in entries:
        width, _, height = entries["Size"].partition("x")
        values |= {"width": int(width), "height": int(height)}
    scheduler = _scheduler_named(entries.get("Sampler", ""), entries.get("Schedule type", ""))
    if scheduler is not None:
        values["scheduler"] = scheduler
    return values


def _scheduler_named(sampler: str, schedule: str) -> str | None:
    """Our name for a sampler; newer web UIs say `DPM++ 2M` and `Karras` apart, older ones together."""
    wanted = {f"{sampler} {schedule}".casefold(), sampler.casefold()}
    for name, known in reversed(list(SCHEDULERS.items())):
        if known.title.casefold() in wanted:
            return name
    return None
