"""What a process that died has left, compared with what Discord shows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from discord.utils import time_snowflake
from road import opened_road

from bot import recovery as recovery_module
from bot.recovery import read_left
from bot.undeliverable import Unsure

SHOWN_AT = datetime(2026, 8, 1, tzinfo=UTC)


@dataclass
class Shown:
    """A message as Discord has it."""

    id: int = 900
    attachments: list[object] = field(default_factory=list)
    edited_at: datetime | None = None
    created_at: datetime = SHOWN_AT


@pytest.fixture
async def road(tmp_path):
    async with opened_road(tmp_path) as road:
        yield road


async def take_up(road):
    await road.recovery.take_up(await read_left(road.database), road.studio)


async def test_what_waited_waits_again(road):
    await road.admitted()
    await take_up(road)
    await road.engine.drawing("a cat")


async def test_what_ran_is_drawn_again_and_its_interruption_counted(road):
    row = await road.change(await road.admitted(), state="running")
    await take_up(road)
    (await road.engine.drawing("a cat")).finish()
    ended = await road.ended(row)
    assert (ended.state, ended.interruptions, ended.charged) == ("done", 1, 1)


async def test_what_only_waited_was_not_interrupted(road):
    row = await road.admitted()
    await take_up(road)
    assert (await road.row(row.id)).interruptions == 0


async def test_the_fifth_interruption_ends_a_request(road):
    row = await road.change(await road.admitted(), state="running", interruptions=4)
    await take_up(road)
    ended = await road.ended(row)
    assert (ended.state, ended.reason, ended.charged) == ("failed", "failed-interrupted", 0)
    assert road.engine.drawings == []


async def test_a_request_whose_message_discord_shows_is_accepted(road):
    row = await road.admitted(message_id=None)
    road.delivery.messages[row.id] = Shown(id=901)
    await take_up(road)
    await road.engine.drawing("a cat")
    assert (await road.row(row.id)).message_id == 901


async def test_a_request_whose_message_discord_never_showed_is_withdrawn_and_refunded(road):
    row = await road.admitted(message_id=None)
    await take_up(road)
    ended = await road.ended(row)
    assert (ended.state, ended.reason, ended.charged) == ("cancelled", "never-shown", 0)
    assert (road.engine.drawings, road.delivery.shown) == ([], [])


async def test_pictures_that_discord_shows_already_are_charged_and_not_drawn_again(road):
    row = await road.change(await road.admitted(num_images=2), state="running", delivering_at=1.0)
    road.delivery.messages[row.id] = Shown(attachments=[object(), object()])
    await take_up(road)
    ended = await road.ended(row)
    assert (ended.state, ended.charged) == ("done", 2)
    assert road.engine.drawings == []


async def test_a_delivery_that_never_arrived_is_drawn_again(road):
    row = await road.change(await road.admitted(), state="running", delivering_at=1.0)
    road.delivery.messages[row.id] = Shown()
    await take_up(road)
    await road.engine.drawing("a cat")


async def test_pictures_shown_after_a_cancel_are_charged_as_a_cancelled_request(road):
    row = await road.admitted(num_images=3)
    row = await road.change(row, state="running", delivering_at=1.0, reason="cancelled-by-owner")
    road.delivery.messages[row.id] = Shown(attachments=[object()])
    await take_up(road)
    ended = await road.ended(row)
    assert (ended.state, ended.reason, ended.charged, ended.flagged) == ("cancelled", "cancelled-by-owner", 1, 0)


@pytest.mark.parametrize(("waited_s", "pings"), [(30, 0), (90, 1)], ids=["within-a-minute", "later"])
async def test_a_ping_is_caught_up_on_by_how_long_its_owner_waited_for_the_pictures(road, waited_s, pings):
    asked = time_snowflake(SHOWN_AT)
    row = await road.change(await road.admitted(interaction_id=asked), state="running", delivering_at=1.0)
    road.delivery.messages[row.id] = Shown(attachments=[object()], edited_at=SHOWN_AT + timedelta(seconds=waited_s))
    await take_up(road)
    await road.ended(row)
    assert len(road.delivery.pings) == pings


async def test_pictures_in_a_message_that_answered_the_first_were_waited_for_since_they_were_asked_for(road):
    asked = time_snowflake(SHOWN_AT - timedelta(hours=2))
    row = await road.change(await road.admitted(interaction_id=asked), state="running", delivering_at=1.0)
    road.delivery.messages[row.id] = Shown(attachments=[object()])
    await take_up(road)
    await road.ended(row)
    assert len(road.delivery.pings) == 1


async def test_pictures_in_a_new_message_that_was_only_intended_are_found_and_charged(road):
    row = await road.change(await road.admitted(), state="running", delivering_at=1.0, anew_intended_at=2.0)
    road.delivery.answers[row.id] = Shown(id=901, attachments=[object()])
    await take_up(road)
    ended = await road.ended(row)
    assert (ended.state, ended.charged, ended.message_id, ended.anew_intended_at) == ("done", 1, 901, None)
    assert (road.engine.drawings, road.delivery.shown) == ([], [])


async def test_a_new_message_that_was_intended_and_never_sent_is_drawn_again(road):
    row = await road.change(await road.admitted(), state="running", delivering_at=1.0, anew_intended_at=2.0)
    road.delivery.new_message_id = 901
    await take_up(road)
    (await road.engine.drawing("a cat")).finish()
    assert (await road.ended(row)).state == "done"
    assert [is_first for _, is_first in road.delivery.answered] == [False]


async def test_where_nobody_can_tell_whether_it_was_sent_it_is_refunded(road):
    row = await road.change(await road.admitted(), state="running", delivering_at=1.0, anew_intended_at=2.0)
    road.delivery.answers[row.id] = Unsure()
    await take_up(road)
    ended = await road.ended(row)
    assert (ended.state, ended.reason, ended.charged) == ("failed", "failed-unsure", 0)
    assert road.engine.drawings == []


async def test_a_cancel_that_was_written_down_is_carried_out(road):
    row = await road.change(await road.admitted(), state="running", reason="cancelled-by-moderator")
    await take_up(road)
    ended = await road.ended(row)
    assert (ended.state, ended.reason, ended.charged) == ("cancelled", "cancelled-by-moderator", 0)
    assert road.engine.drawings == []


async def test_an_end_that_nobody_was_told_is_told(road):
    row = await road.admitted()
    row = await road.change(row, state="failed", reason="failed-engine", charged=0, ended_at=1.0)
    await take_up(road)
    assert "Nothing was charged." in road.delivery.last(row).content
    assert (await road.row(row.id)).told_at is not None


async def test_a_ping_that_was_meant_is_sent(road):
    row = await road.admitted()
    await road.change(row, state="done", ended_at=1.0, told_at=1.0, ping_intended_at=1.0)
    await take_up(road)
    assert road.delivery.pings == [row.id]
    assert (await road.row(row.id)).pinged_at is not None


async def test_a_ping_that_was_sent_is_only_noted(road):
    row = await road.admitted()
    await road.change(row, state="done", ended_at=1.0, told_at=1.0, ping_intended_at=1.0)
    road.delivery.pinged_before.add(row.id)
    await take_up(road)
    assert road.delivery.pings == []
    assert (await road.row(row.id)).pinged_at is not None


async def test_a_discord_out_of_reach_is_asked_again(road, monkeypatch):
    monkeypatch.setattr(recovery_module, "ASK_AGAIN_AFTER_S", 0.0)
    row = await road.admitted(message_id=None)
    answers = [OSError("no route"), Shown(id=901)]

    async def fetch(_row):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(road.delivery, "fetch", fetch)
    await take_up(road)
    assert (await road.row(row.id)).message_id == 901


async def test_requests_are_taken_up_in_the_order_in_which_they_came(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        rows = [await road.admitted(f"number {number}") for number in range(3)]
        await take_up(road)
        assert [road.studio.overview.place_of(row.id) for row in rows] == [1, 2, 3]
