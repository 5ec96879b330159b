"""The seconds of the ledger: reserved as estimated, charged as taken, refunded where nothing was delivered."""

import pytest
from PIL import Image
from road import opened_road

from bot.store import past
from bot.undeliverable import MessageGone
from engine import DrawingFailed, OutOfMemory, Picture


@pytest.fixture
async def road(tmp_path):
    async with opened_road(tmp_path) as road:
        yield road


def took(index: int, gpu_s: float, *, flagged: bool = False) -> Picture:
    return Picture(index=index, seed=index, image=Image.new("RGB", (8, 8)), flagged=flagged, gpu_s=gpu_s)


async def deliver(road, row, *pictures, state="done", reason=None):
    await road.endings.deliver(row, pictures, state=state, reason=reason, progress=None)
    return await road.row(row.id)


async def test_the_estimate_is_reserved(road):
    row = await road.admitted(estimated_s=6.0)
    assert (row.estimated_s, row.charged_s) == (6.0, 6.0)


async def test_what_the_pictures_took_is_charged(road):
    ended = await deliver(road, await road.admitted(num_images=2, estimated_s=6.0), took(0, 1.5), took(1, 2.0))
    assert (ended.estimated_s, ended.charged, ended.charged_s) == (6.0, 2, 3.5)


async def test_a_withheld_picture_is_charged_neither_in_pictures_nor_in_seconds(road):
    row = await road.admitted(num_images=2, estimated_s=6.0)
    ended = await deliver(road, row, took(0, 1.5), took(1, 2.0, flagged=True))
    assert (ended.charged, ended.charged_s) == (1, 1.5)


async def test_of_a_cancelled_request_the_finished_pictures_are_charged_alone(road):
    row = await road.waiting(num_images=3, estimated_s=9.0)
    drawing = await road.engine.drawing("a cat")
    drawing.say(took(0, 1.5), took(2, 2.0))
    await road.settle()
    await road.studio.cancel(row.id)
    ended = await road.ended(row)
    assert (ended.state, ended.charged, ended.charged_s) == ("cancelled", 2, 3.5)


async def test_the_finished_message_says_what_was_charged(road):
    row = await road.admitted(num_images=2, estimated_s=9.0)
    await deliver(road, row, took(0, 1.5), took(1, 2.0))
    assert "2 pictures, 3.5 s · 998 pictures left today" in road.delivery.last(row).content


@pytest.mark.parametrize("reason", ["cancelled-by-owner", "failed-engine"])
async def test_what_ends_without_pictures_is_refunded(road, reason):
    row = await road.admitted(estimated_s=6.0)
    await road.endings.without_pictures(row, "cancelled", reason)
    assert (await road.row(row.id)).charged_s == 0


async def test_what_cannot_be_shown_is_refunded(road):
    row = await road.admitted(estimated_s=6.0)
    road.delivery.errors = [MessageGone()]
    assert (await deliver(road, row, took(0, 1.5))).charged_s == 0


@pytest.mark.parametrize("withdraw", ["withdraw_channel", "withdraw_guild"])
async def test_what_goes_with_its_channel_or_server_is_refunded(road, withdraw):
    row = await road.waiting(estimated_s=6.0)
    await getattr(road.studio.withdrawals, withdraw)(row.channel_id if withdraw == "withdraw_channel" else row.guild_id)
    assert (await road.ended(row)).charged_s == 0


async def test_what_failed_and_was_drawn_again_is_charged_once(road):
    row = await road.waiting(num_images=2, estimated_s=6.0)
    (await road.engine.drawing("a cat")).say(took(0, 1.5), DrawingFailed("drawing_failed", "no"))
    again = await road.engine.drawing("a cat", attempt=2)
    again.finish()
    ended = await road.ended(row)
    assert (ended.charged, ended.charged_s) == (2, 3.0)


async def test_pictures_finished_before_memory_ran_out_are_charged_alone(road):
    row = await road.waiting(num_images=2, estimated_s=6.0)
    (await road.engine.drawing("a cat")).say(took(0, 1.5), OutOfMemory("out_of_memory", "no"))
    ended = await road.ended(row)
    assert (ended.state, ended.charged, ended.charged_s) == ("failed", 1, 1.5)


async def test_of_pictures_that_an_earlier_process_showed_a_part_of_the_estimate_is_charged(road):
    row = await road.admitted(num_images=4, estimated_s=8.0)
    await road.endings.confirm_delivered(row, shown=3, waited_s=1.0)
    assert (await road.row(row.id)).charged_s == 6.0


async def test_a_delivery_teaches_the_price(road):
    before = road.prices.estimate((await road.admitted()).request)
    await deliver(road, await road.admitted(), took(0, 1.5))
    after = road.prices.estimate((await road.admitted()).request)
    assert after < before
    assert after == pytest.approx(1.5, rel=0.2)


async def test_what_took_longer_than_its_member_was_told_costs_what_they_were_told(road):
    row = await road.admitted(num_images=2, estimated_s=3.0)
    ended = await deliver(road, row, took(0, 1.5), took(1, 2.0))
    assert (ended.charged_s, ended.spent_s) == (3.0, 3.5)
    assert "2 pictures, 3.0 s" in road.delivery.last(row).content


async def test_a_start_learns_from_what_pictures_took_oldest_first(road):
    kept = [await road.admitted() for _ in range(3)]
    for number, row in enumerate(kept):
        await deliver(road, row, took(0, number + 1.0))
    await road.admitted(estimated_s=6.0)
    await road.endings.without_pictures(await road.admitted(), "failed", "failed-engine")
    async with road.database.reading() as connection:
        rows = await past.measured_lately(connection, count=2)
    assert [row.spent_s for row in rows] == [2.0, 3.0]


async def test_a_waiting_message_keeps_price_and_what_is_left(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        row = await road.admitted(estimated_s=6.0)
        road.studio.enqueue(row, left="3 of 4 pictures left today")
        said = road.studio.waiting_reply(row).content
    assert "next in line · 1 picture, about 6 s · 3 of 4 pictures left today" in said
