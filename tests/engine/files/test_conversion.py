"""Single files become the networks that they were written from, whatever their family."""

import pytest
import torch
from safetensors.torch import save_file
from singlefile import FULL, NAMES, SMALL, empty_networks, networks, single_file

from engine.errors import InvalidModel
from engine.files import checkpoint, conversion
from engine.files.checkpoint import StoredPart, read_checkpoint
from engine.files.conversion import build_network

WEIGHTS = {
    "sd1": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "sd2": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sdxl": {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    },
}
"""How many the published models have."""


@pytest.fixture
def families(monkeypatch):
    monkeypatch.setattr(checkpoint, "FAMILIES", tuple(SMALL.values()))


@pytest.fixture
def write(tmp_path, families):
    """A function that writes a single file of a small model and gives its networks, too."""

    def write(name, *, in_channels=4, change=lambda tensors: tensors, metadata=None):
        parts = networks(SMALL[name], in_channels=in_channels)
        file = tmp_path / f"{name}.safetensors"
        save_file({key: each.contiguous().clone() for key, each in change(single_file(parts)).items()}, file, metadata)
        return file, parts

    return write


def built(file, dtype=torch.float32):
    found = read_checkpoint(file)
    return {part: build_network(StoredPart(found, part), dtype) for part in found.weights}


def refusal(file) -> InvalidModel:
    with pytest.raises(InvalidModel) as caught:
        built(file)
    return caught.value


@pytest.mark.parametrize("in_channels", [4, 9], ids=["base", "inpainting"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_becomes_the_networks_it_was_written_from(write, name, in_channels):
    file, parts = write(name, in_channels=in_channels)
    found = built(file)
    assert found.keys() == parts.keys()
    for part, network in parts.items():
        weights = found[part].state_dict()
        assert weights.keys() == network.state_dict().keys()
        assert all(torch.equal(weights[key], each) for key, each in network.state_dict().items())
        assert found[part].config.to_dict() == network.config.to_dict() if part.startswith("text") else True


@pytest.mark.parametrize("name", NAMES)
def test_each_family_has_as_many_weights_as_the_published_model(name):
    parts = empty_networks(FULL[name])
    assert {part: sum(each.numel() for each in net.parameters()) for part, net in parts.items()} == WEIGHTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_full_width_has_every_weight_that_its_family_asks_for(name):
    parts = empty_networks(FULL[name])
    tensors = single_file(parts)
    for part, network in parts.items():
        own = {key: each for key, each in tensors.items() if key.startswith(checkpoint.PREFIXES[part])}
        found = conversion._converted(part, network, own)
        asked = {key: each.shape for key, each in network.state_dict().items()}
        assert {key: found[key].shape for key in asked if key in found} == asked


@pytest.mark.parametrize(
    ("dtype", "close"),
    [(torch.float16, 1e-3), (torch.bfloat16, 1e-2), (torch.float8_e4m3fn, 0.1), (torch.float8_e5m2, 0.2)],
    ids=str,
)
def test_weights_of_any_float_are_read(write, dtype, close):
    file, parts = write("sd1", change=lambda tensors: {name: each.to(dtype) for name, each in tensors.items()})
    weights = built(file)["unet"].state_dict()
    for name, each in parts["unet"].state_dict().items():
        assert weights[name].dtype == torch.float32
        assert torch.allclose(weights[name], each, rtol=close, atol=close / 10)


def test_the_weights_are_cast_to_what_the_device_computes_in(write):
    file, _ = write("sdxl")
    assert {each.dtype for network in built(file, torch.float16).values() for each in network.parameters()} == {
        torch.float16
    }


def old_names(tensors):
    return {name.replace("transformer.text_model.", "transformer."): each for name, each in tensors.items()}


def with_leftovers(tensors):
    start = "cond_stage_model.transformer.text_model"
    return {
        **tensors,
        f"{start}.embeddings.position_ids": torch.arange(77)[None],
        "model_ema.decay": torch.ones(1),
        "alphas_cumprod": torch.ones(1000),
        **{f"model_ema.diffusion_model{number}": torch.ones(1) for number in range(200)},
    }


@pytest.mark.parametrize(
    "change", [old_names, with_leftovers], ids=["names without text_model", "leftovers of training"]
)
def test_files_of_other_habits_are_read(write, change):
    file, parts = write("sd1", change=change)
    assert built(file).keys() == parts.keys()


def without(name):
    return lambda tensors: {key: each for key, each in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            without("model.diffusion_model.output_blocks.5.0.in_layers.0.weight"),
            "lacks 1 weights of the unet that Stable Diffusion 1.x has, such as up_blocks.1.resnets.2.norm1.weight",
        ),
        (
            without("first_stage_model.decoder.conv_in.bias"),
            "lacks 1 weights of the vae that Stable Diffusion 1.x has, such as decoder.conv_in.bias",
        ),
        (
            lambda tensors: {**tensors, "model.diffusion_model.input_blocks.1.1.adapter.weight": torch.ones(1)},
            "holds 1 weights of the unet that Stable Diffusion 1.x has not, such as down_blocks.0.attentions.0.adapter.weight",
        ),
        (
            lambda tensors: {**tensors, "model.diffusion_model.out.2.bias": torch.ones(8)},
            "has conv_out.bias of the unet as [8], Stable Diffusion 1.x as [4]",
        ),
    ],
    ids=["a U-Net's weight is missing", "a VAE's", "one too many", "another shape"],
)
def test_what_does_not_fit_the_family_is_named(write, change, reason):
    file, _ = write("sd1", change=change)
    assert str(refusal(file)).endswith(f"sd1.safetensors {reason}")
