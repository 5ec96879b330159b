"""Every family draws what its own pipeline of diffusers draws, alone and in company."""

import asyncio
from functools import cache

import diffusers
import numpy as np
import pytest
import tinymodels
import torch

from engine import Engine, GenerationRequest, find_model
from engine.families import SDXL

SEED = 7
VALUES = {"width": 64, "height": 64, "num_inference_steps": 6, "guidance_scale": 5.0}
XL = diffusers.StableDiffusionXLPipeline


def open_engine(folder, **options):
    """A loaded engine that takes requests from any event loop, one after the other."""
    engine = Engine.open(folder, device="cpu", dtype="float32", **options)
    engine.start()
    asyncio.run(engine.ready())
    return engine


def drawer_of(folder, kind, **options):
    """A function that draws as diffusers' own pipeline does."""
    pipeline = kind.from_pretrained(folder, **options).to(dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)

    @cache
    def draw(prompt: str, negative_prompt: str | None = None, **values) -> np.ndarray:
        generator = torch.Generator("cpu").manual_seed(SEED)
        picture = pipeline(prompt, negative_prompt=negative_prompt, generator=generator, **VALUES | values).images[0]
        return np.asarray(picture).astype(int)

    return draw


async def draw(engine, prompt: str, negative_prompt: str | None = None, **values) -> np.ndarray:
    request = GenerationRequest(prompt=prompt, negative_prompt=negative_prompt or "", seed=SEED, **VALUES | values)
    return np.asarray((await engine.generate(request)).pictures[0].image).astype(int)


def difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one - other).max())


CASES = [
    (("a red heart",), {}),
    (("a blue cat", "green"), {"num_inference_steps": 4}),
    (("a red heart",), {"guidance_scale": 1.0}),
    (("a ghost", "white"), {"width": 128, "height": 72, "num_inference_steps": 3}),
]
LONG = "a strawberry on a black background, " * 20


async def check_parity(engine, reference, cases=CASES):
    """Each case alone, and then all of them at once beside a prompt of several chunks."""
    for texts, values in cases:
        assert difference(await draw(engine, *texts, **values), reference(*texts, **values)) <= 1
    together = await asyncio.gather(*(draw(engine, *texts, **values) for texts, values in cases), draw(engine, LONG))
    for (texts, values), picture in zip(cases, together, strict=False):
        assert difference(picture, reference(*texts, **values)) <= 1


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    return tinymodels.save_sdxl(tmp_path_factory.mktemp("models") / "sdxl")


@pytest.fixture(scope="module")
def sdxl_engine(sdxl):
    engine = open_engine(sdxl)
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="module")
def sdxl_reference(sdxl):
    return drawer_of(sdxl, XL, add_watermarker=False)


async def test_sdxl_draws_what_its_pipeline_draws(sdxl_engine, sdxl_reference):
    await check_parity(sdxl_engine, sdxl_reference)


def test_the_pictures_of_a_tiny_model_depend_on_all_that_it_is_told(sdxl_reference):
    plain = sdxl_reference("a red heart")
    assert plain.std() > 20
    for other in (("a blue cat",), ("a red heart", "green"), ("a red heart", "")):
        assert difference(plain, sdxl_reference(*other)) > 20
    assert difference(plain, sdxl_reference("a red heart", original_size=(1024, 512))) > 20


def test_sdxl_is_known_by_its_configs_and_has_its_pipelines_defaults(sdxl):
    folder = find_model(sdxl)
    assert folder.family == SDXL
    assert (folder.card.guidance, folder.card.weighting) == (5.0, "none")
