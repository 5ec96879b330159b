import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import InvalidModel
from engine.models import find_model

BUNDLED = find_model("emoji").path


def link_or_copy(source, target):
    """Weights are linked (a test that breaks them replaces the link), small files copied."""
    if source.endswith(".safetensors"):
        Path(target).symlink_to(source)
    else:
        shutil.copyfile(source, target)


@pytest.fixture
def folder(tmp_path):
    """A copy of the bundled model whose files may be broken."""
    return Path(shutil.copytree(BUNDLED, tmp_path / "copy", copy_function=link_or_copy))


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def refusal(*arguments, **options) -> InvalidModel:
    with pytest.raises(InvalidModel) as caught:
        find_model(*arguments, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_bundled_model_is_found_by_its_name_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = find_model("emoji")
    assert model.card.title == "Emoji"
    assert not model.has_safety_checker


def test_a_folder_is_found_by_its_path(folder):
    assert find_model(str(folder)).path == folder


def test_a_model_is_found_by_its_name_in_the_models_folder(folder):
    assert find_model("copy", models_dir=folder.parent).path == folder


def test_an_unknown_name_is_refused_with_the_known_ones(folder):
    error = refusal("emojy", models_dir=folder.parent)
    assert error.rule == "model_missing"
    assert "'emojy'" in str(error)
    assert "known: emoji, copy" in str(error)


def test_an_empty_name_is_refused():
    assert refusal("").rule == "model_missing"


def test_a_name_that_no_file_can_have_is_refused():
    assert "cannot be read" in str(refusal("a" * 300)) or "is not there" in str(refusal("a" * 300))


def test_a_file_that_holds_no_weights_is_refused(folder):
    error = refusal(str(folder / "unet" / "config.json"))
    assert "is cut short or no safetensors file" in str(error)


@pytest.mark.parametrize(
    "file",
    [
        "model_index.json",
        "unet/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "tokenizer/tokenizer.json",
        "tokenizer/tokenizer_config.json",
        "scheduler/scheduler_config.json",
    ],
)
@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.write_text('{"half'), "is no JSON"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "is no JSON"),
        (lambda file: file.write_text("[]"), "must hold a JSON object"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be read"),
        (lambda file: (file.unlink(), os.mkfifo(file)), "cannot be read"),
    ],
    ids=["missing", "cut short", "not UTF-8", "a list", "a folder", "a pipe"],
)
def test_a_broken_json_file_is_named_with_the_reason(folder, file, break_it, reason):
    break_it(folder / file)
    error = refusal(folder)
    assert error.rule == "model_broken"
    assert error.facts["file"] == str(folder / file)
    assert reason in error.facts["reason"]


@pytest.mark.parametrize(
    ("part", "figures"),
    [
        ("unet", {"layers_per_block": 10**9}),
        ("unet", {"transformer_layers_per_block": [1, [1, 10**9]]}),
        ("vae", {"layers_per_block": 101}),
        ("text_encoder", {"num_hidden_layers": 10**9}),
    ],
)
def test_a_config_that_asks_for_layers_without_end_is_refused(folder, part, figures):
    file = folder / part / "config.json"
    config = {**json.loads(file.read_text()), **figures}
    file.unlink()
    file.write_text(json.dumps(config))
    assert f"asks for more {next(iter(figures))} than 100" in str(refusal(folder))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("place", ["unet/config.json", "unet", "tokenizer", "scheduler", "."])
def test_what_is_unreadable_is_named(folder, place):
    (folder / place).chmod(0)
    error = refusal(folder)
    (folder / place).chmod(0o700)
    assert "cannot be read: Permission denied" in str(error)


WEIGHTS = [
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
]


def replace_by(data):
    def replace(file):
        original = file.read_bytes()
        file.unlink()
        file.write_bytes(data(original))

    return replace


@pytest.mark.parametrize("file", WEIGHTS)
@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda file: file.unlink(), "is missing"),
        (replace_by(lambda data: data[:-1]), "is cut short: "),
        (replace_by(lambda data: data[:1000]), "is cut short"),
        (replace_by(lambda data: data[:5]), "is cut short"),
        (replace_by(lambda data: b""), "is cut short"),
        (replace_by(lambda data: data + b"\0"), "is longer than its header states"),
        (replace_by(lambda data: data[:8] + b"#" * (len(data) - 8)), "is damaged"),
        (replace_by(lambda data: b"\x02" + bytes(7) + b"{}"), "is damaged"),
        (replace_by(lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "Git LFS pointer"),
    ],
    ids=[
        "missing",
        "one byte short",
        "header cut",
        "five bytes",
        "empty",
        "too long",
        "no header",
        "no tensors",
        "pointer",
    ],
)
def test_broken_weights_are_named_with_the_reason(folder, file, break_it, reason):
    break_it(folder / file)
    error = refusal(folder)
    assert error.rule == "model_broken"
    assert error.facts["file"] == str(folder / file)
    assert reason in error.facts["reason"]


def test_a_cut_file_says_how_much_of_it_is_there(folder):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    length = file.stat().st_size
    replace_by(lambda data: data[:20_000_000])(file)
    assert f"is cut short: 20000000 of {length} bytes are there" in str(refusal(folder))


@pytest.mark.parametrize("ending", ["bin", "ckpt"])
def test_pickles_are_refused_with_the_reason(folder, ending):
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(
        folder / "unet" / f"diffusion_pytorch_model.{ending}"
    )
    assert "loading a pickle runs its code: only safetensors is read" in str(refusal(folder))


def test_half_precision_files_are_taken_where_there_are_no_others(folder):
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(
        folder / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    )
    model = find_model(folder)
    assert (model.unet.variant, model.vae.variant) == ("fp16", None)


def shard(folder, *names):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.rename(folder / "unet" / "diffusion_pytorch_model-00001-of-00001.safetensors")
    index = {"metadata": {}, "weight_map": {str(number): name for number, name in enumerate(names)}}
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))


def test_weights_in_several_files_are_found_by_their_index(folder):
    shard(folder, "diffusion_pytorch_model-00001-of-00001.safetensors")
    assert find_model(folder).unet.variant is None


def test_a_missing_one_of_several_weight_files_is_named(folder):
    shard(folder, "diffusion_pytorch_model-00002-of-00002.safetensors")
    assert "diffusion_pytorch_model-00002-of-00002.safetensors is missing" in str(refusal(folder))


def test_an_index_cannot_point_out_of_its_folder(folder):
    shard(folder, "../vae/diffusion_pytorch_model.safetensors")
    assert "outside of its own folder" in str(refusal(folder))


@pytest.mark.parametrize("pipeline", ["StableDiffusionXLImg2ImgPipeline", "LTXPipeline", None])
def test_a_foreign_pipeline_is_named(folder, pipeline):
    change(folder / "model_index.json", _class_name=pipeline)
    error = refusal(folder)
    assert error.rule == "model_foreign"
    assert f"describes a {pipeline}" in str(error)


def test_a_foreign_part_is_named(folder):
    change(folder / "model_index.json", vae=["diffusers", "AutoencoderTiny"])
    error = refusal(folder)
    assert error.rule == "model_foreign"
    assert "vae of class AutoencoderTiny" in str(error)


def test_a_part_without_a_class_is_named(folder):
    change(folder / "model_index.json", unet=[None, None])
    assert "names no class for unet" in str(refusal(folder))


@pytest.mark.parametrize(
    ("file", "values", "rule", "sentence"),
    [
        ("unet", {"cross_attention_dim": 768}, "model_mismatch", "reads texts of width 768"),
        ("unet", {"in_channels": 8}, "model_mismatch", "in_channels is 8, the VAE's latents have 4 channels"),
        ("unet", {"out_channels": 8}, "model_mismatch", "out_channels is 8"),
        ("vae", {"latent_channels": 16}, "model_mismatch", "latents have 16 channels"),
        ("text_encoder", {"vocab_size": 3000}, "model_mismatch", "3000 tokens"),
        ("text_encoder", {"max_position_embeddings": 64}, "model_mismatch", "64 tokens a prompt"),
        ("unet", {"addition_embed_type": "text_time"}, "model_foreign", "addition_embed_type"),
        ("unet", {"encoder_hid_dim": 256}, "model_foreign", "asks for encoder_hid_dim 256"),
        ("unet", {"sample_size": None}, "model_broken", "sample_size"),
        ("unet", {"sample_size": 500}, "model_foreign", "wrong sample_size: width must be from 64 to 2048, got 4000"),
        (
            "unet",
            {"_class_name": "UNet2DModel"},
            "model_foreign",
            "gives _class_name 'UNet2DModel'; known as unet: UNet2DCond",
        ),
        ("vae", {"_class_name": "AutoencoderTiny"}, "model_foreign", "known as vae: AutoencoderKL"),
        ("text_encoder", {"model_type": "t5"}, "model_foreign", "known as text_encoder: clip_text_model, clip"),
        ("vae", {"scaling_factor": None}, "model_broken", "scaling_factor as a number above 0, gives None"),
        ("vae", {"scaling_factor": 0}, "model_broken", "scaling_factor as a number above 0, gives 0"),
        ("unet", {"in_channels": "four"}, "model_broken", "in_channels as a whole number"),
        ("vae", {"block_out_channels": [8] * 5}, "model_foreign", "block_out_channels"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_part_that_does_not_fit_is_named(folder, file, values, rule, sentence):
    change(folder / file / "config.json", **values)
    error = refusal(folder)
    assert error.rule == rule
    assert sentence in str(error)


@pytest.mark.parametrize(
    ("pipeline", "offset"), [("StableDiffusionPipeline", 1), ("LatentConsistencyModelPipeline", 0)]
)
def test_an_old_scheduler_config_gets_the_pipelines_steps_offset(folder, pipeline, offset):
    change(folder / "model_index.json", _class_name=pipeline)
    change(folder / "scheduler" / "scheduler_config.json", steps_offset=0)
    assert find_model(folder).scheduler_config["steps_offset"] == offset


def test_a_scheduler_config_must_name_its_class(folder):
    change(folder / "scheduler" / "scheduler_config.json", _class_name=None)
    assert "names no _class_name" in str(refusal(folder))


def test_without_a_card_the_defaults_are_those_of_diffusers(folder):
    (folder / "model.toml").unlink()
    card = find_model(folder).card
    assert (card.title, card.steps, card.guidance, card.width, card.height) == ("copy", 50, 7.5, 128, 128)


def test_a_sample_size_of_two_numbers_is_height_and_width(folder):
    (folder / "model.toml").unlink()
    change(folder / "unet" / "config.json", sample_size=[8, 24])
    card = find_model(folder).card
    assert (card.width, card.height) == (192, 64)


def test_the_card_knows_what_people_call_the_models_own_scheduler():
    assert find_model("emoji").card.sampler("default") == "PLMS"


@pytest.mark.parametrize("part", ["tokenizer", "text_encoder", "vae"])
@pytest.mark.parametrize("place", ["the part's own folder", "a model's folder"])
def test_a_part_is_taken_from_elsewhere(folder, part, place):
    shutil.rmtree(folder / part)
    elsewhere = BUNDLED / part if place == "the part's own folder" else BUNDLED
    found = getattr(find_model(folder, **{part: elsewhere}), part)
    assert getattr(found, "folder", found) == BUNDLED / part


@pytest.mark.parametrize("name", ["no-such-folder", "", " "])
def test_a_part_that_is_not_there_is_named(name):
    error = refusal("emoji", vae=name)
    assert error.rule == "model_missing"
    assert str(error) == (
        f"{name!r} is not there: vae must be a name in vae/ of the models' folder, a folder, or an id on the hub"
    )


def test_a_part_whose_name_no_file_can_have_is_refused():
    assert refusal("emoji", vae="a" * 300).facts["file"] == "a" * 300


@pytest.mark.parametrize("name", ["a--b/c", f"{'a' * 100}/b", "a/b.git"])
def test_an_id_that_the_hub_cannot_have_is_refused(name):
    assert refusal(name).rule == "model_missing"
    assert refusal("emoji", tokenizer=name).rule == "model_missing"


def test_a_text_encoder_inside_a_whole_clip_model_is_measured_by_its_text_config(folder, tmp_path):
    encoder = Path(shutil.copytree(BUNDLED / "text_encoder", tmp_path / "clip", copy_function=link_or_copy))
    text = json.loads((encoder / "config.json").read_text())
    (encoder / "config.json").write_text(json.dumps({"model_type": "clip", "text_config": text}))
    assert find_model(folder, text_encoder=encoder).text_encoder.folder == encoder


def test_a_tokenizer_of_vocabulary_and_merges_is_found(folder):
    old = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer" / "tokenizer.json").unlink()
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(old["vocab"]))
    assert "merges.txt is missing" in str(refusal(folder))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    assert find_model(folder).tokenizer == folder / "tokenizer"


def test_a_named_safety_checker_must_be_there(folder):
    change(folder / "model_index.json", safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"])
    assert "no feature_extractor" in str(refusal(folder))
    change(folder / "model_index.json", feature_extractor=["transformers", "CLIPImageProcessor"])
    assert "preprocessor_config.json is missing" in str(refusal(folder))


def test_finding_a_model_imports_no_torch():
    script = "import sys; from engine import find_model; find_model('emoji'); print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )
