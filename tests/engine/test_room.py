import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidRequest
from engine.footprint import Footprint
from engine.room import Room

SD15 = Footprint(
    unet_bytes=1_719_000_000,
    vae_bytes=167_000_000,
    others_bytes=246_000_000,
    row_bytes=12 * 320 * 2,
    pixel_bytes=6 * 128 * 2,
    cell_px=8,
)
GIB = 2**30
sides = st.integers(8, 256).map(lambda cells: 8 * cells)


def room(gib=8.0):
    return Room(SD15, int(gib * GIB), device="cuda:0")


def refusal(room, width, height, rows=2):
    with pytest.raises(InvalidRequest) as caught:
        room.check(width, height, rows)
    return caught.value


def test_what_fits_passes():
    room(8).check(1024, 1024, 2)


def test_what_cannot_fit_is_refused_with_the_largest_of_its_shape():
    error = refusal(room(4), 2048, 2048)
    assert error.rule == "size_memory"
    assert error.facts == {"width": 2048, "height": 2048, "device": "cuda:0", "largest": "1152×1152"}
    assert str(error) == (
        "a picture of 2048x2048 does not fit the memory of cuda:0; the largest of this shape here is 1152x1152"
    )


def test_the_size_that_is_offered_has_the_shape_that_was_asked_for():
    error = refusal(room(4), 2048, 1024)
    assert error.facts["largest"] == "1664×832"


@given(width=sides, height=sides, gib=st.floats(2.2, 12), rows=st.integers(1, 16))
def test_whatever_is_offered_passes(width, height, gib, rows):
    tight = room(gib)
    try:
        tight.check(width, height, rows)
    except InvalidRequest as error:
        if (largest := str(error.facts["largest"])) != "none":
            tight.check(*map(int, largest.split("×")), rows)


def test_where_the_capacity_is_unknown_everything_passes():
    Room(SD15, None, device="cpu").check(2048, 2048, 16)


def test_where_not_even_the_smallest_seems_to_fit_the_estimate_refuses_nothing():
    room(1).check(2048, 2048, 2)


def test_a_size_that_was_too_much_alone_is_refused_from_then_on():
    tight = room(8)
    tight.check(1024, 1024, 2)
    tight.ran_out(1024, 1024, 2)
    assert refusal(tight, 1024, 1024).facts["largest"] == "832×832"
    assert refusal(tight, 2048, 768).rule == "size_memory"


def test_what_is_smaller_or_takes_fewer_rows_still_passes():
    tight = room(8)
    tight.ran_out(1024, 1024, 2)
    tight.check(960, 960, 2)
    tight.check(1024, 1024, 1)


def test_where_the_smallest_failed_none_is_offered():
    tight = room(8)
    tight.ran_out(64, 64, 2)
    error = refusal(tight, 512, 512)
    assert error.facts["largest"] == "none"
    assert str(error) == "a picture of 512x512 does not fit the memory of cuda:0"


def test_what_is_offered_is_of_a_size_that_the_model_draws():
    room = Room(SD15, 4 * GIB, device="cuda:0", multiple=32)
    width, height = map(int, str(refusal(room, 2048, 1376).facts["largest"]).split("×"))
    assert (width % 32, height % 32) == (0, 0)
