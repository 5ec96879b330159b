"""How many pictures the engine draws in the time in which diffusers' own pipeline draws them one after the other."""

import asyncio
import json
import time
from importlib.resources import files
from pathlib import Path

import diffusers
import pytest
import torch

from engine import Engine, GenerationRequest

EMOJI = Path(str(files("engine"))) / "emoji"
SCHEDULERS = {
    "ddim": ("DDIMScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
}


def asked(prompt, scheduler, steps, guidance, *, negative_prompt="", width=128):
    return GenerationRequest(
        prompt=prompt,
        negative_prompt=negative_prompt,
        scheduler=scheduler,
        num_inference_steps=steps,
        guidance_scale=guidance,
        width=width,
        height=128,
        seed=steps,
    )


ALONE = asked("a red heart on a blue background", "dpmpp_2m_karras", 20, 4.0)
EIGHT = (
    ALONE,
    asked("a cat face", "euler_a", 25, 5.0),
    asked("a strawberry", "ddim", 20, 7.5, negative_prompt="green"),
    asked("a ghost on a black background", "unipc", 15, 4.0),
    asked("a whale", "euler", 30, 1.0),
    asked("a dog face on a yellow background", "dpmpp_2m", 20, 6.0, negative_prompt="teeth"),
    asked("a birthday cake", "deis", 18, 3.0),
    asked("a rainbow", "dpmpp_2m_karras", 20, 4.0, width=192),
)


@pytest.fixture
async def engine():
    async with Engine.open("emoji", device="cpu", dtype="float32") as engine:
        yield engine


@pytest.fixture
def draw():
    """A function that draws one request with diffusers' own pipeline."""
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(EMOJI).to(dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    config = json.loads((EMOJI / "scheduler" / "scheduler_config.json").read_text())

    def draw(request):
        class_name, settings = SCHEDULERS[request.scheduler]
        pipeline.scheduler = getattr(diffusers, class_name).from_config(config, **settings)
        return pipeline(
            request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.width,
            height=request.height,
            num_inference_steps=request.num_inference_steps,
            guidance_scale=request.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(request.seed),
        ).images[0]

    return draw


async def pairs(engine, draw, requests, count):
    """
    Seconds that the engine takes for all at once, and diffusers one after the other; in turns, each first every other
    time, since whatever else the machine does should meet both. The first pair only warms up.
    """

    async def at_once():
        began = time.perf_counter()
        await asyncio.gather(*map(engine.generate, requests))
        return time.perf_counter() - began

    def one_by_one():
        began = time.perf_counter()
        for request in requests:
            draw(request)
        return time.perf_counter() - began

    measured = []
    for number in range(count + 1):
        if number % 2:
            ours = await at_once()
            theirs = one_by_one()
        else:
            theirs = one_by_one()
            ours = await at_once()
        measured.append((ours, theirs))
    return measured[1:]


async def test_eight_different_requests_at_once(engine, draw, rounds, table, spread):
    measured = await pairs(engine, draw, EIGHT, rounds)
    table(
        "eight different requests at once: engine against diffusers one after the other",
        {
            "pictures per second, ratio": spread([theirs / ours for ours, theirs in measured]),
            "engine": spread([ours for ours, _ in measured], " s"),
            "diffusers": spread([theirs for _, theirs in measured], " s"),
        },
    )


async def test_one_request_alone(engine, draw, rounds, table, spread):
    measured = await pairs(engine, draw, [ALONE], 4 * rounds)
    table(
        "one request alone: engine against diffusers",
        {
            "time, ratio": spread([ours / theirs for ours, theirs in measured]),
            "engine": spread([ours for ours, _ in measured], " s"),
            "diffusers": spread([theirs for _, theirs in measured], " s"),
        },
    )
