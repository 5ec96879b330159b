import time

import pytest

from bot.admission import Refused
from bot.moderation.encoded import encoded
from bot.moderation.filters import Filters
from bot.moderation.rules import checked_rule
from engine import CompleteRequest, Variant
from engine.reading import read_all


def request(prompt, negative_prompt="", *others):
    variants = tuple(Variant(text, 7) for text in (prompt, *others)) if others else ()
    return CompleteRequest(
        prompt=prompt,
        negative_prompt=negative_prompt,
        width=128,
        height=128,
        num_inference_steps=20,
        guidance_scale=5.0,
        seed=7,
        scheduler="default",
        num_images=max(1, len(variants)),
        variants=variants,
    )


def found(rules, prompt, negative_prompt="", *others):
    """What rules find in a request."""
    search = Filters(rules).search(encoded(read_all(request(prompt, negative_prompt, *others))))
    return [hit.found for hit in search.hits.values()]


def rule(pattern, **more):
    return checked_rule(pattern=pattern, **more)


@pytest.mark.parametrize(
    "prompt",
    [
        "a nude woman",
        "NUDE",
        "a nude, woman",
        "(nu)(de)",
        "n(u:1.1)de",
        "nu[]de",
        "((nude:1.4))",
        "[nude]",
        r"nu\de",
        "nu<lora:cat:1>de",
        "[nude:dressed:0.5]",
        "[cat|nude]",
        "a cat AND nude :0.5",
        "a cat BREAK nude",
        "<lora:nude_v2:0.8>",
        "nude-style embedding",
        "<nude>",
        "ｎｕｄｅ",
        "n\u200bude",
        "nudе",
        "n u d e",
        "n.u.d.e",
        "x{nude",
    ],
)
def test_a_word_is_found_in_what_is_encoded(prompt):
    assert found([rule("Nude")], prompt)


@pytest.mark.parametrize(
    ("pattern", "prompt"),
    [
        ("ass", "a glass of grass"),
        ("ass", "gl(ass)"),
        ("ass", "g l a s s"),
        ("nude", "denuded"),
        ("nude", "a cat"),
        ("nude", "nu BREAK de"),
        ("naked woman", "naked man, woman"),
        ("裸", "穿衣服的人"),
    ],
)
def test_what_is_only_part_of_a_word_is_not_found(pattern, prompt):
    assert not found([rule(pattern)], prompt)


@pytest.mark.parametrize(
    "prompt", ["naked  woman", "naked_woman", "naked, woman", "NAKED (woman:1.2)", "naked BREAK woman"]
)
def test_a_phrase_is_found_whatever_stands_between_its_words(prompt):
    assert found([rule("naked woman")], prompt)


def test_chinese_has_no_spaces_between_words():
    assert found([rule("裸体")], "一幅裸体画") == ["裸体"]
    assert found([rule("nude")], "画nude女人") == ["nude"]


def test_signs_are_words():
    assert found([rule("🍆")], "a cat🍆") == ["🍆"]


def test_every_permutation_is_looked_at():
    assert found([rule("nude")], "a cat", "", "a nude") == ["nude"]


@pytest.mark.parametrize(
    ("where", "in_prompt", "in_negative"),
    [(None, True, False), ("prompt", True, False), ("negative", False, True), ("both", True, True)],
)
def test_a_rule_looks_where_it_says(where, in_prompt, in_negative):
    for more in ({}, {"kind": "regex"}):
        rules = [rule("nude", place=where, **more)]
        assert (bool(found(rules, "nude")), bool(found(rules, "cat", "nude"))) == (in_prompt, in_negative)


def test_a_regular_expression_finds_what_is_encoded_as_typed_and_folded():
    rules = [rule(r"\bnud(e|ity)\b", kind="regex")]
    assert found(rules, "(nu)(dity)") == ["nudity"]
    assert found(rules, "ｎｕｄｅ") == ["nude"]
    assert not found(rules, "denuded")


def test_what_changes_into_too_many_long_texts_is_refused():
    changing = f"{'x ' * 2500}[{'|'.join(map(str, range(40)))}]"
    with pytest.raises(Refused) as caught:
        found([rule("nude")], changing)
    assert caught.value.key == "filter-too-much"


def test_a_catastrophic_expression_finds_nothing_in_time():
    from bot.moderation.rules import Rule

    slow = Rule(kind="regex", pattern="(a|aa)+$")
    started = time.monotonic()
    search = Filters([slow]).search(encoded(read_all(request("a" * 4000 + "!"))))
    assert (search.hits, search.slow) == ({}, {slow})
    assert time.monotonic() - started < 30  # it would take longer than the universe is old


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("a nude woman", "a cat woman"),
        ("a (nude:1.3) woman", "a (cat:1.3) woman"),
        ("NUDE, ｎｕｄｅ", "cat, cat"),
        ("n\u200bu\u200bd\u200be", "cat"),
        ("n u d e woman", "cat woman"),
        ("a <lora:nude_v2:0.8> woman", "a  woman"),
        ("<lora:dog:0.8> nude", "<lora:dog:0.8> cat"),
        ("{nude|dog}", "{cat|dog}"),
        ("denuded", "denuded"),
    ],
)
def test_what_is_found_is_replaced_in_what_was_typed(prompt, text):
    assert Filters([rule("nude", action="replace", replacement="cat")]).replaced(prompt, "prompt") == text


def test_brackets_stay_whole_where_a_phrase_lies_across_them():
    filters = Filters([rule("nude woman", action="replace", replacement="cat")])
    assert filters.replaced("nude (woman:1.2)", "prompt") == "nude (woman:1.2)"


def test_of_two_that_overlap_the_longer_is_replaced():
    rules = [rule("nude", replacement="cat"), rule("nude woman", replacement="dog")]
    assert Filters(rules).replaced("a nude woman, nude", "prompt") == "a dog, cat"


def test_a_replacement_of_a_regular_expression_is_meant_literally():
    rules = [rule("n[u]de", kind="regex", replacement=r"\1")]
    assert Filters(rules).replaced("a nude", "prompt") == r"a \1"


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"pattern": "!!!"}, "filter-empty"),
        ({"pattern": "x" * 201}, "filter-too-long"),
        ({"pattern": "x", "replacement": "y" * 201}, "filter-too-long"),
        ({"pattern": "(", "kind": "regex"}, "filter-regex-broken"),
        ({"pattern": r"\L<words>", "kind": "regex"}, "filter-regex-broken"),
        ({"pattern": "((a{1000}){1000}){1000}", "kind": "regex"}, "filter-regex-repeats"),
        ({"pattern": "(a|aa)+$", "kind": "regex"}, "filter-slow"),
        ({"pattern": "([bc]|cb|bcb?)+$", "kind": "regex"}, "filter-slow"),
        ({"pattern": "x*", "kind": "regex"}, "filter-finds-everything"),
        ({"pattern": "x", "kind": "glob"}, "filter-unknown"),
        ({"pattern": "x", "action": "ban"}, "filter-unknown"),
        ({"pattern": "x", "place": "nowhere"}, "filter-unknown"),
        ({"pattern": "x", "action": "log", "replacement": "y"}, "filter-replacement-unused"),
    ],
)
def test_what_is_no_rule_is_refused(given, key):
    with pytest.raises(Refused) as caught:
        checked_rule(**given)
    assert caught.value.key == key


def test_without_a_kind_a_rule_is_a_word_or_a_phrase():
    assert (rule("nude").kind, rule("nude woman").kind, rule("裸体").kind) == ("word", "phrase", "word")
