import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.notation.attention import EXACT_DEPTH, Span, parse_attention, render, weigh

PIECES = [
    "(",
    ")",
    "[",
    "]",
    ":",
    "a",
    " b",
    ":1.3)",
    ":-0.7)",
    ":1.2.3)",
    "\\",
    "\\(",
    "\\\\",
    "((",
    "]]",
    ":99)",
    "BREAK",
    "٣",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=80)


def spans(*pairs):
    return tuple(Span(text, weight) for text, weight in pairs)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("", 1.0)]),
        ("normal text", [("normal text", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("a [quiet] word", [("a ", 1.0), ("quiet", 1 / 1.1), (" word", 1.0)]),
        ("(word:1.4)", [("word", 1.4)]),
        ("(word:.5)", [("word", 0.5)]),
        ("(word:-1)", [("word", -1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        ("(a [b", [("a ", 1.1), ("b", 1.1 * (1 / 1.1))]),
        ("a) b]", [("a) b]", 1.0)]),
        ("a:1.2)", [("a:1.2)", 1.0)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        (r"a \b \\ \[", [("a b \\ [", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1.1 * (1 / 1.1)), (" c", 1 / 1.1)]),
        ("(a:1,4)", [("a:1,4", 1.1)]),
        ("(a: 1.4)", [("a: 1.4", 1.1)]),
        ("(a:1.2.3)", [("a:1.2.3", 1.1)]),
        ("[a:1.2]", [("a:1.2", 1 / 1.1)]),
        ("(time 12:30:1.5)", [("time 12:30", 1.5)]),
        ("a BREAK b", [("a BREAK b", 1.0)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1.0),
                ("house", 1.5730000000000004),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641000000000006),
                (".", 1.1),
            ],
        ),
    ],
)
def test_text_is_weighed_as_the_web_ui_weighs_it(text, expected):
    assert parse_attention(text) == spans(*expected)


@pytest.mark.parametrize(("typed", "used"), [("25", 10.0), ("-25", -10.0), ("9" * 400, 10.0), ("10", 10.0)])
def test_weights_are_clamped(typed, used):
    assert parse_attention(f"(a:{typed})") == spans(("a", used))


def test_only_the_product_is_clamped():
    assert parse_attention("((a:20):0.25)") == spans(("a", 5.0))


def test_infinity_times_zero_is_zero():
    assert parse_attention("(((a:" + "9" * 400 + "):0))") == spans(("a", 0.0))


@given(TEXTS)
def test_rendered_spans_are_read_as_the_same_spans(text):
    section = parse_attention(text)
    assert parse_attention(render(section)) == section


@given(st.lists(st.tuples(st.text(max_size=20), st.floats(-10, 10).map(lambda weight: weight or 0.0)), min_size=1))
def test_any_spans_can_be_rendered(pairs):
    merged = [pair for pair, before in zip(pairs, [None, *pairs], strict=False) if not before or before[1] != pair[1]]
    assert parse_attention(render(spans(*merged))) == spans(*merged)


def weighed_one_after_the_other(text):
    """The rule itself: a bracket that closes multiplies all pieces since it was opened."""
    pieces, opened = [], {"(": [], "[": []}
    factors = {"(": 1.1, "[": 1 / 1.1}
    partners = {")": "(", "]": "["}
    for character in text:
        if character in opened:
            opened[character].append(len(pieces))
        elif opened.get(partners.get(character)):
            start = opened[partners[character]].pop()
            pieces[start:] = [(piece, weight * factors[partners[character]]) for piece, weight in pieces[start:]]
        else:
            pieces.append((character, 1.0))
    for kind in "([":
        for start in opened[kind]:
            pieces[start:] = [(piece, weight * factors[kind]) for piece, weight in pieces[start:]]
    return pieces


@given(st.text("()[]ab", max_size=60))
def test_products_are_those_of_multiplying_at_each_bracket_to_the_last_bit(text):
    expected = weighed_one_after_the_other(text)
    found = [(character, span.weight) for span in parse_attention(text) for character in span.text]
    assert found == [(piece, max(-10.0, min(10.0, weight))) for piece, weight in expected]


def test_brackets_deeper_than_products_are_exact_still_multiply():
    depth = EXACT_DEPTH * 3
    (span,) = parse_attention("(" * depth + "a" + ":1.01)" * depth)
    assert span.weight == pytest.approx(1.01**depth)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a BREAK b", [[("a", 1.0)], [("b", 1.0)]]),
        ("a\n BREAK\n b", [[("a", 1.0)], [("b", 1.0)]]),
        ("(a BREAK b:1.5) c", [[("a", 1.5)], [("b", 1.5), (" c", 1.0)]]),
        ("BREAK a", [[("", 1.0)], [("a", 1.0)]]),
        ("aBREAK break", [[("aBREAK break", 1.0)]]),
    ],
    ids=["words", "lines", "across-a-bracket", "at-the-start", "part-of-a-word"],
)
def test_break_divides_sections(text, expected):
    assert weigh(text).sections == tuple(spans(*section) for section in expected)


def test_what_is_clamped_and_what_nothing_closes_is_told():
    weighed = weigh("(a:12) [b ((c")
    assert weighed.clamped == (Span("a", 12.0),)
    assert weighed.unclosed == 3


@given(TEXTS)
def test_weights_are_always_within_the_limits(text):
    assert all(-10 <= span.weight <= 10 for section in weigh(text).sections for span in section)


def cpu_time(work, argument):
    """The least of three runs: what the work itself takes."""
    runs = []
    for _ in range(3):
        start = time.process_time_ns()
        work(argument)
        runs.append(time.process_time_ns() - start)
    return min(runs)


@pytest.mark.parametrize("piece", ["(", "(a", "(a:1.01)", "(a[b", "a]", ":1", " ", "\\", "(a BREAK ", "[(a:1.1)"])
def test_ten_times_the_brackets_take_about_ten_times_as_long(piece):
    assert cpu_time(weigh, piece * 5000) < 40 * cpu_time(weigh, piece * 500)
