import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.markdown import clipped, one_line, plain, utf16_length

ESCAPED = re.compile(r"\\([^0-9A-Za-z\s])")
"""Discord's rule: a backslash before a character that is no letter, digit or space hides what that character means."""
RENDERS = {
    "bold, italics, underline": re.compile(r"[*_]"),
    "strikethrough": re.compile(r"~"),
    "spoiler": re.compile(r"\|"),
    "code": re.compile(r"`"),
    "mention, channel, command, emoji, timestamp, guide": re.compile(r"<"),
    "everyone and here": re.compile(r"@(everyone|here)"),
    "link": re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/"),
    "masked link": re.compile(r"\[[^]]*\]\("),
    "invite": re.compile(r"discord(app)?\.(gg|com)/", re.IGNORECASE),
    "emoji by name": re.compile(r":\w+:"),
    "heading": re.compile(r"^#{1,3}\s"),
    "small print": re.compile(r"^-#\s"),
    "quote": re.compile(r"^>"),
    "list": re.compile(r"^[-*+]\s"),
    "numbered list": re.compile(r"^\d+\.\s"),
    "second line": re.compile(r"[\n\r\u2028\u2029\x0b\x0c\x85]"),
    "reversed text": re.compile(r"[\u202a-\u202e\u2066-\u2069\u200e\u200f]"),
}
"""What Discord renders, in a text whose escaped characters are gone."""

TRICKS = [
    "**bold** __under__ *it* _it_ ~~no~~ ||secret||",
    "`code` ```block```",
    "# heading",
    "-# small",
    "> quote",
    ">>> quote",
    "- list",
    "* list",
    "+ list",
    "1. list",
    "@everyone @here",
    "<@1> <@!1> <@&1> <#1> </imagine:1> <id:customize>",
    "<t:0:R> <:name:1> <a:name:1>",
    "https://example.com [x](https://example.com) <https://example.com>",
    "discord.gg/abc https://discord.com/invite/abc",
    ":smile:",
    "line\nbreak\u2028and\x0bmore\r\n# heading",
    "\u202eesrever\u202c",
    "\\*not escaped\\*",
    "\\",
    "\\\\*",
    "**\\",
]
TYPED = st.text(st.one_of(st.sampled_from("\\*_~`|<>@#:[]()/+-.!1 \n\u2028\u202eaé😀"), st.characters()), max_size=60)


def rendered(text):
    """What Discord would render of a text: escaped characters stand for themselves, so they are taken out."""
    return ESCAPED.sub("\u00b7", text)


def shown(text):
    """What people see of a text without markdown."""
    return ESCAPED.sub(r"\1", text).replace("\u200b", "")


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_renders(trick):
    assert {name for name, pattern in RENDERS.items() if pattern.search(rendered(plain(trick)))} == set()


@given(TYPED)
def test_nothing_that_somebody_types_renders(text):
    assert {name for name, pattern in RENDERS.items() if pattern.search(rendered(plain(text)))} == set()


@given(TYPED)
def test_nothing_that_somebody_types_ends_our_bold(text):
    assert rendered(f"**{plain(text)}**").count("*") == 4


@given(TYPED)
def test_people_see_what_was_typed(text):
    assert shown(plain(text)) == one_line(text).replace("\u200b", "")


def test_everyone_is_broken_by_an_invisible_space():
    assert plain("@everyone") == "\\@\u200beveryone"


@pytest.mark.parametrize("text", ["a t-shirt, 50% off!", "(word:1.4)", "a red heart; isn't it?"])
def test_ordinary_prompts_stay_readable(text):
    assert shown(plain(text)) == text
    assert plain(text).count("\\") <= 1


def test_joiners_of_emoji_survive():
    assert plain("👩\u200d🚀") == "👩\u200d🚀"


@given(TYPED, st.integers(min_value=1, max_value=40))
def test_a_clipped_text_has_at_most_so_many_utf16_units(text, limit):
    assert utf16_length(clipped(text, limit)) <= limit


def test_what_is_clipped_ends_in_an_ellipsis():
    assert clipped("a red heart", 6) == "a red…"


def test_what_fits_is_not_clipped():
    assert clipped("a red heart", 11) == "a red heart"
