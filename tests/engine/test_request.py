import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import SCHEDULERS, GenerationRequest, InvalidRequest, ModelCard
from engine.files.bounds import Bounds
from engine.notation.expansion import Wildcards
from engine.request import DRAWN_SEED_LIMIT, MAX_SEED, Variant

CARD = ModelCard(title="Emoji", steps=20, guidance=5.0, width=128, height=128, scheduler="default")

REFUSED = [
    ("prompt_empty", {"prompt": ""}, "prompt must not be empty"),
    ("prompt_empty", {"prompt": " \n\t"}, "prompt must not be empty"),
    ("text_length", {"prompt": "x" * 6001}, "prompt must be at most 6000 characters long, got 6001"),
    ("text_length", {"negative_prompt": "x" * 6001}, "negative_prompt must be at most 6000 characters long, got 6001"),
    ("text", {"prompt": None}, "prompt must be a text, got NoneType"),
    ("text_surrogate", {"prompt": "\ud83d"}, "prompt holds half a character (a lone surrogate)"),
    ("size_multiple", {"width": 500, "height": 512}, "width and height must be multiples of 8, got 500x512"),
    ("size_multiple", {"height": 100}, "width and height must be multiples of 8, got -x100"),
    ("range", {"width": 56}, "width must be from 64 to 2048, got 56"),
    ("range", {"height": 2056}, "height must be from 64 to 2048, got 2056"),
    ("integer", {"width": 128.0}, "width must be a whole number, got 128.0"),
    ("range", {"num_inference_steps": 0}, "num_inference_steps must be from 1 to 150, got 0"),
    ("range", {"num_inference_steps": 151}, "num_inference_steps must be from 1 to 150, got 151"),
    ("integer", {"num_inference_steps": True}, "num_inference_steps must be a whole number, got True"),
    ("range", {"guidance_scale": -0.1}, "guidance_scale must be from 0 to 50, got -0.1"),
    ("range", {"guidance_scale": 50.5}, "guidance_scale must be from 0 to 50, got 50.5"),
    ("range", {"guidance_scale": math.nan}, "guidance_scale must be from 0 to 50, got nan"),
    ("range", {"guidance_scale": math.inf}, "guidance_scale must be from 0 to 50, got inf"),
    ("range", {"guidance_scale": -(10**400)}, f"guidance_scale must be from 0 to 50, got {-(10**400)}"),
    ("number", {"guidance_scale": "7"}, "guidance_scale must be a number, got '7'"),
    ("range", {"seed": -2}, f"seed must be from 0 to {MAX_SEED}, got -2"),
    ("range", {"seed": MAX_SEED + 1}, f"seed must be from 0 to {MAX_SEED}, got {MAX_SEED + 1}"),
    (
        "last_seed",
        {"seed": MAX_SEED, "num_images": 2},
        f"seed must be at most {MAX_SEED - 1} for 2 pictures, since each has the next seed, got {MAX_SEED}",
    ),
    ("range", {"max_embeddings_multiples": 9}, "max_embeddings_multiples must be from 1 to 8, got 9"),
    ("range", {"max_embeddings_multiples": 0}, "max_embeddings_multiples must be from 1 to 8, got 0"),
    ("range", {"clip_skip": 13}, "clip_skip must be from 1 to 12, got 13"),
    ("integer", {"clip_skip": "2"}, "clip_skip must be a whole number, got '2'"),
    ("integer", {"seed": 1.5}, "seed must be a whole number, got 1.5"),
    ("range", {"num_images": 0}, "num_images must be from 1 to 16, got 0"),
    ("range", {"num_images": 17}, "num_images must be from 1 to 16, got 17"),
    (
        "scheduler_unknown",
        {"scheduler": "euler_karas"},
        "scheduler 'euler_karas' is unknown; nearest: euler_karras, euler_a, euler",
    ),
    (
        "scheduler_unknown",
        {"scheduler": ["euler"]},
        "scheduler ['euler'] is unknown; nearest: euler, euler_a, euler_karras",
    ),
    (
        "lcm_steps",
        {"scheduler": "lcm", "num_inference_steps": 51},
        "scheduler lcm takes 1 to 50 steps, got 51",
    ),
]


@pytest.mark.parametrize(("rule", "values", "sentence"), REFUSED, ids=[f"{rule}-{v}"[:40] for rule, v, _ in REFUSED])
def test_what_no_picture_can_be_made_with_is_refused_by_name(rule, values, sentence):
    with pytest.raises(InvalidRequest) as caught:
        GenerationRequest(**{"prompt": "a red heart", **values})
    assert (caught.value.rule, str(caught.value)) == (rule, sentence)


def test_an_unknown_scheduler_that_is_near_none_names_them_all():
    with pytest.raises(InvalidRequest) as caught:
        GenerationRequest(prompt="a", scheduler="qqqqqq")
    assert all(name in str(caught.value) for name in SCHEDULERS)


@pytest.mark.parametrize(
    "values",
    [
        {"prompt": "x" * 6000},
        {"width": 64, "height": 2048},
        {"num_inference_steps": 150},
        {"guidance_scale": 0},
        {"guidance_scale": 50},
        {"seed": MAX_SEED},
        {"seed": MAX_SEED - 15, "num_images": 16},
        {"scheduler": "lcm", "num_inference_steps": 50},
    ],
    ids=lambda values: str(values)[:40],
)
def test_the_bounds_themselves_are_accepted(values):
    assert GenerationRequest(**{"prompt": "a red heart", **values})


@pytest.mark.parametrize("seed", [-1, None])
@pytest.mark.parametrize("num_images", [1, 16])
def test_a_seed_that_is_not_given_is_drawn(seed, num_images):
    request = GenerationRequest(prompt="a", seed=seed, num_images=num_images)
    assert 0 <= request.seed <= request.seed + num_images <= DRAWN_SEED_LIMIT


def test_drawn_seeds_differ():
    assert len({GenerationRequest(prompt="a").seed for _ in range(20)}) > 15


def test_a_request_is_frozen():
    request = GenerationRequest(prompt="a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.prompt = "b"


def test_the_owner_does_not_make_a_request_another():
    assert GenerationRequest(prompt="a", seed=1, owner="x") == GenerationRequest(prompt="a", seed=1, owner="y")


def test_what_is_left_out_comes_from_the_card():
    complete = GenerationRequest(prompt="a", seed=1).completed(CARD)
    assert (complete.width, complete.height, complete.num_inference_steps, complete.guidance_scale) == (128, 128, 20, 5)


def test_what_is_given_is_kept():
    request = GenerationRequest(prompt="a", seed=1, width=64, height=192, num_inference_steps=3, guidance_scale=0.0)
    complete = request.completed(CARD)
    assert (complete.width, complete.height, complete.num_inference_steps, complete.guidance_scale) == (64, 192, 3, 0)


def test_completing_twice_changes_nothing():
    complete = GenerationRequest(prompt="a", seed=1).completed(CARD)
    assert complete.completed(dataclasses.replace(CARD, steps=99)) == complete


def test_lcm_gets_no_more_steps_from_a_card_than_it_takes():
    card = dataclasses.replace(CARD, steps=80)
    assert GenerationRequest(prompt="a", scheduler="lcm").completed(card).num_inference_steps == 50


def test_steps_that_the_cards_scheduler_does_not_take_are_refused():
    card = dataclasses.replace(CARD, scheduler="lcm")
    with pytest.raises(InvalidRequest, match="lcm takes 1 to 50 steps, got 60"):
        GenerationRequest(prompt="a", num_inference_steps=60).completed(card)


def test_steps_that_the_models_own_scheduler_does_not_take_are_refused():
    card = dataclasses.replace(CARD, own_sampler="LCM")
    with pytest.raises(InvalidRequest, match="lcm takes 1 to 50 steps, got 60"):
        GenerationRequest(prompt="a", scheduler="default", num_inference_steps=60).completed(card)


@pytest.mark.parametrize("owner", [None, "a", 5, ("a", 5)], ids=str)
def test_an_owner_is_anything_that_can_be_told_apart(owner):
    assert GenerationRequest(prompt="a", owner=owner).completed(CARD).owner == owner


def test_an_owner_that_cannot_be_told_apart_is_refused_at_once():
    with pytest.raises(TypeError, match="unhashable"):
        GenerationRequest(prompt="a", owner=["a"])


@pytest.mark.parametrize(("scale", "expected"), [(0, False), (1, False), (1.01, True), (7.5, True)])
def test_guidance_is_on_above_one(scale, expected):
    assert GenerationRequest(prompt="a", guidance_scale=scale).completed(CARD).has_guidance is expected


@given(seed=st.integers(0, MAX_SEED - 15), num_images=st.integers(1, 16))
def test_each_picture_has_the_next_seed(seed, num_images):
    seeds = GenerationRequest(prompt="a", seed=seed, num_images=num_images).completed(CARD).seeds
    assert list(seeds) == [seed + index for index in range(num_images)]


def test_clip_skip_comes_from_the_card_unless_it_is_asked_for():
    card = dataclasses.replace(CARD, clip_skip=2)
    skips = [GenerationRequest(prompt="a", clip_skip=asked).completed(card).clip_skip for asked in (None, 1)]
    assert skips == [2, 1]


def test_each_permutation_has_as_many_pictures_as_were_asked_for():
    complete = GenerationRequest(prompt="{a|b|c} d", seed=7, num_images=2).completed(CARD)
    assert complete.num_images == 6
    assert complete.pictures == tuple(Variant(f"{word} d", seed) for word in "abc" for seed in (7, 8))
    assert complete.seeds == (7, 8, 7, 8, 7, 8)


def test_a_prompt_that_stands_for_itself_has_no_variants():
    assert GenerationRequest(prompt="a (b:1.2) [c|d]", seed=7, num_images=2).completed(CARD).variants == ()


def test_permutations_share_seeds_up_to_the_last_one():
    complete = GenerationRequest(prompt="{a|b}", seed=MAX_SEED).completed(CARD)
    assert complete.seeds == (MAX_SEED, MAX_SEED)


@pytest.mark.parametrize("num_images", [1, 3])
def test_what_was_asked_completes_to_the_same(num_images):
    complete = GenerationRequest(prompt="{a|b}", seed=7, num_images=num_images).completed(CARD)
    assert complete.asked.completed(CARD) == complete


def test_a_permutation_without_words_is_refused():
    with pytest.raises(InvalidRequest, match="prompt must not be empty"):
        GenerationRequest(prompt="{|a}").completed(CARD)


def test_one_picture_of_several_is_a_request_of_its_own():
    complete = GenerationRequest(prompt="{a|b}", seed=7, num_images=2).completed(CARD)
    assert complete.of_picture(3) == GenerationRequest(prompt="b", seed=8).completed(CARD)


def test_variants_are_as_many_as_pictures():
    complete = GenerationRequest(prompt="{a|b}", seed=7).completed(CARD)
    with pytest.raises(ValueError, match="variants must be as many as pictures, 3, got 2"):
        dataclasses.replace(complete, num_images=3)


def test_a_wildcard_may_give_each_seed_another_number_of_permutations(tmp_path):
    (tmp_path / "x.txt").write_text("one\n{two|three}\n")
    complete = GenerationRequest(prompt="__x__", seed=0, num_images=8).completed(CARD, Wildcards(tmp_path))
    ones = [each for each in complete.pictures if each.prompt == "one"]
    assert 0 < len(ones) < 8
    assert complete.num_images == 8 + (8 - len(ones))
    assert [each.seed for each in complete.pictures[:8]] == list(range(8))


BOUNDED = dataclasses.replace(
    CARD,
    guidance=1.5,
    scheduler="euler",
    bounds=Bounds(steps=(10, 30), guidance=(1.5, 3), side=(64, 256), clip_skip=(1, 2), schedulers=("euler", "ddim")),
)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"num_inference_steps": 31}, "with Emoji num_inference_steps must be from 10 to 30, got 31"),
        ({"num_inference_steps": 9}, "with Emoji num_inference_steps must be from 10 to 30, got 9"),
        ({"guidance_scale": 5.0}, "with Emoji guidance_scale must be from 1.5 to 3, got 5"),
        ({"width": 264}, "with Emoji width must be from 64 to 256, got 264"),
        ({"height": 512}, "with Emoji height must be from 64 to 256, got 512"),
        ({"clip_skip": 3}, "with Emoji clip_skip must be from 1 to 2, got 3"),
        ({"scheduler": "default"}, "with Emoji scheduler must be one of euler, ddim, got default"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_outside_of_a_models_bounds_is_refused(values, sentence):
    request = GenerationRequest(prompt="a", **values)
    with pytest.raises(InvalidRequest) as caught:
        request.completed(BOUNDED)
    assert str(caught.value) == sentence
    with pytest.raises(InvalidRequest):
        request.completed(CARD).completed(BOUNDED)


@pytest.mark.parametrize("values", [{}, {"num_inference_steps": 30, "guidance_scale": 3, "width": 256, "clip_skip": 2}])
def test_what_is_within_a_models_bounds_is_drawn(values):
    assert GenerationRequest(prompt="a", **values).completed(BOUNDED)


@pytest.mark.parametrize(("given", "used"), [(None, "blur"), ("", ""), ("dogs", "dogs")])
def test_a_card_says_what_to_keep_away_from_where_the_request_says_nothing(given, used):
    card = dataclasses.replace(CARD, negative_prompt="blur")
    assert GenerationRequest(prompt="a", negative_prompt=given).completed(card).negative_prompt == used


def test_without_a_negative_prompt_anywhere_there_is_none():
    assert GenerationRequest(prompt="a").completed(CARD).negative_prompt == ""
