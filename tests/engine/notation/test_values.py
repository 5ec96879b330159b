import pytest

from engine import InvalidRequest, ModelCard
from engine.notation.trailing import NAMES
from engine.notation.values import FIELDS, merged, negative_prompt, number, scheduler, whole

CARD = ModelCard(title="model", width=512, height=512)


def test_every_option_that_is_read_says_something_about_a_request_but_the_model():
    assert {*FIELDS, "model"} == set(NAMES.values())


@pytest.mark.parametrize("text", ["", "7.5", "1_0", "٣", "9" * 31, "many"])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(InvalidRequest, match="seed must be a whole number"):
        whole("seed", text)


@pytest.mark.parametrize("text", ["", "nan", "inf", "7,5", "1_0.0", "much"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InvalidRequest, match="guidance_scale must be a number"):
        number("guidance_scale", text)


@pytest.mark.parametrize("text", ["dpmpp_2m_karras", "DPM++ 2M Karras", "dpm++ 2m karras "])
def test_a_sampler_is_found_by_either_name(text):
    assert scheduler(text) == "dpmpp_2m_karras"


def test_what_is_given_elsewhere_wins_and_that_is_noted():
    values, notes = merged({"steps": "30", "seed": "7"}, {"num_inference_steps": 20}, CARD)
    assert values == {"num_inference_steps": 20, "seed": 7}
    assert [(note.rule, note.facts) for note in notes] == [
        ("option_overruled", {"option": "steps", "value": "30", "used": "20"})
    ]


@pytest.mark.parametrize(
    ("options", "given"),
    [({"steps": "30"}, {"num_inference_steps": 30}), ({"aspect": "1:1"}, {"width": 512, "height": 512}),
     ({"seed": "-1"}, {"seed": 7})],
    ids=["steps", "aspect", "any-seed"],
)  # fmt: skip
def test_what_does_not_contradict_is_not_noted(options, given):
    assert merged(options, given, CARD) == (given, ())


def test_a_size_that_is_given_elsewhere_wins_as_a_whole_against_an_aspect():
    values, notes = merged({"aspect": "16:9"}, {"height": 512}, CARD)
    assert values == {"height": 512}
    assert len(notes) == 1


def test_aspect_and_size_together_are_refused():
    with pytest.raises(InvalidRequest, match="aspect already says width and height"):
        merged({"aspect": "16:9", "width": "64"}, {}, CARD)


@pytest.mark.parametrize(("typed", "meant"), [('""', ""), (" “” ", ""), ("blur", "blur"), ('"blur"', '"blur"')])
def test_a_pair_of_quotes_is_an_empty_negative_prompt(typed, meant):
    assert negative_prompt(typed) == meant
