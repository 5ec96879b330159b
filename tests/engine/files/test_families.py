"""Every family draws what its own pipeline of diffusers draws, alone and in company."""

import asyncio

import diffusers
import numpy as np
import pytest
import tinymodels
import torch
from PIL import Image

from engine import Engine, GenerationRequest, find_model
from engine.files.families import DEFAULTS, SD1, SD2, SDXL
from engine.schedulers import SCHEDULERS

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
    assert (folder.card.guidance, DEFAULTS[folder.family].weighting) == (5.0, "none")


ZERO_SNR = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "steps_offset": 1}


async def check_family(folder, reference, cases=CASES):
    async with Engine.open(folder, device="cpu", dtype="float32") as engine:
        await check_parity(engine, reference, cases)


@pytest.mark.parametrize("scheduler", [{}, ZERO_SNR], ids=["as published", "zero SNR"])
async def test_sd2_draws_what_its_pipeline_draws(tmp_path, scheduler):
    folder = tinymodels.save_sd2(tmp_path / "sd2", scheduler=scheduler)
    assert find_model(folder).family == SD2
    await check_family(folder, drawer_of(folder, diffusers.StableDiffusionPipeline))


@pytest.mark.parametrize("save", [tinymodels.save_sd2, tinymodels.save_sdxl], ids=["sd2", "sdxl"])
async def test_every_scheduler_draws_from_pure_noise_as_the_pipeline_does(tmp_path, save):
    folder = save(tmp_path / "model", scheduler=ZERO_SNR | {"prediction_type": "v_prediction"})
    kind = XL if save is tinymodels.save_sdxl else diffusers.StableDiffusionPipeline
    pipeline = kind.from_pretrained(folder)
    own = pipeline.scheduler.config
    async with Engine.open(folder, device="cpu", dtype="float32") as engine:
        drawn = await asyncio.gather(*(draw(engine, "a red heart", scheduler=name) for name in SCHEDULERS))
    for (name, known), picture in zip(SCHEDULERS.items(), drawn, strict=True):
        class_name = known.class_name or own["_class_name"]
        pipeline.scheduler = getattr(diffusers, class_name).from_config(own, **known.settings)
        pipeline.set_progress_bar_config(disable=True)
        generator = torch.Generator("cpu").manual_seed(SEED)
        expected = np.asarray(pipeline("a red heart", generator=generator, **VALUES).images[0]).astype(int)
        assert difference(picture, expected) <= 1, name


async def test_guidance_is_rescaled_as_the_card_says(tmp_path):
    folder = tinymodels.save_sd2(tmp_path / "sd2", scheduler=ZERO_SNR)
    (folder / "model.toml").write_text("guidance_rescale = 0.7\nguidance = 9")
    reference = drawer_of(folder, diffusers.StableDiffusionPipeline)
    async with Engine.open(folder, device="cpu", dtype="float32") as engine:
        drawn = await draw(engine, "a red heart", guidance_scale=9.0)
    assert difference(drawn, reference("a red heart", guidance_scale=9.0, guidance_rescale=0.7)) <= 1
    assert difference(drawn, reference("a red heart", guidance_scale=9.0)) > 5


BLANK = Image.new("RGB", (64, 64), "white")
INPAINTING = [
    ("sd1", tinymodels.save_sd1, diffusers.StableDiffusionInpaintPipeline, {}),
    ("sd2", tinymodels.save_sd2, diffusers.StableDiffusionInpaintPipeline, {}),
    ("sdxl", tinymodels.save_sdxl, diffusers.StableDiffusionXLInpaintPipeline, {"add_watermarker": False}),
]


@pytest.mark.parametrize(
    ("save", "kind", "options"), [case[1:] for case in INPAINTING], ids=[case[0] for case in INPAINTING]
)
@pytest.mark.parametrize("class_name", ["", "EulerAncestralDiscreteScheduler"], ids=["own", "with noise"])
async def test_an_inpainting_model_paints_an_empty_picture_anew_as_its_pipeline_does(
    tmp_path, save, kind, options, class_name
):
    scheduler = {"_class_name": class_name} if class_name else {}
    folder = save(tmp_path / "model", unet={"in_channels": 9}, kind=kind, scheduler=scheduler)
    drawn = drawer_of(folder, kind, **options)

    def reference(*texts, width=64, height=64, **values):
        blank = {"image": BLANK, "mask_image": BLANK, "strength": 1.0}
        return drawn(*texts, width=width, height=height, **blank, **values)

    await check_family(folder, reference, CASES[:2])


LCM = {"_class_name": "LCMScheduler", "original_inference_steps": 50}


@pytest.mark.parametrize("guidance_scale", [1.0, 8.5])
async def test_an_lcm_draws_what_its_pipeline_draws(tmp_path, guidance_scale):
    kind = diffusers.LatentConsistencyModelPipeline
    folder = tinymodels.save_sd1(tmp_path / "lcm", unet={"time_cond_proj_dim": 16}, scheduler=LCM, kind=kind)
    pipeline = kind.from_pretrained(folder).to(dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)

    def reference(prompt, **values):
        generator = torch.Generator("cpu").manual_seed(SEED)
        return np.asarray(pipeline(prompt, generator=generator, **VALUES | values).images[0]).astype(int)

    values = {"guidance_scale": guidance_scale, "num_inference_steps": 4}
    await check_family(
        folder, reference, [(("a red heart",), values), (("a blue cat",), values | {"guidance_scale": 3.0})]
    )


async def test_an_sdxl_lcm_is_told_the_guidance_too(tmp_path):
    folder = tinymodels.save_sdxl(tmp_path / "lcm", unet={"time_cond_proj_dim": 17}, scheduler=LCM)
    await check_family(
        folder, drawer_of(folder, XL, add_watermarker=False), [(("a red heart",), {"guidance_scale": 8.0})]
    )


TURBO = {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing", "prediction_type": "epsilon"}


@pytest.mark.parametrize("save", [tinymodels.save_sd2, tinymodels.save_sdxl], ids=["sd2", "sdxl"])
async def test_a_turbo_model_draws_what_its_pipeline_draws_without_guidance(tmp_path, save):
    folder = save(tmp_path / "turbo", scheduler=TURBO)
    kind = XL if save is tinymodels.save_sdxl else diffusers.StableDiffusionPipeline
    reference = drawer_of(folder, kind)
    values = {"num_inference_steps": 2, "guidance_scale": 0.0}
    await check_family(folder, reference, [(("a red heart",), values), (("a blue cat",), values | {"width": 128})])


@pytest.mark.parametrize(
    ("variant", "values"),
    [
        ("lcm", {"unet": {"time_cond_proj_dim": 16}, "scheduler": LCM}),
        ("turbo", {"scheduler": TURBO}),
        ("", {"scheduler": {"timestep_spacing": "trailing", "prediction_type": "v_prediction"}}),
    ],
    ids=["lcm", "turbo", "none"],
)
def test_a_variant_is_known_by_the_configs(tmp_path, variant, values):
    card = find_model(tinymodels.save_sd1(tmp_path / "model", **values)).card
    assert (card.variant, card.steps) == (variant, 4 if variant else 50)


def test_a_card_makes_a_model_lightning(tmp_path):
    folder = tinymodels.save_sdxl(tmp_path / "model")
    (folder / "model.toml").write_text("variant = 'lightning'\nsteps = 8")
    found = find_model(folder)
    assert found.scheduler_config["timestep_spacing"] == "trailing"
    assert (found.card.variant, found.card.steps, found.card.guidance) == ("lightning", 8, 0.0)


@pytest.mark.parametrize(
    ("values", "request_", "rules"),
    [
        ({"scheduler": TURBO}, {"guidance_scale": 7.0, "negative_prompt": "green"}, ["guidance", "negative_prompt"]),
        ({"scheduler": TURBO}, {}, []),
        ({"scheduler": TURBO}, {"prompt": "a AND b", "negative_prompt": "green"}, []),
        (
            {"unet": {"time_cond_proj_dim": 16}},
            {"guidance_scale": 7.0, "negative_prompt": "green"},
            ["negative_prompt"],
        ),
        ({"scheduler": ZERO_SNR | {"_class_name": "DDIMScheduler"}}, {"scheduler": "deis"}, ["zero_snr"]),
        ({"scheduler": ZERO_SNR | {"_class_name": "DDIMScheduler"}}, {"scheduler": "euler"}, []),
        ({}, {"guidance_scale": 7.0, "negative_prompt": "green"}, []),
    ],
    ids=["turbo", "as it should be", "composed", "lcm", "zero snr lost", "zero snr", "none"],
)
async def test_what_a_model_does_not_heed_is_said(tmp_path, values, request_, rules):
    folder = tinymodels.save_sd1(tmp_path / "model", **values)
    if "rescale_betas_zero_snr" in values.get("scheduler", {}):
        (folder / "model.toml").write_text("variant = 'none'")
    async with Engine.open(folder, device="cpu", dtype="float32") as engine:
        asked = {"prompt": "a red heart", "width": 64, "height": 64, "num_inference_steps": 2, **request_}
        result = await engine.generate(GenerationRequest(**asked))
    assert [note.rule.removeprefix("unheeded_") for note in result.notes] == rules


async def test_a_model_that_draws_without_guidance_takes_one_row(tmp_path):
    folder = tinymodels.save_sd1(tmp_path / "model", scheduler=TURBO)
    async with Engine.open(folder, device="cpu", dtype="float32") as engine:
        drawn = [
            await draw(engine, "a red heart", negative, guidance_scale=scale)
            for negative, scale in (("", 0), ("green", 9))
        ]
    assert difference(*drawn) == 0


def test_sd1_is_known_by_its_configs(tmp_path):
    assert find_model(tinymodels.save_sd1(tmp_path / "sd1")).family == SD1
