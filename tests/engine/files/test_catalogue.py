import json
import logging
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import InvalidRequest, find_model
from engine.files.catalogue import MAX_FILES, Catalogue

EMOJI = find_model("emoji")
PARTS = ("tokenizer", "text_encoder", "unet", "vae", "scheduler")


def add(models, name, card=None):
    """A copy of the bundled model, whose weights are links."""

    def link_or_copy(source, target):
        if source.endswith(".safetensors"):
            Path(target).symlink_to(source)
        else:
            shutil.copyfile(source, target)

    folder = models / name
    folder.mkdir()
    shutil.copyfile(EMOJI.path / "model_index.json", folder / "model_index.json")
    for part in PARTS:
        shutil.copytree(EMOJI.path / part, folder / part, copy_function=link_or_copy)
    if card is not None:
        (folder / "model.toml").write_text(card)
    return folder


def listed(catalogue):
    return {each.name: each for each in catalogue.all()}


def test_the_operators_choice_comes_first_then_the_bundled_model_then_the_others_by_name(tmp_path):
    default = find_model(add(tmp_path, "mine"))
    for name in ("zebra", "Ant"):
        add(tmp_path, name)
    catalogue = Catalogue(default, tmp_path, default_name="mine")
    assert [each.name for each in catalogue.all()] == ["mine", "emoji", "Ant", "zebra"]


def test_without_a_folder_there_is_the_bundled_model_alone():
    for folder in (None, Path("nowhere")):
        (only,) = Catalogue(EMOJI, folder).all()
        assert (only.name, only.title, only.family, only.fault) == ("emoji", "Emoji", "Stable Diffusion 1.x", "")
        assert only.size_bytes > 1_000_000


def test_a_card_says_what_is_listed(tmp_path):
    add(tmp_path, "cats", 'title = "Cats"\nlicence = "MIT"\nnsfw = true\ntrigger_words = ["cat"]')
    cats = listed(Catalogue(EMOJI, tmp_path))["cats"]
    assert (cats.title, cats.licence, cats.card.nsfw, cats.card.trigger_words) == ("Cats", "MIT", True, ("cat",))
    assert Catalogue(EMOJI, tmp_path).find("cats")[1].path == tmp_path / "cats"


def test_what_is_no_model_is_not_listed(tmp_path):
    for name in ("loras", "embeddings", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / ".hidden" / "model_index.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "loras" / "x.safetensors").write_bytes(b"")
    assert list(listed(Catalogue(EMOJI, tmp_path))) == ["emoji"]


def test_single_files_are_listed_by_their_names(tmp_path):
    (tmp_path / "dream.v2.safetensors").write_bytes(b"x")

    def find_at(place):
        assert place == tmp_path / "dream.v2.safetensors"
        return EMOJI

    catalogue = Catalogue(EMOJI, tmp_path, find_at=find_at)
    assert list(listed(catalogue)) == ["emoji", "dream.v2"]
    assert catalogue.find("dream.v2")[1] is EMOJI


def test_a_file_beside_a_folder_of_its_name_is_listed_with_its_ending(tmp_path):
    add(tmp_path, "dream")
    (tmp_path / "dream.safetensors").write_bytes(b"x")
    assert list(listed(Catalogue(EMOJI, tmp_path))) == ["emoji", "dream", "dream.safetensors"]


def test_a_folder_with_the_bundled_models_name_is_listed_with_that_fault(tmp_path):
    add(tmp_path, "emoji")
    catalogue = Catalogue(EMOJI, tmp_path)
    assert listed(catalogue)["emoji/"].fault == "has the name of another model: rename it"
    assert catalogue.find("emoji")[1].path == EMOJI.path


# what is found


@pytest.mark.parametrize("name", ["cats", "CATS", "The cats", "the CATS"])
def test_a_model_is_found_by_name_or_title_in_any_case(tmp_path, name):
    add(tmp_path, "cats", 'title = "The cats"')
    assert Catalogue(EMOJI, tmp_path).find(name) == ("cats", find_model(tmp_path / "cats", models_dir=tmp_path))


def test_a_title_that_two_models_have_names_neither(tmp_path):
    for name in ("one", "two"):
        add(tmp_path, name, 'title = "Same"')
    with pytest.raises(InvalidRequest, match="model 'same' is unknown"):
        Catalogue(EMOJI, tmp_path).find("same")


def test_an_unknown_name_is_refused_with_those_that_are_like_it(tmp_path):
    add(tmp_path, "realistic-vision")
    with pytest.raises(InvalidRequest) as caught:
        Catalogue(EMOJI, tmp_path).find("realistic_visoin")
    assert caught.value.rule == "model_unknown"
    assert str(caught.value) == "model 'realistic_visoin' is unknown; nearest: realistic-vision"


def test_a_model_that_cannot_be_used_is_suggested_to_nobody(tmp_path):
    add(tmp_path, "cats", card="title =")
    with pytest.raises(InvalidRequest) as caught:
        Catalogue(EMOJI, tmp_path).find("cat")
    assert str(caught.value) == "model 'cat' is unknown; known: emoji"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../models/cats", "./cats", "cats/", "/", "cats\0", "cats/../cats", "\ud800", "x" * 10**5]
)
def test_names_are_names_and_never_paths(tmp_path, name):
    models = tmp_path / "models"
    models.mkdir()
    add(models, "cats")
    with pytest.raises(InvalidRequest) as caught:
        Catalogue(EMOJI, models).find(name)
    assert caught.value.rule == "model_unknown"
    assert len(str(caught.value)) < 500


def test_the_operators_own_path_is_no_name(tmp_path):
    folder = add(tmp_path, "mine")
    catalogue = Catalogue(find_model(folder), None, default_name="mine")
    assert catalogue.find("mine")[1].path == folder
    with pytest.raises(InvalidRequest):
        catalogue.find(str(folder))


def test_a_link_out_of_the_folder_is_listed_with_that_fault(tmp_path):
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    models.mkdir()
    elsewhere.mkdir()
    (models / "out").symlink_to(add(elsewhere, "cats"))
    (models / "round").symlink_to("round")
    add(models, "cats")
    (models / "within").symlink_to("cats")
    catalogue = Catalogue(EMOJI, models)
    assert listed(catalogue)["out"].fault == "is a link that leads out of its folder"
    assert "round" not in listed(catalogue)
    assert catalogue.find("within")[1].card.title == "cats"
    with pytest.raises(InvalidRequest, match="model 'out' cannot be used: is a link"):
        catalogue.find("out")


# what changes


def test_what_has_changed_is_read_again_and_only_that(tmp_path):
    changed = add(tmp_path, "changed")
    add(tmp_path, "kept")
    asked = []

    def find_at(place):
        asked.append(place.name)
        return find_model(place)

    catalogue = Catalogue(EMOJI, tmp_path, find_at=find_at)
    _, kept = catalogue.find("kept")
    (changed / "model.toml").write_text('title = "Changed"')
    assert listed(catalogue)["changed"].title == "Changed"
    assert catalogue.find("kept")[1] is kept
    assert sorted(asked) == ["changed", "changed", "kept"]


def test_what_comes_and_goes_is_seen(tmp_path):
    catalogue = Catalogue(EMOJI, tmp_path)
    folder = add(tmp_path, "cats")
    assert "cats" in listed(catalogue)
    shutil.rmtree(folder)
    assert "cats" not in listed(catalogue)


# what is faulty


def test_a_faulty_model_is_listed_with_its_fault_and_hides_no_other(tmp_path, caplog):
    broken = add(tmp_path, "broken")
    add(tmp_path, "whole")
    (broken / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    catalogue = Catalogue(EMOJI, tmp_path)
    with caplog.at_level(logging.WARNING):
        found = listed(catalogue)
        catalogue.all()
    assert found["broken"].fault.endswith("diffusion_pytorch_model.safetensors is missing")
    assert (found["broken"].card, found["whole"].fault) == (None, "")
    assert [record.getMessage() for record in caplog.records] == [
        f"model_faulty name='broken' fault={found['broken'].fault}"
    ]
    with pytest.raises(InvalidRequest) as caught:
        catalogue.find("broken")
    assert (caught.value.rule, caught.value.facts) == ("model_unusable", {"model": "broken"})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
@pytest.mark.parametrize("file", ["model_index.json", "model.toml", "unet/config.json"])
def test_a_pipe_in_place_of_a_file_is_a_fault(tmp_path, file):
    folder = add(tmp_path, "cats")
    (folder / file).unlink(missing_ok=True)
    os.mkfifo(folder / file)
    assert listed(Catalogue(EMOJI, tmp_path))["cats"].fault == f"holds {Path(file).name}, which is no file"


def test_a_folder_of_far_too_many_files_is_a_fault(tmp_path):
    folder = add(tmp_path, "cats")
    for number in range(MAX_FILES):
        (folder / str(number)).touch()
    assert listed(Catalogue(EMOJI, tmp_path))["cats"].fault == f"holds more than {MAX_FILES} files"


def test_a_name_that_nobody_can_type_is_a_fault(tmp_path):
    add(tmp_path, "ca\nts")
    found = listed(Catalogue(EMOJI, tmp_path))["ca\nts"]
    assert (found.title, found.fault) == ("ca\N{REPLACEMENT CHARACTER}ts", "has a name that nobody can type: rename it")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CONFIGS = ("model_index.json", *(f"{part}/config.json" for part in ("text_encoder", "unet", "vae")))


@given(st.data(), st.sampled_from([*CONFIGS, "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_whatever_a_config_says_the_other_models_are_listed(tmp_path_factory, data, file):
    models = tmp_path_factory.mktemp("models")
    folder = add(models, "cats")
    config = json.loads((folder / file).read_text())
    key = data.draw(st.sampled_from(sorted(config)))
    (folder / file).write_text(json.dumps(config | {key: data.draw(JSON)}))
    assert list(listed(Catalogue(EMOJI, models))) == ["emoji", "cats"]
    shutil.rmtree(models)


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_whatever_a_card_holds_the_other_models_are_listed(tmp_path_factory, content):
    models = tmp_path_factory.mktemp("models")
    (add(models, "cats") / "model.toml").write_bytes(content)
    assert list(listed(Catalogue(EMOJI, models))) == ["emoji", "cats"]
    shutil.rmtree(models)
