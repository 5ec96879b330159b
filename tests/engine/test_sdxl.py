"""What is peculiar to SDXL: two text encoders, a text as a whole, sizes, and a VAE that overflows."""

import asyncio
import dataclasses
import json

import diffusers
import numpy as np
import pytest
import tinymodels
import torch
import transformers
from madeloras import save_lora
from safetensors.torch import load_file, save_file

from engine import Engine, GenerationRequest, InvalidRequest
from engine.conditioning import TextEncoder
from engine.devices import choose_device
from engine.latents import decode
from engine.loading import load
from engine.models import find_model
from engine.reading import read
from engine.texts.embeddings import Embeddings

VALUES = {"width": 64, "height": 64, "num_inference_steps": 4, "guidance_scale": 5.0}
SEED = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tinymodels.save_sdxl(tmp_path_factory.mktemp("models") / "sdxl")


@pytest.fixture(scope="module")
def model(folder):
    return load(find_model(folder), choose_device("cpu", "float32"))


@pytest.fixture
def pipeline(folder):
    return pipeline_of(folder)


def pipeline_of(folder):
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(dtype=torch.float32)


@pytest.fixture
def encode(model):
    """A function from a prompt to what its rows are told at a step."""

    def encode(prompt: str, negative_prompt: str = "", *, model=model, step=0, **values):
        values = {"guidance_scale": 5.0, "num_inference_steps": 10, **values}
        request = GenerationRequest(prompt=prompt, negative_prompt=negative_prompt, **values)
        card = find_model("emoji").card
        with torch.inference_mode():
            return TextEncoder(model).encode(read(request.completed(card), 0)).at(step)

    return encode


def alone(told, row: int):
    return told.embeds[row], told.pooled[row]


def same(one, other) -> bool:
    return all(torch.allclose(*pair, atol=1e-5) for pair in zip(one, other, strict=True))


def encoded_by(pipeline, prompt, **values):
    embeds, negative, pooled, negative_pooled = pipeline.encode_prompt(prompt, device="cpu", **values)
    return torch.cat([negative, embeds]), torch.cat([negative_pooled, pooled])


@pytest.mark.parametrize("negative_prompt", ["", "green"])
def test_texts_are_encoded_as_the_pipeline_encodes_them(encode, pipeline, negative_prompt):
    told = encode("a red heart", negative_prompt)
    expected = encoded_by(pipeline, "a red heart", negative_prompt=negative_prompt or None)
    assert same((told.embeds, told.pooled), expected)
    assert bool(told.embeds[0].any()) is (negative_prompt != "")


def test_a_model_may_encode_the_empty_negative_prompt(encode, model, pipeline):
    told = encode("a red heart", model=dataclasses.replace(model, has_zeros_for_empty=False))
    assert same((told.embeds, told.pooled), encoded_by(pipeline, "a red heart", negative_prompt=""))


@pytest.mark.parametrize(("clip_skip", "theirs"), [(1, None), (2, None), (3, 1)])
def test_clip_skip_counts_from_the_last_layer_and_begins_at_the_last_but_one(encode, pipeline, clip_skip, theirs):
    told = encode("a red heart", clip_skip=clip_skip)
    assert same((told.embeds, told.pooled), encoded_by(pipeline, "a red heart", clip_skip=theirs))


def test_a_long_prompt_is_told_as_a_whole_by_its_first_chunk(encode):
    long = encode("a red heart BREAK a blue cat")
    assert long.embeds.shape[1] == 2 * 77
    assert torch.allclose(long.pooled, encode("a red heart").pooled, atol=1e-5)


def test_weights_only_multiply(encode):
    plain, weighed = encode("a red heart").embeds[1], encode("(a red heart:1.5)").embeds[1]
    assert torch.allclose(weighed[1:4], 1.5 * plain[1:4], atol=1e-4)
    assert torch.equal(weighed[0], plain[0])


def test_every_operand_of_and_is_told_its_own_text(encode):
    told = encode("a red heart AND a blue cat", "green")
    for row, prompt in ((1, "a red heart"), (2, "a blue cat")):
        assert same(alone(told, row), alone(encode(prompt), 1))


def test_a_scheduled_prompt_changes_at_its_step_as_a_whole(encode):
    for step, prompt in ((2, "a red heart"), (3, "a blue heart")):
        assert same(alone(encode("a [red:blue:0.3] heart", step=step), 1), alone(encode(prompt), 1))


def test_an_embedding_has_vectors_for_both_text_encoders(encode, model, tmp_path):
    number = model.tokenizer("cat").input_ids[1]
    tables = [encoder.get_input_embeddings().weight[[number] * 2].clone() for _, encoder in model.text_encoders]
    save_file(dict(zip(("clip_l", "clip_g"), tables, strict=True)), tmp_path / "twocats.safetensors")
    known = dataclasses.replace(model, embeddings=Embeddings([tmp_path], widths=[32, 48]))
    told, expected = encode("a twocats heart", model=known), encode("a cat cat heart")
    assert same(alone(told, 1), alone(expected, 1))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"emb_params": torch.zeros(1, 32)}, "holds 1 tensors, an embedding for this model is clip_l and clip_g"),
        ({"clip_l": torch.zeros(1, 32), "clip_g": torch.zeros(2, 48)}, "holds 1 and 2 vectors for one word"),
        ({"clip_l": torch.zeros(1, 48), "clip_g": torch.zeros(1, 32)}, "is for another model"),
    ],
    ids=["one encoder's", "uneven", "widths"],
)
def test_an_embedding_for_other_text_encoders_is_left_out(tmp_path, content, reason):
    save_file(content, tmp_path / "gold.safetensors")
    [note] = Embeddings([tmp_path], widths=[32, 48]).notes("gold")
    assert reason in note.sentence


def sgm_names(file):
    """Let a LoRA of kohya's call the U-Net's blocks as Stability AI's code does, which is how most are found."""
    names = {
        "down_blocks_0_attentions_0": "input_blocks_1_1",
        "up_blocks_1_attentions_0": "output_blocks_2_1",
        "up_blocks_1_attentions_1": "output_blocks_3_1",
        "mid_block_attentions_0": "middle_block_1",
    }
    tensors = load_file(file)
    for ours, theirs in names.items():
        tensors = {key.replace(f"lora_unet_{ours}", f"lora_unet_{theirs}"): value for key, value in tensors.items()}
    assert any("input_blocks" in key for key in tensors)
    save_file(tensors, file)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory, folder):
    networks = {
        "unet": diffusers.UNet2DConditionModel.from_pretrained(folder / "unet"),
        "text_encoder": transformers.CLIPTextModel.from_pretrained(folder / "text_encoder"),
        "text_encoder_2": transformers.CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2"),
    }
    models_dir = tmp_path_factory.mktemp("models_dir")
    loras = models_dir / "loras"
    save_lora(networks, loras / "plain.safetensors")
    save_lora(networks, loras / "kohya.safetensors", form="kohya", alpha=2.0, seed=5)
    save_lora(networks, loras / "sgm.safetensors", form="kohya", seed=9, unet=r".*attn\d\.to_[qkv]")
    sgm_names(loras / "sgm.safetensors")
    save_lora({"unet": networks["unet"]}, loras / "sd1.safetensors", unet=r".*attn2\.to_k")
    tensors = load_file(loras / "sd1.safetensors")
    narrow = {key: value[:, :1].expand(-1, 768).clone() if "lora_A" in key else value for key, value in tensors.items()}
    save_file(narrow, loras / "sd1.safetensors")
    return models_dir


@pytest.fixture(scope="module")
def engine(folder, models_dir):
    engine = Engine.open(folder, device="cpu", dtype="float32", models_dir=models_dir)
    engine.start()
    asyncio.run(engine.ready())
    yield engine
    asyncio.run(engine.close())


async def draw(engine, prompt: str) -> np.ndarray:
    result = await engine.generate(GenerationRequest(prompt=prompt, seed=SEED, **VALUES))
    return np.asarray(result.pictures[0].image).astype(int)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")
@pytest.mark.parametrize(
    ("tags", "weights"),
    [
        ("<lora:plain:0.8>", {"plain": 0.8}),
        ("<lora:kohya:0.5>", {"kohya": 0.5}),
        ("<lora:sgm:1>", {"sgm": 1.0}),
        ("<lora:plain:0.3><lora:kohya:0.6>", {"plain": 0.3, "kohya": 0.6}),
    ],
    ids=["diffusers", "kohya", "sgm", "several"],
)
async def test_a_lora_changes_both_text_encoders_as_the_pipelines_does(engine, pipeline, models_dir, tags, weights):
    for name in weights:
        pipeline.load_lora_weights(models_dir / "loras", weight_name=f"{name}.safetensors", adapter_name=name)
    pipeline.set_adapters(list(weights), list(weights.values()))
    expected = pipeline("a red heart", generator=torch.Generator("cpu").manual_seed(SEED), **VALUES).images[0]
    drawn, without = await asyncio.gather(draw(engine, f"{tags}a red heart"), draw(engine, "a red heart"))
    assert np.abs(drawn - np.asarray(expected)).max() <= 1
    assert np.abs(drawn - without).max() > 5


async def test_a_lora_of_another_family_is_refused_by_a_sentence_that_names_both(engine):
    sentence = r"LoRA 'sd1' was made for Stable Diffusion 1\.x and does not fit sdxl \(Stable Diffusion XL\)"
    with pytest.raises(InvalidRequest, match=sentence):
        await draw(engine, "<lora:sd1:1>a red heart")


@pytest.mark.parametrize(
    ("force_upcast", "dtype", "expected"),
    [(True, "float16", torch.float32), (False, "float16", torch.float16), (True, "bfloat16", torch.bfloat16)],
)
def test_a_vae_that_overflows_in_half_precision_decodes_in_full(tmp_path, force_upcast, dtype, expected):
    folder = tinymodels.save_sdxl(tmp_path / "sdxl")
    file = folder / "vae" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"force_upcast": force_upcast}))
    loaded = load(find_model(folder), choose_device("cpu", dtype))
    assert (loaded.vae.dtype, loaded.unet.dtype) == (expected, loaded.dtype)
    with torch.inference_mode():
        [pixels] = decode(loaded, [torch.zeros(1, 4, 8, 8)])
    assert (pixels.dtype, pixels.shape) == (torch.float32, (1, 3, 64, 64))


def test_latents_are_brought_to_the_mean_and_deviation_that_the_vae_names(tmp_path, model):
    folder = tinymodels.save_sdxl(tmp_path / "sdxl")
    file = folder / "vae" / "config.json"
    means = {"latents_mean": [-1.6, 1.1, 3.0, -0.4], "latents_std": [8.4, 5.9, 5.0, 7.0]}
    file.write_text(json.dumps(json.loads(file.read_text()) | means))
    loaded = load(find_model(folder), choose_device("cpu", "float32"))
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(values).view(1, 4, 1, 1) for values in means.values())
    with torch.inference_mode():
        scaled = latents * std + mean * model.vae.config.scaling_factor
        assert torch.allclose(decode(loaded, [latents])[0], decode(model, [scaled])[0], atol=1e-4)
