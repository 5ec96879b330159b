"""Rights, threads, servers, direct messages, and the REST routes that show them."""

import subprocess
import sys

import pytest

from bot.playground import NotPossible, Playground, PlaygroundError, PortInUse


@pytest.fixture
def post(rest, playground):
    async def post(channel="art", **more):
        status, body = await rest(
            "POST", f"/channels/{playground.channel_id(channel)}/messages", {"content": "x"}, **more
        )
        return status if status == 200 else (status, body["code"])

    return post


async def test_a_port_in_use_is_one_sentence(playground):
    port = int(playground.url.rsplit(":", 1)[1])
    with pytest.raises(PortInUse, match=f"port {port} is in use"):
        async with Playground.open(port=port):
            pass


async def test_a_port_that_does_not_exist_is_one_sentence():
    with pytest.raises(PlaygroundError, match="cannot listen on port 99999"):
        async with Playground.open(port=99999):
            pass


async def test_it_listens_on_loopback_only(playground):
    assert playground.url.startswith("http://127.0.0.1:")
    assert playground.api_url == playground.url + "/api/v10"


def test_it_stands_alone():
    """Neither the bot's libraries nor the test extra's are needed to show the demo."""
    code = "import sys, bot.playground; print([name for name in ('discord', 'engine', 'torch', 'jsonschema') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("denied", "answer"),
    [("view_channel", (403, 50001)), ("send_messages", (403, 50013)), ("attach_files", 200)],
)
async def test_an_overwrite_takes_a_right_from_the_bot(playground, post, denied, answer):
    playground.overwrite("art", deny=denied)
    assert await post() == answer
    assert await post("lounge") == 200


async def test_without_the_right_no_files_can_be_attached(playground, post):
    playground.overwrite("art", deny="attach_files")
    assert await post(files=[("a.txt", b"a")]) == (403, 50013)


async def test_an_interaction_tells_what_the_bot_may_do_there(playground, bot):
    playground.overwrite("art", deny="attach_files")
    await playground.command("imagine", {"prompt": "x"})
    assert not bot.interaction.app_permissions.attach_files
    assert bot.interaction.app_permissions.send_messages


async def test_an_overwrite_of_the_member_beats_that_of_everyone(playground, post):
    playground.overwrite("art", "@everyone", deny="send_messages")
    assert await post() == (403, 50013)
    playground.overwrite("art", "imagine", allow="send_messages")
    assert await post() == 200


async def test_replying_needs_the_history(playground, rest):
    asked = playground.say("hello")
    playground.overwrite("art", deny="read_message_history")
    body = {"content": "x", "message_reference": {"message_id": asked["id"]}}
    path = f"/channels/{asked['channel_id']}/messages"
    assert (await rest("POST", path, body))[1]["code"] == 160002
    assert await rest("GET", path) == (200, [])
    assert (await rest("GET", f"{path}/{asked['id']}"))[1]["code"] == 50001


async def test_writing_opens_an_archived_thread(playground, post, rest):
    playground.add_thread("sketches")
    playground.set_thread("sketches", archived=True)
    assert await post("sketches") == 200
    _, thread = await rest("GET", f"/channels/{playground.channel_id('sketches')}")
    assert thread["thread_metadata"]["archived"] is False


async def test_in_an_archived_thread_nothing_is_edited_until_it_is_opened(playground, rest):
    playground.add_thread("sketches")
    message = await rest.post(channel="sketches")
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    playground.set_thread("sketches", archived=True)
    assert (await rest("PATCH", path, {"content": "y"}))[1]["code"] == 50083
    assert (await rest("PATCH", f"/channels/{message['channel_id']}", {"archived": False}))[0] == 200
    assert (await rest("PATCH", path, {"content": "y"}))[0] == 200


@pytest.mark.parametrize(("archived", "code"), [(True, 50083), (False, 160005)], ids=["archived", "open"])
async def test_into_a_locked_thread_nothing_is_written(playground, post, rest, archived, code):
    playground.add_thread("sketches")
    playground.set_thread("sketches", archived=archived, locked=True)
    assert (await post("sketches"))[1] == code
    opening = await rest("PATCH", f"/channels/{playground.channel_id('sketches')}", {"archived": False})
    assert opening[1]["code"] == 50013


async def test_a_thread_is_written_with_a_right_of_its_own(playground, post):
    playground.add_thread("sketches")
    playground.overwrite("art", deny="send_messages")
    assert await post("sketches") == 200
    playground.overwrite("art", deny="send_messages_in_threads")
    assert await post("sketches") == (403, 50013)


async def test_a_thread_of_an_age_restricted_channel_is_age_restricted(playground):
    playground.add_channel("art-18", nsfw=True)
    playground.add_thread("late", parent="art-18")
    rooms = {room["name"]: room["nsfw"] for room in playground.info()["rooms"]}
    assert (rooms["art"], rooms["art-18"], rooms["late"]) == (False, True, True)


async def test_a_deleted_channel_takes_its_threads_with_it(playground, rest):
    playground.add_thread("sketches")
    thread_id, channel_id = playground.channel_id("sketches"), playground.channel_id("art")
    playground.delete_channel("art")
    assert (await rest("GET", f"/channels/{channel_id}"))[1]["code"] == 10003
    assert (await rest("GET", f"/channels/{thread_id}"))[1]["code"] == 10003


async def test_a_bot_that_was_thrown_out_has_no_access_until_it_is_invited_again(playground, post):
    playground.remove_bot()
    assert await post() == (403, 50001)
    playground.invite_bot()
    assert await post() == 200


async def test_in_a_server_without_the_bot_its_commands_cannot_be_used(registered, playground):
    playground.remove_bot()
    with pytest.raises(NotPossible, match="not in this server"):
        await playground.command("imagine", {"prompt": "x"})


async def test_direct_messages_are_opened_once_and_read_by_their_member(playground, rest):
    body = {"recipient_id": playground.user_id("ann")}
    first, second = [(await rest("POST", "/users/@me/channels", body))[1] for _ in range(2)]
    await rest.post("psst", channel=first["id"])
    assert first["id"] == second["id"]
    assert [message["content"] for message in playground.messages(channel="@dm")] == ["psst"]
    with pytest.raises(NotPossible, match="does not see"):
        playground.messages(user="ben", channel=first["id"])


async def test_closed_direct_messages_are_told_when_one_is_sent(playground, rest):
    playground.close_dms("ann")
    path = f"/channels/{playground.channel_id('@dm')}/messages"
    assert (await rest("POST", path, {"content": "x"}))[1]["code"] == 50007


async def test_unknown_people_and_servers_have_their_codes(playground, rest):
    guild_id = playground.info()["guild_id"]
    codes = [
        (await rest("GET", "/users/1"))[1]["code"],
        (await rest("POST", "/users/@me/channels", {"recipient_id": "1"}))[1]["code"],
        (await rest("GET", f"/guilds/{guild_id}/members/1"))[1]["code"],
        (await rest("GET", "/guilds/1"))[1]["code"],
    ]
    assert codes == [10013, 10013, 10007, 10004]


async def test_a_server_its_channels_roles_and_members_can_be_read(playground, rest):
    guild_id = playground.info()["guild_id"]
    playground.add_thread("sketches")
    _, guild = await rest("GET", f"/guilds/{guild_id}")
    _, channels = await rest("GET", f"/guilds/{guild_id}/channels")
    _, roles = await rest("GET", f"/guilds/{guild_id}/roles")
    _, member = await rest("GET", f"/guilds/{guild_id}/members/{playground.user_id('mo')}")
    _, guilds = await rest("GET", "/users/@me/guilds")
    assert (guild["name"], [each["name"] for each in channels]) == ("Playground", ["art", "lounge"])
    assert [role["name"] for role in roles] == ["@everyone", "imagine", "Moderators"]
    assert (member["user"]["username"], len(member["roles"])) == ("mo", 1)
    assert [each["id"] for each in guilds] == [guild_id]


@pytest.mark.parametrize(
    "path", ["/applications/@me", "/oauth2/applications/@me", "/users/@me", "/gateway/bot", "/gateway"]
)
async def test_what_a_bot_asks_first_is_answered(rest, path):
    assert (await rest("GET", path))[0] == 200


async def test_typing_is_told_to_the_page(playground, rest):
    heard = []
    with playground.listening(heard.append):
        assert await rest("POST", f"/channels/{playground.channel_id('art')}/typing") == (204, None)
    assert {"type": "typing", "channel_id": playground.channel_id("art"), "user": "imagine"} in heard


async def test_waiting_for_what_does_not_come_times_out(playground):
    with pytest.raises(TimeoutError):
        await playground.wait_for(playground.messages, timeout=0.01)


async def test_the_world_has_the_same_ids_in_every_run(playground):
    keys = ("app_id", "guild_id", "people", "rooms", "roles")
    async with Playground.open() as second:
        first_facts, second_facts = playground.info(), second.info()
    assert [first_facts[key] for key in keys] == [second_facts[key] for key in keys]


async def test_what_comes_later_has_ids_of_its_own_time(playground):
    founded, said = int(playground.info()["guild_id"]) >> 22, int(playground.say("hello")["id"]) >> 22
    assert said > founded
