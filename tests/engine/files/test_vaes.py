"""VAEs of the operator's: by name, as folders and as files, in place of a model's own."""

import json
import shutil
from pathlib import Path

import diffusers
import numpy as np
import pytest
import tinymodels
import torch
from safetensors.torch import load_file, save_file

from engine import Engine, GenerationRequest, InvalidModel, find_model
from engine.devices import choose_device
from engine.files.vaes import named_vae, places_of_vaes
from engine.loading import load

WEIGHTS = "diffusion_pytorch_model.safetensors"
CPU = choose_device("cpu", "float32")
OLD = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


@pytest.fixture(scope="module")
def vae():
    """A VAE of the tiny models' shape with other weights, and attention, which the bundled one lacks."""
    config = json.loads((tinymodels.EMOJI / "vae" / "config.json").read_text()) | {"mid_block_add_attention": True}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return diffusers.AutoencoderKL.from_config(config)


@pytest.fixture
def folder(tmp_path, vae):
    """A model whose own VAE is of that shape."""
    folder = tinymodels.save_sd1(tmp_path / "models" / "model")
    shutil.rmtree(folder / "vae")
    with torch.random.fork_rng():
        torch.manual_seed(4)
        diffusers.AutoencoderKL.from_config(vae.config).save_pretrained(folder / "vae")
    return folder


def ldm_name(name: str) -> str:
    """What the models' authors call a tensor of a VAE."""
    parts = name.split(".")
    if parts[0] in ("quant_conv", "post_quant_conv"):
        return name
    side, rest = parts[0], ".".join(parts[1:])
    rest = rest.replace("conv_norm_out", "norm_out").replace("mid_block.attentions.0", "mid.attn_1")
    rest = rest.replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
    if "attn_1" in rest:
        for ours, theirs in {
            "group_norm": "norm",
            "to_q": "q",
            "to_k": "k",
            "to_v": "v",
            "to_out.0": "proj_out",
        }.items():
            rest = rest.replace(f".{ours}.", f".{theirs}.")
    rest = rest.replace("conv_shortcut", "nin_shortcut")
    for number in range(4):
        level = number if side == "encoder" else 3 - number
        for ours, theirs in {
            f"down_blocks.{number}.resnets": f"down.{level}.block",
            f"up_blocks.{number}.resnets": f"up.{level}.block",
            f"down_blocks.{number}.downsamplers.0": f"down.{level}.downsample",
            f"up_blocks.{number}.upsamplers.0": f"up.{level}.upsample",
        }.items():
            rest = rest.replace(ours, theirs)
    return f"{side}.{rest}"


def old_name(name: str) -> str:
    for new, old in OLD.items():
        name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    return name


def save_vae(vae, file: Path, form: str) -> Path:
    tensors = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    if form == "old diffusers":
        tensors = {old_name(name): tensor for name, tensor in tensors.items()}
    elif form != "diffusers":
        start = "first_stage_model." if form == "checkpoint" else ""
        is_linear = [name for name in tensors if "attentions.0.to_" in name and name.endswith("weight")]
        tensors |= {name: tensors[name][:, :, None, None].clone() for name in is_linear}
        tensors = {start + ldm_name(name): tensor for name, tensor in tensors.items()}
        tensors["model_ema.decay"] = torch.zeros(())
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    return file


@pytest.mark.parametrize("form", ["diffusers", "old diffusers", "ldm", "checkpoint"])
def test_a_file_is_read_whichever_way_it_names_its_tensors(folder, vae, form):
    save_vae(vae, folder.parent / "vae" / "clear.safetensors", form)
    loaded = load(find_model(folder, models_dir=folder.parent, vae="clear"), CPU).vae
    wanted = vae.state_dict()
    assert {name: torch.equal(tensor, wanted[name]) for name, tensor in loaded.state_dict().items()} == dict.fromkeys(
        wanted, True
    )


async def test_a_model_draws_with_the_vae_that_its_card_names(folder, vae):
    save_vae(vae, folder.parent / "vae" / "clear.safetensors", "ldm")
    (folder / "model.toml").write_text("vae = 'clear'")
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder, vae=vae)
    pipeline.set_progress_bar_config(disable=True)
    values = {"width": 64, "height": 64, "num_inference_steps": 3, "guidance_scale": 4.0}
    expected = pipeline("a cat", generator=torch.Generator("cpu").manual_seed(1), **values).images[0]
    async with Engine.open("model", models_dir=folder.parent, device="cpu", dtype="float32") as engine:
        [picture] = (await engine.generate(GenerationRequest(prompt="a cat", seed=1, **values))).pictures
    assert np.abs(np.asarray(picture.image).astype(int) - np.asarray(expected)).max() <= 1


def test_a_folder_is_found_by_its_name_and_goes_before_a_file(folder, vae):
    vae.save_pretrained(folder.parent / "vae" / "clear")
    save_vae(vae, folder.parent / "vae" / "clear.safetensors", "ldm")
    save_vae(vae, folder.parent / "vae" / "dim.safetensors", "ldm")
    vaes = folder.parent / "vae"
    assert places_of_vaes(folder.parent) == {"clear": vaes / "clear", "dim": vaes / "dim.safetensors"}
    assert find_model(folder, models_dir=folder.parent, vae="clear").vae.folder == vaes / "clear"
    assert named_vae("dim.safetensors", folder.parent) == vaes / "dim.safetensors"


def test_a_link_out_of_the_folder_of_vaes_is_none(folder, vae):
    save_vae(vae, folder.parent / "elsewhere.safetensors", "ldm")
    (folder.parent / "vae").mkdir()
    (folder.parent / "vae" / "clear.safetensors").symlink_to(folder.parent / "elsewhere.safetensors")
    assert named_vae("clear", folder.parent) is None


def test_the_vae_that_is_asked_for_goes_before_that_of_the_card(folder, vae):
    save_vae(vae, folder.parent / "vae" / "clear.safetensors", "ldm")
    (folder / "model.toml").write_text("vae = 'no-such'")
    assert find_model(folder, models_dir=folder.parent, vae="clear").vae.path.stem == "clear"


@pytest.mark.parametrize("name", ["no-such", "../model/vae", "/etc", "..", "organisation/vae"])
def test_a_card_names_nothing_but_a_vae_of_the_models_folder(folder, vae, name):
    save_vae(vae, folder.parent / "vae" / "clear.safetensors", "ldm")
    (folder / "model.toml").write_text(f"vae = '{name}'")
    with pytest.raises(
        InvalidModel, match=r"model\.toml has a wrong vae: .*is not there.*; there are: clear"
    ) as caught:
        find_model(folder, models_dir=folder.parent)
    assert caught.value.rule == "model_card"


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        (
            {"decoder.conv_in.weight": torch.zeros(128, 16, 3, 3)},
            r"holds another VAE than the model's own: .*\[128, 16, 3, 3\]",
        ),
        ({"emb_params": torch.zeros(2, 2)}, "holds no VAE"),
        (None, "is cut short or no safetensors file"),
    ],
    ids=["16 channels", "no VAE", "broken"],
)
def test_a_file_that_does_not_fit_is_named(folder, tensors, sentence):
    file = folder.parent / "vae" / "clear.safetensors"
    file.parent.mkdir()
    if tensors is None:
        file.write_bytes(b"broken")
    else:
        save_file(tensors, file)
    with pytest.raises(InvalidModel, match=rf"clear\.safetensors {sentence}"):
        find_model(folder, models_dir=folder.parent, vae="clear")


def test_a_file_that_lacks_tensors_is_named(folder, vae):
    file = save_vae(vae, folder.parent / "vae" / "clear.safetensors", "ldm")
    save_file({name: tensor for name, tensor in load_file(file).items() if "norm_out" not in name}, file)
    with pytest.raises(InvalidModel, match=r"clear\.safetensors cannot be loaded: .*conv_norm_out"):
        load(find_model(folder, models_dir=folder.parent, vae="clear"), CPU)
