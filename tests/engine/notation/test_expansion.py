import os
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidRequest
from engine.notation.expansion import MAX_CHARACTERS, MAX_FILE_BYTES, Wildcards, expand

PIECES = ["{", "}", "|", "[", "]", "a", " b", "\\", "\\|", "\\{", "{a|b}", "{c}", "__", "__x__"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60)
NONE = Wildcards(None)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "wildcards"
    (folder / "places").mkdir(parents=True)
    (folder / "colour.txt").write_text("red\nblue\n\n# no colour\n  green  \n", encoding="utf-8")
    (folder / "places" / "old town.txt").write_text("Köln\n", encoding="utf-8")
    (folder / "empty.txt").write_text("# nothing yet\n\n", encoding="utf-8")
    return folder


def drawn(folder, text, seed=7, most=1):
    expansion = expand(text, seed, Wildcards(folder), most=most)
    return expansion.texts[0], [note.rule for note in expansion.notes]


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("a cat", ["a cat"]),
        ("", [""]),
        ("a {red|blue} ball", ["a red ball", "a blue ball"]),
        ("{a|b} {c|d}", ["a c", "a d", "b c", "b d"]),
        ("{a|b {c|d}|e} f", ["a f", "b c f", "b d f", "e f"]),
        ("{a|}b", ["ab", "b"]),
        ("{a|a}", ["a", "a"]),
        ("{a}", ["{a}"]),
        ("{{a|b}}", ["{a}", "{b}"]),
        ("{a|b", ["{a|b"]),
        ("a|b}", ["a|b}"]),
        ("{ {a|b}", ["{ a", "{ b"]),
        (r"\{a|b\}", [r"\{a|b\}"]),
        (r"{a\|b|c}", [r"a\|b", "c"]),
        (r"{a\}|b}", [r"a\}", "b"]),
        ("{[a|b]|c}", ["[a|b]", "c"]),
        ("[{a|b}|c]", ["[a|c]", "[b|c]"]),
        ("{a] |b}", ["a] ", "b"]),
        ("{a [ |b}", ["a [ ", "b"]),
        ("{(a:1.2)|[b:c:0.5]}", ["(a:1.2)", "[b:c:0.5]"]),
    ],
)
def test_braces_make_permutations(text, texts):
    assert expand(text, 0, NONE, most=16).texts == tuple(texts)


@pytest.mark.parametrize(
    ("text", "most", "count"),
    [
        ("{a|b|c}", 2, "3"),
        ("{a|b}{c|d}{e|f}", 7, "8"),
        ("{a|{b|c}{d|e}}", 4, "5"),
        ("{a|b}" * 3000, 16, "more than 1000000"),
    ],
    ids=["one", "product", "nested", "very-many"],
)
def test_too_many_permutations_are_refused_with_the_numbers(text, most, count):
    with pytest.raises(InvalidRequest, match=f"make {count} prompts of this one, the most here is {most}$") as refused:
        expand(text, 0, NONE, most=most)
    assert refused.value.rule == "permutations"
    assert refused.value.facts == {"count": count, "maximum": most}


@given(TEXTS)
def test_permutations_are_as_many_as_were_counted(text):
    try:
        expand(text, 0, NONE, most=0)
    except InvalidRequest as refused:
        count = int(refused.facts["count"])
        if count <= 500:
            assert len(expand(text, 0, NONE, most=count).texts) == count


@given(TEXTS)
def test_what_comes_of_a_prompt_stays_as_it_is(text):
    try:
        texts = expand(text, 0, NONE, most=16).texts
    except InvalidRequest:
        return
    assert all(expand(again, 1, NONE, most=1).texts == (again,) for again in texts)


def test_braces_may_be_as_deep_as_a_prompt_is_long():
    assert expand("{" * 3000 + "a|b" + "}" * 3000, 0, NONE, most=2).texts == (
        "{" * 2999 + "a" + "}" * 2999,
        "{" * 2999 + "b" + "}" * 2999,
    )


@pytest.mark.parametrize("piece", ["{a", "a}", "{[", "__a", "_", "\\{", "{a|", "{a}"])
def test_ten_times_the_brackets_take_about_ten_times_as_long(piece):
    def cpu_time(text):
        runs = []
        for _ in range(3):
            start = time.process_time_ns()
            expand(text, 0, NONE, most=1)
            runs.append(time.process_time_ns() - start)
        return min(runs)

    assert cpu_time(piece * 5000) < 40 * cpu_time(piece * 500)


def test_a_wildcard_becomes_a_line_of_its_file(folder):
    found = Counter(drawn(folder, "a __colour__ ball", seed)[0] for seed in range(300))
    assert found.keys() == {"a red ball", "a blue ball", "a green ball"}
    assert min(found.values()) > 50


def test_the_seed_alone_decides(folder):
    text = " ".join(["__colour__"] * 8)
    assert [drawn(folder, text, seed)[0] for seed in (7, 7, 2**53 - 1)] == [
        "red red blue red blue blue red blue",
        "red red blue red blue blue red blue",
        "red red red red red blue red blue",
    ]


def test_names_may_lie_in_folders_and_hold_spaces(folder):
    assert drawn(folder, "__places/old town__") == ("Köln", [])


def test_a_name_may_hold_single_underscores(folder):
    (folder / "hair_colour-2.txt").write_text("grey", encoding="utf-8")
    assert drawn(folder, "__hair_colour-2__ hair") == ("grey hair", [])


def test_a_line_may_hold_wildcards_and_permutations(folder):
    (folder / "thing.txt").write_text("a {big|small} __places/old town__ house", encoding="utf-8")
    texts = expand("__thing__!", 0, Wildcards(folder), most=2).texts
    assert texts == ("a big Köln house!", "a small Köln house!")


def test_a_file_that_changes_is_read_again(folder):
    wildcards = Wildcards(folder)
    assert wildcards.lines("places/old town") == ("Köln",)
    (folder / "places" / "old town.txt").write_text("Regensburg\n", encoding="utf-8")
    assert wildcards.lines("places/old town") == ("Regensburg",)


def test_a_byte_order_mark_is_no_part_of_the_first_line(folder):
    (folder / "bom.txt").write_bytes(b"\xef\xbb\xbfone")
    assert drawn(folder, "__bom__") == ("one", [])


def test_a_wildcard_in_itself_ends(folder):
    (folder / "loop.txt").write_text("x __loop__", encoding="utf-8")
    assert drawn(folder, "__loop__") == ("x " * 10 + "__loop__", ["wildcard_depth"])


@pytest.mark.parametrize("line", ["__bomb__" * 100, "a" * 5000 + " __bomb__"], ids=["many", "long"])
def test_wildcards_that_grow_beyond_measure_are_refused(folder, line):
    (folder / "bomb.txt").write_text(line, encoding="utf-8")
    with pytest.raises(InvalidRequest, match=f"longer than {MAX_CHARACTERS} characters"):
        drawn(folder, "__bomb__ __bomb__")


def test_an_unknown_name_stays_and_near_ones_are_told(folder):
    expansion = expand("a __color__ ball", 0, Wildcards(folder), most=1)
    assert expansion.texts == ("a __color__ ball",)
    (note,) = expansion.notes
    assert (note.rule, note.sentence) == ("wildcard_unknown", "wildcard color is unknown; nearest: colour")
    assert note.facts == {"name": "color", "names": "colour"}


def test_without_a_folder_every_name_is_unknown():
    expansion = expand("__colour__", 0, NONE, most=1)
    assert [note.sentence for note in expansion.notes] == ["wildcard colour is unknown"]


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "places/../../secret", "..", "colour.txt", "places", "colour/red", "con", "a" * 101],
)
def test_no_name_leads_out_of_the_folder(folder, name):
    (folder.parent / "secret.txt").write_text("secret", encoding="utf-8")
    assert drawn(folder, f"__{name}__")[0] == f"__{name}__"
    with pytest.raises(FileNotFoundError):
        Wildcards(folder).lines(name)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links here")
def test_a_link_out_of_the_folder_is_not_followed(folder):
    (folder.parent / "secret.txt").write_text("secret", encoding="utf-8")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    assert drawn(folder, "__link__") == ("__link__", ["wildcard_unknown"])


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links here")
def test_links_in_a_circle_are_told(folder):
    (folder / "one.txt").symlink_to(folder / "other.txt")
    (folder / "other.txt").symlink_to(folder / "one.txt")
    assert drawn(folder, "__one__") == ("__one__", ["wildcard_unreadable"])


def test_a_folder_that_is_missing_holds_no_names(tmp_path):
    assert drawn(tmp_path / "missing", "__colour__") == ("__colour__", ["wildcard_unknown"])


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"# nothing yet\n\n", "wildcard_empty"),
        (b"\xff\xfe", "wildcard_unreadable"),
        (b"a" * (MAX_FILE_BYTES + 1), "wildcard_unreadable"),
    ],
    ids=["empty", "no-utf-8", "too-large"],
)
def test_a_file_without_usable_lines_leaves_the_name_and_is_told(folder, content, rule):
    (folder / "bad.txt").write_bytes(content)
    assert drawn(folder, "__bad__ __bad__") == ("__bad__ __bad__", [rule])


@given(TEXTS, st.integers(0, 2**53 - 1))
def test_every_text_without_many_permutations_expands(text, seed):
    try:
        assert expand(text, seed, NONE, most=16).texts
    except InvalidRequest as refused:
        assert refused.rule == "permutations"  # noqa: PT017 - most texts raise nothing
