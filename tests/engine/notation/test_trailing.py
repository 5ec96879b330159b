import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.notation.trailing import NAMES, read_options

PIECES = [
    "a castle ",
    "--ar ",
    "—seed ",
    "–no ",
    "16:9 ",
    "7 ",
    "blur, noise ",
    "--",
    "— ",
    "-",
    "--what ",
    "\n",
    "=",
    '"',
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60)


def rules(trailing):
    return [note.rule for note in trailing.notes]


def test_options_at_the_end_are_read():
    trailing = read_options("a castle --ar 16:9 --seed 7 --steps 30 --cfg 8 --no blur, noise")
    assert trailing.text == "a castle"
    assert trailing.options == {
        "aspect": "16:9",
        "seed": "7",
        "steps": "30",
        "guidance": "8",
        "negative_prompt": "blur, noise",
    }
    assert trailing.notes == ()


@pytest.mark.parametrize("dash", ["--", "—", "–", "---", "―"])
def test_any_long_dash_will_do(dash):
    assert read_options(f"a castle {dash}ar 2:3 {dash}Seed -1").options == {"aspect": "2:3", "seed": "-1"}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_known(name):
    trailing = read_options(f"a castle --{name.upper()} 5")
    assert (trailing.text, trailing.options, trailing.notes) == ("a castle", {NAMES[name]: "5"}, ())


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("x --sampler DPM++ 2M Karras --n 2", {"sampler": "DPM++ 2M Karras", "images": "2"}),
        ("x --model Stable  Diffusion 1.5", {"model": "Stable  Diffusion 1.5"}),
        ('x --no "blur, noise"', {"negative_prompt": "blur, noise"}),
        ("x --no “blur”", {"negative_prompt": "blur"}),
        ("x --ar 16:9, --seed 7,", {"aspect": "16:9", "seed": "7"}),
        ("x --ar=16:9 --no=blur, noise", {"aspect": "16:9", "negative_prompt": "blur, noise"}),
        ("x\n--w 64\n--h 128\n", {"width": "64", "height": "128"}),
        ("x --no (blur:1.2), [noise]", {"negative_prompt": "(blur:1.2), [noise]"}),
        ("x --no red -- or blue", {"negative_prompt": "red -- or blue"}),
    ],
)
def test_values_are_given_as_typed(text, options):
    trailing = read_options(text)
    assert (trailing.text, trailing.options, trailing.notes) == ("x", options, ())


def test_options_alone_leave_no_text():
    assert read_options("--seed 7").text == ""


@pytest.mark.parametrize(
    "text",
    [
        "a castle",
        "  a castle ",
        "a castle -- at night",
        "a castle — at night",
        "a knight —brave and bold— on a horse",
        "a knight —brave",
        "a knight—no fear",
        "well--known castle",
        "a castle --ancient ruins by night",
        "-- —",
        "--7 dwarfs",
        "",
    ],
)
def test_prose_stays_as_typed(text):
    trailing = read_options(text)
    assert (trailing.text, trailing.options, trailing.notes) == (text, {}, ())


@pytest.mark.parametrize("text", ["a --ar 16:9 castle on a hill", "a castle —steps leading down", "--seed 7 a castle"])
def test_an_option_with_prose_after_it_is_prose_and_told(text):
    trailing = read_options(text)
    assert (trailing.text, trailing.options) == (text, {})
    assert rules(trailing) == ["option_inside"]


def test_options_after_such_prose_are_read():
    trailing = read_options("a --ar 16:9 castle on a hill --seed 7")
    assert (trailing.text, trailing.options) == ("a --ar 16:9 castle on a hill", {"seed": "7"})
    assert [note.facts for note in trailing.notes] == [{"option": "--ar"}]


@pytest.mark.parametrize(
    ("text", "facts", "options"),
    [
        ("x --sede 7 --ar 1:1", {"option": "--sede", "value": "7", "names": "--seed"}, {"aspect": "1:1"}),
        ("x --tile", {"option": "--tile", "value": "", "names": ""}, {}),
        ("x —chaos 20", {"option": "—chaos", "value": "20", "names": ""}, {}),
        ("x —seed 7 —raw", {"option": "—raw", "value": "", "names": ""}, {"seed": "7"}),
    ],
    ids=["near", "without-a-value", "number-after-a-dash", "after-a-known-one"],
)
def test_an_unknown_option_is_left_out_and_named(text, facts, options):
    trailing = read_options(text)
    assert (trailing.text, trailing.options) == ("x", options)
    assert [(note.rule, note.facts) for note in trailing.notes] == [("option_unknown", facts)]


def test_of_an_option_given_twice_the_last_holds():
    trailing = read_options("x --seed 7 --s 20 --seed 8")
    assert trailing.options == {"seed": "8", "steps": "20"}
    assert [(note.rule, note.facts) for note in trailing.notes] == [
        ("option_repeated", {"option": "--seed", "value": "8"})
    ]


@pytest.mark.parametrize("text", ["x --seed", "x --no --steps 3", "x --ar ,"])
def test_an_option_without_a_value_is_left_out_and_told(text):
    trailing = read_options(text)
    assert trailing.text == "x"
    assert rules(trailing) == ["option_empty"]


@given(TEXTS)
def test_every_text_is_read_and_what_stays_is_its_beginning(text):
    trailing = read_options(text)
    assert text.startswith(trailing.text)
    assert trailing.options.keys() <= set(NAMES.values())
    assert all(trailing.options.values())


@given(TEXTS)
def test_a_prompt_without_its_options_has_none(text):
    assert not read_options(read_options(text).text).options


@pytest.mark.parametrize("piece", ["--ar 1:1 ", "— ", "--", "--a", "—a b c ", " ", "--ar=", "a"])
def test_ten_times_the_text_takes_about_ten_times_as_long(piece):
    def cpu_time(text):
        runs = []
        for _ in range(3):
            start = time.process_time_ns()
            read_options(text)
            runs.append(time.process_time_ns() - start)
        return min(runs)

    assert cpu_time(piece * 5000) < 40 * cpu_time(piece * 500)


@pytest.mark.parametrize(
    "text", ['a castle --no ""', 'a castle --no=""', "a castle —negative “”", 'a castle --no "" --seed 7']
)
def test_two_quotes_are_an_empty_negative_prompt(text):
    trailing = read_options(text)
    assert trailing.options["negative_prompt"] == ""
    assert not trailing.notes
