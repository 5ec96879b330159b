import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt import MAX_TEXTS, LoraTag, Span, Subprompt, Text, parse, parse_attention

PIECES = [
    "a cat", " AND ", " BREAK ", "[a:b:3]", "[a|b]", "(", ")", "[", "]", ":", "|", ":1.3)", ":99)", "0.5", "<lora:", "x:0.8>",
    "<lora:x:nan>", "<lora::1>", "<hypernet:y>", ">", "\\", " ", "\n", ":5", "{", "}", "__", "٣",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=80)


def rules(prompt):
    return [note.rule for note in prompt.notes]


def words(text):
    return Text((parse_attention(text),))


def test_a_plain_prompt_is_one_text_for_all_steps():
    prompt = parse("an (important) word :1.2", 20)
    assert prompt.subprompts == (Subprompt(1.0, ((20, words("an (important) word :1.2")),)),)
    assert prompt.loras == ()
    assert prompt.notes == ()


def test_the_prompt_of_the_community_is_read_word_for_word():
    text = (
        "<lora:koreanDollLikeness_v10:0.8>, best quality, ultra high res, (photorealistic:1.4), 1woman, sleeveless white "
        "button shirt, black skirt, black choker, cute, (Kpop idol), (aegyo sal:1), (silver hair:1), ((puffy eyes)), looking "
        "at viewer, peace sign"
    )
    prompt = parse(text, 40)
    assert prompt.loras == (LoraTag("koreanDollLikeness_v10", 0.8, 0.8),)
    without_tag = text.removeprefix("<lora:koreanDollLikeness_v10:0.8>")
    assert prompt.subprompts == (Subprompt(1.0, ((40, words(without_tag)),)),)
    assert prompt.notes == ()


@pytest.mark.parametrize(
    ("tag", "lora"),
    [
        ("<lora:pixel:0.8>", LoraTag("pixel", 0.8, 0.8)),
        ("<lora:pixel>", LoraTag("pixel", 1.0, 1.0)),
        ("<lora:pixel:0.5:0.8>", LoraTag("pixel", weight=0.8, text_encoder_weight=0.5)),
        ("<lora:pixel:te=0.5:unet=0.8>", LoraTag("pixel", weight=0.8, text_encoder_weight=0.5)),
        ("<lora:pixel:1:unet=-.2>", LoraTag("pixel", weight=-0.2, text_encoder_weight=1.0)),
        ("<Lora: my pixel v1.5 : 2 >", LoraTag("my pixel v1.5", 2.0, 2.0)),
        ("<lyco:pixel:1>", LoraTag("pixel", 1.0, 1.0)),
    ],
)
def test_a_tag_names_a_lora_and_its_weights(tag, lora):
    prompt = parse(f"a {tag}cat", 10)
    assert prompt.loras == (lora,)
    assert prompt.subprompts[0].schedule == ((10, words("a cat")),)
    assert prompt.notes == ()


@pytest.mark.parametrize(
    "tag", ["<lora:>", "<lora::1>", "<lora:a:b>", "<lora:a:1:2:3>", "<lora:a:nan>", "<lora:a:w=1>"]
)
def test_a_malformed_tag_is_left_out_and_told(tag):
    prompt = parse(f"a {tag}cat", 10)
    assert prompt.loras == ()
    assert prompt.subprompts[0].schedule == ((10, words("a cat")),)
    assert rules(prompt) == ["lora_malformed"]
    assert prompt.notes[0].facts == {"text": tag}


def test_a_lora_in_any_operand_holds_for_all():
    assert [lora.name for lora in parse("a <lora:x:1> AND b <lora:y:1>", 10).loras] == ["x", "y"]


def test_a_tag_that_nothing_closes_is_read_as_words():
    prompt = parse("a <lora:pixel:1 cat", 10)
    assert prompt.subprompts[0].schedule == ((10, words("a <lora:pixel:1 cat")),)
    assert rules(prompt) == ["syntax_ignored"]


def test_a_hypernetwork_is_left_out_and_told():
    prompt = parse("a <hypernet:x:1>cat", 10)
    assert prompt.subprompts[0].schedule == ((10, words("a cat")),)
    assert rules(prompt) == ["syntax_ignored"]


@pytest.mark.parametrize(
    ("text", "operands"),
    [
        ("a cat AND a dog", [("a cat", 1.0), (" a dog", 1.0)]),
        ("a cat :1.2 AND a dog:0.5", [("a cat", 1.2), (" a dog", 0.5)]),
        ("a cat : -1. AND a dog", [("a cat", -1.0), (" a dog", 1.0)]),
        ("a (cat:1.2) AND a dog", [("a (cat:1.2)", 1.0), (" a dog", 1.0)]),
        ("a\ncat :2\nAND a dog", [("a\ncat", 2.0), (" a dog", 1.0)]),
        ("SAND AND and", [("SAND", 1.0), (" and", 1.0)]),
        ("AND", [("", 1.0), ("", 1.0)]),
    ],
)
def test_and_divides_operands_that_may_end_with_a_weight(text, operands):
    prompt = parse(text, 10)
    assert prompt.subprompts == tuple(Subprompt(weight, ((10, words(operand)),)) for operand, weight in operands)


def test_a_negative_prompt_does_not_compose():
    assert parse("a AND b:2", 10, composes=False).subprompts == (Subprompt(1.0, ((10, words("a AND b:2")),)),)


def test_editing_comes_before_attention():
    prompt = parse("a [(red:1.2):blue:0.5] ball", 10)
    assert prompt.subprompts[0].schedule == ((5, words("a (red:1.2) ball")), (10, words("a blue ball")))


def test_each_operand_has_its_own_schedule():
    prompt = parse("[a:b:2] AND [c|d]", 4)
    assert [until for until, _ in prompt.subprompts[0].schedule] == [2, 4]
    assert [until for until, _ in prompt.subprompts[1].schedule] == [1, 2, 3, 4]


def test_break_divides_the_text_of_a_step():
    schedule = parse("a BREAK [b:c:1]", 2).subprompts[0].schedule
    assert schedule == (
        (1, Text(((Span("a"),), (Span("b"),)))),
        (2, Text(((Span("a"),), (Span("c"),)))),
    )


def test_a_break_at_the_end_begins_nothing():
    assert parse("a BREAK BREAK ", 1).subprompts[0].schedule == ((1, Text(((Span("a"),),))),)


@pytest.mark.parametrize(
    ("text", "rule", "facts"),
    [
        ("(a:12)", "weight_clamped", {"text": "a", "weight": 12.0, "used": 10.0}),
        ("<lora:a:-12>", "weight_clamped", {"text": "<lora:a:-12>", "weight": -12.0, "used": -10.0}),
        ("a:12 AND b", "weight_clamped", {"text": "a:12", "weight": 12.0, "used": 10.0}),
        ("(a: 1.2)", "weight_unread", {"text": ": 1.2)"}),
        ("(a:1,2)", "weight_unread", {"text": ":1,2)"}),
        ("(a:1.2.3)", "weight_unread", {"text": ":1.2.3)"}),
        ("(a:1.2 )", "weight_unread", {"text": ":1.2 )"}),
        ("(a [b", "bracket_unclosed", {"count": 2}),
        ("[a|b:0.5]", "syntax_ignored", {"text": "[a|b:0.5]"}),
        ("[a:b:30]", "schedule_never", {"text": "[a:b:30]", "steps": 20}),
    ],
)
def test_what_the_parser_did_is_told(text, rule, facts):
    prompt = parse(text, 20)
    assert rules(prompt) == [rule]
    assert prompt.notes[0].facts == facts


@pytest.mark.parametrize("text", ["(a:1.4)", "a :) b", "ratio 16:9", "((a)) [b]", "(12:30, noon)", r"\(a", "(a, 1.2)"])
def test_nothing_is_told_of_what_is_as_it_looks(text):
    assert parse(text, 20).notes == ()


def test_what_happens_often_is_told_a_few_times():
    assert len(parse(" ".join(f"(a{number}:12)" for number in range(100)), 20).notes) == 20


def test_the_different_texts_are_bounded_and_the_last_one_stays():
    text = " AND ".join(f"{number} [a|b|c|d]" for number in range(100))
    prompt = parse(text, 20)
    texts = {text for subprompt in prompt.subprompts for _, text in subprompt.schedule}
    assert len(prompt.subprompts) == 100
    assert len(texts) <= MAX_TEXTS + 100
    assert all(subprompt.schedule[-1][0] == 20 for subprompt in prompt.subprompts)
    assert "schedule_limit" in rules(prompt)


def test_texts_that_come_back_are_read_once():
    schedule = parse("[a|b]", 150).subprompts[0].schedule
    assert len(schedule) == 150
    assert len({id(text) for _, text in schedule}) == 2


@given(TEXTS, st.integers(1, 20))
def test_every_text_is_a_prompt(text, steps):
    prompt = parse(text, steps)
    assert prompt.subprompts
    assert all(subprompt.schedule[-1][0] == steps for subprompt in prompt.subprompts)
    assert all(text.sections for subprompt in prompt.subprompts for _, text in subprompt.schedule)
    assert all(-10 <= subprompt.weight <= 10 for subprompt in prompt.subprompts)


def cpu_time(text):
    """The least of three runs: what the work itself takes."""
    runs = []
    for _ in range(3):
        start = time.process_time_ns()
        parse(text, 4)
        runs.append(time.process_time_ns() - start)
    return min(runs)


@pytest.mark.parametrize(
    "piece",
    [
        "<lora:",
        "<lora:x:1>",
        "a AND ",
        " ",
        ":",
        "[a:",
        "[a:b:2]",
        "[a|b]",
        "[a|",
        "[",
        "]",
        "(a|",
        "BREAK ",
        ": 1",
        ":1.",
        ":1,",
    ],
)
def test_ten_times_the_text_takes_about_ten_times_as_long(piece):
    assert cpu_time(piece * 5000) < 40 * cpu_time(piece * 500)


@pytest.mark.parametrize(
    ("start", "end"),
    [("[", "a|b]"), ("[", ":a:2]"), ("[", ":a:9]"), (":", "."), (":", "1"), ("[a:", "]"), ("(", ")"), ("[", "]")],
)
def test_ten_times_the_depth_takes_about_ten_times_as_long(start, end):
    assert cpu_time(start * 3000 + end * 3000) < 40 * cpu_time(start * 300 + end * 300)
