import json
import logging
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import load_file, save_file

from engine.devices import Device, choose_device
from engine.errors import InvalidModel
from engine.loading import load
from engine.models import find_model
from engine.safety import is_flagged

BUNDLED = find_model("emoji").path
CPU = Device(torch.device("cpu"), torch.float32)
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path):
    """A copy of the bundled model that may be changed."""
    return Path(shutil.copytree(BUNDLED, tmp_path / "copy"))


def test_half_precision_files_become_float32_on_the_cpu(model):
    for part in (model.unet, model.vae, model.text_encoder):
        assert {parameter.dtype for parameter in part.parameters()} == {torch.float32}


def test_a_loaded_model_takes_no_gradients_and_is_not_training(model):
    for part in (model.unet, model.vae, model.text_encoder):
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())


def test_a_loaded_model_knows_its_measures(model):
    assert (model.vae_scale_factor, model.latent_channels) == (8, 4)
    assert model.scheduler_config["_class_name"] == "PNDMScheduler"
    assert model.safety_checker is None


def test_the_tokenizer_is_the_models_own(model):
    assert model.tokenizer.model_max_length == 77
    assert model.tokenizer("a red heart").input_ids[0] == model.tokenizer.bos_token_id


def test_half_precision_files_by_name_are_loaded(folder):
    (folder / UNET).rename(folder / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    (folder / "text_encoder" / "model.safetensors").rename(folder / "text_encoder" / "model.fp16.safetensors")
    assert load(find_model(folder), CPU).unet.dtype == torch.float32


def test_weights_in_several_files_are_loaded(folder):
    tensors = load_file(folder / UNET)
    (folder / UNET).unlink()
    names = sorted(tensors)
    index = {"metadata": {"total_size": 0}, "weight_map": {}}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / "unet" / file, metadata={"format": "pt"})
        index["weight_map"] |= dict.fromkeys(part, file)
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    loaded = load(find_model(folder), CPU).unet
    assert torch.equal(loaded.conv_in.weight, tensors["conv_in.weight"].float())


@pytest.mark.parametrize("file", [UNET, "text_encoder/model.safetensors"], ids=["diffusers", "transformers"])
def test_weights_that_lack_a_tensor_are_refused_instead_of_filled_with_noise(folder, file):
    tensors = load_file(folder / file)
    missing = min(tensors)
    del tensors[missing]
    save_file(tensors, folder / file, metadata={"format": "pt"})
    with pytest.raises(InvalidModel) as caught:
        load(find_model(folder), CPU)
    assert str((folder / file).parent) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("unet/config.json", {"block_out_channels": [96, 160, 224]}),
        ("unet/config.json", {"act_fn": "nonsense"}),
        ("unet/config.json", {"down_block_types": ["NoSuchBlock"] * 3}),
        ("unet/config.json", {"norm_num_groups": 0}),
        ("text_encoder/config.json", {"num_attention_heads": 5}),
        ("vae/config.json", {"layers_per_block": "one"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_a_library_refuses_becomes_one_sentence(folder, file, values):
    config = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(config | values))
    with pytest.raises(InvalidModel) as caught:
        load(find_model(folder), CPU)
    assert str((folder / file).parent) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_scheduler_that_diffusers_has_not_is_refused(folder):
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"_class_name": "UNet2DConditionModel"}))
    with pytest.raises(InvalidModel, match="which is no scheduler of diffusers"):
        load(find_model(folder), CPU)


def test_a_scheduler_config_that_its_class_refuses_is_refused(folder):
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"beta_schedule": "nonsense"}))
    with pytest.raises(InvalidModel, match=r"scheduler_config\.json cannot be loaded: .*nonsense"):
        load(find_model(folder), CPU)


@pytest.mark.parametrize("class_name", ["FlowMatchEulerDiscreteScheduler", "RePaintScheduler", "KarrasVeScheduler"])
def test_a_scheduler_that_needs_more_than_a_prediction_is_refused(folder, class_name):
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({"_class_name": class_name, "num_train_timesteps": 1000}))
    with pytest.raises(InvalidModel, match=r"scheduler_config\.json cannot be loaded: "):
        load(find_model(folder), CPU)


@pytest.fixture
def checked_folder(folder):
    """A copy of the bundled model with a tiny safety checker, which is diffusers' own."""
    small = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 1, "num_hidden_layers": 1}
    config = transformers.CLIPConfig(
        text_config=small, vision_config=small | {"image_size": 32, "patch_size": 8}, projection_dim=8
    )
    StableDiffusionSafetyChecker(config).save_pretrained(folder / "safety_checker")
    (folder / "feature_extractor").mkdir()
    (folder / "feature_extractor" / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPFeatureExtractor", "size": 32, "crop_size": 32, "do_resize": True})
    )
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPFeatureExtractor"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def test_a_safety_checker_is_loaded_where_the_model_brings_one(checked_folder):
    found = find_model(checked_folder)
    loaded = load(found, CPU)
    assert found.has_safety_checker
    assert isinstance(loaded.safety_checker, StableDiffusionSafetyChecker)
    assert loaded.feature_extractor is not None


def test_nobody_is_told_of_a_black_picture_that_nobody_gets(checked_folder, caplog):
    loaded = load(find_model(checked_folder), CPU)
    torch.nn.init.constant_(loaded.safety_checker.concept_embeds_weights, -2)  # below every cosine
    log = logging.getLogger(StableDiffusionSafetyChecker.__module__)
    log.addHandler(caplog.handler)
    try:
        assert is_flagged(loaded, Image.new("RGB", (32, 32)))
    finally:
        log.removeHandler(caplog.handler)
    assert caplog.messages == []


def test_a_text_encoder_is_taken_out_of_a_whole_clip_model(folder, tmp_path):
    text = transformers.CLIPTextConfig(**json.loads((folder / "text_encoder" / "config.json").read_text()))
    small = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 1, "num_hidden_layers": 1}
    vision = transformers.CLIPVisionConfig(**small, image_size=32, patch_size=8)
    clip = transformers.CLIPModel(
        transformers.CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=192)
    )
    clip.save_pretrained(tmp_path / "clip")
    loaded = load(find_model(folder, text_encoder=tmp_path / "clip"), CPU)
    inside = clip.text_model.embeddings.token_embedding.weight
    assert any(torch.equal(parameter, inside) for parameter in loaded.text_encoder.parameters())


def test_loading_says_nothing_and_warns_of_nothing():
    script = (
        "from engine.models import find_model; from engine.loading import load; from engine.devices import choose_device;"
        "load(find_model('emoji'), choose_device('cpu', 'auto'))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_on_cuda_a_model_is_half_precision_and_channels_last():
    model = load(find_model("emoji"), choose_device("cuda", "auto"))
    assert model.unet.dtype == torch.float16
    assert model.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)


def test_another_precision_is_loaded_when_asked_for():
    model = load(find_model("emoji"), replace(CPU, dtype=torch.bfloat16))
    assert model.unet.dtype == torch.bfloat16
