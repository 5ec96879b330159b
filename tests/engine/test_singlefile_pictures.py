"""A model draws the same picture from its single file as from its folder, and asks nobody for anything."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import diffusers
import numpy as np
import pytest
from safetensors.torch import save_file
from singlefile import NAMES, SMALL, networks, single_file, vae_tensors

from engine import Engine, GenerationRequest, find_model
from engine.errors import InvalidModel
from engine.files import checkpoint
from engine.sources import Source, name_of
from engine.texts.vocabulary import Vocabulary, clip_tokenizer, find_vocabulary

PIPELINES = {
    "sd1": diffusers.StableDiffusionPipeline,
    "sd2": diffusers.StableDiffusionPipeline,
    "sdxl": diffusers.StableDiffusionXLPipeline,
}
INPAINTING = {
    "sd1": diffusers.StableDiffusionInpaintPipeline,
    "sd2": diffusers.StableDiffusionInpaintPipeline,
    "sdxl": diffusers.StableDiffusionXLInpaintPipeline,
}
REQUEST = GenerationRequest(
    prompt="a red heart", negative_prompt="blue", seed=7, num_inference_steps=3, width=64, height=64
)
PROOF = """
import os, socket, sys
def refuse(*_, **__):
    os.write(2, b"somebody asked the network")
    os._exit(3)
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from singlefile import SMALL
from engine.files import checkpoint
checkpoint.FAMILIES = tuple(SMALL.values())
from engine.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def families(monkeypatch):
    monkeypatch.setattr(checkpoint, "FAMILIES", tuple(SMALL.values()))


@pytest.fixture
def write(tmp_path):
    """A function that saves a small model as a folder and as a single file; where both are."""

    def write(name, *, in_channels=4, metadata=None):
        figures, parts = SMALL[name], networks(SMALL[name], in_channels=in_channels)
        prediction = figures.prediction_type if in_channels == 4 else "epsilon"
        scheduler = getattr(diffusers, figures.scheduler["_class_name"])
        parts["scheduler"] = scheduler.from_config({**figures.scheduler, "prediction_type": prediction})
        parts["unet"].register_to_config(sample_size=8)
        tokenizers = [clip_tokenizer(Vocabulary(find_vocabulary(), each)) for each in figures.pad_tokens]
        save_file(single_file(parts), tmp_path / f"{name}.safetensors", metadata)
        extra = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        pipeline = (PIPELINES if in_channels == 4 else INPAINTING)[name](
            **parts,
            **dict(zip(("tokenizer", "tokenizer_2"), tokenizers, strict=False)),
            **({} if name == "sdxl" else extra),
        )
        pipeline.save_pretrained(tmp_path / "folders" / name)
        return tmp_path / "folders" / name, tmp_path / f"{name}.safetensors"

    return write


async def picture(model, **options):
    async with Engine.open(model, device="cpu", dtype="float32", **options) as engine:
        return np.asarray((await engine.generate(REQUEST)).pictures[0].image)


@pytest.mark.parametrize("in_channels", [4, 9], ids=["base", "inpainting"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_single_file_draws_what_its_folder_draws(write, name, in_channels):
    folder, file = write(name, in_channels=in_channels)
    drawn = await picture(folder)
    assert drawn.std() > 1
    assert (await picture(file) == drawn).all()


async def test_a_request_asks_for_a_file_by_its_name(write, tmp_path):
    _, file = write("sd1")
    async with Engine.open("emoji", models_dir=tmp_path, device="cpu", dtype="float32") as engine:
        result = await engine.generate(replace(REQUEST, model="sd1"))
    assert (result.model, result.request.model) == ("sd1", "sd1")
    assert (np.asarray(result.pictures[0].image) == await picture(file)).all()


async def test_what_the_file_says_of_its_prediction_counts(write):
    _, noise = write("sd1")
    drawn = await picture(noise)
    _, velocity = write("sd1", metadata={"modelspec.prediction_type": "v"})
    assert (await picture(velocity) != drawn).any()


def test_a_file_is_found_by_its_name_in_the_models_folder_with_and_without_its_ending(write, tmp_path):
    _, file = write("sd1")
    for name in ("sd1", "sd1.safetensors", str(file)):
        found = find_model(name, models_dir=tmp_path)
        assert found.path == file
        assert (found.card.title, found.family) == ("sd1", "Stable Diffusion 1.x")
        assert (found.card.width, found.card.height) == (64, 64)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_takes_as_much_memory_as_its_folder(write, name):
    folder, file = write(name)
    assert Source.of(name, find_model(file)).weights == Source.of(name, find_model(folder)).weights


def test_requests_call_a_file_by_its_name_without_the_ending(write):
    _, file = write("sd1")
    assert [name_of(each) for each in (file, str(file), "sd1.safetensors", "sd1")] == ["sd1"] * 4


def test_an_unknown_name_is_refused_with_the_files_that_are_there(write, tmp_path):
    write("sd1")
    with pytest.raises(InvalidModel, match="known: emoji, sd1"):
        find_model("sd2", models_dir=tmp_path)


@pytest.mark.parametrize("name", ["old", "old.ckpt"])
def test_a_pickle_in_the_models_folder_is_refused(tmp_path, name):
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x02.")
    with pytest.raises(InvalidModel, match="loading a pickle runs its code"):
        find_model(name, models_dir=tmp_path)


@pytest.mark.parametrize("part", ["vae", "text_encoder"])
async def test_a_part_that_the_file_does_not_bring_is_named_or_taken_from_elsewhere(write, part):
    folder, file = write("sd1")
    drawn = await picture(folder)
    tensors = single_file(networks(SMALL["sd1"]))
    prefixes = checkpoint.PREFIXES[part]
    save_file({name: each for name, each in tensors.items() if not name.startswith(prefixes)}, file)
    with pytest.raises(InvalidModel, match=f"brings no {part}"):
        find_model(file)
    assert (await picture(file, **{part: folder}) == drawn).all()


async def test_another_tokenizer_takes_the_vocabularys_place(write):
    folder, file = write("sd2")
    assert find_model(file, tokenizer=folder).tokenizer == folder / "tokenizer"
    assert (await picture(file, tokenizer=folder) == await picture(folder)).all()


def test_the_card_beside_the_file_has_the_last_word(write):
    _, file = write("sd1", metadata={"modelspec.title": "Told", "modelspec.license": "OpenRAIL"})
    assert (find_model(file).card.title, find_model(file).card.licence) == ("Told", "OpenRAIL")
    file.with_suffix(".toml").write_text('title = "Mine"\nsteps = 9\n')
    assert (find_model(file).card.title, find_model(file).card.steps) == ("Mine", 9)


async def test_damaged_weights_are_one_sentence_when_the_model_is_loaded(write):
    _, file = write("sd1")
    tensors = single_file(networks(SMALL["sd1"]))
    save_file({name: each for name, each in tensors.items() if "output_blocks.5" not in name}, file)
    with pytest.raises(
        InvalidModel, match=r"sd1\.safetensors lacks \d+ weights of the unet that Stable Diffusion 1\.x has"
    ):
        await picture(file)


def test_nothing_is_asked_of_the_network_even_without_being_told_so(write, tmp_path):
    _, file = write("sdxl")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    environment |= {"PYTHONPATH": f"{Path(checkpoint.__file__).parents[1]}{os.pathsep}{Path(__file__).parent}"}
    picture = tmp_path / "drawn.png"
    arguments = ["a heart", "--model", str(file), "--steps", "2", "--device", "cpu", "-o", str(picture)]
    ended = subprocess.run(
        [sys.executable, "-c", PROOF, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, picture.is_file()) == (0, True), ended.stderr


@pytest.mark.parametrize("is_baked", [True, False], ids=["a VAE of its own", "none"])
async def test_the_card_names_a_vae_in_its_own_ones_place(write, tmp_path, is_baked):
    folder, file = write("sd1")
    parts = networks(SMALL["sd1"], seed=1)
    (tmp_path / "vae").mkdir()
    save_file(vae_tensors(parts["vae"]), tmp_path / "vae" / "vivid.safetensors")
    parts["vae"].save_pretrained(tmp_path / "elsewhere")
    if not is_baked:
        tensors = single_file(networks(SMALL["sd1"]))
        save_file({name: each for name, each in tensors.items() if not name.startswith("first_stage_model.")}, file)
    file.with_suffix(".toml").write_text('vae = "vivid"\n')
    drawn = await picture(file, models_dir=tmp_path)
    assert (drawn == await picture(folder, vae=tmp_path / "elsewhere")).all()
    assert (drawn != await picture(folder)).any()
