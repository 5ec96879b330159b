"""Ages of minors in a text, as English and Chinese write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ADULT = 18
_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBERS = {name: number for number, name in enumerate(_UNITS)} | {
    name: 10 * number for number, name in enumerate(_TENS, 2)
}
_MEASURES = (
    "feet foot ft inch inches cm mm m km meters metres times minutes minute min hours hour days day weeks months "
    "percent x k th people pictures bit bits colors colours frames poses views angles"
)
_NO_MEASURE = rf"(?! (?:{'|'.join(_MEASURES.split())})\b)"
_NO_ASPECT = r"(?<!\b16(?= (?:9|10)\b))"
"""16:9 says how wide a picture is."""
_PERSONS = "she|he|they|girl|boy|who|woman|man|daughter|son|i"
_OLD = r" ?(?:years?|yrs?|y) ?(?:olds?|os?|young|of age)\b"
AGES = [
    re.compile(pattern)
    for pattern in (
        rf"\b(\d{{1,2}}){_OLD}",
        rf"\b(\d{{1,2}}) (?:to|or|and) (?:\d{{1,2}}){_OLD}",
        r"\b(\d{1,2}) ?(?:y|yrs?)\b",
        r"\b(1[0-7])f\b",
        rf"\bage[ds]? ?(?:of |is |about |around |only |just )?(\d{{1,2}})\b{_NO_MEASURE}",
        rf"\b(?:looks?|looking) (?:like |about |only )?(\d{{1,2}})\b{_NO_MEASURE}",
        rf"\b(?:girls?|boys?|daughter|son) (1[0-7])\b{_NO_MEASURE}{_NO_ASPECT}",
        rf"\b(?:turns|turned|turning|im) (?:just )?(\d{{1,2}})\b{_NO_MEASURE}",
        rf"\b(?:{_PERSONS})(?: s| is| re| are| m| am| was| just| only| of)+ (\d{{1,2}})\b{_NO_MEASURE}",
    )
]
"""Each names a number of years."""
RANGE = re.compile(rf"\b(\d{{2}}) (\d{{2}}){_OLD}")
WIDEST_RANGE = 8
YOUNGER = re.compile(
    r"\b(?:under|below|younger than|less than|not yet|nearly|almost) (?:the age of |age )?(?:1[4-8])\b" + _NO_MEASURE
)
INFANCY = re.compile(r"\b\d{1,2} ?(?:months?|mos?|weeks?|wks?|days?) ?olds?\b")
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
GRADE = re.compile(
    rf"\b(?:(?:1st|2nd|3rd|[4-9]th|1[0-2]th|{'|'.join(_ORDINALS.split())}) grade(?:rs?)?|grade (?:[1-9]|1[0-2]))\b"
)

CHINESE_AGE = re.compile(r"(\d{1,3}|[零〇一二三四五六七八九十百两兩]{1,5}) ?[多来來几幾余餘]? ?[周週]?[岁歲歳]")
CHINESE_YOUNGER = re.compile(
    r"年[龄齡][ :,为為是]*(?:1[0-7]|[1-9])(?!\d)|"
    r"(?:未满|未滿|不满|不滿|不到|未到|小于|小於|低于|低於) ?(?:1[0-8]|十[四五六七八])"
)
CHINESE_GRADE = re.compile(r"[一二三四五六1-6]年[级級]")
CHINESE_DIGITS = {
    digit: number
    for number, digits in enumerate(["〇零", "一", "二两兩", "三", "四", "五", "六", "七", "八", "九"])
    for digit in digits
}


def names_minor(words: Sequence[str]) -> bool:
    """Whether folded words say that somebody is younger than 18."""
    text = " ".join(_with_digits(words))
    if YOUNGER.search(text) or INFANCY.search(text) or GRADE.search(text):
        return True
    if any(
        int(first) < ADULT and int(first) < int(last) <= int(first) + WIDEST_RANGE
        for first, last in RANGE.findall(text)
    ):
        return True
    return any(int(age) < ADULT for pattern in AGES for age in pattern.findall(text))


def names_minor_in_chinese(text: str) -> bool:
    """The same of a folded text in Chinese, whose words no spaces divide."""
    if CHINESE_YOUNGER.search(text) or CHINESE_GRADE.search(text):
        return True
    return any(_chinese_number(number) < ADULT for number in CHINESE_AGE.findall(text))


def _with_digits(words: Sequence[str]) -> list[str]:
    """The words with numbers below 100 as digits."""
    read: list[str] = []
    tens = 0
    for word in words:
        number = NUMBERS.get(word)
        if number is not None and tens and number < len(_UNITS) // 2:
            read[-1] = str(tens + number)
        else:
            read.append(word if number is None else str(number))
        tens = number if number is not None and number >= len(_UNITS) else 0
    return read


def _chinese_number(text: str) -> int:
    """A number as it is written; of two beside each other, as in "seven or eight", the first; of 十十 the last ten."""
    if text.isdigit():
        return int(text)
    if "百" in text:
        return 100
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return CHINESE_DIGITS[text[0]]
    return 10 * (CHINESE_DIGITS.get(tens[-1], 1) if tens else 1) + (CHINESE_DIGITS[ones[0]] if ones else 0)
