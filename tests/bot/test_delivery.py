"""Replies on their way into Discord: which road they take, and what each refusal of Discord means."""

import asyncio
import dataclasses

import pytest
from desk import APP_ID, CHANNEL_ID, message
from road import Clock

from bot import delivery as delivery_module
from bot import replies
from bot.delivery import NONCE_LIFE_S, TOKEN_LIFE_S, Delivery
from bot.replies import Reply, Upload
from bot.undeliverable import AccessLost, MessageGone, Rejected, TooLarge, TooOld, Unsure

REPLY = Reply(content="finished", uploads=(Upload(filename="a.png", data=b"bytes", description="a cat"),))
BY_TOKEN = "/webhooks/*/*/messages/900"
BY_BOT = f"/channels/{CHANNEL_ID}/messages/900"
SEND = f"/channels/{CHANNEL_ID}/messages"


@pytest.fixture
def time():
    """Just after the request was made, until a test says otherwise."""
    return Clock(0.0)


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


async def test_a_message_that_takes_no_more_edits_is_too_old(world, delivery, row, time):
    time.now = row.created_at + TOKEN_LIFE_S
    world.desk.fail("PATCH", BY_BOT, 400, 30046)
    with pytest.raises(TooOld):
        await delivery.show(row, REPLY)
    assert world.desk.sent("POST", SEND) == []


@pytest.fixture
def intended(row, time):
    """The same, a moment after a new message was intended."""
    time.now = row.created_at + TOKEN_LIFE_S
    return dataclasses.replace(row, anew_intended_at=time.now - 1)


@pytest.fixture
def channel(world, monkeypatch):
    """What stands in the channel, newest first; what is sent there is message 950."""
    there = []
    reply = world.desk._reply

    def answer(method, path, body):
        if path != SEND:
            return reply(method, path, body)
        return (200, there) if method == "GET" else (200, message(950, content=body["content"]))

    monkeypatch.setattr(world.desk, "_reply", answer)
    return there


async def test_a_new_message_answers_the_first_with_the_pictures_and_a_nonce(world, delivery, intended, channel):
    assert await delivery.answer(intended, REPLY, is_first=True) == 950
    [call] = world.desk.sent("POST", SEND)
    assert call.body["message_reference"]["message_id"] == "900"
    assert call.files == {"a.png": b"bytes"}
    assert call.body["allowed_mentions"] == {"parse": []}
    assert (call.body["nonce"], call.body["enforce_nonce"]) == (f"anew-{intended.short_id}", True)


async def test_the_first_time_nothing_is_looked_for(world, delivery, intended, channel):
    await delivery.answer(intended, REPLY, is_first=True)
    assert world.desk.sent("GET", SEND) == []


async def test_where_the_bot_may_not_answer_pictures_come_in_a_message_that_stands_alone(
    world, delivery, intended, channel
):
    world.desk.fail("POST", SEND, 403, 160002)
    await delivery.answer(intended, REPLY, is_first=True)
    _, call = world.desk.sent("POST", SEND)
    assert "message_reference" not in call.body
    assert call.files == {"a.png": b"bytes"}


async def test_a_new_message_that_stands_there_is_not_sent_again(world, delivery, intended, channel):
    own = f"**a cat**\nfor <@1> · #{intended.short_id}"
    channel += [message(912, content="hello"), message(911, content=own), message(900, content="waiting")]
    assert await delivery.answer(intended, REPLY, is_first=False) == 911
    assert world.desk.sent("POST", SEND) == []


@pytest.mark.parametrize("content", ["{ping}", "**about #{id}**\nfor <@2> · #ZZZZ"], ids=["ping", "somebodys-words"])
async def test_what_only_names_the_request_is_no_new_message_of_it(world, delivery, intended, channel, content):
    text = content.format(ping=replies.ready_ping(intended), id=intended.short_id)
    channel += [message(911, content=text), message(900, content="waiting")]
    assert await delivery.answer(intended, REPLY, is_first=False) == 950


async def test_a_new_message_whose_answer_was_lost_is_looked_for_before_it_is_sent_again(
    world, delivery, intended, channel, patient
):
    channel += [message(911, content=f"#{intended.short_id}"), message(900, content="waiting")]
    world.desk.fail("POST", SEND, 429, 0)
    assert await delivery.answer(intended, REPLY, is_first=True) == 911
    assert len(world.desk.sent("POST", SEND)) == 1


async def test_what_was_deleted_meanwhile_is_not_answered(world, delivery, intended, channel):
    channel += [message(912, content="hello"), message(890, content="before")]
    with pytest.raises(MessageGone):
        await delivery.answer(intended, REPLY, is_first=False)
    assert world.desk.sent("POST", SEND) == []


@pytest.mark.parametrize("is_refused", [False, True], ids=["empty", "403"])
async def test_where_the_bot_may_not_look_the_nonce_serves_for_a_few_minutes(
    world, delivery, intended, channel, is_refused
):
    if is_refused:
        world.desk.fail("GET", SEND, 403, 50001)
    assert await delivery.answer(intended, REPLY, is_first=False) == 950
    [call] = world.desk.sent("POST", SEND)
    assert call.body["nonce"] == f"anew-{intended.short_id}"


@pytest.mark.parametrize("later_s", [NONCE_LIFE_S, -60.0], ids=["later", "clock-set-back"])
async def test_later_nothing_is_sent_where_the_bot_may_not_look(world, delivery, intended, channel, time, later_s):
    time.now += later_s
    with pytest.raises(Unsure):
        await delivery.answer(intended, REPLY, is_first=False)
    assert world.desk.sent("POST", SEND) == []


async def test_where_the_bot_may_not_answer_a_ping_stands_alone(world, delivery, row):
    world.desk.fail("POST", SEND, 403, 160002)
    await delivery.ping(row)
    _, call = world.desk.sent("POST", SEND)
    assert "message_reference" not in call.body
    assert f"<@{row.user_id}>" in call.body["content"]


async def test_where_the_bot_may_no_longer_write_a_new_message_is_access_lost(world, delivery, intended):
    world.desk.fail("POST", SEND, 403, 50013)
    with pytest.raises(AccessLost):
        await delivery.answer(intended, REPLY, is_first=True)


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


async def test_a_ping_is_not_tried_again_once_its_nonce_is_forgotten(world, delivery, row, monkeypatch):
    monkeypatch.setattr(delivery_module, "RETRY_AFTER_S", (NONCE_LIFE_S + 1,))
    world.desk.fail("POST", SEND, 429, 0)
    await delivery.ping(row)
    assert len(world.desk.sent("POST", SEND)) == 1


DM = "/channels/99/messages"


@pytest.fixture
def dm(world, monkeypatch):
    """What stands in the direct messages, newest first."""
    there = []
    reply = world.desk._reply

    def answer(method, path, body):
        if path == "/users/@me/channels":
            return 200, {"id": "99", "type": 1, "recipients": []}
        return (200, there) if (method, path) == ("GET", DM) else reply(method, path, body)

    monkeypatch.setattr(world.desk, "_reply", answer)
    return there


async def test_a_direct_message_is_sent_with_a_nonce(world, delivery, row, dm):
    await delivery.tell_by_dm(row, "sorry", is_first=True)
    [call] = world.desk.sent("POST", DM)
    assert (call.body["content"], call.body["nonce"]) == ("sorry", f"lost-{row.short_id}")


@pytest.mark.parametrize(("content", "count"), [("sorry", 0), ("hello", 1)])
async def test_a_direct_message_is_looked_for_before_it_is_sent_again(world, delivery, row, dm, content, count):
    dm.append(message(901, content=content))
    await delivery.tell_by_dm(row, "sorry", is_first=False)
    assert len(world.desk.sent("POST", DM)) == count


async def test_a_member_who_takes_no_direct_messages_is_no_error(world, delivery, row):
    world.desk.fail("POST", "/users/@me/channels", 403, 50007)
    await delivery.tell_by_dm(row, "sorry", is_first=True)
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
