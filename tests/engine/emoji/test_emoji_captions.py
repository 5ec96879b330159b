"""Captions say what a scene shows, and keep to themselves what training must not see."""

from __future__ import annotations

import random
import re

import pytest

from engine.emoji.dataset.captions import (
    BACKGROUND_TEMPLATES,
    SUBJECT_TEMPLATES,
    Captions,
    held_out,
    held_out_tags,
)
from engine.emoji.dataset.scenes import SQUARE, Placed, Scene


def said(captions, scene, count=300):
    return {captions.training(scene, random.Random(number)) for number in range(count)}


def of(background="blue", **placed):
    return Scene(size=SQUARE, background=background, placed=(Placed(**{"emoji": 3, **placed}),))


def two(relation):
    return Scene(
        size=SQUARE,
        background="white",
        placed=(Placed(emoji=3), Placed(emoji=5, tint="green")),
        relation=relation,
    )


def test_a_caption_names_label_or_tags_and_the_background(captions):
    texts = said(captions, of()) - {""}
    assert all("blue" in text for text in texts)
    assert sum("dog face" in text for text in texts) > 0.7 * len(texts)


def test_one_caption_in_ten_is_empty(captions):
    texts = [captions.training(of(), random.Random(number)) for number in range(1000)]
    assert 60 < texts.count("") < 150


def test_a_white_background_is_mostly_left_unsaid(captions):
    texts = [captions.training(of("white"), random.Random(number)) for number in range(300)]
    assert 150 < sum("white" not in text for text in texts) < 290


def test_a_tinted_thing_is_called_by_its_colour(captions):
    assert all("green dog face" in text for text in said(captions, of(tint="green")) - {""})


@pytest.mark.parametrize(
    ("relation", "pattern"),
    [
        ("beside", r"dog face to the left of (a )?green rocket"),
        ("beside", r"green rocket to the right of (a )?dog face"),
        ("above", r"dog face above (a )?green rocket"),
        ("above", r"green rocket below (a )?dog face"),
    ],
)
def test_positions_are_said_from_either_side(captions, relation, pattern):
    assert any(re.search(pattern, text) for text in said(captions, two(relation)))


@pytest.mark.parametrize(
    ("relation", "pattern"),
    [
        ("beside", r"rocket (to the )?left of|face (to the )?right of"),
        ("above", r"rocket (above|over|on top of)|face (below|under)"),
    ],
)
def test_positions_are_never_said_the_wrong_way_round(captions, relation, pattern):
    assert not [text for text in said(captions, two(relation)) if re.search(pattern, text)]


def test_four_captions_in_ten_hold_words_that_mean_nothing_and_say_the_rest(captions, emoji):
    templates = " ".join(set(SUBJECT_TEMPLATES + BACKGROUND_TEMPLATES) - held_out(SUBJECT_TEMPLATES))
    known = set(re.findall(r"[\w-]+", f"{templates} an blue {emoji[3].label} {' '.join(emoji[3].tags)}"))
    texts = [captions.training(of(), random.Random(number)) for number in range(1000)]
    filled = [text for text in texts if set(re.findall(r"[\w-]+", text)) - known]
    assert 250 < len(filled) < 450
    assert all("blue" in text for text in filled)
    assert sum("dog face" in text for text in filled) > 0.7 * len(filled)


def test_the_plainest_caption_is_label_and_background(captions):
    assert captions.plain(of("teal")) == "dog face on a teal background"


def test_what_is_held_out_is_the_same_in_every_run():
    assert held_out(SUBJECT_TEMPLATES) == held_out(SUBJECT_TEMPLATES)
    assert len(held_out(SUBJECT_TEMPLATES)) == 5
    assert len(held_out(BACKGROUND_TEMPLATES)) == 2


def test_a_tenth_of_the_tags_is_held_out(emoji):
    tags = {tag for one in emoji for tag in one.tags}
    assert len(held_out_tags(emoji)) == len(tags) // 10 > 0


def test_training_never_says_what_was_held_out(emoji, captions):
    hidden = {template.replace("{x}", "").replace("{a x}", "").strip() for template in held_out(SUBJECT_TEMPLATES)}
    backgrounds = {
        template.replace("{s}", "").replace("{c}", "teal").strip() for template in held_out(BACKGROUND_TEMPLATES)
    }
    for index in range(len(emoji)):
        for text in said(captions, of("teal", emoji=index), 100):
            assert not [part for part in backgrounds if text.endswith(part)]
            assert not [part for part in hidden if part and text.startswith(part + " ")]
            assert not {
                tag for tag in held_out_tags(emoji) & set(emoji[index].tags) if tag not in emoji[index].label
            } & set(re.findall(r"[\w-]+", text))


def test_evaluation_says_only_what_was_held_out(emoji):
    unseen = Captions(emoji, unseen=True)
    shapes = [
        re.escape(template).replace(r"\{a\ x\}", "an? .+").replace(r"\{x\}", ".+")
        for template in held_out(SUBJECT_TEMPLATES)
    ]
    for number in range(50):
        text = unseen.unseen(of("teal"), random.Random(number))
        assert "teal" in text
        assert "dog face" in text
        assert any(re.search(shape, text) for shape in shapes)
