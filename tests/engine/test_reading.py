"""What one picture is to be told, found in its request without a model."""

import pytest

from engine import GenerationRequest
from engine.models import find_model
from engine.reading import read

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
    notes = reading("<lora:x:1> a <lora:x:0.5>", negative_prompt="<lora:x:1>").notes
    assert [note.rule for note in notes] == ["lora_unknown"]
