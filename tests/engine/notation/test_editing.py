from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.notation.editing import Edited

PIECES = ["[", "]", "(", ")", ":", "|", "a", " ", "3", "0.5", ":2]", "|b]", "\\", "\\[", "[a:b:3]", "[a|b]", "1e999"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60)


def texts(text, steps=10):
    return list(Edited(text, steps).texts())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test", [(10, "test")]),
        ("a [b:3]", [(3, "a "), (10, "a b")]),
        ("a [b: 3]", [(3, "a "), (10, "a b")]),
        ("a [b::3]", [(3, "a b"), (10, "a ")]),
        ("a [[[b]]:2]", [(2, "a "), (10, "a [[b]]")]),
        ("[(a:2):3]", [(3, ""), (10, "(a:2)")]),
        ("a [b : c : 1] d", [(1, "a b  d"), (10, "a  c  d")]),
        ("a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (10, "ade")]),
        ("a [b:.5] c", [(5, "a  c"), (10, "a b c")]),
        ("((a][:b:c [d:3]", [(3, "((a][:b:c "), (10, "((a][:b:c d")]),
        (
            "[a|b|c]",
            [(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "b"), (6, "c"), (7, "a"), (8, "b"), (9, "c"), (10, "a")],
        ),
        ("[[a|b]:c:2]", [(1, "a"), (2, "b"), (10, "c")]),
        ("[[a:b:1]|c]", [(1, "a"), *((step, "cb"[step % 2]) for step in range(2, 11))]),
    ],
)
def test_texts_change_as_in_the_web_ui(text, expected):
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[fe|]male", ["female", "male", "female", "male"]),
        ("[fe|||]male", ["female", "male", "male", "male"]),
        ("[a|(b:1.1)]", ["a", "(b:1.1)", "a", "(b:1.1)"]),
    ],
)
def test_alternatives_may_be_empty_or_weighed(text, expected):
    found = dict(texts(text, 4))
    assert [found[min(until for until in found if until > step)] for step in range(4)] == expected


@pytest.mark.parametrize(
    ("when", "step"),
    [("0.25", 5), (".5", 10), ("0.29", 5), ("7", 7), ("1", 1), ("+3", 3), ("2e0", 2), ("0.999", 19)],
)
def test_a_number_with_a_point_is_a_fraction_and_one_without_it_a_step(when, step):
    assert texts(f"[a:b:{when}]", 20) == [(step, "a"), (20, "b")]


@pytest.mark.parametrize("when", ["0", "-1", "-0.5", "0.01", "-1e999"])
def test_a_change_before_the_first_step_has_always_been(when):
    assert texts(f"[a:b:{when}]", 20) == [(20, "b")]


@pytest.mark.parametrize("when", ["20", "99", "1.0", "1.5", "1e999"])
def test_a_change_after_the_last_step_never_comes_and_is_told(when):
    edited = Edited(f"x [a:b:{when}]", 20)
    assert list(edited.texts()) == [(20, "x a")]
    assert edited.never == (f"[a:b:{when}]",)


@pytest.mark.parametrize(
    "text",
    [
        "a [unbalanced",
        "[quiet]",
        "[a:b]",
        "(a:1.2)",
        "[a (b:c:d) e:f:3]",
        r"\[a:b:3]",
        r"[a\|b]",
        "a | b",
        "[a:b:c:3]",
        "[a|b:3]",
    ],
)
def test_what_is_no_choice_stays_as_it_is(text):
    assert texts(text) == [(10, text)]


def test_a_bar_outside_of_brackets_spoils_nothing():
    assert texts("a | [b:c:5]") == [(5, "a | b"), (10, "a | c")]


def test_brackets_that_were_meant_as_a_choice_are_told():
    assert Edited("[a|b:3] [c:d:e] [a:b] [quiet] [a|b]", 10).unread == ("[a|b:3]", "[c:d:e]")


@given(TEXTS, st.integers(1, 30))
def test_the_last_text_ends_with_the_last_step_and_neighbours_differ(text, steps):
    found = texts(text, steps)
    untils = [until for until, _ in found]
    assert untils == sorted(set(untils))
    assert untils[0] > 0
    assert untils[-1] == steps
    assert all(one != other for (_, one), (_, other) in pairwise(found))


def test_brackets_may_be_as_deep_as_a_text_is_long():
    depth = 3000
    assert texts("[" * depth + "a" + ":3]" * depth) == [(3, ""), (10, "a")]
