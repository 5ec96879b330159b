"""A single file is known by the names and shapes in its header; what it cannot be is one sentence."""

import json
import shlex
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from singlefile import FULL, NAMES, SMALL, empty_networks, networks, single_file, write_sparse

from engine.errors import InvalidModel
from engine.files import checkpoint
from engine.files.checkpoint import read_checkpoint

TITLES = {"sd1": "Stable Diffusion 1.x", "sd2": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL"}
UNET = "model.diffusion_model."


@pytest.fixture(scope="module")
def full():
    """A function that gives the names and shapes of a published model's file, without weights."""
    made = {}

    def tensors(name, in_channels=4):
        if (name, in_channels) not in made:
            made[name, in_channels] = single_file(empty_networks(FULL[name], in_channels=in_channels))
        return dict(made[name, in_channels])

    return tensors


@pytest.fixture
def write(tmp_path, full):
    """A function that writes such a file, changed, as one that takes no place on the disk."""

    def write(name="sd1", *, in_channels=4, add=(), without=(), file="model.safetensors", **options):
        tensors = {key: each for key, each in full(name, in_channels).items() if not key.startswith(tuple(without))}
        tensors |= {key: torch.empty(shape, device="meta") for key, shape in dict(add).items()}
        return write_sparse(tmp_path / file, tensors, **options)

    return write


@pytest.fixture
def write_only(tmp_path):
    """A function that writes a file with just these tensors."""

    def write(*names, file="found.safetensors", **options):
        return write_sparse(tmp_path / file, {name: torch.empty(4, 4, device="meta") for name in names}, **options)

    return write


def refusal(file) -> InvalidModel:
    with pytest.raises(InvalidModel) as caught:
        read_checkpoint(file)
    return caught.value


@pytest.mark.parametrize("in_channels", [4, 9], ids=["base", "inpainting"])
@pytest.mark.parametrize("name", NAMES)
def test_a_family_is_known_by_its_names_and_widths(write, name, in_channels):
    found = read_checkpoint(write(name, in_channels=in_channels))
    assert found.figures.family == TITLES[name]
    assert found.figures.unet["in_channels"] == in_channels
    assert found.weights.keys() == {"unet", "vae", "text_encoder", *(["text_encoder_2"] if name == "sdxl" else [])}


@pytest.mark.parametrize(
    ("name", "metadata", "size"),
    [
        ("sd1", {}, (512, 512)),
        ("sd2", {}, (768, 768)),
        ("sd2", {"modelspec.prediction_type": "epsilon"}, (512, 512)),
        ("sdxl", {}, (1024, 1024)),
        ("sd1", {"modelspec.resolution": "768x512"}, (768, 512)),
        ("sd1", {"modelspec.resolution": "640"}, (640, 640)),
        ("sd1", {"modelspec.resolution": "501x512"}, (512, 512)),
        ("sd1", {"modelspec.resolution": "large"}, (512, 512)),
    ],
    ids=["1.x", "2.x", "2.x, base", "XL", "its own", "its own, one side", "no size", "no numbers"],
)
def test_the_native_size_is_the_files_or_else_the_familys(write, name, metadata, size):
    found = read_checkpoint(write(name, metadata=metadata))
    assert (found.width, found.height) == size
    sample = found.figures.unet["sample_size"]
    assert sample == (size[0] // 8 if size[0] == size[1] else [size[1] // 8, size[0] // 8])


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("sd1", {}, "epsilon"),
        ("sd2", {}, "v_prediction"),
        ("sdxl", {}, "epsilon"),
        ("sd2", {"metadata": {"modelspec.prediction_type": "epsilon"}}, "epsilon"),
        ("sd1", {"metadata": {"modelspec.prediction_type": "v"}}, "v_prediction"),
        ("sd2", {"metadata": {"modelspec.architecture": "stable-diffusion-v2-512"}}, "epsilon"),
        ("sd2", {"metadata": {"modelspec.architecture": "stable-diffusion-v2-768-v"}}, "v_prediction"),
        ("sdxl", {"add": {"v_pred": (0,)}}, "v_prediction"),
        ("sd2", {"in_channels": 9}, "epsilon"),
        ("sd2", {"in_channels": 9, "metadata": {"modelspec.prediction_type": "v"}}, "v_prediction"),
    ],
    ids=[
        "1.x",
        "2.x",
        "XL",
        "2.x that says",
        "1.x that says",
        "2.x base",
        "2.x 768-v",
        "XL with a mark",
        "2.x inpainting",
        "2.x inpainting that says",
    ],
)
def test_what_the_unet_predicts_is_the_files_word_or_else_the_familys_habit(write, name, options, expected):
    assert read_checkpoint(write(name, **options)).figures.scheduler["prediction_type"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('model:\n  params:\n    parameterization: "v"\n', "v_prediction"),
        ("model:\n  params:\n    parameterization: eps # noise\n", "epsilon"),
        ("model:\n  params:\n    timesteps: 1000\n", "v_prediction"),
        ("\x00\xff: [", "v_prediction"),
    ],
    ids=["v", "eps", "silent", "no YAML"],
)
def test_a_config_beside_the_file_says_what_it_predicts(write, text, expected):
    file = write("sd2", file="my.model.safetensors")
    file.with_suffix(".yaml").write_text(text)
    assert read_checkpoint(file).figures.scheduler["prediction_type"] == expected


def test_the_config_beside_the_file_goes_before_the_files_own_word(write):
    file = write("sd2", metadata={"modelspec.prediction_type": "v"})
    file.with_suffix(".yaml").write_text("parameterization: eps")
    assert read_checkpoint(file).figures.scheduler["prediction_type"] == "epsilon"


@pytest.mark.parametrize(("step", "expected"), [(875_000, "epsilon"), (140_000, "v_prediction")])
def test_the_base_of_2_is_known_by_how_long_it_was_trained(tmp_path, monkeypatch, step, expected):
    monkeypatch.setattr(checkpoint, "FAMILIES", tuple(SMALL.values()))
    file = tmp_path / "model.safetensors"
    save_file({**single_file(networks(SMALL["sd2"])), "global_step": torch.tensor(step)}, file)
    assert read_checkpoint(file).figures.scheduler["prediction_type"] == expected


def test_a_mark_says_that_the_last_noise_has_no_signal(write):
    found = read_checkpoint(write("sdxl", add={"ztsnr": (0,), "v_pred": (0,)}))
    assert found.figures.scheduler["rescale_betas_zero_snr"] is True
    assert found.figures.scheduler["timestep_spacing"] == "trailing"


def test_a_scheduler_that_cannot_begin_without_signal_is_another(write):
    found = read_checkpoint(write("sd1", add={"ztsnr": (0,)}))
    assert found.figures.scheduler["_class_name"] == "DDIMScheduler"


@pytest.mark.parametrize("part", ["vae", "text_encoder"])
def test_a_part_that_is_not_in_the_file_is_not_among_its_parts(write, part):
    assert part not in read_checkpoint(write("sd1", without=checkpoint.PREFIXES[part])).weights


def test_the_title_is_the_files_own_or_else_its_name(write):
    assert read_checkpoint(write(file="dreamy v1.5.safetensors")).title == "dreamy v1.5"
    told = read_checkpoint(write(metadata={"modelspec.title": "Dreamy\nWorld", "modelspec.license": "OpenRAIL"}))
    assert (told.title, told.licence) == ("Dreamy World", "OpenRAIL")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (
            ["lora_unet_down_blocks_0.lora_down.weight"],
            "is a LoRA, not a model: it belongs into the folder loras of the",
        ),
        (["unet.down_blocks.0.attn1.to_q.lora_A.weight"], "is a LoRA, not a model"),
        (["emb_params"], "is a textual-inversion embedding"),
        (["clip_l", "clip_g"], "is a textual-inversion embedding"),
        (["decoder.conv_in.weight", "encoder.conv_in.weight"], "is a VAE, not a model"),
        (["first_stage_model.decoder.conv_in.weight"], "is a VAE, not a model"),
        (["control_model.input_blocks.0.0.weight"], "is a ControlNet"),
        (["model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight"], "is a Stable Diffusion 3 model"),
        (["double_blocks.0.img_attn.qkv.weight"], "is a Flux model or a relative"),
        (["model.diffusion_model.layers.0.attention.qkv.weight"], "is a model without a U-Net"),
        (["conditioner.embedders.0.model.ln_final.weight"], "is a refiner of Stable Diffusion XL"),
        (["model_ema.diffusion_modelinput_blocks00weight"], "holds the averaged weights (EMA) alone"),
        (["input_blocks.0.0.weight"], "is a U-Net alone"),
        (["down_blocks.0.resnets.0.conv1.weight"], "is one part of a model in diffusers' layout"),
        (["cond_stage_model.transformer.text_model.final_layer_norm.bias"], "is a text encoder alone"),
        (["weight"], "holds no model"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_is_no_model_is_named(write_only, names, reason):
    error = refusal(write_only(*names))
    assert error.rule == "model_foreign"
    assert f"found.safetensors {reason}" in str(error)


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("sd2", {"in_channels": 5}, "is a model that is guided by depth: its U-Net reads 5 channels instead of 4 or 9"),
        ("sd1", {"in_channels": 8}, "is a model that edits by instructions (InstructPix2Pix)"),
        ("sd2", {"in_channels": 7}, "is an upscaler"),
        ("sd1", {"in_channels": 6}, "is a model of an unknown kind"),
        ("sd2", {"add": {f"{UNET}label_emb.0.0.weight": (1280, 2048)}}, "is a relative of Stable Diffusion 2.x whose"),
        ("sdxl", {"without": [f"{UNET}label_emb"]}, "is a relative of Stable Diffusion XL whose U-Net reads no sizes"),
        ("sdxl", {"add": {"edm_mean": (4,)}}, "is a relative of Stable Diffusion XL with noise levels of its own"),
        ("sd1", {"dtype": "U8", "add": {f"{UNET}x.weight.absmax": (1,)}}, "is quantized"),
    ],
    ids=["depth", "pix2pix", "upscaler", "channels", "unclip", "sizes", "EDM", "quantized"],
)
def test_relatives_that_are_not_drawn_with_are_named(write, name, options, reason):
    assert f"model.safetensors {reason}" in str(refusal(write(name, **options)))


def test_a_model_of_other_widths_is_refused_with_the_known_families(tmp_path):
    file = tmp_path / "small.safetensors"
    save_file(single_file(networks(SMALL["sd1"])), file)
    assert str(refusal(file)).endswith(
        "is of an unknown family: its U-Net is 32 wide and reads texts of width 32; "
        "known: Stable Diffusion 1.x, Stable Diffusion 2.x, Stable Diffusion XL"
    )


def test_a_cut_file_says_how_much_of_it_is_there(write):
    file = write()
    with file.open("r+b") as stream:
        stream.truncate(1_000_000)
    assert "is cut short: 1000000 of " in str(refusal(file))


@pytest.mark.parametrize(
    "offsets",
    ["[]", "[8]", "[0, 0]", "[-8, 8]", '["a", 8]', "[1e400, 8]", "[9999999999999999999999999, 8]"],
)
def test_a_number_that_is_nowhere_is_not_read(tmp_path, offsets):
    header = b'{"global_step": {"dtype": "I64", "shape": [], "data_offsets": OFFSETS}}'.replace(
        b"OFFSETS", offsets.encode()
    )
    file = tmp_path / "hostile.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    assert checkpoint._number(file, json.loads(header), "global_step") is None


@pytest.mark.parametrize(
    "header",
    [
        b'{"model.diffusion_model.input_blocks.0.0.weight": {"dtype": "F16", "shape": "x", "data_offsets": [0, 0]}}',
        b'{"model.diffusion_model.input_blocks.0.0.weight": {"dtype": [], "shape": [1], "data_offsets": [0, 0]}}',
        b'{"model.diffusion_model.input_blocks.0.0.weight": {"shape": [320, 4, 3, 3], "data_offsets": [0, 0]}}',
        b'{"__metadata__": 7, "a": {"data_offsets": [0, 0]}}',
    ],
    ids=["shape", "dtype", "no dtype", "metadata"],
)
def test_a_header_by_a_hostile_hand_is_one_sentence(tmp_path, header):
    file = tmp_path / "hostile.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    assert "hostile.safetensors " in str(refusal(file))


@pytest.mark.parametrize("ending", [".ckpt", ".pt", ".pth", ".bin", ".pkl", ".CKPT"])
def test_a_pickle_is_refused_before_it_is_read(tmp_path, ending):
    assert "is a pickle, and loading a pickle runs its code" in str(refusal(tmp_path / f"model{ending}"))


def test_the_command_that_converts_a_pickle_does(tmp_path):
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.ones(2, dtype=torch.float16)}
    file = tmp_path / "it's a model.ckpt"
    torch.save({"state_dict": tensors, "epoch": 3}, file)
    command = shlex.split(str(refusal(file)).partition(": python ")[2])
    subprocess.run([sys.executable, *command], check=True)
    found = load_file(file.with_suffix(".safetensors"))
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], each) for name, each in tensors.items())
