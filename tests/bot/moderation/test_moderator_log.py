"""The log channel hears of everything once and in order, whatever Discord answers and whoever dies when."""

import fnmatch
from dataclasses import replace

import pytest
from desk import BOT_ID, GUILD_ID, message, user

from bot.moderation.log import CLOSED_AGAIN_S, KEPT_S, NONCE_LIFE_S, ModeratorLog
from bot.store import audit, log_cursors, server_settings
from bot.store.audit import Deed
from bot.store.server_settings import ServerSettings

LOG_ID = 77
MESSAGES = f"/channels/{LOG_ID}/messages"


class Clock:
    now = 1_785_600_000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def clock():
    return Clock()


@pytest.fixture
async def log(world, clock):
    await choose(world, LOG_ID)
    return ModeratorLog(world.client, world.database, clock=clock)


async def choose(world, channel_id):
    async with world.database.transaction() as connection:
        before = await server_settings.read(connection, GUILD_ID)
        await server_settings.write(connection, GUILD_ID, replace(before, log_channel_id=channel_id))
        await log_cursors.begin(connection, GUILD_ID)


async def write(world, reason, *, now=Clock.now, guild_id=GUILD_ID):
    async with world.database.transaction() as connection:
        deed = Deed(action="unblock", guild_id=guild_id, actor_id=3, user_id=2, reason=reason)
        await audit.append(connection, deed, now=now)
        [(number,)] = await connection.execute_fetchall("SELECT max(id) FROM audit")
        return number


def told(world):
    return [call.body["content"] for call in world.desk.sent("POST", MESSAGES)]


def history(world, monkeypatch, *messages):
    """Let the channel hold these."""
    reply = world.desk._reply

    def answer(method, path, body):
        if method == "GET" and fnmatch.fnmatch(path, MESSAGES):
            return 200, list(messages)
        return reply(method, path, body)

    monkeypatch.setattr(world.desk, "_reply", answer)


async def actions(world):
    async with world.database.reading() as connection:
        rows = await audit.after(connection, guild_id=GUILD_ID, after_id=0, count=100)
    return [row.action for row in rows]


async def test_what_was_done_is_told_in_order_in_one_message_that_pings_nobody(world, log):
    await write(world, "first")
    await write(world, "second")
    await log.tell()
    (call,) = world.desk.sent("POST", MESSAGES)
    assert call.body["content"].index("first") < call.body["content"].index("second")
    assert call.body["allowed_mentions"]["parse"] == []
    assert call.body["enforce_nonce"] is True


async def test_nothing_is_told_twice(world, log):
    await write(world, "first")
    await log.tell()
    await log.tell()
    await write(world, "second")
    await log.tell()
    assert [("first" in content, "second" in content) for content in told(world)] == [(True, False), (False, True)]


async def test_a_log_begins_with_what_is_done_after_it_was_chosen(world, clock):
    await write(world, "long ago")
    await choose(world, LOG_ID)
    await ModeratorLog(world.client, world.database, clock=clock).tell()
    assert told(world) == []


async def test_other_servers_deeds_are_not_told_here(world, log):
    await write(world, "elsewhere", guild_id=8)
    await write(world, "everywhere", guild_id=None)
    await log.tell()
    assert told(world) == []


async def test_more_than_a_message_holds_comes_in_several(world, log):
    for number in range(45):
        await write(world, f"reason {number}.")
    for _ in range(3):
        await log.tell()
    assert len(told(world)) == 3
    text = "\n".join(told(world))
    assert all(f"reason {number}." in text for number in range(45))


async def test_a_process_that_died_while_sending_sends_the_same_again_by_its_nonce(world, log, clock):
    number = await write(world, "first")
    async with world.database.transaction() as connection:
        await log_cursors.intend(connection, GUILD_ID, intended_id=number, now=clock.now)
    await write(world, "second")
    await ModeratorLog(world.client, world.database, clock=clock).tell()
    (call,) = world.desk.sent("POST", MESSAGES)
    assert "second" not in call.body["content"]
    assert call.body["nonce"] == f"log-{number}"


@pytest.mark.parametrize("is_there", [True, False])
async def test_long_after_a_death_the_channel_is_asked_whether_the_message_stands_there(
    world, log, clock, monkeypatch, is_there
):
    number = await write(world, "first")
    async with world.database.transaction() as connection:
        await log_cursors.intend(connection, GUILD_ID, intended_id=number, now=clock.now)
    clock.now += NONCE_LIFE_S + 1
    mark = f"-# entries {number if is_there else number + 1} to {number}"
    history(world, monkeypatch, message(901, content=f"…\n{mark}", author=user(BOT_ID, bot=True)))
    await log.tell()
    assert len(told(world)) == (0 if is_there else 1)
    await log.tell()
    assert len(told(world)) == (0 if is_there else 1)


async def test_where_the_past_cannot_be_read_it_is_rather_told_never_than_twice(world, log, clock, monkeypatch):
    number = await write(world, "first")
    async with world.database.transaction() as connection:
        await log_cursors.intend(connection, GUILD_ID, intended_id=number, now=clock.now)
    clock.now += NONCE_LIFE_S + 1
    history(world, monkeypatch)
    await log.tell()
    await write(world, "second")
    await log.tell()
    assert ["second" in content for content in told(world)] == [True]


async def test_a_channel_that_is_closed_is_noted_once_and_told_all_when_it_opens(world, log, clock):
    await write(world, "first")
    for _ in range(2):
        world.desk.fail("POST", MESSAGES, 403, 50013)
        await log.tell()
        clock.now += CLOSED_AGAIN_S
    assert await actions(world) == ["unblock", "log-unreachable"]
    async with world.database.reading() as connection:
        assert await log_cursors.is_failing(connection, GUILD_ID)
    await log.tell()
    await log.tell()
    text = "\n".join(told(world)[2:])
    assert text.count("first") == 1
    assert "takes no messages" in text
    async with world.database.reading() as connection:
        assert not await log_cursors.is_failing(connection, GUILD_ID)


async def test_a_closed_channel_is_not_asked_again_at_once(world, log):
    await write(world, "first")
    world.desk.fail("POST", MESSAGES, 404, 10003)
    await log.tell()
    await log.tell()
    assert len(told(world)) == 1


async def test_what_is_old_is_passed_over_where_the_channel_stays_closed(world, log, clock):
    await write(world, "old")
    clock.now += KEPT_S + 1
    world.desk.fail("POST", MESSAGES, 403, 50013)
    await log.tell()
    await write(world, "new", now=clock.now)
    clock.now += CLOSED_AGAIN_S
    await log.tell()
    assert "old" not in told(world)[1]
    assert "new" in told(world)[1]


async def test_a_card_is_posted_with_buttons_where_there_is_a_log_channel(world, log):
    assert await log.post(GUILD_ID, "a card") == 900
    assert await log.post(8, "a card") is None
    world.desk.fail("POST", MESSAGES, 403, 50013)
    assert await log.post(GUILD_ID, "a card") is None
    assert len(told(world)) == 2


async def test_settings_of_a_server_without_a_log_tell_nothing(world, clock):
    async with world.database.transaction() as connection:
        await server_settings.write(connection, GUILD_ID, ServerSettings())
    await write(world, "first")
    await ModeratorLog(world.client, world.database, clock=clock).tell()
    assert told(world) == []
