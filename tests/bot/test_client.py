import asyncio

import aiohttp
import discord
import pytest
import yarl
from bot_at_desk import bot_at_desk, remember_base
from desk import (
    ANN_ID,
    BEN_ID,
    CALLBACK,
    CHANNEL_ID,
    GUILD_ID,
    Desk,
    command_payload,
    form_payload,
    message,
    press_payload,
    user,
)
from rows import cancelled

from bot.client import use_api
from bot.commands import all_commands
from bot.files import FileGone
from bot.settings import Settings
from bot.store import messages
from bot.sync import sync_if_changed

EPHEMERAL = 64
SYNC = "/applications/1000/commands"


def guild(guild_id):
    return {
        "id": str(guild_id),
        "name": "a server",
        "owner_id": "3",
        "channels": [
            {
                "id": str(guild_id + 1),
                "type": 0,
                "name": "rules",
                "position": 0,
                "permission_overwrites": [{"id": str(guild_id), "type": 0, "allow": "0", "deny": str(0x800)}],
            },
            {"id": str(guild_id + 2), "type": 0, "name": "talk", "position": 1, "permission_overwrites": []},
        ],
        "roles": [
            {
                "id": str(guild_id),
                "name": "@everyone",
                "permissions": str(0x400 | 0x800),
                "position": 0,
                "color": 0,
                "hoist": False,
                "managed": False,
                "mentionable": False,
                "flags": 0,
            }
        ],
        "members": [
            {
                "user": user(1000, bot=True),
                "roles": [],
                "joined_at": "2026-01-01T00:00:00+00:00",
                "deaf": False,
                "mute": False,
                "flags": 0,
            }
        ],
        "system_channel_id": None,
        "preferred_locale": "en-US",
        "member_count": 1,
        "large": False,
        "features": [],
        "emojis": [],
        "stickers": [],
        "threads": [],
        "premium_tier": 0,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "nsfw_level": 0,
        "mfa_level": 0,
        "afk_timeout": 60,
        "system_channel_flags": 0,
    }


def join(world, guild_id):
    world.client._connection._add_guild_from_data(guild(guild_id))


# the commands that Discord has


async def test_a_first_start_tells_discord_all_commands(world):
    assert [command["name"] for command in world.desk.commands] == [
        "imagine",
        "history",
        "quota",
        "models",
        "help",
        "mydata",
        "limits",
        "filter",
        "settings",
        "moderate",
        "line",
        "Moderate",
        "Report",
    ]


async def test_unchanged_commands_are_not_sent_again(world):
    assert not await sync_if_changed(world.client.tree)
    assert len(world.desk.sent("PUT", SYNC)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda commands: commands[0].update(description="Something else."),
        lambda commands: commands[0]["options"][2].update(max_value=16),
        lambda commands: commands[0]["options"][9]["choices"][0].update(name="square"),
        lambda commands: commands[0].update(contexts=[0, 1]),
        lambda commands: commands[6].update(default_member_permissions="8"),
        lambda commands: commands.append({**commands[0], "id": "99", "name": "forgotten"}),
        lambda commands: commands.pop(),
    ],
    ids=["description", "range", "choice", "contexts", "permissions", "surplus", "missing"],
)
async def test_commands_that_differ_are_sent(world, change):
    change(world.desk.commands)
    assert await sync_if_changed(world.client.tree)
    assert len(world.desk.sent("PUT", SYNC)) == 2


async def test_commands_are_for_servers_only(world):
    assert {tuple(command["contexts"]) for command in world.desk.commands} == {(0,)}
    assert {tuple(command["integration_types"]) for command in world.desk.commands} == {(0,)}


async def test_settings_open_direct_messages_and_user_installs_but_not_limits(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, allow_dms=True, allow_user_installs=True) as world:
        shown = {
            command["name"]: (command["contexts"], command["integration_types"]) for command in world.desk.commands
        }
    assert shown["imagine"] == ([0, 1, 2], [0, 1])
    assert shown["limits"] == ([0], [0])


async def test_limits_are_for_those_who_manage_the_server_by_default(world):
    assert world.desk.commands[6]["default_member_permissions"] == str(discord.Permissions(manage_guild=True).value)


async def test_the_options_of_imagine_stand_in_the_products_order(world):
    assert [option["name"] for option in world.desk.commands[0]["options"]] == [
        "prompt", "aspect", "images", "negative_prompt", "model", "lora", "seed", "steps", "guidance", "sampler",
        "width", "height",
    ]  # fmt: skip


def test_every_command_fits_discords_limits():
    tree = discord.app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))

    def texts(payload):
        yield payload["name"]
        yield from [payload["description"]] if payload["type"] == 1 else []
        for choice in payload.get("choices", []):
            yield choice["name"]
        for option in payload.get("options", []):
            yield from texts(option)

    for command in all_commands(Settings.of()):
        payload = command.to_dict(tree)
        assert all(1 <= len(text) <= 100 for text in texts(payload))
        assert sum(map(len, texts(payload))) <= 8000


# the base of everything that is sent


@pytest.mark.parametrize("ending", ["", "/"])
async def test_another_api_replaces_discords_rest_and_gateway(monkeypatch, ending):
    remember_base(monkeypatch)
    async with Desk.open() as desk:
        await use_api(desk.url + ending, "token")
        assert desk.url == discord.http.Route.BASE
        assert discord.http.Route("GET", "/users/@me").url == f"{desk.url}/users/@me"
        assert str(discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY).startswith("ws://127.0.0.1")


async def test_another_api_that_stumbles_is_asked_again(monkeypatch):
    remember_base(monkeypatch)
    monkeypatch.setattr("bot.client.RETRY_AFTER_S", (0.0, 0.0))
    async with Desk.open() as desk:
        desk.fail("GET", "/gateway", 500, 0)
        desk.fail("GET", "/gateway", 429, 0)
        await use_api(desk.url, "token")
    assert len(desk.sent("GET", "/gateway")) == 3


@pytest.mark.parametrize("answer", [{}, [], "gateway", {"url": 4}], ids=["empty", "list", "text", "number"])
async def test_a_base_that_names_no_gateway_is_no_discord(monkeypatch, answer):
    remember_base(monkeypatch)
    async with Desk.open() as desk:
        monkeypatch.setattr(desk, "_reply", lambda *_: (200, answer))
        with pytest.raises(aiohttp.ClientError, match="gateway"):
            await use_api(desk.url, "token")
    assert desk.url != discord.http.Route.BASE


async def test_an_invalid_session_dials_the_gateway_of_the_other_api(monkeypatch):
    remember_base(monkeypatch)
    dialled = []

    class Http:
        async def ws_connect(self, url, compress=0):
            dialled.append(yarl.URL(url))
            raise OSError

    async with Desk.open() as desk:
        await use_api(desk.url, "token")
    client = discord.AutoShardedClient(intents=discord.Intents.none())
    client.http = Http()
    with pytest.raises(OSError, match=r"^$"):
        await discord.gateway.DiscordWebSocket.from_client(client, gateway=None)
    assert [url.host for url in dialled] == ["127.0.0.1"]


# the one wrapper


async def answer(world, payload):
    return (await world.answer(payload)).body


async def test_a_refusal_is_a_sentence_to_the_member_alone(world):
    body = await answer(world, command_payload("imagine", [{"type": 3, "name": "prompt", "value": "   "}]))
    assert body["data"]["content"] == "The prompt is empty: say what to draw."
    assert body["data"]["flags"] == EPHEMERAL


async def test_what_is_our_fault_gives_an_id_that_the_log_has_too(world, monkeypatch, caplog):
    async def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("bot.commands.imagine.accept", broken)
    with structlog_records() as records:
        body = await answer(world, command_payload("imagine", [{"type": 3, "name": "prompt", "value": "x"}]))
    (record,) = [record for record in records if record["event"] == "interaction_broke"]
    assert record["error_id"] in body["data"]["content"]
    assert isinstance(record["exc_info"], ZeroDivisionError)
    assert body["data"]["flags"] == EPHEMERAL


def structlog_records():
    import structlog.testing

    return structlog.testing.capture_logs()


@pytest.mark.parametrize(
    "payload",
    [
        press_payload("reroll:1"),
        form_payload("edit-form:1", {"prompt": "x"}),
        command_payload("imagine", [{"type": 3, "name": "prompt", "value": "x"}]),
    ],
    ids=["button", "form", "command"],
)
async def test_every_road_has_the_wrapper(world, monkeypatch, payload):
    await world.row()

    async def broken(*_, **__):
        raise ZeroDivisionError

    for module in ("bot.buttons", "bot.forms", "bot.commands.imagine"):
        monkeypatch.setattr(f"{module}.accept", broken)
    body = await answer(world, payload)
    assert body["data"]["content"].startswith("Something broke on our side.")
    assert body["data"]["flags"] == EPHEMERAL


async def test_a_command_that_discord_remembers_but_the_bot_does_not_gets_a_sentence(world):
    body = await answer(world, command_payload("upscale"))
    assert "older version of this command" in body["data"]["content"]


async def test_a_press_of_an_unknown_button_gets_a_sentence(world):
    body = await answer(world, press_payload("upscale:1"))
    assert body["data"]["content"] == "This button is from another version of the bot."


async def test_an_unknown_form_gets_a_sentence(world):
    body = await answer(world, form_payload("tweak-form:1", {"prompt": "x"}))
    assert "another version of the bot" in body["data"]["content"]


async def test_a_form_that_an_earlier_process_opened_is_taken_once(world):
    row = await world.row()
    await answer(world, form_payload(f"edit-form:{row.id}", {"prompt": "a blue heart", "seed": "4181"}))
    assert [(request.prompt, kind, parent) for request, kind, parent in world.accepted.calls] == [
        ("a blue heart", "edit", row.id)
    ]


async def test_a_form_that_this_process_opened_is_taken_once(world):
    row = await world.row()
    await answer(world, press_payload(f"edit:{row.id}"))
    await answer(world, form_payload(f"edit-form:{row.id}", {"prompt": "a blue heart"}))
    assert len(world.accepted.calls) == 1
    assert not world.client._connection._view_store._modals


async def test_a_dead_interaction_is_only_logged(world):
    world.desk.fail("POST", CALLBACK, 404, 10062)
    with structlog_records() as records:
        world.send(command_payload("imagine", [{"type": 3, "name": "prompt", "value": "x"}]))
        await world.settled()
    assert [record["event"] for record in records] == ["interaction_dead"]
    assert len(world.desk.sent("POST", "*")) == 1


# what is served


async def test_a_foreign_server_gets_one_sentence(world):
    body = await answer(world, command_payload("quota", guild_id=99))
    assert body["data"]["content"].startswith("This bot draws in other servers only.")
    assert body["data"]["flags"] == EPHEMERAL


@pytest.mark.parametrize(
    "payload",
    [press_payload("reroll:1", guild_id=99), form_payload("edit-form:1", {}, guild_id=99)],
    ids=["button", "form"],
)
async def test_a_foreign_server_is_refused_on_every_road(world, payload):
    await world.row()
    body = await answer(world, payload)
    assert body["data"]["content"].startswith("This bot draws in other servers only.")


async def test_direct_messages_are_off(world):
    body = await answer(world, command_payload("quota", guild_id=None))
    assert "not in direct messages" in body["data"]["content"]


async def test_a_setting_turns_direct_messages_on(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, allow_dms=True) as world:
        body = await answer(world, command_payload("quota", guild_id=None))
    assert "pictures left today" in body["data"]["content"]


async def test_a_setting_turns_user_installs_on_anywhere(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, allow_user_installs=True) as world:
        payload = command_payload("quota", guild_id=99, authorizing_integration_owners={"1": str(ANN_ID)})
        body = await answer(world, payload)
        refused = await answer(world, command_payload("quota", guild_id=99, user_id=BEN_ID, interaction_id=6))
    assert "pictures left today" in body["data"]["content"]
    assert "other servers" in refused["data"]["content"]


async def test_a_foreign_server_is_told_and_left(world):
    join(world, GUILD_ID)
    join(world, 500)
    await world.client.on_ready()
    (farewell,) = world.desk.sent("POST", "/channels/*/messages")
    assert farewell.path == "/channels/502/messages"
    assert "so it leaves" in farewell.body["content"]
    assert [call.path for call in world.desk.sent("DELETE", "/users/@me/guilds/*")] == ["/users/@me/guilds/500"]


async def test_a_foreign_server_is_told_once_whatever_happens_while_the_bot_leaves(world):
    join(world, 500)
    await asyncio.gather(world.client.on_ready(), world.client.on_guild_join(world.client.guilds[0]))
    assert len(world.desk.sent("POST", "/channels/*/messages")) == 1


async def test_once_the_servers_are_known_nothing_is_drawn_for_others(world):
    join(world, GUILD_ID)
    await world.client.on_ready()
    assert world.studio.done == [("withdraw_other_guilds", [GUILD_ID])]


async def test_where_members_install_the_bot_themselves_it_draws_in_servers_that_it_is_not_in(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, allow_user_installs=True) as world:
        await world.client.on_ready()
        assert world.studio.done == []


async def test_the_only_server_is_adopted_and_stays_so_after_a_restart(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, servers=()) as world:
        join(world, 500)
        await world.client.on_ready()
    async with bot_at_desk(tmp_path, monkeypatch, servers=()) as world:
        join(world, 500)
        join(world, 600)
        await world.client.on_ready()
        assert [call.path for call in world.desk.sent("DELETE", "/users/@me/guilds/*")] == ["/users/@me/guilds/600"]


async def test_the_first_server_that_adds_the_bot_is_adopted(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, servers=()) as world:
        await world.client.on_ready()
        join(world, 500)
        await world.client.on_guild_join(world.client.guilds[0])
        join(world, 600)
        await world.client.on_guild_join(world.client.guilds[1])
        assert [call.path for call in world.desk.sent("DELETE", "/users/@me/guilds/*")] == ["/users/@me/guilds/600"]


async def test_found_in_several_servers_it_leaves_none_serves_none_and_asks_for_the_setting(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, servers=()) as world:
        join(world, 500)
        join(world, 600)
        with structlog_records() as records:
            await world.client.on_ready()
        assert "SERVERS" in records[-1]["sentence"]
        assert not world.desk.sent("DELETE", "*")
        body = await answer(world, command_payload("quota", guild_id=500))
        assert "other servers" in body["data"]["content"]


async def test_an_interaction_may_come_before_the_only_server_was_adopted(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, servers=()) as world:
        join(world, GUILD_ID)
        body = await answer(world, command_payload("quota"))
    assert "pictures left today" in body["data"]["content"]


# what is gone


async def test_leaving_a_server_withdraws_its_requests(world):
    join(world, GUILD_ID)
    world.client._connection.parse_guild_delete({"id": str(GUILD_ID)})
    await world.settled()
    assert world.studio.done == [("withdraw_guild", GUILD_ID)]


async def left(world):
    async with world.database.reading() as connection:
        rows = await connection.execute_fetchall("SELECT guild_id FROM left_servers ORDER BY guild_id")
        return [row["guild_id"] for row in rows]


async def test_that_a_server_was_left_is_noted_until_it_has_the_bot_back(world):
    join(world, GUILD_ID)
    world.client._connection.parse_guild_delete({"id": str(GUILD_ID)})
    await world.settled()
    assert await left(world) == [GUILD_ID]
    join(world, GUILD_ID)
    await world.client.on_guild_join(world.client.guilds[0])
    assert await left(world) == []


async def test_a_start_notes_which_servers_it_is_in_no_more(world):
    await world.row(guild_id=8)
    await world.row(guild_id=GUILD_ID)
    join(world, GUILD_ID)
    await world.client.on_ready()
    assert await left(world) == [8]


async def test_where_members_install_the_bot_themselves_no_server_is_taken_for_left(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, allow_user_installs=True) as world:
        await world.row(guild_id=8)
        await world.client.on_ready()
        assert await left(world) == []


async def test_an_outage_withdraws_nothing(world):
    join(world, GUILD_ID)
    heard = asyncio.Event()

    async def hear(guild):
        heard.set()

    world.client.add_listener(hear, "on_guild_unavailable")
    world.client._connection.parse_guild_delete({"id": str(GUILD_ID), "unavailable": True})
    await heard.wait()
    await world.settled()
    assert world.studio.done == []


async def test_deleting_a_channel_withdraws_its_requests(world):
    join(world, GUILD_ID)
    world.client._connection.parse_channel_delete({"id": str(GUILD_ID + 1), "guild_id": str(GUILD_ID), "type": 0})
    await world.settled()
    assert world.studio.done == [("withdraw_channel", GUILD_ID + 1)]


async def test_deleting_a_thread_that_discord_py_does_not_know_withdraws_its_requests(world):
    join(world, GUILD_ID)
    world.client._connection.parse_thread_delete(
        {"id": "77", "guild_id": str(GUILD_ID), "parent_id": str(CHANNEL_ID), "type": 11}
    )
    await world.settled()
    assert world.studio.done == [("withdraw_channel", 77)]


async def test_deleting_a_message_withdraws_its_request_at_once(world):
    join(world, GUILD_ID)
    await shown(world, 900)
    await shown(world, 901)
    deleted = {"id": "901", "channel_id": str(CHANNEL_ID), "guild_id": str(GUILD_ID)}
    world.client._connection.parse_message_delete(deleted)
    await world.settled()
    assert world.studio.done == [("withdraw_message", 2)]


async def test_deleting_many_messages_withdraws_their_requests(world):
    join(world, GUILD_ID)
    for message_id in (900, 901, 902):
        await shown(world, message_id)
    deleted = {"ids": ["900", "7", "902"], "channel_id": str(CHANNEL_ID), "guild_id": str(GUILD_ID)}
    world.client._connection.parse_message_delete_bulk(deleted)
    await world.settled()
    assert sorted(world.studio.done) == [("withdraw_message", 1), ("withdraw_message", 3)]


async def test_deleting_a_message_of_a_request_that_has_ended_withdraws_nothing(world):
    join(world, GUILD_ID)
    row = await shown(world, 900)
    await cancelled(world.database, row.id, "cancelled-by-owner")
    world.client._connection.parse_message_delete(
        {"id": "900", "channel_id": str(CHANNEL_ID), "guild_id": str(GUILD_ID)}
    )
    await world.settled()
    assert world.studio.done == []


async def test_no_bytes_of_a_deleted_message_are_kept(world):
    join(world, GUILD_ID)
    files, kept = world.client.files, {}
    for message_id in (900, 901):
        row = await shown(world, message_id)
        data = str(message_id).encode()
        kept[message_id] = await files.put(data, kind="result", request_id=row.id, keep_until=2**40)
    await cancelled(world.database, 1, "cancelled-by-owner")
    world.client._connection.parse_message_delete(
        {"id": "900", "channel_id": str(CHANNEL_ID), "guild_id": str(GUILD_ID)}
    )
    await world.settled()
    assert await files.read(kept[901]) == b"901"
    with pytest.raises(FileGone):
        await files.read(kept[900])


async def shown(world, message_id):
    row = await world.row()
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, row.id, message_id=message_id)
    return row


def test_no_intent_is_privileged(world):
    intents = world.client.intents
    assert {name for name, is_on in intents if is_on} == {"guilds", "guild_messages"}


async def test_messages_are_neither_kept_nor_answered(world):
    join(world, GUILD_ID)
    said = message(5, content="!imagine <@1000> imagine") | {
        "guild_id": str(GUILD_ID),
        "channel_id": str(GUILD_ID + 2),
        "author": user(ANN_ID),
        "mentions": [user(1000, bot=True)],
    }
    before = len(world.desk.calls)
    world.client._connection.parse_message_create(said)
    await world.settled()
    assert list(world.client.cached_messages) == []
    assert len(world.desk.calls) == before


async def test_nothing_pings_unless_it_says_so(world):
    assert world.client.allowed_mentions.to_dict() == {"parse": []}
