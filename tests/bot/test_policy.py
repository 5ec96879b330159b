from dataclasses import replace

import pytest

from bot import policy
from bot.policy import DAY_S, DISCORD_EPOCH_MS, REFUSALS, Rules, Wish

DEFAULT = Rules(pictures_per_day=60, places_in_line=10, pixels=512 * 512, steps=50)
CEILING = Rules(pictures_per_day=100, places_in_line=20, pixels=1024 * 1024, steps=100)
NOW = 1_785_585_600.0


def snowflake(days):
    """The id of an account that was made so many days ago."""
    return int((NOW - days * DAY_S) * 1000 - DISCORD_EPOCH_MS) << 22


def wish(**changes):
    values = {
        "width": 128,
        "height": 128,
        "num_inference_steps": 20,
        "num_images": 1,
        "model": "emoji",
        "prompts": ("a red heart",),
        "ruling_channel_id": 70,
        "user_id": 1,
        "joined_at": None,
    }
    return Wish(**(values | changes))


def refused(rules=DEFAULT, **changes):
    return policy.check(wish(**changes), rules, now=NOW)


def test_a_request_within_the_rules_is_not_refused():
    assert refused(width=512, height=512, num_inference_steps=50, num_images=4) is None


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
    refusal = refused(**changes)
    assert (refusal.key, dict(refusal.values)) == (key, values)
    assert REFUSALS[key] == tuple(values)


def test_a_long_picture_is_measured_by_its_pixels_not_its_sides():
    assert refused(width=1024, height=256) is None


def test_the_largest_square_that_a_refusal_names_can_be_drawn():
    rules = Rules(pictures_per_day=1, places_in_line=1, pixels=100_000, steps=1)
    side = refused(rules, width=2048, height=2048).values["side"]
    assert refused(rules, width=side, height=side, num_inference_steps=1) is None


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


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [("account_days", 3, "limit-below-floor"), ("account_days", 7, None), ("joined_days", 0, None)],
)
def test_of_days_the_operator_s_ceiling_is_the_fewest(name, value, key):
    refusal = policy.check_limit(name, value, replace(CEILING, account_days=7))
    assert (refusal.key if refusal else None) == key


def test_a_common_pot_may_be_larger_than_what_each_member_may_have():
    assert policy.check_limit("pictures_per_day", 5000, None) is None
    assert policy.check_limit("pictures_per_day", -1, None).key == "limit-too-small"


@pytest.mark.parametrize(
    ("rules", "changes", "key"),
    [
        ({"pictures_per_request": 2}, {"num_images": 2}, None),
        ({"pictures_per_request": 2}, {"num_images": 3}, "too-many-pictures-here"),
        ({"channels": ("70", "71")}, {}, None),
        ({"channels": ("71",)}, {}, "channel-not-allowed"),
        ({"channels": ()}, {}, "channel-none-allowed"),
        ({"models": ("Emoji",)}, {}, None),
        ({"models": ("sd",)}, {}, "model-not-allowed"),
        ({"models": ()}, {}, "model-none-allowed"),
        ({"loras": ("flat",)}, {"prompts": ("a cat <lora:flat:0.8>",)}, None),
        ({"loras": ("flat",)}, {"prompts": ("a cat", "a dog <LORA: flats :0.8>")}, "lora-not-allowed"),
        ({"loras": ()}, {"prompts": ("a cat <lora:flat>",)}, "lora-none-allowed"),
        ({"loras": ()}, {"prompts": ("a cat <hypernet:flat:1>",)}, None),
        ({"account_days": 7}, {}, None),
        ({"account_days": 7}, {"user_id": snowflake(6.9)}, "account-too-young"),
        ({"account_days": 7}, {"user_id": snowflake(7.1)}, None),
        ({"joined_days": 2}, {"joined_at": NOW - 1.9 * DAY_S}, "joined-too-lately"),
        ({"joined_days": 2}, {"joined_at": NOW - 2 * DAY_S}, None),
    ],
)
def test_models_loras_channels_and_ages_are_checked(rules, changes, key):
    refusal = refused(replace(DEFAULT, **rules), **changes)
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
