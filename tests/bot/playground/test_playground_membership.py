"""Removing, banning and timing out members, their roles, slow mode, and what the bot hears of it."""

import contextlib
from datetime import UTC, datetime

import pytest

from bot.playground import NotPossible

GUILD_MESSAGES = 1 << 9
IDENTIFY, HEARTBEAT, HEARTBEAT_ACK = 2, 1, 11


class Listening:
    """A session on the gateway, and what it has heard since."""

    def __init__(self, socket):
        self._socket = socket

    async def rest(self):
        """Every event up to now: the answer to a heartbeat comes after all of them."""
        await self._socket.send_json({"op": HEARTBEAT, "d": None})
        events = []
        while (payload := await self._socket.receive_json())["op"] != HEARTBEAT_ACK:
            events.append(payload)
        return [event for event in events if event["t"]]


@pytest.fixture
async def gateway(playground, session):
    """Listen with some intents."""
    async with contextlib.AsyncExitStack() as stack:

        async def gateway(*, intents):
            socket = await stack.enter_async_context(session.ws_connect(f"{playground.url}/gateway"))
            hello = {"token": playground.token, "intents": intents, "properties": {}}
            await socket.send_json({"op": IDENTIFY, "d": hello})
            listening = Listening(socket)
            await listening.rest()
            return listening

        yield gateway


@pytest.fixture
def member_of(playground, rest):
    async def member_of(user="ann"):
        path = f"/guilds/{playground.info()['guild_id']}/members/{playground.user_id(user)}"
        status, body = await rest("GET", path)
        return body if status == 200 else (status, body["code"])

    return member_of


async def test_a_member_that_was_removed_is_unknown_and_sees_nothing(playground, member_of):
    playground.remove_member("ann")
    assert await member_of() == (404, 10007)
    with pytest.raises(NotPossible, match="does not see"):
        playground.say("hello")


async def test_a_member_that_was_removed_may_come_back_without_their_roles(playground, member_of):
    playground.add_role("Patrons")
    playground.give_role("ann", "Patrons")
    playground.remove_member("ann")
    playground.join("ann", server="Playground")
    assert (await member_of())["roles"] == []


async def test_who_is_banned_is_unknown_and_cannot_come_back_before_that_is_lifted(playground, member_of):
    playground.ban("ann")
    assert await member_of() == (404, 10007)
    with pytest.raises(NotPossible, match="ann is banned"):
        playground.join("ann", server="Playground")
    playground.unban("ann")
    playground.join("ann", server="Playground")
    assert (await member_of())["user"]["username"] == "ann"


async def test_who_is_timed_out_reads_but_neither_writes_nor_uses_commands(registered, playground, member_of):
    playground.time_out("ann", 60)
    until = datetime.fromisoformat((await member_of())["communication_disabled_until"])
    assert until > datetime.now(UTC)
    assert playground.messages() == []
    with pytest.raises(NotPossible, match="may not write"):
        playground.say("hello")
    with pytest.raises(NotPossible, match="may not use commands"):
        await playground.command("imagine", {"prompt": "x"})


async def test_a_time_out_ends_by_itself_and_by_hand(playground):
    playground.time_out("ann", 60)
    playground.advance(61)
    playground.say("hello")
    playground.time_out("ann", 60)
    playground.time_out("ann", 0)
    playground.say("hello again")


async def test_a_role_gives_its_permissions_where_it_is_held(playground):
    playground.add_channel("patrons")
    playground.overwrite("patrons", "@everyone", deny="view_channel")
    playground.add_role("Patrons")
    playground.overwrite("patrons", "Patrons", allow="view_channel")
    playground.give_role("ann", "Patrons")
    playground.say("in", channel="patrons")
    playground.take_role("ann", "Patrons")
    with pytest.raises(NotPossible, match="does not see"):
        playground.say("out", channel="patrons")


async def test_a_permission_is_taken_from_a_role_in_the_whole_server(playground):
    playground.change_role("@everyone", deny="send_messages")
    with pytest.raises(NotPossible, match="may not write"):
        playground.say("hello")
    playground.change_role("@everyone", allow="send_messages")
    playground.say("hello")


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda playground: playground.ban("oda"), "owner"),
        (lambda playground: playground.time_out("oda", 60), "owner"),
        (lambda playground: playground.time_out("ann", 29 * 86_400), "lasts between"),
        (lambda playground: playground.give_role("ann", "imagine"), "cannot be given"),
        (lambda playground: playground.take_role("ann", "@everyone"), "cannot be taken"),
        (lambda playground: playground.give_role("ann", "Nobody"), "no role Nobody"),
        (lambda playground: playground.join("ann", server="Playground"), "already"),
        (lambda playground: playground.set_slow_mode("art", 21_601), "0 to 21600"),
        (lambda playground: playground.set_slow_mode("@dm", 5), "0 to 21600"),
        (lambda playground: playground.invite_bot(), "already"),
    ],
    ids=[
        "ban the owner", "time out the owner", "for 29 days", "a bot's role", "everyone's role", "no role",
        "a member joins", "too slow", "slow dm", "invite twice",
    ],
)  # fmt: skip
async def test_what_discord_does_not_allow_either(playground, act, why):
    with pytest.raises(NotPossible, match=why):
        act(playground)


async def test_slow_mode_holds_up_members_but_no_moderators(playground):
    playground.set_slow_mode("art", 30)
    playground.say("one")
    with pytest.raises(NotPossible, match="slow mode: ann may write here again in 30 s"):
        playground.say("two")
    playground.advance(31)
    playground.say("two")
    playground.say("one", user="mo")
    playground.say("two", user="mo")


async def test_slow_mode_is_told_with_every_interaction(playground, bot):
    playground.set_slow_mode("art", 30)
    await playground.command("imagine", {"prompt": "x"})
    assert bot.interaction.channel.slowmode_delay == 30


async def test_a_bot_that_was_kicked_loses_its_role_and_gets_one_when_it_is_invited(playground):
    playground.remove_bot()
    assert "imagine" not in [role["name"] for role in playground.info()["roles"]]
    playground.invite_bot()
    assert [role["name"] for role in playground.info()["roles"]].count("imagine") == 1


async def test_of_members_nothing_is_heard_without_the_privileged_intent(playground, gateway):
    heard = await gateway(intents=1 | GUILD_MESSAGES)
    playground.give_role("ann", playground.add_role("Patrons"))
    playground.time_out("ann", 60)
    playground.ban("ann")
    playground.unban("ann")
    playground.join("ann", server="Playground")
    assert [event["t"] for event in await heard.rest()] == ["GUILD_ROLE_CREATE"]


async def test_deleted_messages_are_heard_with_the_intent_only(playground, gateway):
    quiet, keen = await gateway(intents=1), await gateway(intents=1 | GUILD_MESSAGES)
    said = [playground.say(str(number)) for number in range(3)]
    playground.delete_message(said[0]["id"], user="mo")
    playground.purge("art", [each["id"] for each in said[1:]])
    events = [event for event in await keen.rest() if event["t"] != "MESSAGE_CREATE"]
    assert [(event["t"], event["d"].get("id") or event["d"]["ids"]) for event in events] == [
        ("MESSAGE_DELETE", said[0]["id"]),
        ("MESSAGE_DELETE_BULK", [each["id"] for each in said[1:]]),
    ]
    assert await quiet.rest() == []
    assert playground.messages() == []


async def test_a_bot_deletes_many_messages_at_once_with_the_right_to_manage_them(playground, rest):
    said = [playground.say(str(number))["id"] for number in range(3)]
    path = f"/channels/{playground.channel_id('art')}/messages/bulk-delete"
    assert (await rest("POST", path, {"messages": said}))[1]["code"] == 50013
    playground.overwrite("art", allow="manage_messages")
    assert (await rest("POST", path, {"messages": said[:1]}))[1]["code"] == 50035
    assert await rest("POST", path, {"messages": [*said, "1"]}) == (204, None)
    assert playground.messages() == []


async def test_what_is_older_than_two_weeks_is_not_deleted_in_bulk(playground, rest):
    said = [playground.say(str(number))["id"] for number in range(2)]
    playground.overwrite("art", allow="manage_messages")
    playground.advance(15 * 86_400)
    path = f"/channels/{playground.channel_id('art')}/messages/bulk-delete"
    assert (await rest("POST", path, {"messages": said}))[1]["code"] == 50034


async def test_a_forum_holds_posts_and_no_messages_of_its_own(registered, playground, rest):
    forum_id = playground.add_channel("showcase", is_forum=True)
    playground.add_thread("hearts", parent="showcase")
    with pytest.raises(NotPossible, match="in its posts"):
        playground.say("hello", channel="showcase")
    with pytest.raises(NotPossible, match="in its posts"):
        await playground.command("imagine", {"prompt": "x"}, channel="showcase")
    assert (await rest("POST", f"/channels/{forum_id}/messages", {"content": "x"}))[1]["code"] == 50024
    _, channels = await rest("GET", f"/guilds/{playground.info()['guild_id']}/channels")
    assert [channel["type"] for channel in channels] == [0, 0, 15]


async def test_a_command_in_a_forums_post_tells_its_parent(playground, bot):
    forum_id = playground.add_channel("showcase", is_forum=True, nsfw=True)
    playground.add_thread("hearts", parent="showcase")
    await playground.command("imagine", {"prompt": "x"}, channel="hearts")
    assert (bot.interaction.channel.parent_id, bot.interaction.channel.is_nsfw()) == (int(forum_id), True)
