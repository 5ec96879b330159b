import dataclasses

import pytest
import torch
from PIL import Image
from tinycheckers import LENIENT, STRICT, checker, processor, save_checker

from engine import Engine, GenerationRequest, InvalidModel, find_model
from engine.devices import choose_device
from engine.files.places import bundled_folder
from engine.loading import load_checker
from engine.safety import is_flagged
from engine.sources import is_unchecked

IMAGE = Image.new("RGB", (64, 64), "red")
REQUEST = GenerationRequest(prompt="a red heart", seed=7, num_inference_steps=1)


def checked_model(model, network):
    return dataclasses.replace(model, safety_checker=network, feature_extractor=processor())


@pytest.fixture
def copy(tmp_path):
    """The bundled model in another place, which nobody has to trust."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in bundled_folder().iterdir():
        (copy / part.name).symlink_to(part)
    return copy


@pytest.mark.parametrize(("threshold", "expected"), [(STRICT, True), (LENIENT, False)], ids=["unsafe", "safe"])
def test_the_models_checker_decides(model, threshold, expected):
    assert is_flagged(checked_model(model, checker(threshold)), IMAGE) is expected


def test_a_model_without_a_checker_flags_nothing(model):
    assert is_flagged(model, IMAGE) is False


def test_what_a_checker_fails_over_counts_as_flagged_and_is_logged(model, caplog):
    def broken(**_):
        raise ValueError("broken checker")

    assert is_flagged(checked_model(model, broken), IMAGE)
    assert "safety_checker_failed" in caplog.text
    assert "broken checker" in caplog.text


def test_a_checker_whose_numbers_left_their_range_flags_everything(model, tmp_path):
    save_checker(tmp_path, LENIENT)
    loaded = load_checker(find_model("emoji", safety_checker=tmp_path), choose_device("cpu", "float32"))
    torch.nn.init.constant_(loaded["safety_checker"].visual_projection.weight, torch.nan)
    assert is_flagged(dataclasses.replace(model, **loaded), IMAGE)


async def test_a_configured_checker_looks_at_pictures_of_models_without_their_own(tmp_path):
    save_checker(tmp_path, STRICT)
    async with Engine.open("emoji", device="cpu", safety_checker=tmp_path) as engine:
        result = await engine.generate(REQUEST)
    assert (result.has_safety_checker, result.pictures[0].flagged) == (True, True)
    assert max(high for _, high in result.pictures[0].image.getextrema()) > 0


async def test_it_looks_at_those_of_other_models_too(tmp_path, copy):
    save_checker(tmp_path / "checker", STRICT)
    options = {"device": "cpu", "models_dir": copy.parent, "safety_checker": tmp_path / "checker"}
    async with Engine.open("emoji", **options) as engine:
        result = await engine.generate(dataclasses.replace(REQUEST, model="copy"))
    assert result.pictures[0].flagged


def test_a_configured_checker_may_have_all_its_files_in_one_folder(tmp_path):
    checker(STRICT).save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    assert find_model("emoji", safety_checker=tmp_path).has_safety_checker


def test_a_configured_checker_without_safetensors_is_refused(tmp_path):
    save_checker(tmp_path, STRICT)
    (tmp_path / "safety_checker" / "model.safetensors").rename(tmp_path / "safety_checker" / "pytorch_model.bin")
    with pytest.raises(InvalidModel, match="is a pickle"):
        find_model("emoji", safety_checker=tmp_path)


def test_a_configured_checker_without_its_feature_extractor_is_refused(tmp_path):
    checker(STRICT).save_pretrained(tmp_path / "safety_checker")
    with pytest.raises(InvalidModel, match=r"preprocessor_config\.json is missing"):
        find_model("emoji", safety_checker=tmp_path)


def test_a_model_is_unchecked_without_a_checker_unless_it_is_the_bundled_one(tmp_path, copy):
    save_checker(tmp_path / "checker", STRICT)
    assert not is_unchecked(find_model("emoji"))
    assert is_unchecked(find_model(copy))
    assert not is_unchecked(find_model(copy, safety_checker=tmp_path / "checker"))


def test_whether_a_model_is_unchecked_is_known_once_it_was_found(copy):
    engine = Engine.open("emoji", models_dir=copy.parent)
    assert not engine.has_unchecked("emoji")
    engine.find_source("copy")
    assert engine.has_unchecked("copy")
    assert engine.has_unchecked("never-heard-of")
