"""The control API over HTTP, its events, the page's files, and who is kept out."""

import json

import pytest

from bot.playground import Playground

POLICY = "default-src 'none'"


async def test_info_tells_who_and_what_is_here(ctl):
    status, info = await ctl("info")
    assert status == 200
    assert (info["users"], info["channels"]) == (["ann", "ben", "mo", "oda"], ["art", "lounge", "@dm"])
    moderators = [person["username"] for person in info["people"] if person["moderator"]]
    assert set(moderators) & set(info["users"]) == {"mo", "oda"}
    assert info["connected"] is False


async def test_a_member_acts_through_it(registered, playground, ctl):
    status, result = await ctl("type", text="/imagine a red heart", user="ben", wait=0)
    assert (status, result["state"]) == (200, "pending")
    status, message = await ctl("say", content="hello", user="ben", channel="lounge")
    assert (message["author"]["username"], message["for"], message["cmd"]) == ("ben", None, None)
    assert [each["content"] for each in (await ctl("messages", channel="lounge"))[1]] == ["hello"]
    assert await ctl("delete", message=message["id"], user="mo", channel="lounge") == (200, {})
    assert (await ctl("messages", channel="lounge"))[1] == []


async def test_the_log_of_requests_can_be_read(rest, ctl):
    await rest.post("x")
    logged = (await ctl("requests"))[1][-1]
    assert (logged["method"], logged["status"], logged["body"], logged["by"]) == ("POST", 200, {"content": "x"}, "bot")


@pytest.mark.parametrize(
    ("op", "facts", "status", "sentence"),
    [
        ("dance", {}, 404, "there is no op dance"),
        ("say", {}, 400, "content is missing"),
        ("say", {"content": "x", "user": "zoe"}, 400, "there is no user zoe"),
        ("say", {"content": "x", "channel": "attic"}, 400, "there is no channel attic"),
        ("say", {"content": "x" * 2001}, 400, "Invalid Form Body"),
        ("click", {"message": "1", "custom_id": "x"}, 400, "there is no such message"),
        ("modal", {"token": "x", "values": {}}, 400, "no form is open"),
        ("gateway", {"what": "dance"}, 400, "what must be reconnect, invalid, drop or cut, got dance"),
        ("set", {"colour": 1}, 400, "there is no limit colour"),
        ("set", {"deadline_s": "soon"}, 400, "deadline_s must be float and not negative, got 'soon'"),
        ("faults", {"status": 500, "times": 0}, 400, "a fault happens at least once, got times=0"),
    ],
    ids=[
        "unknown op", "missing", "no user", "no channel", "too long", "no message", "no form", "gateway", "limit",
        "limit's type", "fault",
    ],
)  # fmt: skip
async def test_what_is_not_possible_is_one_sentence(ctl, op, facts, status, sentence):
    assert await ctl(op, **facts) == (status, {"error": sentence})


async def test_limits_and_faults_are_set_through_it(ctl, playground):
    assert await ctl("set", deadline_s=1, old_edits=3, rate_limits=True) == (200, {})
    assert (playground.limits.deadline_s, playground.limits.old_edits, playground.limits.rate_limits) == (1, 3, True)
    assert await ctl("set", old_edits=None, advance_s=10) == (200, {})
    assert playground.limits.old_edits is None
    assert await ctl("faults", status=500, times=2) == (200, {"armed": 1})
    assert await ctl("faults", clear=True) == (200, {"armed": 0})


async def test_a_body_must_be_a_json_object(playground, session):
    url = f"{playground.url}/_ctl/info"
    async with session.post(url, data=b"{}", headers={"Content-Type": "text/plain"}) as response:
        assert response.status == 415
    for body in (b"{", b"[]"):
        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
            assert response.status == 400


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=[f"{key} {value}" for each in FOREIGN for key, value in each.items()])
@pytest.mark.parametrize("path", ["/_ctl/info", "/events", "/", "/api/v10/gateway", "/gateway"])
async def test_another_web_sites_page_is_kept_out(playground, session, path, headers):
    async with session.get(playground.url + path, headers=headers) as response:
        assert response.status == 403


async def test_the_page_itself_is_let_in(playground, session):
    port = playground.url.rsplit(":", 1)[1]
    for host in ("127.0.0.1", "localhost"):
        own = {"Host": f"{host}:{port}", "Origin": f"http://{host}:{port}", "Sec-Fetch-Site": "same-origin"}
        async with session.post(f"{playground.url}/_ctl/info", json={}, headers=own) as response:
            assert response.status == 200


async def test_the_page_is_served_with_a_strict_policy(playground, session):
    async with session.get(playground.url + "/") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert response.headers["Content-Security-Policy"].startswith(POLICY)
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_the_icon_is_there(playground, session):
    async with session.get(playground.url + "/favicon.ico") as response:
        assert (response.status, response.content_type.split("/")[0]) == (200, "image")


@pytest.mark.parametrize("path", ["/nothing.js", "/..%2fserver.py", "/%2e%2e/server.py", "/__init__.py"])
async def test_nothing_but_the_pages_files_is_served(playground, session, path):
    async with session.get(playground.url + path) as response:
        assert response.status == 404


async def read_event(response):
    line = b""
    while not line.startswith(b"data: "):
        line = await response.content.readline()
    return json.loads(line[6:])


async def test_everything_that_happens_is_streamed_to_the_page(playground, session, rest):
    async with session.get(playground.url + "/events") as response:
        assert await read_event(response) == {"type": "hello"}
        message = playground.say("hello")
        created = await read_event(response)
        playground.delete_message(message["id"])
        deleted = await read_event(response)
    assert (created["type"], created["message"]["content"], created["for"]) == ("message_create", "hello", None)
    assert deleted == {"type": "message_delete", "channel_id": message["channel_id"], "id": message["id"], "for": None}


async def test_an_ephemeral_message_is_streamed_with_its_readers_name(playground, session, invoke):
    answering = await invoke()
    async with session.get(playground.url + "/events") as response:
        await read_event(response)
        await answering.callback(4, {"content": "only you", "flags": 64})
        event = await read_event(response)
    assert (event["type"], event["for"]) == ("message_create", "ann")


async def test_addresses_for_the_page_have_no_host(playground, rest):
    await rest("POST", f"/channels/{playground.channel_id('art')}/messages", {}, files=[("a.txt", b"a")])
    assert playground.messages()[0]["attachments"][0]["url"].startswith("/cdn/attachments/")


async def test_it_says_goodbye_to_a_page_that_listens_when_it_closes(session):
    async with Playground.open() as playground:
        response = await session.get(playground.url + "/events")
        await read_event(response)
    assert await read_event(response) == {"type": "bye"}


async def test_moderators_acts_are_done_through_it(registered, playground, ctl):
    about_ben = {"member": "ben", "server": "Playground", "user": "ann", "channel": "art"}
    role_id = playground.add_role("Patrons")
    for op, facts in (
        ("give_role", {"role": "Patrons"}),
        ("take_role", {"role": role_id}),
        ("time_out", {"seconds": 60}),
        ("remove", {}),
        ("join", {}),
        ("ban", {}),
        ("unban", {}),
    ):
        assert await ctl(op, **about_ben, **facts) == (200, {}), op
    said = [playground.say(str(number))["id"] for number in range(2)]
    for op, facts in (
        ("overwrite", {"channel": "art", "who": "Patrons", "deny": "send_messages"}),
        ("change_role", {"role": "Patrons", "allow": "manage_messages"}),
        ("slow_mode", {"channel": "art", "seconds": 5}),
        ("purge", {"channel": "art", "messages": said}),
        ("rule", {"name": "imagine", "who": "ben", "is_allowed": False}),
        ("delete_channel", {"channel": "lounge"}),
        ("remove_bot", {}),
        ("invite_bot", {}),
    ):
        assert await ctl(op, **facts) == (200, {}), op
    [ruled] = (await ctl("rules", server="Playground"))[1]
    assert [(each["id"], each["permission"]) for each in ruled["permissions"]] == [(playground.user_id("ben"), False)]


@pytest.mark.parametrize(
    ("op", "facts", "sentence"),
    [
        ("ban", {"member": "ann", "server": "Nowhere"}, "there is no server Nowhere"),
        ("time_out", {"member": "ann", "server": "Playground"}, "seconds is missing"),
        ("overwrite", {"channel": "@dm", "who": "ann"}, "direct messages have no permissions"),
        ("overwrite", {"channel": "art", "who": "ann", "deny": "fly"}, "there is no permission fly"),
        ("rule", {"name": "dance", "who": "ann", "is_allowed": True}, "there is no command dance"),
        ("remove_bot", {"server": "Playground", "twice": True}, "the bot is not in Playground"),
    ],
)
async def test_what_moderators_cannot_do_is_one_sentence(ctl, playground, op, facts, sentence):
    if facts.pop("twice", False):
        playground.remove_bot()
    assert await ctl(op, **facts) == (400, {"error": sentence})
