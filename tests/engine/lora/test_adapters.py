"""Real LoRA files, written with PEFT, in the bundled model; what they do is compared with diffusers' own loader."""

import contextlib
import dataclasses
import json
import os
import warnings
from pathlib import Path

import diffusers
import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engine import InvalidRequest, OutOfMemory, find_model
from engine.devices import choose_device
from engine.loading import load
from engine.lora import adapters as adapters_module
from engine.lora.adapters import Adapters
from engine.lora.lorafile import read_lora
from engine.lora.loras import read_version

EMOJI = find_model("emoji").path
TOKENS = torch.arange(77)[None]


@pytest.fixture(scope="module")
def own():
    """A model of this module's own, in which LoRAs come and go."""
    return load(find_model("emoji"), choose_device("cpu", "float32"))


@pytest.fixture
def adapters(own):
    adapters = Adapters(own)
    yield adapters
    adapters._let_go((), most=0)
    assert not layers_of(own.unet)


def layers_of(network) -> list:
    return [module for module in network.modules() if isinstance(module, BaseTunerLayer)]


def lora(path: Path):
    return read_lora(path, read_version(path))


@torch.inference_mode()
def predicted(unet) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    latents, text = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 77, 192, generator=generator)
    dtype = next(unet.parameters()).dtype
    return unet(latents.to(dtype), torch.tensor([10, 500]), text.to(dtype), return_dict=False)[0]


@torch.inference_mode()
def encoded(text_encoder) -> torch.Tensor:
    return text_encoder(TOKENS)[0]


def by_diffusers(files: dict[Path, float]) -> diffusers.StableDiffusionPipeline:
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(EMOJI).to(dtype=torch.float32)
    for number, file in enumerate(files):
        with warnings.catch_warnings(action="ignore"):  # PEFT's, of more than one adapter
            pipeline.load_lora_weights(file.parent, weight_name=file.name, adapter_name=f"number_{number}")
    pipeline.set_adapters([f"number_{number}" for number in range(len(files))], list(files.values()))
    return pipeline


def put(adapters, files: dict[Path, float]) -> None:
    weighted = tuple((lora(file), weight) for file, weight in files.items())
    adapters.load([file for file, _ in weighted], in_use=())
    adapters.activate("unet", weighted)
    adapters.activate("text_encoder", weighted)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"alpha": 2.0},
        {"form": "kohya"},
        {"form": "kohya", "rank": 8, "alpha": 1.0},
        {"text": ""},
        {"unet": "", "form": "kohya"},
    ],
    ids=["diffusers", "diffusers alpha", "kohya", "kohya alpha", "unet alone", "text encoder alone"],
)
def test_a_lora_changes_the_model_as_diffusers_loader_changes_it(own, adapters, save_lora, tmp_path, values):
    file = save_lora(tmp_path / "a.safetensors", **values)
    before = predicted(own.unet), encoded(own.text_encoder)
    pipeline = by_diffusers({file: 0.8})
    put(adapters, {file: 0.8})
    assert torch.allclose(predicted(own.unet), predicted(pipeline.unet), atol=1e-5)
    assert torch.allclose(encoded(own.text_encoder), encoded(pipeline.text_encoder), atol=1e-5)
    has_changed = [
        not torch.allclose(*pair, atol=1e-4)
        for pair in zip(before, (predicted(own.unet), encoded(own.text_encoder)), strict=True)
    ]
    assert has_changed == [values.get("unet") != "", values.get("text") != ""]


def test_several_loras_add_up_as_diffusers_adds_them(own, adapters, save_lora, tmp_path):
    files = {
        save_lora(tmp_path / "a.safetensors", seed=1): 0.8,
        save_lora(tmp_path / "b.safetensors", seed=2, rank=2, alpha=1.0, unet=r".*to_k", form="kohya"): -0.4,
    }
    put(adapters, files)
    pipeline = by_diffusers(files)
    assert torch.allclose(predicted(own.unet), predicted(pipeline.unet), atol=1e-5)
    assert torch.allclose(encoded(own.text_encoder), encoded(pipeline.text_encoder), atol=1e-5)


def test_layers_of_different_ranks_and_alphas_are_read(own, adapters, save_lora, tmp_path):
    # diffusers' own loader takes the most frequent alpha for all attention layers, so it reads them apart.
    q, k = (
        save_lora(
            tmp_path / f"{layer}.safetensors", form="kohya", text="", unet=rf".*to_{layer}", rank=rank, alpha=alpha
        )
        for layer, rank, alpha in (("q", 2, 1.0), ("k", 5, 3.0))
    )
    save_file(load_file(q) | load_file(k), tmp_path / "both.safetensors")
    put(adapters, {tmp_path / "both.safetensors": 1.0})
    assert torch.allclose(predicted(own.unet), predicted(by_diffusers({q: 1.0, k: 1.0}).unet), atol=1e-5)


def test_without_active_loras_the_model_is_bit_for_bit_as_it_was(own, adapters, save_lora, tmp_path):
    before = predicted(own.unet), encoded(own.text_encoder)
    weights = {name: weight.clone() for name, weight in own.unet.state_dict().items()}
    put(adapters, {save_lora(tmp_path / "a.safetensors"): 1.0})
    put(adapters, {})
    assert torch.equal(predicted(own.unet), before[0])
    assert torch.equal(encoded(own.text_encoder), before[1])
    adapters._let_go((), most=0)
    assert torch.equal(predicted(own.unet), before[0])
    assert all(torch.equal(weight, weights[name]) for name, weight in own.unet.state_dict().items())


def test_a_lora_that_is_loaded_counts_for_nobody_until_it_is_activated(own, adapters, save_lora, tmp_path):
    before = predicted(own.unet)
    adapters.load([lora(save_lora(tmp_path / "a.safetensors"))], in_use=())
    assert torch.equal(predicted(own.unet), before)


def test_loading_another_lora_does_not_change_what_is_active(own, adapters, save_lora, tmp_path):
    first = lora(save_lora(tmp_path / "a.safetensors"))
    adapters.load([first], in_use=())
    adapters.activate("unet", ((first, 1.0),))
    alone = predicted(own.unet)
    adapters.load([lora(save_lora(tmp_path / "b.safetensors", seed=2, unet=r".*ff.*proj"))], in_use=())
    adapters.activate("unet", ((first, 1.0),))
    assert torch.equal(predicted(own.unet), alone)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_an_adapter_has_the_models_dtype(save_lora, tmp_path, dtype):
    device = dataclasses.replace(choose_device("cpu", "float32"), dtype=dtype)
    model = load(find_model("emoji"), device)
    put(Adapters(model), {save_lora(tmp_path / "a.safetensors"): 1.0})
    assert {parameter.dtype for parameter in model.unet.parameters()} == {dtype}
    assert {parameter.dtype for parameter in model.text_encoder.parameters()} == {dtype}
    assert predicted(model.unet).isfinite().all()


def test_the_least_recently_used_lora_leaves(adapters, save_lora, tmp_path, monkeypatch):
    monkeypatch.setattr(adapters_module, "MAX_KEPT", 2)
    a, b, c = (lora(save_lora(tmp_path / f"{name}.safetensors", unet=r".*to_q", text="")) for name in "abc")
    for file in (a, b, a, c):
        adapters.load([file], in_use=())
    assert adapters.kept == (a, c)


def test_a_lora_that_somebody_draws_with_stays(adapters, save_lora, tmp_path, monkeypatch):
    monkeypatch.setattr(adapters_module, "MAX_KEPT", 1)
    a, b = (lora(save_lora(tmp_path / f"{name}.safetensors", unet=r".*to_q", text="")) for name in "ab")
    adapters.load([a], in_use=())
    adapters.load([b], in_use=[a])
    assert adapters.kept == (a, b)
    adapters.load([b], in_use=())
    assert adapters.kept == (b,)


def test_what_is_kept_is_bounded_in_bytes(adapters, save_lora, tmp_path, monkeypatch):
    monkeypatch.setattr(adapters_module, "MAX_KEPT_BYTES", 1000)
    a, b = (lora(save_lora(tmp_path / f"{name}.safetensors", unet=r".*to_q", text="")) for name in "ab")
    adapters.load([a], in_use=())
    adapters.load([b], in_use=())
    assert adapters.kept == (b,)


def test_a_lora_that_changed_is_read_anew(own, adapters, save_lora, tmp_path):
    file = save_lora(tmp_path / "a.safetensors", seed=1)
    put(adapters, {file: 1.0})
    before = predicted(own.unet)
    save_lora(file, seed=2)
    os.utime(file, ns=(1, 1))
    put(adapters, {file: 1.0})
    assert not torch.allclose(predicted(own.unet), before, atol=1e-3)


def test_out_of_memory_lets_go_of_the_others_and_tries_again(adapters, save_lora, tmp_path, monkeypatch):
    a, b = (lora(save_lora(tmp_path / f"{name}.safetensors", unet=r".*to_q", text="")) for name in "ab")
    adapters.load([a], in_use=())
    inject = adapters_module.inject_adapter_in_model

    def injected(*arguments, **options):
        if a in adapters.kept:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return inject(*arguments, **options)

    monkeypatch.setattr(adapters_module, "inject_adapter_in_model", injected)
    adapters.load([b], in_use=())
    assert adapters.kept == (b,)


def test_a_lora_for_which_there_is_no_memory_leaves_the_model_as_it_was(
    own, adapters, save_lora, tmp_path, monkeypatch
):
    before = predicted(own.unet)

    def refuse(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(adapters_module, "set_peft_model_state_dict", refuse)
    with pytest.raises(OutOfMemory, match="does not suffice for LoRA 'a'"):
        adapters.load([lora(save_lora(tmp_path / "a.safetensors"))], in_use=())
    assert torch.equal(predicted(own.unet), before)
    assert not layers_of(own.unet)


def changed(file: Path, change) -> Path:
    with safe_open(str(file), framework="pt") as content:
        metadata = content.metadata()
        tensors = {key: content.get_tensor(key) for key in content.keys()}  # noqa: SIM118 - no mapping
    save_file(change(tensors), file, metadata=metadata)
    return file


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: {key.replace("down_blocks.1", "down_blocks.9"): value for key, value in tensors.items()},
        lambda tensors: {
            key: torch.cat([value, value], dim=1) if "lora_A" in key else value for key, value in tensors.items()
        },
    ],
    ids=["layers", "sizes"],
)
def test_a_lora_for_another_model_is_refused_by_a_sentence_with_both(own, adapters, save_lora, tmp_path, change):
    file = changed(save_lora(tmp_path / "a.safetensors"), change)
    with pytest.raises(InvalidRequest, match="LoRA 'a' was made for another model and does not fit Emoji"):
        adapters.load([lora(file)], in_use=())
    assert not layers_of(own.unet)


@pytest.mark.parametrize(
    ("form", "change", "reason"),
    [
        ("diffusers", lambda tensors: dict(list(tensors.items())[:-1]), "is not whole: it lacks "),
        (
            "kohya",
            lambda tensors: {key: value for key, value in tensors.items() if "ff_net_2.lora_up" not in key},
            "is not whole: it lacks ",
        ),
        ("kohya", lambda tensors: tensors | {"lora_unet_x.lora_sideways": torch.zeros(1)}, "cannot be read"),
        (
            "kohya",
            lambda tensors: {key: value * torch.nan if "alpha" in key else value for key, value in tensors.items()},
            "alpha nan",
        ),
        (
            "diffusers",
            lambda tensors: {key: value / 0 if "lora_B" in key else value for key, value in tensors.items()},
            "holds what is no finite number",
        ),
    ],
    ids=["half a layer", "half a layer of kohya's", "unknown tensor", "alpha", "infinite weights"],
)
def test_a_broken_lora_is_refused(own, adapters, save_lora, tmp_path, form, change, reason):
    file = changed(save_lora(tmp_path / "a.safetensors", form=form), change)
    with pytest.raises(InvalidRequest, match=f"LoRA 'a' cannot be used: its file .*{reason}"):
        adapters.load([lora(file)], in_use=())
    assert not layers_of(own.unet)


def test_a_lora_that_is_gone_since_it_was_looked_at_is_refused(adapters, save_lora, tmp_path):
    file = lora(save_lora(tmp_path / "a.safetensors"))
    file.path.unlink()
    with pytest.raises(InvalidRequest, match="its file is missing"):
        adapters.load([file], in_use=())


def test_what_a_file_says_of_peft_cannot_change_the_models_own_weights(own, adapters, save_lora, tmp_path):
    file = save_lora(tmp_path / "a.safetensors")
    hostile = json.dumps(
        {"unet.init_lora_weights": "pissa", "unet.modules_to_save": ["conv_in"], "unet.use_dora": True}
    )
    tensors = load_file(file)
    save_file(tensors, file, metadata={"lora_adapter_metadata": hostile})
    before = predicted(own.unet)
    with contextlib.suppress(InvalidRequest):
        put(adapters, {file: 1.0})
    put(adapters, {})
    assert torch.equal(predicted(own.unet), before)
