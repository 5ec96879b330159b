"""What one picture is to be told, found in its request without a model."""

from pathlib import Path

import pytest

import engine.reading
from engine import GenerationRequest
from engine.lora.lorafile import LoraFile
from engine.lora.loras import Chosen
from engine.models import find_model
from engine.prompt import Note, parse
from engine.reading import read, read_all

CARD = find_model("emoji").card


def reading(prompt: str, *, index: int = 0, **values):
    return read(GenerationRequest(prompt=prompt, **{"seed": 7, "guidance_scale": 5.0, **values}).completed(CARD), index)


@pytest.mark.parametrize(
    ("prompt", "scale", "rows"),
    [
        ("a", 1.0, 1),
        ("a", 5.0, 2),
        ("a AND b", 5.0, 3),
        ("a AND b", 1.0, 3),
        ("a AND b AND c :0", 5.0, 4),
        ("a :2", 1.0, 1),
    ],
)
def test_every_operand_and_the_negative_prompt_have_a_row(prompt, scale, rows):
    assert reading(prompt, guidance_scale=scale).rows == rows


def test_each_permutation_is_read_apart():
    one, other, again = (reading("{a|b}", num_images=2, index=index) for index in (0, 2, 1))
    assert one != other
    assert one == again


@pytest.mark.parametrize(
    "values",
    [{"clip_skip": 2}, {"max_embeddings_multiples": 2}, {"negative_prompt": "b"}, {"guidance_scale": 1.0}],
    ids=str,
)
def test_what_is_encoded_otherwise_is_another_reading(values):
    assert reading("a", **values) != reading("a")


def test_readings_are_found_again():
    assert {reading("a (b:1.2) [c:d:3] <lora:x:1> (e:99)"): "known"}[reading("a (b:1.2) [c:d:3] <lora:x:1> (e:99)")]


def test_up_to_eight_chunks_are_read_unless_fewer_are_asked_for():
    assert [reading("a", max_embeddings_multiples=asked).max_chunks for asked in (None, 3)] == [8, 3]


def test_a_lora_that_is_not_known_is_noted_once():
    [note] = reading("<lora:x:1> a <lora:x:0.5>").notes
    assert (note.rule, note.sentence) == ("lora_unknown", "LoRA 'x' is unknown and was left out")


def test_a_lora_in_the_negative_prompt_is_left_out_and_that_is_noted():
    [note] = reading("a", negative_prompt="<lora:x:1> b <lora:x:0.5>").notes
    assert note.rule == "lora_negative"


@pytest.fixture
def chosen():
    files = {name: LoraFile(path=Path(f"{name}.safetensors"), version=(1, 1), title=name) for name in ("x", "y")}
    return Chosen(files, {"y": Note("lora_ambiguous", "y is the name of 2 files")})


def with_loras(prompt, chosen):
    return read(GenerationRequest(prompt=prompt, seed=7).completed(CARD), 0, chosen)


def test_a_lora_has_a_weight_in_the_unet_and_one_in_the_text_encoder(chosen):
    told = with_loras("<lora:y:0.5:0.8> a <lora:x:0:1>", chosen)
    x, y = chosen.files.values()
    assert told.unet_loras == ((x, 1.0), (y, 0.8))
    assert told.text_loras == ((y, 0.5),)
    assert told.loras == (x, y)
    assert told.notes == (chosen.notes["y"],)


def test_the_order_of_tags_makes_no_other_batch(chosen):
    one, other = with_loras("<lora:x:1><lora:y:2>a", chosen), with_loras("<lora:y:2><lora:x:1>a", chosen)
    assert one.unet_loras == other.unet_loras


def test_the_weights_of_several_tags_add_up(chosen):
    told = with_loras("<lora:x:0.25> <lora:x:0.5> <lora:y:1> <lora:y:-1>", chosen)
    assert told.unet_loras == ((chosen.files["x"], 0.75),)


def test_pictures_with_other_loras_are_other_readings(chosen):
    readings = {with_loras(f"{tag} a", chosen) for tag in ("<lora:x:1>", "<lora:x:2>", "<lora:y:1>", "")}
    assert len(readings) == 4


def test_a_prompt_that_pictures_share_is_parsed_once(monkeypatch):
    parsed = []
    monkeypatch.setattr(
        engine.reading, "parse", lambda text, *words, **options: parsed.append(text) or parse(text, *words, **options)
    )
    request = GenerationRequest(prompt="a {red|blue} heart", num_images=3, guidance_scale=1.0, seed=1)
    readings = read_all(request.completed(CARD))
    assert parsed == ["a red heart", "a blue heart"]
    assert [each.prompt for each in readings] == [readings[0].prompt] * 3 + [readings[3].prompt] * 3
    assert readings[0].prompt != readings[3].prompt
