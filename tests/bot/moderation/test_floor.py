from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.moderation import floor

FOLDER = Path(__file__).parent


def lines(name):
    texts = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [text for text in texts if text and not text.startswith("#")]


@pytest.mark.parametrize("text", lines("must_refuse.txt"))
def test_what_must_be_refused_is(text):
    assert floor.combines([text])


@pytest.mark.parametrize("text", lines("must_pass.txt"))
def test_what_must_pass_does(text):
    assert not floor.combines([text])


@given(st.text(alphabet="十百零两岁", max_size=12))
def test_numbers_that_are_none_get_an_answer_too(text):
    assert isinstance(floor.combines([text]), bool)
