import math

import pytest
from bot_at_desk import CARD
from hypothesis import given
from hypothesis import strategies as st

from bot.admission import Refused
from bot.options import Place, requested, sampler_choices
from engine import SCHEDULERS, InvalidRequest, ModelCard
from engine.notation.aspects import ASPECTS, aspect_size

NOTHING = {
    "aspect": None,
    "images": None,
    "negative_prompt": None,
    "seed": None,
    "steps": None,
    "guidance": None,
    "sampler": None,
    "width": None,
    "height": None,
}


def ask(**options):
    return requested(CARD, owner=1, **{**NOTHING, "prompt": "a red heart", **options})[0]


def native(side):
    return ModelCard(title="model", width=side, height=side)


sides = st.integers(min_value=8, max_value=256).map(lambda cells: cells * 8)


@given(st.sampled_from(list(ASPECTS)), sides, sides)
def test_an_aspects_size_is_one_that_can_be_drawn(aspect, width, height):
    size = aspect_size(aspect, ModelCard(title="model", width=width, height=height))
    assert all(64 <= side <= 2048 and side % 8 == 0 for side in size)


@given(st.sampled_from(list(ASPECTS)), st.integers(min_value=16, max_value=160).map(lambda cells: cells * 8))
def test_an_aspect_has_nearly_its_ratio_and_the_models_area_but_never_more(aspect, side):
    width, height = aspect_size(aspect, native(side))
    assert abs(math.log(width / height / ASPECTS[aspect])) < 0.1
    assert 0.8 * side**2 <= width * height <= side**2


@pytest.mark.parametrize(
    ("side", "sizes"),
    [
        (128, [(128, 128), (104, 152), (152, 104), (168, 96), (96, 168)]),
        (512, [(512, 512), (416, 624), (624, 416), (680, 384), (384, 680)]),
        (1024, [(1024, 1024), (832, 1248), (1248, 832), (1360, 768), (768, 1360)]),
    ],
    ids=str,
)
def test_sizes_of_common_models(side, sizes):
    assert [aspect_size(aspect, native(side)) for aspect in ASPECTS] == sizes


def test_every_scheduler_is_a_choice_under_the_name_that_people_know():
    choices = sampler_choices()
    assert [choice.value for choice in choices] == list(SCHEDULERS)
    assert len(choices) <= 25
    assert ("DPM++ 2M Karras", "dpmpp_2m_karras") in [(choice.name, choice.value) for choice in choices]


def test_what_is_left_out_stays_open_for_the_model():
    request = ask()
    assert (request.width, request.num_inference_steps, request.guidance_scale, request.scheduler) == (None,) * 4
    assert request.owner == "1"


def test_an_aspect_becomes_a_size():
    request = ask(aspect="wide")
    assert (request.width, request.height) == (168, 96)


@pytest.mark.parametrize("size", [{"width": 128}, {"height": 128}], ids=["width", "height"])
def test_an_aspect_together_with_a_size_is_refused(size):
    with pytest.raises(Refused, match="aspect-with-size"):
        ask(aspect="wide", **size)


@pytest.mark.parametrize("images", [5, 17, 2**60], ids=str)
def test_more_than_four_pictures_are_refused_with_the_number(images):
    with pytest.raises(Refused) as caught:
        ask(images=images)
    assert caught.value.values == {"asked": images, "limit": 4}


def test_an_aspect_that_discord_would_not_send_is_refused_by_name():
    with pytest.raises(InvalidRequest) as caught:
        ask(aspect="panorama")
    assert caught.value.facts["aspect"] == "panorama"


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"guidance": 51.0},
        {"seed": 2**53},
        {"width": 100},
        {"sampler": "magic"},
        {"images": 0},
        {"prompt": ""},
        {"steps": "20"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_discord_would_not_send_is_refused_all_the_same(options):
    with pytest.raises(InvalidRequest):
        ask(**options)


def test_only_channels_that_discords_document_knows_are_offered():
    categories_and_directories = {4, 14}
    assert {kind.value for kind in Place().channel_types} <= set(range(16)) - categories_and_directories
