import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import policy
from bot.policy import LIMIT_NAMES, REFUSALS, OperatorLimits, Rules
from engine import CompleteRequest

DEFAULT = Rules(pictures_per_day=60, places_in_line=10, pixels=512 * 512, steps=50)
CEILING = Rules(pictures_per_day=100, places_in_line=20, pixels=1024 * 1024, steps=100)
OPERATOR = OperatorLimits(default=DEFAULT, ceiling=CEILING)


def request(**changes):
    values = {"width": 128, "height": 128, "num_inference_steps": 20, "guidance_scale": 5.0, "scheduler": "default"}
    return CompleteRequest(prompt="a red heart", seed=1, **(values | changes))


def test_where_nobody_set_anything_the_operator_s_default_holds():
    assert policy.effective(OPERATOR, {}, {}) == DEFAULT


def test_the_server_s_limit_replaces_the_default():
    assert policy.effective(OPERATOR, {"steps": 80}, {}).steps == 80


def test_the_member_s_limit_replaces_the_server_s():
    assert policy.effective(OPERATOR, {"steps": 80}, {"steps": 10}).steps == 10


def test_a_member_may_have_more_than_the_server_allows_others():
    assert policy.effective(OPERATOR, {"steps": 10}, {"steps": 90}).steps == 90


def test_a_limit_of_nothing_is_a_limit():
    assert policy.effective(OPERATOR, {"pictures_per_day": 0}, {}).pictures_per_day == 0


def test_a_larger_number_from_before_the_ceiling_was_lowered_is_cut_to_it():
    assert policy.effective(OPERATOR, {"pictures_per_day": 5000}, {"steps": 150}) == Rules(
        pictures_per_day=100, places_in_line=10, pixels=512 * 512, steps=100
    )


limits = st.dictionaries(st.sampled_from(LIMIT_NAMES), st.integers(0, 10_000_000))


@given(limits, limits)
def test_nobody_exceeds_the_operator_s_ceiling(server, member):
    rules = policy.effective(OPERATOR, server, member)
    assert all(getattr(rules, name) <= getattr(CEILING, name) for name in LIMIT_NAMES)


def test_a_request_within_the_rules_is_not_refused():
    assert policy.check(request(width=512, height=512, num_inference_steps=50, num_images=4), DEFAULT) is None


@pytest.mark.parametrize(
    ("changes", "key", "values"),
    [
        ({"num_images": 5}, "too-many-pictures", {"asked": 5, "limit": 4}),
        (
            {"width": 520, "height": 512},
            "too-many-pixels",
            {"width": 520, "height": 512, "limit": 512 * 512, "side": 512},
        ),
        ({"num_inference_steps": 51}, "too-many-steps", {"asked": 51, "limit": 50}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_request_beyond_a_rule_is_refused_with_its_numbers(changes, key, values):
    refusal = policy.check(request(**changes), DEFAULT)
    assert (refusal.key, dict(refusal.values)) == (key, values)
    assert REFUSALS[key] == tuple(values)


def test_a_long_picture_is_measured_by_its_pixels_not_its_sides():
    assert policy.check(request(width=1024, height=256), DEFAULT) is None


def test_the_largest_square_that_a_refusal_names_can_be_drawn():
    rules = Rules(pictures_per_day=1, places_in_line=1, pixels=100_000, steps=1)
    side = policy.check(request(width=2048, height=2048), rules).values["side"]
    assert policy.check(request(width=side, height=side, num_inference_steps=1), rules) is None


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("steps", "30", 30),
        ("steps", " 30 ", 30),
        ("steps", "-1", -1),
        ("steps", "30x30", None),
        ("steps", "3.5", None),
        ("steps", "", None),
        ("steps", "many", None),
        ("pictures_per_day", "1e3", None),
        ("pictures_per_day", "9" * 19, None),
        ("pixels", "262144", 262144),
        ("pixels", "512x512", 262144),
        ("pixels", "512 X 256", 131072),
        ("pixels", "512\u00d7512", 262144),
        ("pixels", "512x", None),
    ],
)
def test_a_typed_limit_is_read_or_not_a_number(name, text, number):
    assert policy.parse_limit(name, text) == number


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("steps", 100, None),
        ("steps", 101, "limit-above-ceiling"),
        ("steps", 0, "limit-too-small"),
        ("pictures_per_day", 0, None),
        ("pictures_per_day", -1, "limit-too-small"),
        ("pixels", 4096, None),
        ("pixels", 4095, "limit-too-small"),
        ("places_in_line", 21, "limit-above-ceiling"),
    ],
)
def test_a_moderator_s_number_lies_between_what_can_be_drawn_and_the_ceiling(name, value, key):
    refusal = policy.check_limit(name, value, CEILING)
    assert (refusal.key if refusal else None) == key
    assert refusal is None or tuple(refusal.values) == REFUSALS[key]


# what an English-only text encoder cannot read


@pytest.mark.parametrize(
    "text",
    [
        "a red heart",
        "❤️😀🎉 (heart:1.3)!",
        "",
        "1234",
        "Pokémon, naïve, Łódź",
        "a 猫",
        "café 猫",
        "ab 猫犬",
    ],
)
def test_mostly_latin_letters_are_not_foreign(text):
    assert not policy.is_foreign(text)


@pytest.mark.parametrize("text", ["画一只猫", "красное сердце", "قلب أحمر", "हृदय", "赤いハート ❤️ (8k:1.2)", "a 猫犬"])
def test_mostly_other_letters_are_foreign(text):
    assert policy.is_foreign(text)
