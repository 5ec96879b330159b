import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import InvalidRequest, ModelCard
from engine.files.bounds import Bounds
from engine.notation.aspects import ASPECTS, aspect_ratio, aspect_size

CARD = ModelCard(title="model", width=512, height=512)
PARTS = st.integers(min_value=1, max_value=9999)


@pytest.mark.parametrize(
    ("aspect", "ratio"),
    [*ASPECTS.items(), ("Wide", 16 / 9), ("16:9", 16 / 9), (" 1.85 : 1 ", 1.85), ("3x2", 1.5), ("2/3", 2 / 3)],
)
def test_names_and_ratios_are_read(aspect, ratio):
    assert aspect_ratio(aspect) == pytest.approx(ratio)


def test_a_ratio_that_has_a_name_has_the_size_of_that_name():
    assert aspect_size("16:9", CARD) == aspect_size("wide", CARD)


@pytest.mark.parametrize("aspect", ["", "panorama", "16", "16:", "-16:9", "٣:٢", "1e3:1", "nan:1", "1:2:3"])
def test_what_is_no_aspect_is_refused_with_those_that_are(aspect):
    with pytest.raises(InvalidRequest, match="is unknown; known: square"):
        aspect_size(aspect, CARD)


@pytest.mark.parametrize("aspect", ["33:1", "1:33", "0:1", "1:0", "0:0"])
def test_an_aspect_that_no_picture_has_is_refused_with_the_range(aspect):
    with pytest.raises(InvalidRequest, match="aspect must be from 1:32 to 32:1"):
        aspect_size(aspect, CARD)


@given(PARTS, PARTS, st.integers(min_value=8, max_value=256))
def test_every_aspect_in_the_range_has_a_size_that_can_be_drawn(width, height, cells):
    if max(width, height) > 32 * min(width, height):
        return
    card = ModelCard(title="model", width=cells * 8, height=cells * 8)
    size = aspect_size(f"{width}:{height}", card)
    assert all(64 <= side <= 2048 and side % 8 == 0 for side in size)
    assert abs(math.log(size[0] / size[1] * height / width)) < 0.15


SIDES = st.lists(st.integers(min_value=8, max_value=256), min_size=3, max_size=3)


@given(PARTS, PARTS, SIDES)
def test_every_aspect_has_a_size_within_the_models_bounds(width, height, sides):
    least, native, most = (8 * cells for cells in sorted(sides))
    if max(width, height) > 32 * min(width, height):
        return
    card = ModelCard(title="model", width=native, height=native, bounds=Bounds(side=(least, most)))
    size = aspect_size(f"{width}:{height}", card)
    assert all(least <= side <= most and side % 8 == 0 for side in size)


def test_bounds_that_an_aspect_keeps_to_change_nothing():
    card = ModelCard(title="model", width=512, height=512)
    bounded = ModelCard(title="model", width=512, height=512, bounds=Bounds(side=(256, 768)))
    assert aspect_size("wide", bounded) == aspect_size("wide", card)


def test_an_aspect_that_the_bounds_do_not_hold_becomes_the_nearest():
    card = ModelCard(title="model", width=512, height=512, bounds=Bounds(side=(512, 768)))
    assert aspect_size("9:16", card) == (512, 768)
