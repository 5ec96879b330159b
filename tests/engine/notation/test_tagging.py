"""A chosen LoRA in a prompt: it is read there as it was chosen."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lora.lorafile import LoraFile
from engine.notation.expansion import expand, wildcards_in
from engine.notation.tagging import can_be_tagged, tagged
from engine.notation.trailing import read_options
from engine.prompt import parse


def lora(name="pixel", *words, trained_name=""):
    path = Path(f"{name}.safetensors")
    return LoraFile(path=path, version=(1, 1), title=name, trigger_words=words, trained_name=trained_name)


@pytest.mark.parametrize(
    ("prompt", "result"),
    [
        ("a cat", "a cat, pixel art <lora:pixel:0.8>"),
        ("a cat, ", "a cat, pixel art <lora:pixel:0.8>"),
        ("a cat --ar 16:9 --no blur, noise", "a cat, pixel art <lora:pixel:0.8> --ar 16:9 --no blur, noise"),
        ("--seed 7", "pixel art <lora:pixel:0.8> --seed 7"),
        ("Pixel Art of a cat", "Pixel Art of a cat <lora:pixel:0.8>"),
        ("a cat <lora:pixel:0.4>", "a cat <lora:pixel:0.4>, pixel art"),
        ("a cat AND a dog :0.8", "a cat AND a dog, pixel art :0.8 <lora:pixel:0.8>"),
        ("a cat AND a dog :.5 <lora:gold:1>", "a cat AND a dog, pixel art :.5 <lora:gold:1> <lora:pixel:0.8>"),
        ("at 10:30", "at 10:30, pixel art <lora:pixel:0.8>"),
    ],
    ids=["words", "comma", "options", "options alone", "word there", "tag there", "AND", "AND and tag", "no AND"],
)
def test_tag_and_trigger_words_go_where_they_are_read(prompt, result):
    assert tagged(prompt, lora("pixel", "pixel art"))[0] == result


def test_a_lora_without_trigger_words_adds_its_tag_alone():
    assert tagged("a cat", lora())[0] == "a cat <lora:pixel:0.8>"


def test_what_was_added_is_told():
    (note,) = tagged("a cat", lora("pixel", "pixel art", "8-bit"))[1]
    assert (note.rule, note.facts["text"]) == ("lora_added", "<lora:pixel:0.8>, pixel art, 8-bit")


def test_what_is_there_already_is_not_added_again():
    prompt = tagged("a cat --seed 7", lora("pixel", "pixel art"))[0]
    assert tagged(prompt, lora("pixel", "pixel art")) == (prompt, ())


def test_a_tag_by_the_trainers_name_is_the_same_loras():
    assert tagged("a cat <lora:px:1>", lora(trained_name="px"))[0] == "a cat <lora:px:1>"


def test_trigger_words_that_no_prompt_may_hold_stay_out():
    assert tagged("a cat", lora("pixel", "half \ud800", "8-bit"))[0] == "a cat, 8-bit <lora:pixel:0.8>"


@pytest.mark.parametrize(
    "name",
    ["a:b", "a<b", "a>b", "a{b", "a|b", "__x__", "--no", "a --seed", "a\nb", "\u202eb", "\udcff", "", " a", "a "],
)
def test_what_a_tag_cannot_hold_is_no_name_for_one(name):
    assert not can_be_tagged(name)


@pytest.mark.parametrize("name", ["pixel", "Pixel Art v1.5", "a_b-c", "koreanDollLikeness_v10", "像素", "a[b", "x__y"])
def test_ordinary_names_stand_in_tags(name):
    assert can_be_tagged(name)


@given(st.text(max_size=12).filter(lambda name: can_be_tagged(name) and Path(f"{name}.x").stem == name))
def test_a_name_that_a_tag_can_hold_is_read_back_from_it(name):
    prompt = tagged("a {red|blue} cat --seed 7", lora(name))[0]
    read = read_options(prompt)
    texts = expand(read.text, 1, wildcards_in(None), most=10).texts
    assert read.options == {"seed": "7"}
    assert [[tag.name for tag in parse(text, 20).loras] for text in texts] == [[name], [name]]


@given(st.text(max_size=60))
def test_the_options_of_any_prompt_are_those_of_the_prompt_with_a_lora(prompt):
    assert read_options(tagged(prompt, lora("pixel", "art"))[0]).options == read_options(prompt).options
