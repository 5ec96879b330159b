"""Scenes: what stands where, in which colour, on which background."""

from __future__ import annotations

import numpy as np
import pytest

from engine.emoji.dataset.colours import COLOURS
from engine.emoji.dataset.scenes import SQUARE, TALL, WIDE, Placed, Scene, draw, tintable, weights
from engine.emoji.dataset.styles import gilded, pixelated, sketched

APPLE = 4


def one(**placed):
    return Scene(size=SQUARE, background="blue", placed=(Placed(emoji=APPLE, **placed),))


def subject_of(picture, background="blue"):
    """Where the picture is not its background."""
    return np.abs(picture.astype(int) - COLOURS[background]).sum(axis=-1) > 30


def test_the_background_has_its_exact_colour(pictures):
    for colour, value in COLOURS.items():
        picture = draw(Scene(size=SQUARE, background=colour, placed=(Placed(emoji=APPLE),)), pictures)
        assert picture[0, 0].tolist() == list(value)


@pytest.mark.parametrize(("size", "shape"), [(SQUARE, (128, 128, 3)), (WIDE, (128, 192, 3)), (TALL, (192, 128, 3))])
def test_a_picture_has_its_scenes_size(pictures, size, shape):
    assert draw(Scene(size=size, background="red", placed=(Placed(emoji=APPLE),)), pictures).shape == shape


def test_every_pool_makes_the_same_scene_of_the_same_number(all_pools):
    for pool in all_pools:
        assert pool.make(7) == pool.make(7)


def test_scenes_of_a_pool_differ(all_pools):
    for pool in all_pools:
        assert len({pool.make(number) for number in range(50)}) > 25


def test_every_scene_fits_into_its_picture(all_pools, pictures):
    for pool in all_pools:
        for number in range(0, pool.count, max(1, pool.count // 20)):
            scene = pool.make(number)
            assert scene.size == pool.size
            for placed in scene.placed:
                assert placed.left >= 0
                assert placed.top >= 0
                assert placed.left + placed.side <= scene.size[0]
                assert placed.top + placed.side <= scene.size[1]
            assert draw(scene, pictures).shape == (scene.size[1], scene.size[0], 3)


@pytest.mark.parametrize(
    ("relation", "half"),
    [
        ("left", np.s_[:, :64]),
        ("right", np.s_[:, 64:]),
        ("top", np.s_[:64]),
        ("bottom", np.s_[64:]),
    ],
)
def test_what_is_placed_at_a_side_stands_there(pool_of, pictures, relation, half):
    scenes = [pool_of["placed"].make(number) for number in range(60)]
    scene = next(scene for scene in scenes if scene.relation == relation and scene.background == "blue")
    subject = subject_of(draw(scene, pictures))
    assert subject[half].sum() > 0.9 * subject.sum()


def test_a_tint_gives_its_hue_and_keeps_the_shape(pictures):
    plain, tinted = draw(one(), pictures), draw(one(tint="green"), pictures)
    inside = tinted[70, 70].astype(int)
    assert inside.argmax() == 1
    assert (subject_of(plain) == subject_of(tinted)).mean() > 0.98


def test_a_mirrored_emoji_is_mirrored(pictures):
    assert (draw(one(flipped=True), pictures) == draw(one(), pictures)[:, ::-1]).all()


def test_a_turned_emoji_stays_in_its_box(pictures):
    subject = subject_of(draw(one(angle=10, side=100, left=0, top=0), pictures))
    assert subject[:100, :100].any()
    assert not subject[100:].any()
    assert not subject[:, 100:].any()


def test_only_things_whose_name_holds_no_colour_are_tinted(emoji):
    assert {each.label for each in emoji if tintable(each)} == {
        "grinning face",
        "dog face",
        "apple",
        "rocket",
        "soccer ball",
        "light bulb",
    }


def test_weights_sum_to_one_and_favour_what_people_ask_for(emoji):
    by_label = dict(zip([each.label for each in emoji], weights(emoji), strict=True))
    assert sum(by_label.values()) == pytest.approx(1)
    assert by_label["dog face"] > by_label["light bulb"] > by_label["check mark"] > 0


def test_pixels_of_a_pixelated_picture_are_as_wide_as_a_cell_of_the_latents(pictures):
    picture = pixelated(draw(one(), pictures))
    assert (picture == picture[::8, ::8].repeat(8, axis=0).repeat(8, axis=1)).all()


@pytest.mark.parametrize(("background", "pencil"), [("white", 40), ("black", 235)])
def test_a_sketch_has_lines_on_paper_of_the_backgrounds_colour(pictures, background, pencil):
    scene = Scene(size=SQUARE, background=background, placed=(Placed(emoji=APPLE),))
    picture = sketched(draw(scene, pictures)).astype(int)
    assert picture[0, 0].tolist() == list(COLOURS[background])
    assert np.abs(picture - pencil).min() < 60


def test_gilded_things_have_the_hue_of_gold_and_their_old_outline(pictures):
    golden = gilded(pictures)
    assert (golden[..., 3] == pictures[..., 3]).all()
    red, green, blue = golden[APPLE, 64, 70, :3].astype(int)
    assert red > green > blue
