"""Replies on their way into Discord: which road they take, and what each refusal of Discord means."""

import asyncio
import dataclasses

import discord
import pytest
from desk import APP_ID, CHANNEL_ID, message

from bot import delivery as delivery_module
from bot import replies
from bot.delivery import TOKEN_LIFE_S, Delivery
from bot.replies import Reply, Upload
from bot.undeliverable import AccessLost, MessageGone, Rejected, TooLarge

REPLY = Reply(content="finished", uploads=(Upload(filename="a.png", data=b"bytes", description="a cat"),))
BY_TOKEN = "/webhooks/*/*/messages/900"
BY_BOT = f"/channels/{CHANNEL_ID}/messages/900"
SEND = f"/channels/{CHANNEL_ID}/messages"


class Time:
    """Just after the request was made, until a test says otherwise."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def delivery(world, time):
    delivery = Delivery(clock=time)
    delivery.speak_through(world.client)
    return delivery


@pytest.fixture
async def row(world, time):
    """A request whose waiting message is 900."""
    row = dataclasses.replace(await world.row(), message_id=900)
    time.now = row.created_at + 1
    return row


@pytest.fixture
def patient(monkeypatch):
    """Discord is asked again without waiting."""
    monkeypatch.setattr(delivery_module, "RETRY_AFTER_S", (0.0,))


async def test_the_waiting_message_is_edited_through_the_interactions_token(world, delivery, row):
    await delivery.show(row, REPLY)
    [call] = world.desk.sent("PATCH", "*")
    assert call.path == f"/webhooks/{APP_ID}/{row.interaction_token}/messages/900"
    assert call.body["content"] == "finished"
    assert call.files == {"a.png": b"bytes"}


async def test_an_edit_pings_nobody(world, delivery, row):
    await delivery.show(row, REPLY)
    [call] = world.desk.sent("PATCH", "*")
    assert call.body["allowed_mentions"] == {"parse": []}


async def test_a_picture_has_its_alt_text(world, delivery, row):
    await delivery.show(row, REPLY)
    [call] = world.desk.sent("PATCH", "*")
    assert [attachment["description"] for attachment in call.body["attachments"]] == ["a cat"]


async def test_a_reply_without_buttons_takes_the_old_ones_away(world, delivery, row):
    await delivery.show(row, Reply(content="Cancelled."))
    [call] = world.desk.sent("PATCH", "*")
    assert call.body["components"] == []
    assert call.body["attachments"] == []


async def test_after_a_quarter_of_an_hour_the_bots_own_token_edits(world, delivery, row, time):
    time.now = row.created_at + TOKEN_LIFE_S
    await delivery.show(row, REPLY)
    [call] = world.desk.sent("PATCH", "*")
    assert call.path == BY_BOT


@pytest.mark.parametrize(
    ("status", "code"), [(401, 50027), (404, 10015), (404, 10008), (403, 50001)], ids=["dead", "unknown", "gone", "no"]
)
async def test_where_the_token_no_longer_serves_the_bots_own_does(world, delivery, row, status, code):
    world.desk.fail("PATCH", BY_TOKEN, status, code)
    await delivery.show(row, REPLY)
    assert len(world.desk.sent("PATCH", BY_BOT)) == 1


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (404, 10008, MessageGone),
        (404, 10003, MessageGone),
        (404, 10004, MessageGone),
        (403, 50001, AccessLost),
        (403, 50013, AccessLost),
        (403, 160005, AccessLost),
        (413, 0, TooLarge),
        (400, 40005, TooLarge),
        (400, 50035, Rejected),
    ],
    ids=["message", "channel", "server", "access", "permission", "locked", "413", "40005", "invalid"],
)
async def test_a_refusal_by_the_bots_own_token_is_final(world, delivery, row, time, status, code, meaning):
    time.now = row.created_at + TOKEN_LIFE_S
    world.desk.fail("PATCH", BY_BOT, status, code)
    with pytest.raises(meaning):
        await delivery.show(row, REPLY)


async def test_files_too_large_for_the_interaction_are_not_tried_by_another_road(world, delivery, row):
    world.desk.fail("PATCH", BY_TOKEN, 413, 40005)
    with pytest.raises(TooLarge):
        await delivery.show(row, REPLY)
    assert world.desk.sent("PATCH", BY_BOT) == []


async def test_only_30046_makes_a_new_message_that_answers_the_first(world, delivery, row, time):
    time.now = row.created_at + TOKEN_LIFE_S
    world.desk.fail("PATCH", BY_BOT, 400, 30046)
    await delivery.show(row, REPLY)
    [call] = world.desk.sent("POST", SEND)
    assert call.body["message_reference"]["message_id"] == "900"
    assert call.files == {"a.png": b"bytes"}
    assert call.body["allowed_mentions"] == {"parse": []}


async def test_who_shows_pictures_is_the_new_message_that_answers_the_first(world, delivery, row, time, monkeypatch):
    time.now = row.created_at + TOKEN_LIFE_S
    world.desk.fail("PATCH", BY_BOT, 400, 30046)
    monkeypatch.setattr(world.desk, "_reply", lambda *_: (200, message(901)))
    assert await delivery.show(row, REPLY) == 901


async def test_who_shows_pictures_is_otherwise_the_waiting_message(delivery, row, time):
    assert await delivery.show(row, REPLY) == 900
    time.now = row.created_at + TOKEN_LIFE_S
    assert await delivery.show(row, REPLY) == 900


async def test_where_the_bot_may_not_answer_pictures_come_in_a_message_that_stands_alone(world, delivery, row, time):
    time.now = row.created_at + TOKEN_LIFE_S
    world.desk.fail("PATCH", BY_BOT, 400, 30046)
    world.desk.fail("POST", SEND, 403, 160002)
    await delivery.show(row, REPLY)
    _, call = world.desk.sent("POST", SEND)
    assert "message_reference" not in call.body
    assert call.files == {"a.png": b"bytes"}


async def test_where_the_bot_may_not_answer_a_ping_stands_alone(world, delivery, row):
    world.desk.fail("POST", SEND, 403, 160002)
    await delivery.ping(row)
    _, call = world.desk.sent("POST", SEND)
    assert "message_reference" not in call.body
    assert f"<@{row.user_id}>" in call.body["content"]


async def test_where_the_bot_may_no_longer_write_a_message_too_old_is_access_lost(world, delivery, row, time):
    time.now = row.created_at + TOKEN_LIFE_S
    world.desk.fail("PATCH", BY_BOT, 400, 30046)
    world.desk.fail("POST", SEND, 403, 50013)
    with pytest.raises(AccessLost):
        await delivery.show(row, REPLY)


async def test_progress_on_a_message_too_old_makes_no_new_message(world, delivery, row, time):
    time.now = row.created_at + TOKEN_LIFE_S
    world.desk.fail("PATCH", BY_BOT, 400, 30046)
    with pytest.raises(discord.HTTPException):
        await delivery.show_once(row, Reply(content="step 1"))
    assert world.desk.sent("POST", SEND) == []


async def test_what_discord_may_take_later_is_tried_again(world, delivery, row, time, patient):
    time.now = row.created_at + TOKEN_LIFE_S
    world.desk.fail("PATCH", BY_BOT, 429, 0)  # without a Via header discord.py does not try again
    world.desk.fail("PATCH", BY_BOT, 503, 0)
    await delivery.show(row, REPLY)
    assert len(world.desk.sent("PATCH", BY_BOT)) == 3


async def test_edits_of_one_message_do_not_overtake_each_other(world, delivery, row):
    texts = [f"step {number}" for number in range(8)]
    await asyncio.gather(*(delivery.show(row, Reply(content=text)) for text in texts))
    assert [call.body["content"] for call in world.desk.sent("PATCH", "*")] == texts


async def test_a_ping_is_one_short_reply_without_files_that_mentions_its_owner_alone(world, delivery, row):
    await delivery.ping(row)
    [call] = world.desk.sent("POST", SEND)
    assert f"<@{row.user_id}>" in call.body["content"]
    assert call.body["message_reference"]["message_id"] == "900"
    assert (call.body["allowed_mentions"], call.files) == ({"parse": ["users"]}, {})


async def test_a_ping_sent_twice_is_one_message_for_discord(world, delivery, row):
    await delivery.ping(row)
    [call] = world.desk.sent("POST", SEND)
    assert call.body["enforce_nonce"]
    assert row.short_id in call.body["nonce"]


async def test_a_ping_that_fails_is_not_tried_again(world, delivery, row):
    world.desk.fail("POST", SEND, 403, 50013)
    await delivery.ping(row)
    assert len(world.desk.sent("POST", SEND)) == 1


@pytest.mark.parametrize(
    ("contents", "has_pinged"),
    [
        ([(900, "finished"), (901, "hello")], False),
        ([(900, "finished"), (901, "{ping}")], True),
        ([], True),
        ([(901, "hello")], True),
    ],
    ids=["not-yet", "there", "may-not-read", "finished-message-deleted"],
)
async def test_a_ping_is_looked_for_among_the_messages_after_the_finished_one(
    world, delivery, row, monkeypatch, contents, has_pinged
):
    there = [message(number, content=text.format(ping=replies.ready_ping(row))) for number, text in contents]
    monkeypatch.setattr(world.desk, "_reply", lambda *_: (200, there))
    assert await delivery.has_pinged(row) == has_pinged


async def test_a_member_who_takes_no_direct_messages_is_no_error(world, delivery, row):
    world.desk.fail("POST", "/users/@me/channels", 403, 50007)
    await delivery.tell_by_dm(row, "sorry")
    assert world.desk.sent("POST", SEND) == []


async def test_a_waiting_message_is_found_by_its_token_before_its_id_is_known(world, delivery, row):
    found = await delivery.fetch(dataclasses.replace(row, message_id=None))
    [call] = world.desk.sent("GET", "/webhooks/*")
    assert call.path.endswith("/messages/@original")
    assert found.id == 900


async def test_a_message_that_discord_does_not_know_is_none(world, delivery, row):
    world.desk.fail("GET", BY_TOKEN, 404, 10008)
    assert await delivery.fetch(row) is None


async def test_with_a_dead_token_a_message_is_fetched_by_the_bots_own(world, delivery, row):
    world.desk.fail("GET", BY_TOKEN, 401, 50027)
    assert (await delivery.fetch(row)).id == 900
    assert len(world.desk.sent("GET", BY_BOT)) == 1


@pytest.mark.parametrize(
    ("content", "is_found"),
    [("**a cat**\nfor <@1> · #{id}", True), ("**about #{id}**\nfor <@2> · #ZZZZ", False)],
    ids=["own-last-line", "somebodys-words"],
)
async def test_with_a_dead_token_and_no_id_the_short_id_is_looked_for(
    world, delivery, row, time, monkeypatch, content, is_found
):
    time.now = row.created_at + TOKEN_LIFE_S
    shown = message(901, content=content.format(id=row.short_id))
    reply = world.desk._reply
    monkeypatch.setattr(
        world.desk, "_reply", lambda method, path, body: (200, [shown]) if path == SEND else reply(method, path, body)
    )
    found = await delivery.fetch(dataclasses.replace(row, message_id=None))
    assert (found is not None) == is_found


async def test_a_request_without_a_message_cannot_be_shown_by_the_bots_own_token(delivery, row, time):
    time.now = row.created_at + TOKEN_LIFE_S
    with pytest.raises(MessageGone):
        await delivery.show(dataclasses.replace(row, message_id=None), REPLY)
