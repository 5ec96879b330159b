"""Discord that fails, forgets, refuses and disconnects: what was accepted is delivered once, or refunded."""

import asyncio
from fnmatch import fnmatchcase

import aiohttp
import pytest
from room import DRAWN_S

from engine import png

EDIT = "/webhooks/*/{token}/messages/*"
CALLBACK = "/interactions/*/callback"
A_MOMENT = 20
"""Steps that leave a test time to do something first, but end before any progress is shown."""


@pytest.fixture
def limits(playground):
    """The playground's limits, put back afterwards."""
    before = {name: getattr(playground.limits, name) for name in playground.limits.__slots__}
    yield playground.limits
    for name, value in before.items():
        setattr(playground.limits, name, value)


async def shown_once(room, answer):
    """The finished message, which is the only one in the channel."""
    message = await room.finished(answer["message"]["id"])
    assert [found["id"] for found in room.messages()] == [message["id"]]
    return message


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "times": 2},
        {"status": 502},
        {"status": 429, "retry_after": 0.2},
        {"cut": True},
        {"status": 500, "after_effect": True},
        {"cut": True, "after_effect": True},
    ],
    ids=["500", "502", "429", "cut", "500-after-effect", "cut-after-effect"],
)
async def test_pictures_are_shown_once_in_spite_of_an_edit_that_meets(room, playground, fault):
    answer = await room.imagine(steps=A_MOMENT)
    playground.fault(method="PATCH", path=EDIT.format(token=answer["token"]), **fault)
    await shown_once(room, answer)
    assert playground.armed_faults == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 429, "retry_after": 0.2},
        {"status": 500, "after_effect": True},
        {"cut": True, "after_effect": True},
    ],
    ids=["500", "429", "500-after-effect", "cut-after-effect"],
)
async def test_a_request_is_drawn_once_in_spite_of_a_first_answer_that_meets(room, playground, fault):
    playground.fault(method="POST", path=CALLBACK, **fault)
    await room.imagine(steps=2)
    message = await playground.wait_for(
        lambda: room.messages() and room.messages()[0]["attachments"] and room.messages()[0], DRAWN_S
    )
    assert [found["id"] for found in room.messages()] == [message["id"]]


async def test_a_request_whose_first_answer_never_arrives_is_withdrawn_and_refunded(room, limits, playground, bot):
    limits.deadline_s = 3.0
    playground.fault(method="POST", path=CALLBACK, status=500, times=20)
    answer = await room.imagine(steps=2)
    playground.clear_faults()
    [row] = await bot.ended_rows("user_id = ?", int(room.user_id))
    assert answer["state"].startswith("failed")
    assert (row["state"], row["reason"], row["charged"]) == ("cancelled", "never-shown", 0)
    assert room.messages() == []


async def test_a_picture_too_large_for_the_channel_becomes_a_webp_that_keeps_its_request(room, limits, bot):
    limits.size_limit_bytes = 8 * 1024
    message = await room.draw("a cat", steps=1, seed=3)
    [picture] = message["attachments"]
    assert picture["filename"].endswith(".webp")
    assert picture["size"] <= 8 * 1024


async def test_a_picture_that_discord_finds_too_large_is_sent_smaller(room, limits):
    limits.request_limit_bytes = 12 * 1024
    answer = await room.imagine(steps=1)
    [picture] = (await shown_once(room, answer))["attachments"]
    assert picture["size"] <= 12 * 1024


async def test_pictures_that_discord_always_finds_too_large_are_refunded_and_that_is_said(room, limits, bot):
    limits.request_limit_bytes = 3 * 1024
    answer = await room.imagine(steps=1)
    message = await room.saying("Nothing was charged.", answer["message"]["id"])
    assert "Discord takes no files as large as these pictures." in message["content"]
    [row] = await bot.ended_rows("user_id = ?", int(room.user_id))
    assert (row["state"], row["charged"]) == ("failed", 0)


async def test_where_the_interactions_token_is_dead_the_bots_own_serves(room, limits, playground):
    answer = await room.imagine(steps=A_MOMENT)
    limits.token_life_s = 0.0
    await shown_once(room, answer)
    path = f"/channels/{room.channel_id}/messages/*"
    assert [request.by for request in playground.requests if fnmatchcase(request.path, path)][-1] == "bot"


async def test_a_message_too_old_to_be_edited_is_answered_by_a_new_one_with_the_pictures(room, limits, playground):
    answer = await room.imagine(steps=100)  # enough for progress, which must not make new messages
    limits.old_edits, limits.token_life_s = 0, 0.0
    playground.advance(2 * 3600)
    new = await playground.wait_for(
        lambda: next((message for message in room.messages() if message["attachments"]), None), DRAWN_S
    )
    assert len(room.messages()) == 2
    assert (new["type"], new["referenced_message"]["id"]) == (19, answer["message"]["id"])
    assert new["mentions"] == []


async def test_where_the_past_is_closed_to_the_bot_the_new_message_stands_alone_and_history_leads_to_it(
    room, limits, playground, bot
):
    await room.imagine(steps=A_MOMENT)
    playground.overwrite(room.channel, deny="read_message_history")
    limits.old_edits, limits.token_life_s = 0, 0.0
    playground.advance(2 * 3600)
    new = await playground.wait_for(
        lambda: next((message for message in room.messages() if message["attachments"]), None), DRAWN_S
    )
    await bot.ended_rows("user_id = ?", int(room.user_id))
    assert new["type"] == 0
    limits.token_life_s = 900.0
    assert f"/{room.channel_id}/{new['id']}" in (await room.command("history"))["message"]["content"]


async def test_what_was_deleted_while_it_was_drawn_is_withdrawn_and_refunded(room, playground, bot):
    answer = await room.imagine(steps=150)
    await room.running(answer["message"]["id"])
    playground.delete_message(answer["message"]["id"], user="mo")
    [row] = await bot.ended_rows("user_id = ?", int(room.user_id))
    assert (row["state"], row["reason"], row["charged"]) == ("cancelled", "message-gone", 0)
    assert room.messages() == []


async def test_what_was_deleted_before_its_pictures_were_ready_is_not_shown_anew(room, playground, bot):
    answer = await room.imagine(steps=A_MOMENT)
    playground.delete_message(answer["message"]["id"], user="mo")
    [row] = await bot.ended_rows("user_id = ?", int(room.user_id))
    assert (row["state"], row["charged"]) == ("cancelled", 0)
    assert room.messages() == []


async def test_a_deleted_channel_withdraws_its_requests(room, playground, bot):
    user_id = int(room.user_id)
    await room.imagine(steps=150)
    await room.imagine(steps=150)
    playground.delete_channel(room.channel)
    rows = await bot.ended_rows("user_id = ?", user_id)
    assert [(row["state"], row["reason"], row["charged"]) for row in rows] == [("cancelled", "channel-gone", 0)] * 2


async def test_nobody_is_told_by_dm_of_a_deleted_channel(room, playground, bot):
    user_id = int(room.user_id)
    await room.imagine(steps=150)
    playground.delete_channel(room.channel)
    await bot.ended_rows("user_id = ?", user_id)
    assert playground.messages(user=room.user, channel="@dm") == []


async def test_a_deleted_thread_withdraws_its_requests(room, playground, bot):
    thread = f"thread-{room.channel}"
    playground.add_thread(thread, parent=room.channel)
    await playground.command("imagine", {"prompt": "a cat", "steps": 150}, user=room.user, channel=thread)
    playground.delete_channel(thread)
    [row] = await bot.ended_rows("user_id = ?", int(room.user_id))
    assert (row["state"], row["reason"]) == ("cancelled", "channel-gone")


async def test_an_archived_thread_is_delivered_to(room, playground):
    thread = f"thread-{room.channel}"
    playground.add_thread(thread, parent=room.channel)
    await playground.command("imagine", {"prompt": "a cat", "steps": A_MOMENT}, user=room.user, channel=thread)
    playground.set_thread(thread, archived=True)
    await playground.wait_for(lambda: playground.messages(channel=thread)[0]["attachments"], DRAWN_S)


async def test_a_locked_thread_is_not_delivered_to_and_its_member_reads_why(room, playground, bot):
    thread = f"thread-{room.channel}"
    playground.add_thread(thread, parent=room.channel)
    await playground.command("imagine", {"prompt": "a cat", "steps": A_MOMENT}, user=room.user, channel=thread)
    playground.set_thread(thread, archived=True, locked=True)
    [told] = await playground.wait_for(lambda: playground.messages(user=room.user, channel="@dm"), DRAWN_S)
    [row] = bot.rows("user_id = ?", int(room.user_id))
    assert "could not be shown" in told["content"]
    assert (row["state"], row["reason"], row["charged"]) == ("failed", "failed-access", 0)


async def test_access_lost_to_a_standing_channel_is_told_by_dm(room, limits, playground, bot):
    await room.imagine(steps=A_MOMENT)
    limits.token_life_s = 0.0
    playground.overwrite(room.channel, deny="view_channel")
    [told] = await playground.wait_for(lambda: playground.messages(user=room.user, channel="@dm"), DRAWN_S)
    [row] = bot.rows("user_id = ?", int(room.user_id))
    assert f"<#{room.channel_id}>" in told["content"]
    assert (row["state"], row["reason"], row["charged"]) == ("failed", "failed-access", 0)


@pytest.mark.parametrize("what", ["drop", "cut", "reconnect", "invalid"])
async def test_the_bot_comes_back_and_delivers_after_a_gateway_that(room, playground, what):
    answer = await room.imagine(steps=20)
    await playground.gateway(what)
    await shown_once(room, answer)
    await playground.wait_for(lambda: playground.is_connected, DRAWN_S)
    assert (await room.imagine(steps=1))["state"] == "done"


async def test_a_members_press_during_a_cut_reaches_the_bot_when_it_resumes(room, playground):
    answer = await room.imagine(steps=150)
    await room.running(answer["message"]["id"])
    pressing = asyncio.create_task(room.click(answer["message"], "cancel"))
    await playground.gateway("drop")
    await pressing
    await room.saying("Cancelled", answer["message"]["id"])


async def test_a_shrunken_picture_still_tells_its_request(room, limits, playground):
    limits.size_limit_bytes = 8 * 1024
    [picture] = (await room.draw("a cat", steps=1, seed=3))["attachments"]
    async with aiohttp.ClientSession() as session, session.get(playground.url + picture["url"]) as response:
        request = png.read(await response.read()).request
    assert (request.prompt, request.seed) == ("a cat", 3)
