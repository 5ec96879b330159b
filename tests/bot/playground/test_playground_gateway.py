"""The gateway, spoken to by hand."""

import contextlib
import json

import aiohttp
import pytest

GUILDS, GUILD_MESSAGES, MESSAGE_CONTENT = 1, 1 << 9, 1 << 15


class Line:
    """One websocket to the gateway."""

    def __init__(self, socket, token):
        self.socket = socket
        self._token = token

    async def send(self, op, data):
        await self.socket.send_json({"op": op, "d": data})

    async def receive(self, name=None):
        """The next payload, or the next event of this name."""
        while True:
            message = await self.socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                return message
            payload = json.loads(message.data)
            if name in (None, payload["t"]):
                return payload

    async def identify(self, intents=GUILDS, shard=(0, 1), token=None):
        await self.send(2, {"token": token or self._token, "intents": intents, "shard": shard, "properties": {}})
        return await self.receive("READY")


@pytest.fixture
async def dial(playground, session):
    """Connect; what comes after the hello."""
    async with contextlib.AsyncExitStack() as stack:

        async def dial():
            url = f"{playground.url}/gateway?v=10&encoding=json"
            line = Line(await stack.enter_async_context(session.ws_connect(url)), playground.token)
            hello = await line.receive()
            assert (hello["op"], "heartbeat_interval" in hello["d"]) == (10, True)
            return line

        yield dial


async def test_identify_is_answered_by_ready_and_the_servers(dial, playground):
    line = await dial()
    ready = await line.identify()
    guild = await line.receive("GUILD_CREATE")
    assert ready["d"]["resume_gateway_url"] == playground.url.replace("http", "ws") + "/gateway"
    assert ready["d"]["guilds"] == [{"id": guild["d"]["id"], "unavailable": True}]
    assert [channel["name"] for channel in guild["d"]["channels"]] == ["art", "lounge"]
    assert playground.is_connected


async def test_a_heartbeat_is_acknowledged(dial):
    line = await dial()
    await line.send(1, None)
    assert (await line.receive())["op"] == 11


@pytest.mark.parametrize(
    ("op", "data", "code"),
    [
        (2, {"token": "wrong", "intents": 1}, 4004),
        (2, {"token": "playground.bot.token", "intents": 1 | MESSAGE_CONTENT}, 4014),
        (3, {}, 4003),
        (2, {"padding": "x" * 5000}, 4002),
        (2, {}, 4002),
    ],
    ids=["wrong token", "privileged intent", "before identify", "too large", "nothing in it"],
)
async def test_a_wrong_payload_closes_the_line(dial, playground, op, data, code):
    line = await dial()
    await line.send(op, data)
    await line.receive("READY")
    assert line.socket.close_code == code
    assert not playground.is_connected


async def test_identifying_twice_closes_the_line(dial):
    line = await dial()
    await line.identify()
    await line.identify()
    assert line.socket.close_code == 4005


async def test_a_resumed_session_hears_what_it_missed_once_and_in_order(dial, playground):
    line = await dial()
    ready = await line.identify(GUILDS | GUILD_MESSAGES)
    playground.say("heard")
    sequence = (await line.receive("MESSAGE_CREATE"))["s"]
    await playground.gateway("cut")
    await line.receive("never")
    playground.say("missed")
    playground.say("missed too")

    line = await dial()
    await line.send(6, {"token": playground.token, "session_id": ready["d"]["session_id"], "seq": sequence})
    names = [(await line.receive())["t"] for _ in range(3)]

    assert names == ["MESSAGE_CREATE", "MESSAGE_CREATE", "RESUMED"]


async def test_a_session_that_was_closed_properly_cannot_be_resumed(dial, playground):
    line = await dial()
    ready = await line.identify()
    await line.socket.close(code=1000)
    await playground.wait_for(lambda: not playground.is_connected)

    line = await dial()
    await line.send(6, {"token": playground.token, "session_id": ready["d"]["session_id"], "seq": 1})

    assert await line.receive() == {"op": 9, "d": False, "t": None, "s": None}


async def test_events_reach_only_sessions_that_asked_for_them(dial, playground):
    line = await dial()
    await line.identify(GUILDS)
    await line.receive("GUILD_CREATE")
    playground.say("not heard")
    playground.add_channel("new")
    assert (await line.receive())["t"] == "CHANNEL_CREATE"


async def test_without_the_privileged_intent_others_messages_arrive_empty(dial, playground, rest):
    line = await dial()
    await line.identify(GUILDS | GUILD_MESSAGES)
    playground.say("secret")
    playground.say(f"<@{playground.user_id('imagine')}> hello")
    await rest.post("my own")
    contents = [(await line.receive("MESSAGE_CREATE"))["d"]["content"] for _ in range(3)]
    assert contents == ["", f"<@{playground.user_id('imagine')}> hello", "my own"]


async def test_ephemeral_messages_are_not_told(dial, invoke, rest):
    line = await dial()
    await line.identify(GUILDS | GUILD_MESSAGES)
    answering = await invoke()
    await answering.callback(4, {"content": "only you", "flags": 64})
    await rest.post("for all")
    assert (await line.receive("MESSAGE_CREATE"))["d"]["content"] == "for all"


async def test_each_shard_hears_its_own_servers(dial, playground):
    playground.limits.shards = 2
    other = playground.add_server("Other")
    own = playground.info()["guild_id"]
    lines = [await dial() for _ in range(2)]
    heard = [(await line.identify(shard=(index, 2)))["d"]["guilds"] for index, line in enumerate(lines)]
    for guild_id in (own, other):
        home = (int(guild_id) >> 22) % 2
        assert guild_id in [guild["id"] for guild in heard[home]]
        assert guild_id not in [guild["id"] for guild in heard[1 - home]]
    assert playground.is_connected


async def test_a_bot_that_joins_and_leaves_a_server_is_told(dial, playground, rest):
    line = await dial()
    await line.identify()
    await line.receive("GUILD_CREATE")
    guild_id = playground.add_server("Other", channels=("elsewhere",))
    assert (await line.receive("GUILD_CREATE"))["d"]["id"] == guild_id
    assert (await rest("DELETE", f"/users/@me/guilds/{guild_id}"))[0] == 204
    assert (await line.receive("GUILD_DELETE"))["d"] == {"id": guild_id}


async def test_requested_members_arrive_in_a_chunk(dial, playground):
    line = await dial()
    await line.identify()
    wanted = {"guild_id": playground.info()["guild_id"], "user_ids": [playground.user_id("ben")], "nonce": "n"}
    await line.send(8, wanted)
    chunk = (await line.receive("GUILD_MEMBERS_CHUNK"))["d"]
    assert ([member["user"]["username"] for member in chunk["members"]], chunk["nonce"]) == (["ben"], "n")
