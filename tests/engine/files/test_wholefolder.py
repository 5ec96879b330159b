import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tinywholes

from engine.errors import InvalidModel, InvalidRequest
from engine.files.catalogue import Catalogue
from engine.models import find_model
from engine.notation.aspects import aspect_size
from engine.request import GenerationRequest


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folders of models that are run whole."""
    folder = tmp_path_factory.mktemp("wholes")
    tinywholes.save_sd3(folder / "sd3")
    tinywholes.save_flux(folder / "flux")
    tinywholes.save_flux(folder / "schnell", guidance_embeds=False)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of Stable Diffusion 3 whose files may be broken."""
    return Path(shutil.copytree(saved / "sd3", tmp_path / "copy"))


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def refusal(folder, **options) -> InvalidModel:
    with pytest.raises(InvalidModel) as caught:
        find_model(folder, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_model_of_another_pipeline_is_found(saved):
    model = find_model(saved / "sd3")
    assert (model.family, sorted(model.networks)) == (
        "Stable Diffusion 3",
        ["text_encoder", "text_encoder_2", "transformer", "vae"],
    )
    assert not model.has_safety_checker


def test_its_card_says_what_its_pipeline_does_by_default(saved):
    card = find_model(saved / "sd3").card
    assert (card.steps, card.guidance, card.width, card.height) == (28, 7.0, 64, 64)
    assert card.own_sampler == "FlowMatchEulerDiscrete"


def test_its_own_card_says_more(folder):
    (folder / "model.toml").write_text('title = "Three"\nsteps = 12\nsize = 128\n')
    card = find_model(folder).card
    assert (card.title, card.steps, card.width) == ("Three", 12, 128)


def test_a_size_that_a_card_gives_is_one_that_the_pipeline_takes(folder):
    (folder / "model.toml").write_text('size = "128x72"\n')
    assert "multiples of 16" in str(refusal(folder))


def test_a_model_that_was_distilled_draws_in_few_steps_without_guidance(saved):
    model = find_model(saved / "schnell")
    assert (model.has_guidance, model.card.steps, model.card.guidance) == (False, 4, 0.0)
    assert find_model(saved / "flux").has_guidance


def test_a_text_encoder_that_reads_other_languages_is_not_taken_for_an_english_one(folder):
    assert find_model(folder).card.english_only
    change(folder / "model_index.json", text_encoder=["transformers", "Qwen3Model"])
    assert not find_model(folder).card.english_only


def test_it_stands_in_the_catalogue(saved):
    catalogue = Catalogue(find_model("emoji"), saved)
    assert {each.name: each.family for each in catalogue.all()} | {"emoji": ""} == {
        "emoji": "",
        "flux": "FLUX.1",
        "schnell": "FLUX.1",
        "sd3": "Stable Diffusion 3",
    }


def test_finding_it_takes_no_torch(saved):
    script = (
        "import sys; from engine.models import find_model; find_model(sys.argv[1]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, saved / "sd3"], check=True)


def test_a_request_of_a_size_that_the_pipeline_does_not_take_is_refused(saved):
    card = find_model(saved / "sd3").card
    with pytest.raises(InvalidRequest, match="multiples of 16, got 72x64") as caught:
        GenerationRequest(prompt="a heart", width=72, height=64).completed(card)
    assert caught.value.rule == "model_size"


@pytest.mark.parametrize("aspect", ["square", "portrait", "16:9", "1:5"])
def test_every_aspect_is_of_a_size_that_the_pipeline_takes(saved, aspect):
    assert all(side % 16 == 0 for side in aspect_size(aspect, find_model(saved / "flux").card))


def test_weights_that_were_cut_short_are_refused(folder):
    file = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert "is cut short" in str(refusal(folder))


def test_pickles_are_refused(folder):
    (folder / "text_encoder" / "model.safetensors").rename(folder / "text_encoder" / "pytorch_model.bin")
    assert "is a pickle" in str(refusal(folder))


@pytest.mark.parametrize("name", ["text_encoder_2", "tokenizer", "vae"])
def test_a_part_that_the_index_names_must_be_there(folder, name):
    shutil.rmtree(folder / name)
    assert "is missing" in str(refusal(folder))


@pytest.mark.parametrize("library", ["custom", "pipeline", "diffusers_modules", "os"])
def test_code_of_others_is_not_run(folder, library):
    change(folder / "model_index.json", transformer=[library, "Transformer"])
    error = refusal(folder)
    assert error.rule == "model_foreign"
    assert "only code of diffusers and transformers is run" in str(error)


@pytest.mark.parametrize(
    ("name", "class_name"), [("../elsewhere", "T5EncoderModel"), ("a b", "T5EncoderModel"), ("text", "os.system")]
)
def test_names_are_names(folder, name, class_name):
    change(folder / "model_index.json", **{name: ["transformers", class_name]})
    assert "names a part" in str(refusal(folder))


@pytest.mark.parametrize(
    ("part", "names"),
    [("text_encoder", "text_encoder"), ("transformer", "transformer or unet"), ("vae", "vae or movq")],
    ids=["text_encoder", "transformer", "vae"],
)
def test_an_index_that_leaves_out_what_draws_is_refused(folder, part, names):
    change(folder / "model_index.json", **{part: [None, None]})
    assert f"names no class for {names}" in str(refusal(folder))


def test_a_model_without_a_scheduler_is_refused(folder):
    change(folder / "model_index.json", scheduler=[None, None])
    assert "names no class for scheduler" in str(refusal(folder))


@pytest.mark.parametrize("part", ["vae", "tokenizer", "text_encoder"])
def test_no_part_is_taken_from_elsewhere(folder, part):
    assert "takes no other" in str(refusal(folder, **{part: folder / part}))


@pytest.mark.parametrize("pipeline", ["FluxControlPipeline", "LTXPipeline", "../x", ["custom", "Pipeline"], None])
def test_pipelines_that_draw_nothing_from_a_text_are_refused(folder, pipeline):
    change(folder / "model_index.json", _class_name=pipeline)
    assert refusal(folder).rule == "model_foreign"


def test_a_size_that_no_request_could_ask_for_is_refused(folder):
    change(folder / "transformer" / "config.json", sample_size=4096)
    assert "draws at a wrong size" in str(refusal(folder))
