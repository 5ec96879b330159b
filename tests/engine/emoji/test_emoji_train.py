"""The training: each stage alone at a tiny size, resumed after a stop, and all of them from nothing in one command."""

from __future__ import annotations

import json
import math
import random
from copy import deepcopy

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from engine import find_model
from engine.emoji.dataset.scenes import draw, weights
from engine.emoji.evaluate import classifier
from engine.emoji.train import __main__ as train_main
from engine.emoji.train import companions, denoiser, shapes, tokenizer, vae
from engine.emoji.train.companions import LORAS, Lessons, train_embedding, train_lora
from engine.emoji.train.denoiser import Denoiser, Scenes, train_denoiser
from engine.emoji.train.latents import LatentStore, encode
from engine.emoji.train.run import Budget, Checkpoint, Run
from engine.emoji.train.tokenizer import train_tokenizer
from engine.emoji.train.vae import train_vae

CPU = torch.device("cpu")
TINY_UNET = {**shapes.UNET, "block_out_channels": (16, 16, 32), "norm_num_groups": 8, "attention_head_dim": 4}
TINY_TEXT = {**shapes.TEXT_ENCODER, "num_hidden_layers": 1}


@pytest.fixture(scope="module")
def own_tokenizer(all_pools, captions):
    patch = pytest.MonkeyPatch()
    patch.setattr(tokenizer, "CAPTIONS", 500)
    yield train_tokenizer(all_pools, captions, seed=1)
    patch.undo()


@pytest.fixture(scope="module")
def bundled_vae():
    folder = find_model("emoji").path / "vae"
    return AutoencoderKL.from_pretrained(folder).float().eval().requires_grad_(False)


@pytest.fixture
def student(own_tokenizer, monkeypatch):
    """A denoiser of a few thousand parameters, always the same."""
    monkeypatch.setattr(denoiser, "BATCH", 2)
    torch.manual_seed(0)
    marks = {"bos_token_id": own_tokenizer.bos_token_id, "eos_token_id": own_tokenizer.eos_token_id}
    return Denoiser(
        own_tokenizer,
        CLIPTextModel(CLIPTextConfig(**TINY_TEXT, **marks)),
        UNet2DConditionModel(**TINY_UNET),
        DDPMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction"
        ),
    )


@pytest.fixture
def scenes(all_pools, bundled_vae, pictures, captions, emoji, tmp_path):
    return Scenes(all_pools, LatentStore(tmp_path / "latents", bundled_vae, pictures), captions, weights(emoji))


def parameters(of):
    return torch.cat([parameter.detach().flatten() for parameter in of.parameters()])


# --- tokenizer


def test_words_of_the_data_become_few_tokens(own_tokenizer):
    assert len(own_tokenizer("a dog face on a blue background").input_ids) <= 12


@pytest.mark.parametrize("text", ["猫", "ßharp", "!?", "🐱", "x1y2"])
def test_no_script_is_unknown(own_tokenizer, text):
    ids = own_tokenizer(text, add_special_tokens=False).input_ids
    assert ids
    assert own_tokenizer.eos_token_id not in ids


def test_a_prompt_stands_between_the_two_marks(own_tokenizer):
    ids = own_tokenizer("dog").input_ids
    assert (ids[0], ids[-1]) == (own_tokenizer.bos_token_id, own_tokenizer.eos_token_id)


def test_token_ids_fit_the_text_encoder(own_tokenizer):
    assert max(own_tokenizer.get_vocab().values()) < shapes.VOCABULARY


# --- latents


def test_a_scene_is_encoded_once_and_kept(all_pools, bundled_vae, pictures, tmp_path, monkeypatch):
    [plain, *_] = all_pools
    numbers = np.array([3, 5, 3])
    first = LatentStore(tmp_path, bundled_vae, pictures).get(plain, numbers)
    monkeypatch.setattr("engine.emoji.train.latents.encode", None)
    again = LatentStore(tmp_path, bundled_vae, pictures).get(plain, numbers)
    assert torch.equal(first, again)
    assert torch.equal(first[0], first[2])


def test_latents_decode_to_their_scene(all_pools, bundled_vae, pictures):
    picture = draw(all_pools[0].make(4), pictures)
    latents = encode(bundled_vae, picture[None])
    with torch.no_grad():
        decoded = bundled_vae.decode(latents / bundled_vae.config.scaling_factor).sample[0]
    shown = ((decoded.permute(1, 2, 0).clamp(-1, 1) + 1) * 127.5).numpy()
    assert latents.shape == (1, 4, 16, 16)
    assert np.abs(shown - picture).mean() < 8


# --- the budget of time


def test_a_budget_of_steps_takes_exactly_so_many():
    assert list(Budget(0.0, steps=3)) == [0, 1, 2]


def test_time_in_which_the_process_stood_still_does_not_count(monkeypatch):
    clock = iter([0.0, 1.0, 5000.0, 5001.0, 5002.0])
    monkeypatch.setattr("engine.emoji.train.run.time.monotonic", lambda: next(clock))
    budget = Budget(12.5)
    assert list(budget) == [0, 1, 2, 3]
    assert budget.spent_s == 13.0


def test_the_learning_rate_rises_then_falls_to_almost_nothing():
    rates = [Budget(1.0, steps=1000, done=done).rate for done in range(1000)]
    top = rates.index(max(rates))
    assert 10 < top < 50
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 0.02
    assert max(rates) > 0.99


def test_a_checkpoint_is_replaced_whole(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "x.pt")
    checkpoint.save({"number": 1})

    def torn(_, path):
        path.write_bytes(b"half a")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save({"number": 2})
    assert checkpoint.load() == {"number": 1}


# --- text encoder and U-Net


def test_a_batch_has_one_size_and_a_caption_each(scenes):
    for step in range(8):
        latents, texts = scenes.batch(step, seed=1)
        assert latents.shape[1] == 4
        assert len(latents) == len(texts) == 32 * 256 // (latents.shape[2] * latents.shape[3])


def test_all_sizes_come_up(scenes, monkeypatch):
    monkeypatch.setattr(denoiser, "BATCH", 2)
    assert {tuple(scenes.batch(step, seed=1)[0].shape[2:]) for step in range(40)} == {(16, 16), (16, 24), (24, 16)}


def test_training_lowers_the_loss(student, scenes, tmp_path):
    run = Run(tmp_path, CPU, 1)
    batches = [(scenes.batch(step, 1), step) for step in range(4)]

    def loss():
        with torch.no_grad():
            return sum(float(denoiser.denoising_loss(student, batch, step, run)) for batch, step in batches)

    before = loss()
    train_denoiser(student, scenes, Budget(0.0, steps=60), run)
    assert loss() < before


def test_an_interrupted_training_ends_as_if_it_had_not_been(student, scenes, tmp_path):
    twin, straight, halted = deepcopy(student), Run(tmp_path / "a", CPU, 1), Run(tmp_path / "b", CPU, 1)
    train_denoiser(student, scenes, Budget(0.0, steps=6), straight)

    class Halting(Budget):
        def __iter__(self):
            for step in super().__iter__():
                if self.done == 3 and not resumed:
                    raise KeyboardInterrupt
                yield step

    resumed = False
    again = deepcopy(twin)
    patch = pytest.MonkeyPatch()
    patch.setattr("engine.emoji.train.run.CHECKPOINT_EVERY_S", -1.0)
    with pytest.raises(KeyboardInterrupt):
        train_denoiser(twin, scenes, Halting(0.0, steps=6), halted)
    patch.undo()
    train_denoiser(again, scenes, Budget(0.0, steps=6), halted)
    assert torch.allclose(parameters(again), parameters(student), atol=1e-6)


# --- VAE


def test_a_new_vae_learns_and_scales_its_latents_to_one(all_pools, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(vae, "BATCH", 4)
    monkeypatch.setattr(vae, "MEASURED_SCENES", 64)
    trained = train_vae(all_pools, pictures, Budget(0.0, steps=3), Run(tmp_path, CPU, 1))
    shown = np.stack([draw(all_pools[0].make(number), pictures) for number in range(0, 108, 2)])
    assert 0.7 < float(encode(trained, shown).std()) < 1.4
    assert trained.config.block_out_channels == shapes.VAE["block_out_channels"]


# --- companions


@pytest.fixture
def lessons(emoji, pictures, all_pools, captions, bundled_vae, monkeypatch):
    monkeypatch.setattr(companions, "BATCH", 2)
    return Lessons(emoji, pictures, all_pools[0], captions, bundled_vae)


@pytest.fixture
def bundled():
    pipeline = StableDiffusionPipeline.from_pretrained(find_model("emoji").path).to(dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def drawn(pipeline, prompt, **options):
    options = {"num_inference_steps": 2, "generator": torch.Generator().manual_seed(1), "output_type": "np", **options}
    return pipeline(prompt, **options).images


@pytest.mark.parametrize("name", LORAS)
def test_a_lora_is_written_as_diffusers_reads_it(name, bundled, lessons, tmp_path):
    plain = drawn(bundled, "a dog face")
    teacher = Denoiser(
        bundled.tokenizer, bundled.text_encoder, bundled.unet, DDPMScheduler.from_config(bundled.scheduler.config)
    )
    run = Run(tmp_path, CPU, 1)
    train_lora(name, teacher, lessons, budget=Budget(0.0, steps=2), run=run, folder=tmp_path / "loras")
    assert np.abs(drawn(bundled, "a dog face") - plain).max() < 1e-5, "the model itself is left as it was"
    bundled.load_lora_weights(tmp_path / "loras", weight_name=f"{name}.safetensors", adapter_name=name)
    assert np.abs(drawn(bundled, "a dog face") - plain).max() > 0.01


def test_an_embedding_is_written_as_diffusers_reads_it(bundled, lessons, tmp_path):
    words = bundled.text_encoder.get_input_embeddings().weight.detach().clone()
    teacher = Denoiser(
        bundled.tokenizer, bundled.text_encoder, bundled.unet, DDPMScheduler.from_config(bundled.scheduler.config)
    )
    run = Run(tmp_path, CPU, 1)
    train_embedding(teacher, lessons, budget=Budget(0.0, steps=2), run=run, folder=tmp_path / "embeddings")
    assert torch.equal(bundled.text_encoder.get_input_embeddings().weight, words), "the model's own words are left"
    bundled.load_textual_inversion(tmp_path / "embeddings" / "gold.safetensors")
    with_word, without = drawn(bundled, "a <gold> dog face"), drawn(bundled, "a dog face")
    assert "<gold>" in bundled.tokenizer.get_vocab()
    assert np.abs(with_word - without).max() > 0.01


# --- the command


@pytest.fixture
def quick(source, tmp_path, monkeypatch):
    """The command line, with tiny networks and as few steps as there can be."""
    monkeypatch.setattr(shapes, "UNET", TINY_UNET)
    monkeypatch.setattr(shapes, "TEXT_ENCODER", TINY_TEXT)
    monkeypatch.setattr(tokenizer, "CAPTIONS", 300)
    monkeypatch.setattr(vae, "MEASURED_SCENES", 2)
    for module in (vae, denoiser, companions):
        monkeypatch.setattr(module, "BATCH", 2)

    def call(*options):
        places = ["--pictures", source, "--words", source, "--work", tmp_path / "work", "--threads", 1]
        quickly = ["--minutes", 0.01, "--steps", 2, "--device", "cpu"]
        return train_main.main([str(word) for word in (tmp_path / "out", *places, *quickly, *options)])

    return call


def test_one_command_makes_a_model_from_nothing_that_the_engine_takes(quick, tmp_path):
    assert quick("--no-evaluate") == 0
    model = find_model(str(tmp_path / "out"))
    assert (model.card.width, model.card.height) == (128, 128)
    assert {file.name for file in (tmp_path / "out").rglob("*.safetensors")} >= {
        "pixel.safetensors",
        "sketch.safetensors",
        "gold.safetensors",
    }


def test_a_second_call_goes_on_where_the_first_ended(quick, tmp_path, monkeypatch):
    quick("--no-evaluate")
    weights_file = tmp_path / "out" / "unet" / "diffusion_pytorch_model.safetensors"
    before = weights_file.read_bytes()
    for stage in ("train_tokenizer", "train_vae", "train_denoiser", "train_lora", "train_embedding"):
        monkeypatch.setattr(train_main, stage, None)
    assert quick("--no-evaluate") == 0
    assert weights_file.read_bytes() == before


def test_it_measures_what_it_made_and_writes_the_card(quick, tmp_path, monkeypatch):
    found = train_main.evaluate
    monkeypatch.setattr(classifier, "BATCH", 2)
    monkeypatch.setattr(classifier, "CHECKED", 1)
    monkeypatch.setattr(
        train_main,
        "evaluate",
        lambda *words, **options: found(*words, **{**options, "subjects": 1, "classifier_steps": 1}),
    )
    assert quick() == 0
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert "Trained for 0.01 minutes from nothing." in card
    assert "| background colour right |" in card


def test_it_starts_from_given_weights(quick, tmp_path):
    base = find_model("emoji").path
    assert quick("--no-evaluate", "--from", base) == 0
    made = json.loads((tmp_path / "out" / "unet" / "config.json").read_text())
    assert made["block_out_channels"] == json.loads((base / "unet" / "config.json").read_text())["block_out_channels"]
    ours = AutoencoderKL.from_pretrained(tmp_path / "out" / "vae").state_dict()
    theirs = AutoencoderKL.from_pretrained(base / "vae").state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_work_folder_belongs_to_one_run(quick, capsys):
    quick("--no-evaluate")
    assert quick("--no-evaluate", "--seed", 2) == 2
    assert "holds a run with another --from or --seed" in capsys.readouterr().err


def test_a_missing_source_is_one_sentence(quick, capsys, tmp_path):
    assert quick("--pictures", tmp_path) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_an_interruption_says_how_to_go_on(quick, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_main, "train_vae", interrupted)
    assert quick() == 130
    assert "goes on from the last checkpoint" in capsys.readouterr().err


def test_seeds_of_batches_depend_on_the_step_alone(scenes):
    first, texts = scenes.batch(5, seed=1)
    random.seed(0)
    torch.manual_seed(123)
    again, same_texts = scenes.batch(5, seed=1)
    assert torch.equal(first, again)
    assert texts == same_texts
    assert math.isfinite(float(first.sum()))


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a card")
def test_a_device_that_is_not_there_is_one_sentence(quick, capsys):
    assert quick("--device", "cuda") == 2
    assert capsys.readouterr().err.startswith("error: ")
