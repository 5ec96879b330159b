"""Pictures with LoRAs: diffusers' own, batched with their like, and without a trace in anybody else's."""

import asyncio
import importlib.util
import os

import diffusers
import numpy as np
import pytest
import torch

from engine import Engine, GenerationRequest, InvalidRequest, OutOfMemory
from engine.lora import adapters as adapters_module
from engine.models import find_model

VALUES = {"width": 64, "height": 64, "num_inference_steps": 12, "guidance_scale": 5.0, "scheduler": "deis"}
SEED = 7


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory, save_lora):
    folder = tmp_path_factory.mktemp("models")
    save_lora(folder / "loras" / "pixel.safetensors", seed=1)
    save_lora(folder / "loras" / "styles" / "gold.safetensors", seed=2, form="kohya", alpha=2.0)
    save_lora(folder / "loras" / "koreanDollLikeness_v10.safetensors", seed=3, form="kohya")
    (folder / "loras" / "broken.safetensors").write_bytes(b"broken")
    return folder


@pytest.fixture(scope="module")
def engine(models_dir):
    engine = Engine.open("emoji", device="cpu", dtype="float32", models_dir=models_dir)
    engine.start()
    asyncio.run(engine.ready())
    yield engine
    asyncio.run(engine.close())


async def draw(engine, prompt="a red heart", **values):
    return await engine.generate(GenerationRequest(prompt=prompt, **{"seed": SEED, **VALUES, **values}))


def pixels(result) -> np.ndarray:
    return np.stack([np.asarray(picture.image).astype(int) for picture in result.pictures])


def pipeline_with(models_dir, weights, kind=diffusers.StableDiffusionPipeline):
    pipeline = kind.from_pretrained(find_model("emoji").path).to(dtype=torch.float32)
    files = {"gold": "styles/gold.safetensors"}
    for name in weights:
        file = files.get(name, f"{name}.safetensors")
        pipeline.load_lora_weights(models_dir / "loras", weight_name=file, adapter_name=name)
    pipeline.set_adapters(list(weights), list(weights.values()))
    pipeline.scheduler = diffusers.DEISMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def drawn_by(pipeline, prompt, **values) -> np.ndarray:
    settings = {name: value for name, value in VALUES.items() if name != "scheduler"} | values
    generator = torch.Generator("cpu").manual_seed(SEED)
    return np.asarray(pipeline(prompt, generator=generator, **settings).images[0]).astype(int)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")
@pytest.mark.parametrize(
    ("tags", "weights"),
    [
        ("<lora:pixel:0.8>", {"pixel": 0.8}),
        ("<lora:gold:-0.5>", {"gold": -0.5}),
        ("<lora:gold:0.4><lora:pixel:0.7>", {"pixel": 0.7, "gold": 0.4}),
        ("<lora:pixel:0.3:0.9>", {"pixel": {"text_encoder": 0.3, "unet": 0.9}}),
    ],
    ids=["one", "kohya", "several", "an encoder of its own"],
)
async def test_a_picture_with_loras_is_the_pipelines(engine, models_dir, tags, weights):
    result = await draw(engine, f"{tags}a red heart")
    expected = drawn_by(pipeline_with(models_dir, weights), "a red heart")
    assert np.abs(pixels(result)[0] - expected).max() <= 1
    assert result.notes == ()
    assert np.abs(pixels(await draw(engine))[0] - expected).max() > 4


@pytest.mark.slow
async def test_the_communitys_prompt_with_its_lora_is_the_community_pipelines(engine, models_dir):
    if not (file := os.environ.get("LPW_PIPELINE")):
        pytest.skip("LPW_PIPELINE does not name diffusers' examples/community/lpw_stable_diffusion.py")
    spec = importlib.util.spec_from_file_location("lpw_stable_diffusion", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pipeline = pipeline_with(
        models_dir, {"koreanDollLikeness_v10": 0.8}, module.StableDiffusionLongPromptWeightingPipeline
    )
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)
    prompt = (
        ", best quality, ultra high res, (photorealistic:1.4), 1woman, sleeveless white button shirt, black skirt, "
        "black choker, cute, (Kpop idol), (aegyo sal:1), (silver hair:1), ((puffy eyes)), looking at viewer, peace sign"
    )
    values = {
        "negative_prompt": "paintings, sketches, (worst quality:2), (low quality:2), (normal quality:2), lowres, normal "
        "quality, ((monochrome)), ((grayscale)), skin spots, acnes, skin blemishes, age spot, glans, nsfw, nipples",
        "num_inference_steps": 40,
        "guidance_scale": 10.0,
        "max_embeddings_multiples": 2,
    }
    expected = drawn_by(pipeline, prompt, **values)
    result = await draw(engine, f"<lora:koreanDollLikeness_v10:0.8>{prompt}", **values)
    assert result.notes == ()
    assert np.abs(pixels(result)[0] - expected).max() <= 2


async def test_pictures_without_loras_are_bit_for_bit_the_same_before_and_after(engine):
    before = pixels(await draw(engine, "a whale"))
    with_lora = pixels(await draw(engine, "<lora:pixel:0.8> <lora:gold:1> a whale"))
    assert np.array_equal(pixels(await draw(engine, "a whale")), before)
    assert not np.array_equal(with_lora, before)


async def test_pictures_in_company_are_those_drawn_alone(engine):
    prompts = [
        "a cat",
        "<lora:pixel:0.8>a cat",
        "<lora:pixel:0.3>a cat",
        "<lora:gold:1>a cat",
        "<lora:pixel:0:0.8>a cat",
    ]
    alone = [pixels(await draw(engine, prompt)) for prompt in prompts]
    together = map(pixels, await asyncio.gather(*(draw(engine, prompt) for prompt in prompts)))
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one - other).max() <= 1
    assert len({each.tobytes() for each in alone}) == len(prompts)


async def test_permutations_may_differ_in_their_loras(engine):
    both = pixels(await draw(engine, "{<lora:pixel:1>|<lora:gold:1>} a cat"))
    for number, tag in enumerate(("<lora:pixel:1>", "<lora:gold:1>")):
        assert np.abs(both[number] - pixels(await draw(engine, f"{tag} a cat"))[0]).max() <= 1


async def test_a_lora_of_weight_0_changes_nothing(engine):
    assert np.array_equal(pixels(await draw(engine, "<lora:pixel:0>a red heart")), pixels(await draw(engine)))


async def test_a_lora_that_is_not_known_is_noted_with_its_nearest(engine):
    [note] = (await draw(engine, "<lora:pixels:1>a red heart")).notes
    assert note.sentence == "LoRA 'pixels' is unknown and was left out; nearest: pixel"


async def test_a_lora_that_cannot_be_used_is_refused_before_anything_is_drawn(engine):
    with pytest.raises(InvalidRequest, match="LoRA 'broken' cannot be used"):
        await draw(engine, "<lora:broken:1>a red heart")
    with pytest.raises(InvalidRequest, match="LoRA 'broken' cannot be used"):
        engine.complete(GenerationRequest(prompt="<lora:broken:1>a red heart"))


async def test_a_lora_that_changed_is_drawn_with_as_it_is_now(engine, models_dir, save_lora):
    file = save_lora(models_dir / "loras" / "new.safetensors", seed=3)
    before = pixels(await draw(engine, "<lora:new:1>a red heart"))
    save_lora(file, seed=4)
    os.utime(file, ns=(1, 1))
    assert not np.array_equal(pixels(await draw(engine, "<lora:new:1>a red heart")), before)


async def test_a_lora_without_memory_fails_its_request_alone(engine, models_dir, save_lora, monkeypatch):
    save_lora(models_dir / "loras" / "large.safetensors", unet=r".*to_q", text="")
    prompts = ["<lora:pixel:0.8>a whale", "a whale"]
    before = [pixels(await draw(engine, prompt)) for prompt in prompts]
    inject = adapters_module.inject_adapter_in_model

    def refuse(config, *arguments, **options):
        if "to_q" in config.target_modules and "to_k" not in config.target_modules:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return inject(config, *arguments, **options)

    monkeypatch.setattr(adapters_module, "inject_adapter_in_model", refuse)
    drawings = (draw(engine, prompt) for prompt in ["<lora:large:1>a whale", *prompts])
    large, *others = await asyncio.gather(*drawings, return_exceptions=True)
    assert isinstance(large, OutOfMemory)
    for one, other in zip(before, map(pixels, others), strict=True):
        assert np.abs(one - other).max() <= 1
