import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.moderation.folding import folded, normal, spelled, words


@pytest.mark.parametrize(
    "text",
    [
        "NUDE",
        "ｎｕｄｅ",
        "n\u200bu\u200cd\u2060e",
        "nu\u00adde",
        "ñúdé",
        "nüde\u0336",
        "𝓷𝓾𝓭𝓮",
        "ⓝⓤⓓⓔ",
        "🅽🆄🅳🅴",
        "🇳🇺🇩🇪",
        "nudе",
        "ոսdε",
        "ΝUDE",
        "ɴᴜᴅᴇ",
        "n\x08ude",
        "NUDE\ufe0f",
    ],
)
def test_what_looks_like_a_word_is_that_word(text):
    assert [word.text for word in words(text)] == ["nude"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a nude_woman, (bed:1.2)", ["a", "nude", "woman", "bed", "1", "2"]),
        ("画nude女人", ["画", "nude", "女", "人"]),
        ("👧🏽❤\ufe0f x", ["👧", "❤", "x"]),
        ("Вода", ["boдa"]),
        ("ΝΑΙ ναι", ["vai", "vai"]),
        ("ガラス", ["ガ", "ラ", "ス"]),
        ("a ^ b", ["a", "b"]),
    ],
    ids=["underscore", "chinese", "emoji", "cyrillic", "greek", "kana", "signs"],
)
def test_words_are_taken_apart_by_script(text, parts):
    assert [word.text for word in words(text)] == parts


def test_a_word_knows_where_it_stands():
    text = normal("ein n\u200bu\u200cde Bild")
    (_, word, _) = words(text)
    assert text[word.start : word.end] == "n\u200bu\u200cde"


def test_what_is_spelled_is_read_as_one_word():
    assert [word.text for word in spelled(words("a b n u d e woman"))] == ["abnude", "woman"]
    assert spelled(words("plan b a")) is None


@given(st.text())
def test_folding_twice_is_folding_once_and_places_lie_in_the_text(text):
    assert folded(folded(text)) == folded(text)
    for word in words(text):
        assert 0 <= word.start < word.end <= len(normal(text))
