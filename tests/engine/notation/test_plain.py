import pytest
import tinywholes

from engine.models import find_model
from engine.notation.plain import read_plain, size_notes, text_of
from engine.request import GenerationRequest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return find_model(tinywholes.save_sd3(tmp_path_factory.mktemp("models") / "sd3"))


@pytest.fixture
def read(folder):
    """A function that gives the readings of a request."""
    return lambda prompt, **values: read_plain(
        GenerationRequest(prompt=prompt, seed=7, **values).completed(folder.card), folder
    )


@pytest.mark.parametrize(
    "prompt",
    ["a red heart", "a (red:1.4) heart", "a [red|blue] heart AND a cat", "a heart BREAK a cat", r"a \(heart\)"],
)
def test_a_prompt_is_told_as_it_is_typed(read, prompt):
    [reading] = read(prompt)
    assert text_of(reading.prompt) == prompt
    assert len(reading.prompt.subprompts) == 1


@pytest.mark.parametrize(
    ("prompt", "rules"),
    [
        ("a red heart, 4k: nice; 50% off", []),
        ("a (red) heart", ["notation_plain"]),
        ("a heart BREAK a cat", ["notation_plain"]),
        ("[a:b:0.5]", ["notation_plain"]),
        (r"a \(heart\)", ["notation_plain"]),
        ("<lora:a:1> a <lora:b> heart", ["lora_plain", "lora_plain"]),
    ],
)
def test_notations_that_are_words_are_said(read, prompt, rules):
    assert [note.rule for note in read(prompt)[0].notes] == rules


def test_tags_of_loras_are_no_words(read):
    assert text_of(read("a heart <lora:pixel:0.8>")[0].prompt) == "a heart"


def test_each_permutation_is_a_text_of_its_own(read):
    assert [text_of(reading.prompt) for reading in read("a {red|blue} heart")] == ["a red heart", "a blue heart"]


@pytest.mark.parametrize(("guidance", "rows"), [(1.0, 1), (5.0, 2)])
def test_guidance_takes_a_row_more(read, guidance, rows):
    assert read("a heart", guidance_scale=guidance, negative_prompt="green")[0].rows == rows


def test_a_size_that_the_model_chose_itself_is_said(folder):
    request = GenerationRequest(prompt="a heart", width=64, height=96).completed(folder.card)
    assert size_notes(request, (64, 96)) == ()
    assert [note.facts for note in size_notes(request, (1024, 768))] == [{"width": 1024, "height": 768}]
