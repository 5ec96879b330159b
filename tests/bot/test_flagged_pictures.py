"""What becomes of flagged pictures: withheld, behind a spoiler or shown; never charged, and never seen where they may not be."""

import dataclasses
import io
from types import SimpleNamespace

import numpy as np
import pytest
import rows
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from road import CARD, opened_road, picture

from bot.delivery import Delivery
from bot.files import FileGone
from bot.moderation.standins import STAND_IN_PX, stand_in, way_of
from bot.store import flagged as stored
from bot.store import server_settings
from bot.store.server_settings import ServerSettings
from bot.undeliverable import MessageGone

HOURS_S = 60 * 60.0


@pytest.fixture
async def road(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        yield road


def noisy(request, index=0, *, flagged=False):
    """A picture with details."""
    rng = np.random.default_rng(request.seed + index)
    image = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    return dataclasses.replace(picture(request, index, flagged=flagged), image=image)


async def deliver(road, row, *pictures, state="done", reason=None):
    await road.endings.deliver(row, pictures, state=state, reason=reason, progress=None)
    return await road.row(row.id)


async def flags(road, row):
    async with road.database.reading() as connection:
        return await stored.of_request(connection, row.id)


async def set_flagged(road, way):
    async with road.database.transaction() as connection:
        await server_settings.write(connection, 7, ServerSettings(flagged=way))


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


# the stand-in


@pytest.mark.parametrize("size", [(512, 512), (768, 512), (512, 2048), (100, 70)], ids=str)
def test_a_stand_in_has_the_pictures_size_and_at_most_sixteen_squares_a_side(size):
    rng = np.random.default_rng(0)
    shown = pixels(stand_in(Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))))
    assert shown.shape == (size[1], size[0], 3)
    columns = 1 + (np.diff(shown.astype(int), axis=1) != 0).any(axis=(0, 2)).sum()
    lines = 1 + (np.diff(shown.astype(int), axis=0) != 0).any(axis=(1, 2)).sum()
    assert max(columns, lines) == STAND_IN_PX
    assert columns * lines <= STAND_IN_PX**2


@given(seed=st.integers(0, 2**32))
def test_no_detail_survives_in_a_stand_in(seed):
    """Pixels that change places within a square change nothing."""
    rng = np.random.default_rng(seed)
    squares = rng.integers(0, 256, (16, 16, 8 * 8, 3), dtype=np.uint8)
    shuffled = rng.permuted(squares, axis=2)  # each colour by itself, of which the mean stays

    def image(squares):
        return Image.fromarray(squares.reshape(16, 16, 8, 8, 3).swapaxes(1, 2).reshape(128, 128, 3))

    before, after = (pixels(stand_in(image(each))).astype(int) for each in (squares, shuffled))
    assert abs(before - after).max() <= 1  # Pillow rounds twice


def test_a_stand_in_says_nothing_about_how_it_was_made():
    assert Image.open(io.BytesIO(stand_in(Image.new("RGB", (64, 64))))).info == {}


@pytest.mark.parametrize("wanted", ["spoiler", "stand-in", "show"])
def test_outside_age_restricted_channels_the_server_has_no_say(wanted):
    assert way_of(wanted, is_age_restricted=False) == "stand-in"
    assert way_of(wanted, is_age_restricted=True) == wanted


# outside age-restricted channels


async def test_a_stand_in_takes_the_place_of_a_flagged_picture_and_the_others_are_shown(road):
    row = await road.admitted(num_images=4)
    drawn = [noisy(row.request, index, flagged=index == 2) for index in range(4)]
    ended = await deliver(road, row, *drawn)
    uploads = road.delivery.last(row).uploads
    assert [upload.filename for upload in uploads] == [f"imagine-{row.short_id}-{n}.png" for n in (1, 2, 3, 4)]
    assert [
        (pixels(upload.data) == np.asarray(each.image)).all() for upload, each in zip(uploads, drawn, strict=True)
    ] == [
        True,
        True,
        False,
        True,
    ]
    assert uploads[2].data == stand_in(drawn[2].image)
    assert uploads[2].description.startswith("A coarse stand-in for a picture that the safety checker withheld.")
    assert (ended.state, ended.charged, ended.flagged) == ("done", 3, 1)
    assert "1 of 4 pictures was withheld by the safety checker and not charged" in road.delivery.last(row).content


async def test_the_original_is_kept_for_72_hours_so_that_moderators_can_be_asked(road):
    row = await road.admitted()
    original = noisy(row.request, flagged=True)
    await deliver(road, row, original)
    [flag] = await flags(road, row)
    assert (pixels(await road.files.read(flag.sha256)) == np.asarray(original.image)).all()
    assert [each.custom_id for each in road.delivery.last(row).view.children][3:] == [f"appeal:{flag.id}"]
    road.clock.now += 71 * HOURS_S
    await road.files.sweep()
    await road.files.read(flag.sha256)
    road.clock.now += 2 * HOURS_S
    await road.files.sweep()
    with pytest.raises(FileGone):
        await road.files.read(flag.sha256)


async def test_with_the_message_the_original_goes(road):
    row = await road.admitted()
    road.delivery.errors = [MessageGone()]
    await deliver(road, row, noisy(row.request, flagged=True))
    [flag] = await flags(road, row)
    with pytest.raises(FileGone):
        await road.files.read(flag.sha256)


async def test_where_all_pictures_are_withheld_nothing_is_charged_and_nobody_is_pinged(road):
    row = await road.admitted(num_images=2)
    road.clock.now += 100
    ended = await deliver(road, row, *(noisy(row.request, index, flagged=True) for index in range(2)))
    assert (ended.state, ended.reason, ended.charged, ended.flagged) == ("failed", "failed-flagged", 0, 2)
    assert len(road.delivery.last(row).uploads) == 2
    assert road.delivery.pings == []


async def test_what_was_withheld_before_a_cancel_is_not_charged_either(road):
    row = await road.admitted(num_images=4)
    flagged = noisy(row.request, flagged=True)
    ended = await deliver(road, row, flagged, state="cancelled", reason="cancelled-by-owner")
    assert (ended.state, ended.reason, ended.charged, ended.flagged) == ("cancelled", "cancelled-by-owner", 0, 1)


async def test_in_direct_messages_there_is_a_stand_in_and_nobody_to_ask(road):
    row = await road.admitted(guild_id=None)
    await deliver(road, row, noisy(row.request, flagged=True))
    [flag] = await flags(road, row)
    assert (flag.way, flag.sha256) == ("stand-in", None)
    assert len(road.delivery.last(row).view.children) == 3


async def test_an_original_that_the_disk_does_not_take_is_withheld_all_the_same(road, monkeypatch):
    async def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(road.files, "put", full)
    row = await road.admitted()
    original = noisy(row.request, flagged=True)
    await deliver(road, row, original)
    [upload] = road.delivery.last(row).uploads
    assert upload.data == stand_in(original.image)
    assert len(road.delivery.last(row).view.children) == 3


# inside


@pytest.mark.parametrize(
    ("way", "prefix"), [("spoiler", "SPOILER_imagine-"), ("show", "imagine-")], ids=["spoiler", "show"]
)
async def test_inside_age_restricted_channels_the_server_decides(road, way, prefix):
    await set_flagged(road, way)
    row = await road.admitted(num_images=2, is_age_restricted=True)
    original = noisy(row.request, 1, flagged=True)
    ended = await deliver(road, row, noisy(row.request), original)
    first, second = road.delivery.last(row).uploads
    assert (first.filename, second.filename) == (
        f"imagine-{row.short_id}-1.png",
        f"{prefix}{row.short_id}-2.png",
    )
    assert (pixels(second.data) == np.asarray(original.image)).all()
    assert (ended.state, ended.charged, ended.flagged) == ("done", 1, 1)
    assert len(road.delivery.last(row).view.children) == 3


async def test_inside_too_a_server_may_want_stand_ins(road):
    await set_flagged(road, "stand-in")
    row = await road.admitted(is_age_restricted=True)
    original = noisy(row.request, flagged=True)
    await deliver(road, row, original)
    assert road.delivery.last(row).uploads[0].data == stand_in(original.image)


async def test_flagged_pictures_that_are_shown_are_delivered_and_not_charged(road):
    row = await road.admitted(is_age_restricted=True)
    ended = await deliver(road, row, noisy(row.request, flagged=True))
    assert (ended.state, ended.charged, ended.flagged) == ("done", 0, 1)


@pytest.mark.parametrize(
    ("asked_in", "now", "expected"),
    [(True, True, True), (True, False, False), (False, True, False), (True, None, True)],
    ids=["still", "no-longer", "since-then", "not-seen"],
)
def test_a_channel_counts_as_age_restricted_only_if_it_was_and_is(asked_in, now, expected):
    delivery = Delivery()
    channel = None if now is None else SimpleNamespace(is_nsfw=lambda: now)
    delivery.speak_through(SimpleNamespace(get_channel={70: channel}.get))
    assert delivery.is_age_restricted(rows.row(is_age_restricted=int(asked_in))) is expected


# across a crash


@pytest.mark.parametrize(
    ("is_age_restricted", "state", "charged"),
    [(False, "failed", 0), (True, "done", 0)],
    ids=["stand-ins", "spoilers"],
)
async def test_a_start_that_finds_them_shown_settles_as_the_delivery_would_have(
    road, is_age_restricted, state, charged, monkeypatch
):
    row = await road.admitted(num_images=2, is_age_restricted=is_age_restricted)

    async def die(*_, **__):
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as patch:
        patch.setattr("bot.store.outcomes.end", die)
        with pytest.raises(RuntimeError):
            await deliver(road, row, *(noisy(row.request, index, flagged=True) for index in range(2)))
    await road.endings.confirm_delivered(await road.row(row.id), shown=2, waited_s=1.0)
    ended = await road.row(row.id)
    assert (ended.state, ended.charged, ended.flagged) == (state, charged, 2)


async def test_a_delivery_that_is_repeated_notes_each_picture_once(road):
    row = await road.admitted(num_images=2)
    road.delivery.errors = [RuntimeError("the process dies here")]
    both = [noisy(row.request, index, flagged=True) for index in range(2)]
    with pytest.raises(RuntimeError):
        await deliver(road, row, *both)
    before = await flags(road, row)
    await deliver(road, row, *both)
    after = await flags(road, row)
    assert [flag.position for flag in after] == [0, 1]
    assert not {flag.id for flag in before} & {flag.id for flag in after}


# the licence


async def licence_lines(road, row):
    return [line for line in road.delivery.last(row).content.split("\n") if "under the licence" in line]


@pytest.fixture
def licensed(road, monkeypatch):
    monkeypatch.setattr(road.endings, "_cards", lambda _: dataclasses.replace(CARD, licence="CreativeML OpenRAIL-M"))


@pytest.mark.usefixtures("licensed")
async def test_a_members_first_picture_names_the_licence_and_no_later_one_does(road):
    first, second, others = [await road.admitted(user_id=user_id) for user_id in (1, 1, 2)]
    for row in (first, second, others):
        await deliver(road, row, picture(row.request))
    assert [len(await licence_lines(road, row)) for row in (first, second, others)] == [1, 0, 1]


@pytest.mark.usefixtures("licensed")
async def test_a_picture_that_nobody_saw_named_no_licence(road):
    first, second = [await road.admitted() for _ in range(2)]
    road.delivery.errors = [MessageGone()]
    await deliver(road, first, picture(first.request))
    await deliver(road, second, picture(second.request))
    assert len(await licence_lines(road, second)) == 1


async def test_each_licence_is_named_once(road, monkeypatch):
    asked = [await road.admitted() for _ in range(3)]
    for row, licence in zip(asked, ("MIT", "Apache-2.0", "MIT"), strict=True):
        monkeypatch.setattr(road.endings, "_cards", lambda _, name=licence: dataclasses.replace(CARD, licence=name))
        await deliver(road, row, picture(row.request))
    assert [len(await licence_lines(road, row)) for row in asked] == [1, 1, 0]
