"""Members who leave, are banned, timed out or given roles while they wait; two servers at once; what is deleted."""

import json

import pytest
import pytest_asyncio
from bot_process import opened_playground
from room import Room

from bot.playground import NotPossible

A_WHILE = 60
"""Steps during which a test does something, and the member's other requests wait."""
SECOND = "Second"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def crowded():
    """A playground with two servers."""
    async with opened_playground() as playground:
        playground.add_server(SECOND, members=())
        playground.add_role("Patrons")
        yield playground


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def busy_bot(crowded, new_bot):
    """A bot in two servers that draws one picture at a time."""
    server_ids = [server["id"] for server in crowded.info()["servers"]]
    async with new_bot(crowded, SERVERS=",".join(server_ids), MAX_ROWS="2") as bot:
        await bot.start()
        await Room(crowded, "mo", "art").draw()  # its model is loaded: who asks now does not wait for that
        yield bot


@pytest.fixture
def member(crowded, busy_bot, new_room):
    """A member and a channel that nobody has used."""
    return new_room(crowded)


async def waiting(room, count=1):
    """Let one request of a member be drawn and so many more wait; the waiting ones' messages."""
    first = await room.imagine(steps=A_WHILE)
    messages = [(await room.imagine(steps=1))["message"] for _ in range(count)]
    await room.running(first["message"]["id"])
    return messages


async def rows_of(bot, room):
    return await bot.ended_rows("user_id = ?", int(room.user_id))


def looks(playground, room):
    """How often the bot asked about the room's member."""
    return sum(request.path.endswith(f"/members/{room.user_id}") for request in playground.requests)


@pytest.mark.parametrize(
    ("act", "reason", "said"),
    [
        ("remove_member", "member-gone", "The member is no longer in this server."),
        ("ban", "member-gone", "The member is no longer in this server."),
        ("time_out", "member-timed-out", "The member was timed out."),
    ],
)
async def test_what_waits_is_withdrawn_and_refunded_when_its_member_meets(member, crowded, busy_bot, act, reason, said):
    user_id, (_, last) = member.user_id, await waiting(member, 2)
    getattr(crowded, act)(member.user, **({"seconds": 600} if act == "time_out" else {}))
    rows = await busy_bot.ended_rows("user_id = ?", int(user_id))
    assert [(row["state"], row["reason"], row["charged"]) for row in rows[1:]] == [("cancelled", reason, 0)] * 2
    assert looks(crowded, member) == 1
    message = await Room(crowded, "mo", member.channel).saying("Nothing was charged.", last["id"])
    assert said in message["content"]


async def test_what_waits_is_drawn_with_the_roles_that_its_member_has_by_then(member, crowded, busy_bot):
    [message] = await waiting(member)
    crowded.give_role(member.user, "Patrons")
    await member.finished(message["id"])
    first, second = await rows_of(busy_bot, member)
    patrons = next(role["id"] for role in crowded.info()["roles"] if role["name"] == "Patrons")
    assert (json.loads(first["role_ids"]), json.loads(second["role_ids"])) == ([], [int(patrons)])


async def test_where_discord_does_not_tell_who_is_a_member_what_waits_is_drawn(member, crowded):
    [message] = await waiting(member)
    crowded.fault(method="GET", path=f"/guilds/*/members/{member.user_id}", status=403)
    await member.finished(message["id"])
    assert crowded.armed_faults == 0


async def test_a_message_that_is_deleted_while_it_waits_is_withdrawn_at_once(member, crowded, busy_bot):
    messages = await waiting(member, 3)
    crowded.delete_message(messages[0]["id"], user="mo")
    crowded.purge(member.channel, [message["id"] for message in messages[1:]])
    rows = await busy_bot.ended_rows("user_id = ? AND num_inference_steps = 1", int(member.user_id))
    [drawn] = busy_bot.rows("user_id = ? AND num_inference_steps = ?", int(member.user_id), A_WHILE)
    assert [(row["state"], row["reason"], row["charged"]) for row in rows] == [("cancelled", "message-gone", 0)] * 3
    assert drawn["ended_at"] is None or drawn["ended_at"] > max(row["ended_at"] for row in rows)


async def test_in_two_servers_at_once_what_happens_in_one_leaves_the_other_alone(member, crowded, busy_bot, new_room):
    there = f"there-{member.channel}"
    crowded.add_channel(there, server=SECOND)
    crowded.join(member.user, server=SECOND)
    other = Room(crowded, member.user, there)
    here, away = await member.imagine(steps=A_WHILE), await other.imagine(steps=A_WHILE)
    crowded.remove_bot(SECOND)
    await member.finished(here["message"]["id"])
    rows = await rows_of(busy_bot, member)
    crowded.invite_bot(SECOND)
    assert [(row["state"], row["reason"], row["charged"]) for row in rows] == [
        ("done", None, 1),
        ("cancelled", "server-gone", 0),
    ]
    assert rows[0]["guild_id"] != rows[1]["guild_id"]
    assert other.message(away["message"]["id"])["attachments"] == []


async def test_a_deleted_forum_withdraws_what_waits_in_its_posts(member, crowded, busy_bot):
    forum, post = f"forum-{member.channel}", f"post-{member.channel}"
    forum_id = crowded.add_channel(forum, is_forum=True, nsfw=True)
    crowded.add_thread(post, parent=forum)
    await Room(crowded, member.user, post).imagine(steps=A_WHILE)
    crowded.delete_channel(forum)
    [row] = await rows_of(busy_bot, member)
    assert (row["state"], row["reason"], row["charged"]) == ("cancelled", "channel-gone", 0)
    assert (row["ruling_channel_id"], row["is_age_restricted"]) == (int(forum_id), 1)


async def test_the_integrations_page_decides_who_draws_where(member, crowded):
    crowded.rule_command("imagine", member.channel, is_allowed=False)
    with pytest.raises(NotPossible, match="in this channel"):
        await member.imagine()
    crowded.rule_command("imagine", member.channel, is_allowed=None)
    assert (await member.imagine(steps=1))["state"] == "done"


async def test_a_role_of_the_bot_that_loses_a_permission_is_noticed_before_anything_is_drawn(member, crowded):
    crowded.overwrite(member.channel, deny="attach_files")
    answer = await member.imagine(steps=1)
    assert answer["ephemeral"]
    assert "Attach Files" in answer["message"]["content"]
