"""Before a waiting request starts, Discord is asked about its member: over a real socket."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from bot_at_desk import bot_at_desk
from desk import ANN_ID, BEN_ID, GUILD_ID, user

from bot.admission import Ask
from bot.limits.rules import Rule, Target
from bot.members import Members
from bot.moderation.blocks import BlockedMembers
from bot.store import blocks, limits, requests
from bot.store.blocks import EVERYWHERE, Block

ANN = f"/guilds/{GUILD_ID}/members/{ANN_ID}"
NOW = 1_785_585_600.0
LATER_S = 60.0


class Clock:
    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
async def world(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch) as world:
        world.desk.members[ANN_ID] = member(ANN_ID)
        yield world


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def members(world, clock):
    members = Members(world.database, world.client.admission, BlockedMembers((GUILD_ID,)), clock=clock)
    members.speak_through(world.client)
    return members


@pytest.fixture
def waited(world, clock):
    """A request that was made a minute ago, by somebody with these roles."""

    async def waited(**more):
        row = await world.row(**more)
        async with world.database.transaction() as connection:
            await connection.execute("UPDATE requests SET created_at = ? WHERE id = ?", (clock.now - LATER_S, row.id))
        return await stored(world, row)

    return waited


async def stored(world, row):
    async with world.database.reading() as connection:
        return await requests.fetch(connection, row.id)


def member(user_id, *role_ids, until=None):
    return {
        "user": user(user_id),
        "roles": [str(role_id) for role_id in role_ids],
        "joined_at": "2026-01-01T00:00:00+00:00",
        "communication_disabled_until": None if until is None else until.isoformat(),
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


def at(seconds):
    return datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)


async def test_who_is_still_there_may_be_drawn_for(members, waited):
    assert await members.why_not(await waited()) is None


@pytest.mark.parametrize("code", [10007, 10013], ids=["no member", "no user"])
async def test_who_is_gone_may_not(members, waited, world, code):
    world.desk.fail("GET", ANN, 404, code)
    assert await members.why_not(await waited()) == "member-gone"


async def test_who_is_timed_out_may_not(members, waited, world):
    world.desk.members[ANN_ID] = member(ANN_ID, until=at(30))
    assert await members.why_not(await waited()) == "member-timed-out"


async def test_a_time_out_that_is_over_holds_up_nobody(members, waited, world):
    world.desk.members[ANN_ID] = member(ANN_ID, until=at(-30))
    assert await members.why_not(await waited()) is None


async def test_new_roles_are_noted_in_the_request(members, waited, world):
    row = await waited(role_ids=(5, 6))
    world.desk.members[ANN_ID] = member(ANN_ID, 8, 6)
    assert await members.why_not(row) is None
    assert json.loads((await stored(world, row)).role_ids) == [6, 8]


async def test_new_roles_are_new_limits(members, waited, world, clock):
    row = await waited(role_ids=(5,))
    rule = Rule(target=Target(scope="role", scope_id=8), name="steps", value=10)
    async with world.database.transaction() as connection:
        await limits.put(connection, GUILD_ID, rule, set_by=9, now=clock())
    world.desk.members[ANN_ID] = member(ANN_ID, 8)
    assert await members.why_not(row) == "withdrawn-steps"


async def test_a_member_is_asked_about_once_in_five_minutes(members, waited, world, clock):
    first, second = await waited(), await waited()
    await asyncio.gather(members.why_not(first), members.why_not(second))
    clock.now += 299
    await members.why_not(first)
    assert len(world.desk.sent("GET", ANN)) == 1
    clock.now += 2
    await members.why_not(first)
    assert len(world.desk.sent("GET", ANN)) == 2


async def test_members_are_asked_about_one_by_one(members, waited, world):
    world.desk.fail("GET", ANN, 404, 10007)
    world.desk.members[BEN_ID] = member(BEN_ID)
    assert await members.why_not(await waited(user_id=BEN_ID)) is None
    assert await members.why_not(await waited()) == "member-gone"


async def test_what_has_not_waited_is_not_asked_about(members, world, clock):
    row = await world.row()
    clock.now = row.created_at + 0.5
    assert await members.why_not(row) is None
    assert world.desk.sent("GET", ANN) == []


async def test_in_direct_messages_nobody_is_asked_about(members, waited, world):
    assert await members.why_not(await waited(guild_id=None)) is None
    assert world.desk.sent("GET", "/guilds/*") == []


async def test_in_servers_that_the_bot_is_not_in_nobody_is_asked_about(members, waited, world, monkeypatch):
    monkeypatch.setattr(world.client, "is_ready", lambda: True)
    assert await members.why_not(await waited()) is None
    assert world.desk.sent("GET", ANN) == []


@pytest.mark.parametrize(("status", "code"), [(403, 50001), (404, 10004)], ids=["no access", "no server"])
async def test_where_discord_does_not_say_the_request_goes_on(members, waited, world, status, code):
    world.desk.fail("GET", ANN, status, code)
    assert await members.why_not(await waited()) is None


async def test_a_discord_that_is_down_holds_a_request_up_for_a_moment_only(members, waited, world, monkeypatch):
    monkeypatch.setattr("bot.members.PATIENCE_S", 0.05)
    for _ in range(5):
        world.desk.fail("GET", ANN, 500, 0)
    assert await members.why_not(await waited()) is None


async def test_who_comes_back_and_asks_again_is_no_longer_taken_for_gone(members, waited, world):
    row = await waited()
    world.desk.fail("GET", ANN, 404, 10007)
    assert await members.why_not(row) == "member-gone"
    members.hear(ask_of(row))
    assert await members.why_not(row) is None


async def test_an_interaction_that_tells_nothing_new_leaves_what_is_known(members, waited, world):
    row = await waited()
    world.desk.members[ANN_ID] = member(ANN_ID, 5)
    await members.why_not(row)
    members.hear(ask_of(row, 5))
    await members.why_not(row)
    assert len(world.desk.sent("GET", ANN)) == 1


def ask_of(row, *role_ids):
    names = set(Ask.__slots__) & {"kind", "parent_id", "user_id", "guild_id", "channel_id", "interaction_id", "model"}
    facts = {name: getattr(row, name) for name in names}
    return Ask(
        interaction_token="new",
        attachment_limit=row.attachment_limit,
        locale=row.locale,
        request=row.request,
        role_ids=role_ids,
        **facts,
    )


async def test_a_clock_that_is_set_back_lets_nobody_slip_by(members, waited, world, clock):
    row = await waited()
    await members.why_not(row)
    clock.now -= 3600
    world.desk.fail("GET", ANN, 404, 10007)
    assert await members.why_not(row) == "member-gone"


@pytest.mark.parametrize("guild_id", [GUILD_ID, None], ids=["in a server", "in direct messages"])
async def test_who_was_blocked_by_the_floor_while_waiting_is_not_drawn_for(world, members, waited, guild_id):
    row = await waited(guild_id=guild_id)
    floor = Block(
        guild_id=EVERYWHERE,
        user_id=row.user_id,
        kind="floor",
        until=None,
        reason=None,
        blocked_by=None,
        blocked_at=NOW,
    )
    assert await members.why_not(row) is None
    async with world.database.transaction() as connection:
        await blocks.put(connection, floor)
    assert await members.why_not(row) == "member-blocked"
