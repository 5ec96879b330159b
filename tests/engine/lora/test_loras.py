"""LoRAs' files: found by name, told about by their headers and by what lies beside them, without torch."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from engine import InvalidRequest, find_model
from engine.files.families import SD1, SD2, SDXL
from engine.lora.lorafile import read_lora
from engine.lora.loras import MAX_LORAS, Base, Loras, base_of, check_fit, loras_of, read_version

EMOJI = Base("Emoji", 192, 192, SD1)
TO_K = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
Q_PROJ = "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight"


def save(file: Path, shapes=None, metadata=None) -> Path:
    """A safetensors file of zeros, of these shapes."""
    shapes = {TO_K: [4, 192], TO_K.replace("down.w", "up.w"): [160, 4]} if shapes is None else shapes
    header, end = ({"__metadata__": metadata} if metadata else {}), 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    content = json.dumps(header).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(content)) + content + bytes(end))
    return file


def lora(file: Path):
    return read_lora(file, read_version(file))


def test_a_lora_is_found_by_its_files_name_in_any_folder(tmp_path):
    file = save(tmp_path / "styles" / "pixel_v1.5.safetensors")
    found, note = Loras([tmp_path]).find("pixel_v1.5")
    assert (found.path, found.name, note) == (file, "pixel_v1.5", None)


def test_a_lora_is_found_by_the_name_that_its_trainer_gave_it(tmp_path):
    file = save(tmp_path / "downloaded.safetensors", metadata={"ss_output_name": "pixel"})
    assert Loras([tmp_path]).find("pixel")[0].path == file


def test_a_files_own_name_goes_before_a_trainers(tmp_path):
    save(tmp_path / "a.safetensors", metadata={"ss_output_name": "pixel"})
    file = save(tmp_path / "pixel.safetensors")
    assert Loras([tmp_path]).find("pixel")[0].path == file


def test_the_first_folder_goes_before(tmp_path):
    first = save(tmp_path / "one" / "a.safetensors")
    save(tmp_path / "two" / "a.safetensors")
    save(tmp_path / "two" / "b.safetensors")
    loras = Loras([tmp_path / "one", tmp_path / "two", tmp_path / "none"])
    assert [file.name for file in loras.all()] == ["a", "b"]
    assert loras.all()[0].path == loras.find("a")[0].path == first


def test_of_several_files_of_one_name_the_first_is_used_and_that_is_noted(tmp_path):
    first = save(tmp_path / "people" / "a.safetensors")
    save(tmp_path / "styles" / "a.safetensors")
    found, note = Loras([tmp_path]).find("a")
    assert found.path == first
    assert note.rule == "lora_ambiguous"
    assert "people/a.safetensors, styles/a.safetensors" in note.sentence


def test_an_unknown_name_is_noted_with_those_that_are_nearest(tmp_path):
    save(tmp_path / "Pixel.safetensors")
    found, note = Loras([tmp_path]).find("pixel")
    assert found is None
    assert note.sentence == "LoRA 'pixel' is unknown and was left out; nearest: Pixel"


def test_a_name_that_nobody_can_type_is_not_proposed(tmp_path):
    save(tmp_path / "new\nline.safetensors")
    assert Loras([tmp_path]).find("new line")[1].sentence == "LoRA 'new line' is unknown and was left out"


@pytest.fixture
def outside(tmp_path):
    """A LoRA beside the folder, and links to it from inside."""
    save(tmp_path / "secret" / "outside.safetensors")
    folder = tmp_path / "loras"
    save(folder / "sub" / "inside.safetensors")
    (folder / "linked.safetensors").symlink_to(tmp_path / "secret" / "outside.safetensors")
    (folder / "folder").symlink_to(tmp_path / "secret")
    (folder / "again.safetensors").symlink_to(folder / "sub" / "inside.safetensors")
    (folder / "circle.safetensors").symlink_to(folder / "circle.safetensors")
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "../secret/outside",
        "sub/inside",
        "sub\\inside",
        "folder/outside",
        "linked",
        "outside",
        "circle",
        "..",
        "",
        ".",
        "a\0b",
        "x" * 5000,
        "inside.safetensors",
    ],
    ids=repr,
)
def test_names_are_names_and_nothing_outside_of_the_folder_is_read(outside, name):
    assert Loras([outside]).find(name)[0] is None


def test_what_is_in_the_folder_is_found_also_by_links_inside_of_it(outside):
    assert [file.name for file in Loras([outside]).all()] == ["again", "inside"]


def test_a_folder_of_loras_may_itself_be_a_link(outside, tmp_path):
    (tmp_path / "link").symlink_to(outside)
    assert Loras([tmp_path / "link"]).find("inside")[0] is not None


def test_a_header_is_read_once_and_again_when_the_file_changes(tmp_path):
    file = save(tmp_path / "a.safetensors", metadata={"modelspec.title": "One"})
    loras = Loras([tmp_path])
    before = loras.find("a")[0]
    assert loras.find("a")[0] is before
    save(file, metadata={"modelspec.title": "Two"})
    os.utime(file, ns=(1, 1))
    assert (before.title, loras.find("a")[0].title) == ("One", "Two")


def test_loras_are_looked_for_in_the_operators_folder_and_in_the_models_own(tmp_path):
    folder = find_model("emoji", models_dir=tmp_path)
    assert folder.loras == (tmp_path / "loras", folder.path / "loras")
    save(tmp_path / "loras" / "a.safetensors")
    assert [file.name for file in loras_of(folder).all() if file.path.is_relative_to(tmp_path)] == ["a"]


def test_a_model_says_how_wide_its_texts_are():
    assert base_of(find_model("emoji")) == EMOJI


TAGS = json.dumps({"10_cat": {"pxl": 20, "red": 3, "pixel art": 19}, "5_dog": {"pxl": 10, "pixel art": 10}})


@pytest.mark.parametrize(
    ("metadata", "sidecars", "title", "words", "base"),
    [
        ({}, {}, "a", (), ""),
        (
            {
                "modelspec.title": "Pixels",
                "modelspec.trigger_phrase": "pxl, art",
                "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
            },
            {},
            "Pixels",
            ("pxl", "art"),
            "Stable Diffusion XL",
        ),
        (
            {"ss_tag_frequency": TAGS, "ss_base_model_version": "sd_v1"},
            {},
            "a",
            ("pxl", "pixel art"),
            "Stable Diffusion 1.x",
        ),
        (
            {"ss_tag_frequency": TAGS, "ss_base_model_version": "flux1"},
            {"a.json": {"activation text": "my, words", "sd version": "SD1"}},
            "a",
            ("my", "words"),
            "flux1",
        ),
        (
            {"modelspec.title": "x"},
            {"a.civitai.info": {"trainedWords": ["one", "two, three"], "baseModel": "Pony", "model": {"name": "Civ"}}},
            "Civ",
            ("one", "two, three"),
            "Pony",
        ),
        (
            {"modelspec.title": "x"},
            {"a.toml": 'title = "Mine"\ntrigger_words = ["w"]\nbase = "B"', "a.json": {"activation text": "v"}},
            "Mine",
            ("w",),
            "B",
        ),
        (
            {"modelspec.title": 7, "ss_tag_frequency": "[1"},
            {"a.toml": "title = ", "a.json": [1], "a.civitai.info": {"model": 3, "trainedWords": [5, None]}},
            "a",
            (),
            "",
        ),
        (
            {"ss_tag_frequency": '{"a": {"b": "c"}}'},
            {"a.json": {"activation text": 5, "sd version": "Unknown"}},
            "a",
            (),
            "",
        ),
    ],
    ids=["nothing", "modelspec", "kohya", "web ui", "civitai", "own", "broken", "foreign"],
)
def test_what_a_lora_is_called_and_what_calls_it_forth(tmp_path, metadata, sidecars, title, words, base):
    shapes = {"lora_unet_mid_block_resnets_0_conv1.lora_down.weight": [4, 8, 3, 3]}
    file = save(tmp_path / "a.safetensors", shapes, metadata)
    for name, content in sidecars.items():
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    told = lora(file)
    assert (told.title, told.trigger_words, told.base, told.fault) == (title, words, base, "")


PEFT = "unet.up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v.lora_A.weight"
OLD = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight"
SGM = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight"


@pytest.mark.parametrize(
    ("shapes", "made_for"),
    [
        ({TO_K: [4, 768]}, SD1),
        ({PEFT: [4, 1024]}, SD2),
        ({OLD: [4, 768]}, SD1),
        ({SGM: [4, 2048]}, SDXL),
        ({Q_PROJ: [4, 768]}, "another model"),
        ({"text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight": [4, 768]}, "another model"),
        ({Q_PROJ: [4, 192], Q_PROJ.replace("te", "te2", 1): [4, 192]}, SDXL),
        ({"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": [4, 3072]}, "another model"),
        ({"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": [4, 3072]}, "another model"),
    ],
    ids=[
        "kohya",
        "peft",
        "old diffusers",
        "sgm",
        "text kohya",
        "text diffusers",
        "two encoders",
        "transformer",
        "flux",
    ],
)
def test_a_lora_for_another_model_is_refused_by_a_sentence_that_names_both(tmp_path, shapes, made_for):
    with pytest.raises(InvalidRequest) as caught:
        check_fit(lora(save(tmp_path / "a.safetensors", shapes)), EMOJI)
    assert caught.value.rule == ("lora_foreign" if made_for == "another model" else "lora_misfit")
    model = "Emoji (Stable Diffusion 1.x)" if made_for in (SD2, SDXL) else "Emoji"
    assert str(caught.value) == f"LoRA 'a' was made for {made_for} and does not fit {model}"


@pytest.mark.parametrize("shapes", [None, {Q_PROJ: [4, 192]}], ids=["unet", "text encoder"])
def test_a_lora_of_the_models_widths_fits(tmp_path, shapes):
    check_fit(lora(save(tmp_path / "a.safetensors", shapes)), EMOJI)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is cut short or no safetensors file"),
        (b"not a lora at all", "is cut short or no safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer"),
        (struct.pack("<Q", 4) + b"[1]]", "is damaged"),
        ({}, "is damaged"),
        ({"emb_params": [4, 192]}, "holds 'emb_params', which is no part of a LoRA"),
        ({"lora_unet_x.hada_w1_a": [4, 4]}, "holds a LoHa"),
        ({"lora_unet_x.lokr_w1": [4, 4]}, "holds a LoKr"),
        ({TO_K: [4, 192], TO_K.replace("lora_down.weight", "dora_scale"): [4]}, "holds a DoRA"),
        ({"lora_unet_x.alpha": []}, "holds no LoRA"),
    ],
    ids=["empty", "words", "pointer", "list", "nothing", "embedding", "loha", "lokr", "dora", "alphas alone"],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path, content, reason):
    file = tmp_path / "a.safetensors"
    file.write_bytes(content) if isinstance(content, bytes) else save(file, content)
    with pytest.raises(InvalidRequest, match=f"LoRA 'a' cannot be used: its file {reason}"):
        check_fit(lora(file), EMOJI)


def test_the_loras_of_prompts_are_chosen(tmp_path):
    save(tmp_path / "a.safetensors")
    chosen = Loras([tmp_path]).choose(["<lora:a:0.8> x <lora:b:1>", "<lora:a:1> <lyco:c>"], EMOJI)
    assert (set(chosen.files), set(chosen.notes)) == ({"a"}, {"b", "c"})


def test_a_prompt_names_no_more_loras_than_are_in_memory_at_once(tmp_path):
    names = [f"n{number}" for number in range(MAX_LORAS + 1)]
    for name in names:
        save(tmp_path / f"{name}.safetensors")
    prompts = [f"<lora:{name}:1>" for name in names]
    loras = Loras([tmp_path])
    loras.choose(prompts, EMOJI)
    with pytest.raises(InvalidRequest, match="a prompt may name at most 10 LoRAs, got 11"):
        loras.choose(["".join(prompts)], EMOJI)


def test_folders_are_looked_at_once_however_many_names_there_are(tmp_path, monkeypatch):
    save(tmp_path / "a.safetensors")
    looks = []
    walk = os.walk
    monkeypatch.setattr(os, "walk", lambda folder: looks.append(folder) or walk(folder))
    Loras([tmp_path]).choose(["a cat < 3"], EMOJI)
    assert looks == []
    Loras([tmp_path]).choose(["".join(f"<lora:{number}>" for number in range(500))] * 3, EMOJI)
    assert looks == [tmp_path]


def test_files_are_looked_at_without_torch():
    program = "import sys, engine.lora.loras; assert not {'torch', 'diffusers', 'peft'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", program], check=True)
