"""Text as filters compare it: what looks the same is the same, and what cannot be seen is not there."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import regex

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts that put no spaces between words, or particles behind them: each character is a word of its own."""
WORD = regex.compile(rf"[{UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+|\p{{So}}", regex.V1)
"""A word, or a sign such as an emoji."""
INVISIBLE = regex.compile(
    r"[\p{Cf}\p{Cs}\x00-\x08\x0E-\x1B\x7F-\x84\x86-\x9F\u0300-\u036F\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE00-\uFE0F\U000E0100-\U000E01EF"
    r"\u115F\u1160\u3164\uFFA0\u2800\U0001F3FB-\U0001F3FF]"
)
"""Zero width, control characters, accents, selectors of variants, blanks that count as letters, tones of skin."""
CAPITALS = str.maketrans("ΗΜΝΥΖ", "HMNYZ")
"""Greek capitals that look like another Latin letter than their small ones do."""
LETTERS, LATIN = regex.compile(r"\w+"), regex.compile(r"[A-Za-z]")
_LIKE = {
    "a": "аαɑᴀ",
    "b": "вьβʙ",
    "c": "сϲᴄ",
    "d": "ԁɗđᴅ",
    "e": "еεєҽᴇ",
    "f": "ғꜰ",
    "g": "ɡԍɢ",
    "h": "һнհʜ",
    "i": "іιıɩɪ",
    "j": "јᴊ",
    "k": "кκᴋ",
    "l": "ӏłʟ",
    "m": "мᴍ",
    "n": "ηոɴ",
    "o": "оοøօᴏ",
    "p": "рρᴘ",
    "q": "ԛ",
    "r": "гʀ",
    "s": "ѕꜱ",
    "t": "тτᴛ",
    "u": "υսμᴜʋ",
    "v": "νѵᴠ",
    "w": "ԝωшᴡ",
    "x": "хχ",
    "y": "уүγʏ",
    "z": "ᴢ",
}
LOOKALIKES = str.maketrans(
    {like: letter for letter, likes in _LIKE.items() for like in likes}
    | {
        chr(first + place): chr(ord("a") + place)
        for first in (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
        for place in range(26)
    }
)
"""
Small letters of other alphabets, and letters in boxes, that are read as Latin ones.

Source: https://www.unicode.org/Public/security/latest/confusables.txt, as far as whole words can be written with them.
"""
FEWEST_SPELLED = 3
"""So many single letters beside each other are somebody spelling a word."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is compared, and where it stands in the text that `normal` gives."""

    text: str
    start: int
    end: int


def normal(text: str) -> str:
    """The text in which each character stands for itself; all places in texts refer to this."""
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """What the whole text looks like."""
    return "".join(_fold(character) for character in _without_mixed_capitals(normal(text)))


def words(text: str) -> list[Word]:
    """The words of a text, from its beginning to its end."""
    text = normal(text)
    if text.isascii() and text.isprintable():
        return [Word(found[0], found.start(), found.end()) for found in WORD.finditer(text.lower())]
    pieces = [_fold(character) for character in _without_mixed_capitals(text)]
    places = [place for place, piece in enumerate(pieces) for _ in piece]
    return [
        Word(found[0], places[found.start()], places[found.end() - 1] + 1) for found in WORD.finditer("".join(pieces))
    ]


def spelled(of: list[Word], *, fewest: int = FEWEST_SPELLED) -> list[Word] | None:
    """The words with each run of single letters read as one word; None where there is no such run."""
    together: list[Word] = []
    for is_letter, run in groupby(of, key=lambda word: len(word.text) == 1 and word.text.isascii()):
        letters = list(run)
        if is_letter and len(letters) >= fewest:
            together.append(Word("".join(each.text for each in letters), letters[0].start, letters[-1].end))
        else:
            together += letters
    return together if len(together) < len(of) else None


@lru_cache(maxsize=8192)
def _fold(character: str) -> str:
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", character).casefold())
    return unicodedata.normalize("NFC", INVISIBLE.sub("", plain)).translate(LOOKALIKES)


def _without_mixed_capitals(text: str) -> str:
    """Greek capitals inside words with Latin letters are meant to look Latin; others are Greek."""
    changed: str = LETTERS.sub(lambda word: word[0].translate(CAPITALS) if LATIN.search(word[0]) else word[0], text)
    return changed
