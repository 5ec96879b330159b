"""Messages by bot token: Discord's limits, codes, mentions, replies, history."""

import pytest

TEXT = {"type": 10, "content": "x"}
V2 = 1 << 15


def button(number=0, **more):
    return {"type": 2, "style": 1, "custom_id": f"b{number}", "label": "x", **more}


def row(*components):
    return {"type": 1, "components": list(components)}


def select(**more):
    return {"type": 3, "custom_id": "s", "options": [{"label": "x", "value": "x"}], **more}


def code(answer):
    status, body = answer
    return status, body["code"]


@pytest.fixture
def post(rest, playground):
    async def post(body, **more):
        return await rest("POST", f"/channels/{playground.channel_id('art')}/messages", body, **more)

    return post


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2001},
        {"embeds": [{"description": "x"}] * 11},
        {"embeds": [{"title": "x" * 257}]},
        {"embeds": [{"description": "x" * 4097}]},
        {"embeds": [{"fields": [{"name": "x", "value": "x"}] * 26}]},
        {"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]},
        {"components": [row(button(n)) for n in range(6)]},
        {"components": [row(*(button(n) for n in range(6)))]},
        {"components": [row()]},
        {"components": [row(button(label="x" * 81))]},
        {"components": [row(button(custom_id="x" * 101))]},
        {"components": [row(button(), button())]},
        {"components": [row({"type": 2, "style": 5, "label": "x"})]},
        {"components": [row(select(options=[]))]},
        {"components": [row(select(options=[{"label": "x", "value": str(n)} for n in range(26)]))]},
        {"components": [row(select(options=[{"label": "x", "value": "x"}] * 2))]},
        {"components": [TEXT]},
        {"flags": V2, "components": [TEXT] * 41},
        {"flags": V2, "components": [{"type": 12, "items": [{"media": {"url": "attachment://a"}}] * 11}]},
        {"flags": V2, "components": [TEXT], "content": "x"},
        {"content": "x", "nonce": "x" * 26},
        {"content": "x", "message_reference": {"message_id": "1"}},
    ],
    ids=[
        "content of 2001", "11 embeds", "embed title", "embed description", "26 fields", "6001 in all embeds", "6 rows",
        "6 buttons", "empty row", "label of 81", "custom_id of 101", "one custom_id twice", "link without url",
        "select without options", "26 options", "one option twice", "text without V2", "41 components", "11 pictures",
        "V2 with content", "nonce of 26", "answer to nothing",
    ],
)  # fmt: skip
async def test_a_message_against_the_rules_is_refused(post, body):
    assert code(await post(body)) == (400, 50035)


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2000},
        {"embeds": [{"title": "x" * 256, "description": "x" * 4096}]},
        {"content": "x", "components": [row(*(button(5 * r + n) for n in range(5))) for r in range(5)]},
        {"content": "x", "components": [row(select())]},
        {"flags": V2, "components": [{"type": 17, "components": [TEXT, {"type": 14}, row(button())]}]},
    ],
    ids=["content of 2000", "long embed", "25 buttons", "a select", "V2"],
)
async def test_a_message_at_the_limits_is_accepted(post, body):
    assert (await post(body))[0] == 200


async def test_an_empty_message_is_refused(post):
    assert code(await post({})) == (400, 50006)


async def test_eleven_files_are_refused(post):
    files = [(f"{number}.txt", b"x") for number in range(11)]
    assert code(await post({}, files=files)) == (400, 50035)


async def test_a_file_over_the_limit_is_refused(post, playground):
    playground.limits.size_limit_bytes = 4
    assert code(await post({}, files=[("a.txt", b"12345")])) == (413, 40005)
    assert (await post({}, files=[("a.txt", b"1234")]))[0] == 200


async def test_a_request_over_the_limit_is_refused(post, playground):
    playground.limits.request_limit_bytes = 100_000
    assert code(await post({}, files=[("a.txt", b"x" * 60_000), ("b.txt", b"x" * 60_000)])) == (413, 40005)


async def test_an_alt_text_over_the_limit_is_refused(post):
    assert code(await post({"content": "x", "attachments": [{"id": "0", "description": "x" * 1025}]})) == (400, 50035)


async def test_an_edit_keeps_only_the_attachments_that_it_names(rest, playground, post):
    _, message = await post({"content": "x"}, files=[("a.txt", b"a"), ("b.txt", b"b")])
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    kept = {"id": message["attachments"][1]["id"]}
    body = {"attachments": [kept, {"id": "0", "filename": "c.txt", "description": "the third"}]}
    _, edited = await rest("PATCH", path, body, files=[("c.txt", b"c")])
    shown = [(each["filename"], each.get("description")) for each in edited["attachments"]]
    assert shown == [("b.txt", None), ("c.txt", "the third")]


async def test_an_edit_leaves_what_it_does_not_name(rest, post):
    _, message = await post({"content": "x", "components": [row(button())]}, files=[("a.txt", b"a")])
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    _, edited = await rest("PATCH", path, {"content": "y"})
    assert (edited["content"], edited["components"]) == ("y", message["components"])
    assert edited["attachments"] == message["attachments"]
    assert edited["edited_timestamp"]


async def test_an_edit_to_nothing_is_refused_and_changes_nothing(rest, playground):
    message = await rest.post("x")
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    assert code(await rest("PATCH", path, {"content": ""})) == (400, 50006)
    assert playground.messages()[0]["content"] == "x"


async def test_the_components_v2_flag_cannot_be_removed(rest, post):
    _, message = await post({"flags": V2, "components": [TEXT]})
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    assert code(await rest("PATCH", path, {"flags": 0})) == (400, 50035)


async def test_an_attachment_that_an_embed_shows_is_not_listed_again(post):
    body = {"embeds": [{"image": {"url": "attachment://a.txt"}}]}
    _, message = await post(body, files=[("a.txt", b"a")])
    assert message["attachments"] == []
    assert message["embeds"][0]["image"]["url"].endswith("/a.txt")


async def test_only_the_authors_messages_can_be_edited(rest, playground):
    message = playground.say("mine")
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    assert code(await rest("PATCH", path, {"content": "x"})) == (403, 50005)


async def test_an_unknown_message_and_channel_are_told_apart(rest, playground):
    assert code(await rest("GET", f"/channels/{playground.channel_id('art')}/messages/1")) == (404, 10008)
    assert code(await rest("GET", "/channels/1/messages/1")) == (404, 10003)


async def test_old_messages_can_be_edited_only_so_often(rest, playground):
    playground.limits.old_edits = 2
    message = await rest.post("0")
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    answers = [await rest("PATCH", path, {"content": str(number)}) for number in range(5)]
    playground.advance(3601)
    answers += [await rest("PATCH", path, {"content": str(number)}) for number in range(3)]
    assert [status for status, _ in answers] == [200] * 7 + [429]
    assert answers[-1][1]["code"] == 30046
    assert "retry_after" in answers[-1][1]


@pytest.mark.parametrize(
    ("allowed", "pinged"),
    [
        (None, ["ann", "ben"]),
        ({"parse": []}, []),
        ({"parse": ["users"]}, ["ann", "ben"]),
        ({"users": ["{ben}"]}, ["ben"]),
    ],
    ids=["not named", "nobody", "users", "one"],
)
async def test_who_is_pinged_follows_allowed_mentions(rest, playground, allowed, pinged):
    ids = {name: playground.user_id(name) for name in ("ann", "ben")}
    if allowed and "users" in allowed:
        allowed = {"users": [ids["ben"]]}
    body = {"allowed_mentions": allowed} if allowed is not None else {}
    message = await rest.post(f"<@{ids['ann']}> <@{ids['ben']}> <@1>", **body)
    assert [user["username"] for user in message["mentions"]] == pinged


@pytest.mark.parametrize(("replied_user", "pinged"), [(True, ["ann"]), (False, [])], ids=["yes", "no"])
async def test_whether_a_reply_pings_its_author_follows_allowed_mentions(rest, playground, replied_user, pinged):
    asked = playground.say("hello")
    reply = await rest.post(
        message_reference={"message_id": asked["id"]}, allowed_mentions={"parse": [], "replied_user": replied_user}
    )
    assert [user["username"] for user in reply["mentions"]] == pinged
    assert (reply["type"], reply["referenced_message"]["id"]) == (19, asked["id"])


async def test_a_reply_to_a_deleted_message_may_stand_alone(rest, playground):
    asked = playground.say("hello")
    playground.delete_message(asked["id"])
    reference = {"message_id": asked["id"], "fail_if_not_exists": False}
    reply = await rest.post(message_reference=reference)
    assert (reply["type"], "message_reference" in reply) == (0, False)


async def test_a_reply_outlives_what_it_answers(rest, playground):
    asked = playground.say("hello")
    reply = await rest.post(message_reference={"message_id": asked["id"]})
    playground.delete_message(asked["id"])
    _, read = await rest("GET", f"/channels/{reply['channel_id']}/messages/{reply['id']}")
    assert (read["referenced_message"], read["message_reference"]["message_id"]) == (None, asked["id"])


async def test_a_nonce_that_is_enforced_writes_a_message_once(rest, playground):
    first = await rest.post("once", nonce="7Q4K", enforce_nonce=True)
    second = await rest.post("once", nonce="7Q4K", enforce_nonce=True)
    assert first["id"] == second["id"]
    assert len(playground.messages()) == 1


async def test_history_is_paged_newest_first(rest, playground):
    ids = [(await rest.post(str(number)))["id"] for number in range(5)]
    path = f"/channels/{playground.channel_id('art')}/messages"

    async def listed(query):
        return [message["content"] for message in (await rest("GET", f"{path}?{query}"))[1]]

    assert await listed("limit=2") == ["4", "3"]
    assert await listed(f"limit=2&before={ids[3]}") == ["2", "1"]
    assert await listed(f"limit=2&after={ids[1]}") == ["3", "2"]
    assert await listed(f"limit=3&around={ids[2]}") == ["3", "2", "1"]
    assert code(await rest("GET", f"{path}?limit=101")) == (400, 50035)


async def test_a_member_deletes_only_their_own_and_a_moderator_any(rest, playground):
    message = await rest.post()
    with pytest.raises(Exception, match="only your own"):
        playground.delete_message(message["id"], user="ann")
    playground.delete_message(message["id"], user="mo")
    assert playground.messages() == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [("../../etc/passwd", "passwd"), ("a heart ♥.png", "a_heart_.png"), ("<b>.html", "b.html"), ("♥", "file")],
    ids=["folders", "spaces and signs", "markup", "nothing plain"],
)
async def test_an_odd_filename_is_made_plain_and_can_be_fetched(post, session, name, kept):
    _, message = await post({"attachments": [{"id": "0", "filename": name}]}, files=[("x", b"data")])
    attachment = message["attachments"][0]
    assert attachment["filename"] == kept
    async with session.get(attachment["url"]) as response:
        assert await response.read() == b"data"


@pytest.mark.parametrize(
    ("name", "content_type", "is_download"),
    [
        ("a.png", "image/png", False),
        ("a.webp", "image/webp", False),
        ("a.jpg", "image/jpeg", False),
        ("a.txt", "text/plain", False),
        ("a.html", "application/octet-stream", True),
        ("a.svg", "application/octet-stream", True),
    ],
)
async def test_the_cdn_never_serves_what_could_run_scripts(post, session, name, content_type, is_download):
    _, message = await post({}, files=[(name, b"<script>")])
    async with session.get(message["attachments"][0]["url"]) as response:
        assert response.content_type == content_type
        assert ("Content-Disposition" in response.headers) == is_download
        assert response.headers["X-Content-Type-Options"] == "nosniff"
