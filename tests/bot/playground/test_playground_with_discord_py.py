"""discord.py, unchanged, over real sockets."""

import base64

import discord
import pytest

from bot.playground import NotPossible


async def test_a_command_is_answered_with_pictures_that_the_cdn_serves(playground, bot, session, png):
    result = await playground.command("imagine", {"prompt": "a red heart", "images": 2})

    assert (result["state"], result["kind"]) == ("done", 4)
    assert result["message"]["content"] == "**a red heart**"
    attachments = result["message"]["attachments"]
    assert [(each["filename"], each["width"], each["height"]) for each in attachments] == [
        ("heart-0.png", 16, 8),
        ("heart-1.png", 16, 8),
    ]
    async with session.get(playground.url + attachments[0]["url"]) as response:
        assert (response.content_type, await response.read()) == ("image/png", png)


async def test_discord_pys_bodies_follow_discords_document(playground, bot, document):
    result = await playground.command("imagine", {"prompt": "a red heart", "images": 2})
    await playground.click(result["message"]["id"], "edit:1")

    assert playground.spec_errors == []


async def test_an_attachment_option_can_be_read_by_the_bot(playground, bot):
    file = {"filename": "start.png", "b64": base64.b64encode(b"12345").decode()}

    result = await playground.command("imagine", {"prompt": "a red heart", "start": file})

    assert result["message"]["content"] == "**a red heart** from 5 bytes"


@pytest.mark.parametrize(("channel", "kind"), [("@dm", discord.DMChannel), ("sketches", discord.Thread)])
async def test_a_command_works_in_direct_messages_and_threads(playground, bot, channel, kind):
    playground.add_thread("sketches")

    result = await playground.command("imagine", {"prompt": "a red heart"}, channel=channel)

    assert result["state"] == "done"
    assert isinstance(bot.interaction.channel, kind)


async def test_a_members_language_is_told(playground, bot):
    playground.add_member("mei", locale="zh-CN")

    await playground.command("imagine", {"prompt": "a red heart"}, user="mei")

    assert bot.interaction.locale is discord.Locale.chinese


async def test_the_bot_hears_of_servers_channels_and_threads_that_come_and_go(playground, bot):
    guild_id = int(playground.add_server("Other", channels=("elsewhere",)))
    thread_id = int(playground.add_thread("sketches"))
    art = bot.get_channel(int(playground.channel_id("art")))
    playground.delete_channel("lounge")
    await playground.command("imagine", {"prompt": "a red heart"})

    assert bot.get_guild(guild_id).text_channels[0].name == "elsewhere"
    assert [channel.name for channel in art.guild.text_channels] == ["art"]
    assert art.guild.get_thread(thread_id).parent is art
    await bot.get_guild(guild_id).leave()
    await playground.command("imagine", {"prompt": "a red heart"})
    assert bot.get_guild(guild_id) is None


async def test_a_wrong_token_is_refused(playground, new_bot, monkeypatch):
    monkeypatch.setattr(discord.http.Route, "BASE", playground.api_url)
    async with new_bot() as bot:
        with pytest.raises(discord.LoginFailure):
            await bot.login("wrong")


async def test_a_button_updates_its_message(playground, bot):
    message = (await playground.command("imagine", {"prompt": "a red heart"}))["message"]

    result = await playground.click(message["id"], "again:1", user="ben")

    assert (result["kind"], result["message"]["content"]) == (7, "again 1")
    assert result["message"]["attachments"] == message["attachments"]


async def test_a_button_works_after_the_bot_was_restarted(playground, revive):
    async with revive():
        message = (await playground.command("imagine", {"prompt": "a red heart"}))["message"]
    async with revive():
        result = await playground.click(message["id"], "again:1")

    assert result["message"]["content"] == "again 1"


async def test_a_select_tells_what_was_chosen(playground, bot):
    message = (await playground.command("imagine", {"prompt": "a red heart"}))["message"]

    result = await playground.select(message["id"], "style:1", ["ink"])

    assert (result["message"]["content"], result["ephemeral"]) == ("style ink", True)


@pytest.mark.parametrize(
    ("custom_id", "values", "said"),
    [
        ("person:1", ["mo"], "mo 2"),
        ("role:1", ["Moderators"], "Moderators"),
        ("thing:1", ["Moderators", "ben"], "Member Role"),
        ("place:1", ["lounge"], "lounge True"),
        ("place:1", ["news"], "news False"),
    ],
    ids=["a member", "a role", "a role and a member", "a channel", "a channel to read only"],
)
async def test_a_select_of_members_roles_or_channels_tells_all_about_them(playground, bot, custom_id, values, said):
    playground.add_channel("news")
    playground.overwrite("news", "@everyone", deny="send_messages")
    message = (await playground.command("choose"))["message"]

    result = await playground.select(message["id"], custom_id, values)

    assert result["message"]["content"] == said


@pytest.mark.parametrize(
    ("custom_id", "values", "why"),
    [
        ("person:1", ["zoe"], "no user zoe"),
        ("person:1", ["stranger"], "no member"),
        ("person:1", ["ann", "ben"], "between 1 and 1"),
        ("role:1", ["Nobody"], "no role"),
        ("place:1", ["showcase"], "no channel showcase"),
        ("place:1", ["attic"], "no channel attic"),
    ],
    ids=["nobody", "somebody of another server", "two", "no role", "a forum among text channels", "another server's"],
)
async def test_what_discords_client_does_not_offer_cannot_be_chosen(playground, bot, custom_id, values, why):
    playground.add_channel("showcase", is_forum=True)
    playground.add_server("Elsewhere", members=(), channels=("attic",))
    playground.add_member("stranger", server="Elsewhere")
    message = (await playground.command("choose"))["message"]

    with pytest.raises(NotPossible, match=why):
        await playground.select(message["id"], custom_id, values)


async def test_a_form_with_selects_tells_what_was_chosen(playground, bot):
    form = await playground.command("form", user="mo")
    result = await playground.modal(form["token"], {"role": ["Moderators"], "place": ["lounge"]})

    assert result["message"]["content"] == "Moderators lounge"


async def test_a_forms_optional_select_may_be_left_out(playground, bot):
    form = await playground.command("form")
    result = await playground.modal(form["token"], {"place": ["lounge"]})

    assert result["message"]["content"] == "lounge"


async def test_a_command_of_a_messages_menu_gets_the_message(playground, bot):
    said = playground.say("a red heart", channel="lounge")

    result = await playground.menu("Start from this", said["id"], user="ben")

    answer = result["message"]
    assert (answer["content"], answer["type"], answer["cmd"]) == ("a red heart in lounge", 23, "Start from this")
    assert answer["interaction_metadata"]["target_message_id"] == said["id"]


async def test_an_option_is_completed_while_it_is_typed(playground, bot):
    result = await playground.autocomplete("models", "model", {"model": "e", "steps": 12})

    assert (result["state"], result["kind"]) == ("done", 8)
    assert result["choices"] == [
        {"name": "Emoji (12 steps)", "value": "emoji"},
        {"name": "Euclid (12 steps)", "value": "euclid"},
    ]


async def test_a_modal_is_opened_filled_in_and_submitted(playground, bot):
    message = (await playground.command("imagine", {"prompt": "a red heart"}))["message"]

    opened = await playground.click(message["id"], "edit:1")
    submitted = await playground.modal(opened["token"], {"prompt": "a blue heart"})

    assert opened["modal"]["title"] == "Edit"
    assert submitted["message"]["content"] == "edited to a blue heart"


async def test_a_deferred_answer_is_loading_until_it_is_edited(playground, bot):
    waiting = await playground.command("slow", wait=0)
    loading = await playground.wait_for(playground.messages)
    bot.hold.set()

    done = await playground.wait_for(lambda: [each for each in playground.messages() if each["content"]])

    assert (waiting["state"], loading[0]["flags"] & 128) == ("pending", 128)
    assert (done[0]["content"], done[0]["flags"] & 128) == ("finished", 0)


async def test_an_unanswered_command_fails_after_the_deadline(playground, bot):
    playground.limits.deadline_s = 0.05

    result = await playground.command("silent")

    assert result["state"] == "failed: application did not respond"
    with pytest.raises(discord.NotFound) as caught:
        await bot.interaction.response.send_message("too late")
    assert caught.value.code == 10062


async def test_a_moderators_command_is_hidden_from_members(playground, bot):
    with pytest.raises(NotPossible, match="you do not have the permission"):
        await playground.command("limits set", {"limit": "steps", "value": 20})

    result = await playground.command("limits set", {"limit": "steps", "value": 20, "member": "ben"}, user="mo")
    assert result["message"]["content"] == "steps 20 ben"


@pytest.mark.parametrize(
    ("how", "event"), [("reconnect", "RESUMED"), ("drop", "RESUMED"), ("cut", "RESUMED"), ("invalid", "READY")]
)
async def test_the_bot_comes_back_after_the_gateway_was_disturbed(playground, bot, how, event, monkeypatch):
    monkeypatch.setattr(bot, "before_identify_hook", _at_once)
    sessions = await playground.gateway(how)
    await playground.wait_for(lambda: not playground.is_connected)
    bot.seen.clear()
    await playground.wait_for(lambda: playground.is_connected, 30)

    result = await playground.command("imagine", {"prompt": "a red heart"})

    assert (sessions, result["state"]) == (1, "done")
    assert bot.seen[0] == event


async def _at_once(_shard_id, *, initial):
    """Instead of waiting five seconds before identifying again."""
