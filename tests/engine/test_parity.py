"""The same picture as diffusers' own pipeline draws, alone and in company."""

import asyncio
import dataclasses
import json
import shutil
from importlib.resources import files
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from engine import Engine, GenerationRequest, Picture

EMOJI = Path(str(files("engine"))) / "emoji"

DPMPP = "DPMSolverMultistepScheduler"
KARRAS = ("use_karras_sigmas", True)
DIFFUSERS = {
    "default": ("PNDMScheduler", ()),
    "pndm": ("PNDMScheduler", ()),
    "ddim": ("DDIMScheduler", ()),
    "lms": ("LMSDiscreteScheduler", ()),
    "deis": ("DEISMultistepScheduler", ()),
    "euler": ("EulerDiscreteScheduler", ()),
    "euler_karras": ("EulerDiscreteScheduler", (KARRAS,)),
    "euler_a": ("EulerAncestralDiscreteScheduler", ()),
    "dpmpp_2m": (DPMPP, ()),
    "dpmpp_2m_karras": (DPMPP, (KARRAS,)),
    "dpmpp_2m_sde_karras": (DPMPP, (KARRAS, ("algorithm_type", "sde-dpmsolver++"))),
    "unipc": ("UniPCMultistepScheduler", ()),
    "heun": ("HeunDiscreteScheduler", ()),
    "ddpm": ("DDPMScheduler", ()),
    "lcm": ("LCMScheduler", ()),
}
LONG = "a red heart on a blue background, " * 20
"""More than 75 tokens, which diffusers' pipeline cuts: so do we where one chunk is asked for."""


def case(scheduler, width, height, steps, guidance, prompt, negative_prompt=""):
    return GenerationRequest(
        prompt=prompt,
        negative_prompt=negative_prompt,
        width=width,
        height=height,
        num_inference_steps=steps,
        guidance_scale=guidance,
        seed=sum(map(ord, scheduler + prompt)) + 2**40 * steps,
        scheduler=scheduler,
        max_embeddings_multiples=1,
    )


CASES = [
    case("default", 128, 128, 6, 5.0, "a red heart"),
    case("pndm", 64, 64, 9, 7.5, "a cat face on a yellow background", "green"),
    case("ddim", 128, 128, 5, 1.0, "a strawberry"),
    case("lms", 128, 128, 7, 3.0, "a whale on a black background"),
    case("deis", 64, 64, 8, 12.0, "a ghost", "white background"),
    case("euler", 192, 128, 3, 5.0, "an apple"),
    case("euler_karras", 128, 128, 6, 5.5, "a birthday cake", "pink"),
    case("euler_a", 64, 128, 6, 4.0, "an astronaut"),
    case("dpmpp_2m", 128, 128, 5, 9.0, "a dog face"),
    case("dpmpp_2m_karras", 64, 64, 7, 1.0, "a tree on a teal background"),
    case("dpmpp_2m_sde_karras", 128, 128, 6, 6.0, "a star", "red"),
    case("unipc", 72, 64, 6, 5.0, "a flower"),
    case("heun", 64, 64, 4, 2.5, "an orange"),
    case("ddpm", 128, 128, 6, 5.0, "a snowman on a purple background"),
    case("lcm", 64, 64, 4, 1.5, "a rainbow"),
    case("euler_a", 128, 128, 1, 5.0, LONG, LONG),
    case("lcm", 128, 128, 2, 0.0, "a red heart"),
    case("dpmpp_2m", 64, 64, 2, 50.0, "❤️ 心 / :", "!"),
]
NAMES = [
    f"{each.scheduler}-{each.width}x{each.height}-{each.num_inference_steps}-{each.guidance_scale}" for each in CASES
]


@pytest.fixture(scope="session")
def in_company(engine):
    """Every case drawn at the same time as all the others."""

    async def draw_all():
        return await asyncio.gather(*map(engine.generate, CASES))

    return dict(zip(NAMES, asyncio.run(draw_all()), strict=True))


def difference(result, request, reference) -> int:
    [picture] = result.pictures
    return int(np.abs(np.asarray(picture.image).astype(int) - reference(request, *DIFFUSERS[request.scheduler])).max())


@pytest.mark.parametrize("request_", CASES, ids=NAMES)
async def test_a_picture_drawn_alone_is_the_pipelines(engine, reference, request_):
    assert difference(await engine.generate(request_), request_, reference) <= 1


@pytest.mark.parametrize(("request_", "name"), list(zip(CASES, NAMES, strict=True)), ids=NAMES)
def test_a_picture_drawn_in_company_is_the_pipelines(in_company, reference, request_, name):
    assert difference(in_company[name], request_, reference) <= 1


async def test_each_picture_of_a_request_has_the_next_seed(engine, reference):
    request = case("euler_a", 64, 64, 3, 5.0, "a red heart")
    several = GenerationRequest(
        prompt=request.prompt, width=64, height=64, num_inference_steps=3, guidance_scale=5.0, seed=request.seed,
        scheduler="euler_a", num_images=3,
    )  # fmt: skip
    result = await engine.generate(several)
    for index, picture in enumerate(result.pictures):
        assert isinstance(picture, Picture)
        single = GenerationRequest(
            prompt=request.prompt, width=64, height=64, num_inference_steps=3, guidance_scale=5.0,
            seed=request.seed + index, scheduler="euler_a",
        )  # fmt: skip
        expected = reference(single, *DIFFUSERS["euler_a"])
        assert np.abs(np.asarray(picture.image).astype(int) - expected).max() <= 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("steps", [1, 2, 10, 30, 50])
@pytest.mark.parametrize("scheduler", DIFFUSERS)
async def test_pictures_of_any_step_count_in_company_are_the_pipelines(engine, reference, scheduler, steps):
    requests = [
        case(scheduler, 128, 128, steps, 5.0, "a red heart"),
        case(scheduler, 64, 64, steps, 1.0, "a cat face"),
        case(scheduler, 128, 192, steps, 7.5, "a strawberry", "blue background"),
    ]
    company = [case(name, 128, 128, 12, 4.0, f"a {name}") for name in list(DIFFUSERS)[:8]]
    results = await asyncio.gather(*map(engine.generate, requests + company))
    assert [difference(*pair, reference) <= 1 for pair in zip(results, requests, strict=False)] == [True] * 3


OWN = {
    "old DDIM": {"_class_name": "DDIMScheduler", "steps_offset": 0},
    "Euler Karras": {
        "_class_name": "EulerDiscreteScheduler",
        "use_karras_sigmas": True,
        "timestep_spacing": "trailing",
    },
    "DPM++ 3M SDE": {"_class_name": DPMPP, "algorithm_type": "sde-dpmsolver++", "solver_order": 3},
    "zero SNR": {"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
    "LCM": {"_class_name": "LCMScheduler", "original_inference_steps": 40},
}


@pytest.mark.filterwarnings("ignore::FutureWarning")  # what the pipeline says of old configs
@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
async def test_a_model_draws_with_its_own_scheduler_as_its_pipeline_does(tmp_path, own):
    folder = shutil.copytree(EMOJI, tmp_path / "copy")
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps({**betas, "prediction_type": "v_prediction", **own})
    )
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": ["diffusers", own["_class_name"]]}))
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder).to(dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    [expected] = pipeline(
        "a red heart",
        width=64,
        height=64,
        num_inference_steps=7,
        guidance_scale=4.0,
        generator=torch.Generator("cpu").manual_seed(5),
    ).images
    request = case("default", 64, 64, 7, 4.0, "a red heart")
    async with Engine.open(folder, device="cpu") as engine:
        result = await engine.generate(dataclasses.replace(request, seed=5))
    drawn = np.asarray(result.pictures[0].image).astype(int)
    assert np.abs(drawn - np.asarray(expected)).max() <= 1
