"""The panel of `/settings`, whose selects work after restarts and only for whoever may."""

import pytest
from desk import CALLBACK, FOLLOWUP, GUILD_ID, ORIGINAL, command_payload, form_payload
from panels import CHANNEL_SELECT, LATE, MANAGE_GUILD, ROLE_SELECT, custom_ids, panel_press, select_payload

from bot.store import audit, log_cursors, server_settings
from bot.store.server_settings import ServerSettings

EPHEMERAL, UPDATE, MODAL, DEFERRED_UPDATE = 64, 7, 9, 6


async def stored(world, guild_id=GUILD_ID):
    async with world.database.reading() as connection:
        return await server_settings.read(connection, guild_id)


async def deeds(world):
    async with world.database.reading() as connection:
        rows = await audit.after(connection, guild_id=GUILD_ID, after_id=0, count=100)
    return [(row.action, row.actor_id, row.named) for row in rows]


async def test_the_panel_shows_what_holds_and_only_to_the_moderator(world):
    data = (await world.answer(command_payload("settings"))).body["data"]
    assert data["flags"] == EPHEMERAL
    assert "Log channel: none" in data["content"]
    assert "Time zone: UTC" in data["content"]
    assert custom_ids(data["components"]) == [
        "settings:log",
        "settings:role",
        "settings:flagged",
        "settings:zone",
        "settings:zoneform",
        "settings:channels",
        "settings:models",
    ]


async def test_settings_are_for_those_who_manage_the_server_by_default(world):
    (command,) = [command for command in world.desk.commands if command["name"] == "settings"]
    assert command["default_member_permissions"] == str(MANAGE_GUILD)
    assert command["contexts"] == [0]


async def test_a_log_channel_is_chosen_by_writing_into_it(world):
    assert (await world.answer(select_payload("settings:log", ["77"], kind=CHANNEL_SELECT))).body == {
        "type": DEFERRED_UPDATE
    }
    (hello,) = world.desk.sent("POST", "/channels/77/messages")
    assert hello.body["content"].startswith("From now on I write here")
    assert (await stored(world)).log_channel_id == 77
    assert await deeds(world) == [("settings-changed", 1, {"name": "log-channel", "before": None, "after": "<#77>"})]
    (edit,) = world.desk.sent("PATCH", ORIGINAL)
    assert "Log channel: <#77>" in edit.body["content"]


async def test_the_log_begins_with_its_own_choice(world):
    await world.answer(select_payload("settings:log", ["77"], kind=CHANNEL_SELECT))
    await world.client.moderator_log.tell()
    _, log = world.desk.sent("POST", "/channels/77/messages")
    assert "changed the log channel from nothing to <#77>" in log.body["content"]


async def test_a_channel_that_the_bot_cannot_write_in_is_not_chosen(world):
    world.desk.fail("POST", "/channels/77/messages", 403, 50013)
    await world.answer(select_payload("settings:log", ["77"], kind=CHANNEL_SELECT))
    (followup,) = world.desk.sent("POST", FOLLOWUP)
    assert followup.body["content"].startswith("I may not write in <#77>.")
    assert (await stored(world)).log_channel_id is None
    assert await deeds(world) == []


async def test_a_channel_of_another_server_is_not_chosen(world):
    channel = {"id": "77", "type": 0, "name": "log", "position": 0, "permission_overwrites": []}
    world.client._connection._add_guild_from_data({"id": "8", "name": "another", "channels": [channel]})
    await world.answer(select_payload("settings:log", ["77"], kind=CHANNEL_SELECT))
    assert world.desk.sent("POST", "/channels/*") == []
    assert (await stored(world)).log_channel_id is None


async def test_an_empty_choice_takes_the_log_channel_back(world):
    await world.answer(select_payload("settings:log", ["77"], kind=CHANNEL_SELECT))
    await world.answer(select_payload("settings:log", [], kind=CHANNEL_SELECT, interaction_id=6))
    assert (await stored(world)).log_channel_id is None


async def test_a_log_channel_that_failed_is_forgiven_when_another_is_chosen(world):
    await world.answer(select_payload("settings:log", ["77"], kind=CHANNEL_SELECT))
    world.desk.fail("POST", "/channels/77/messages", 404, 10003)
    await world.client.moderator_log.tell()
    data = (await world.answer(command_payload("settings", interaction_id=6))).body["data"]
    assert "I could not write into the log channel the last time." in data["content"]
    await world.answer(select_payload("settings:log", ["78"], kind=CHANNEL_SELECT, interaction_id=7))
    data = (await world.answer(command_payload("settings", interaction_id=8))).body["data"]
    assert "I could not write" not in data["content"]
    await world.client.moderator_log.tell()
    assert "from <#77> to <#78>" in world.desk.sent("POST", "/channels/78/messages")[-1].body["content"]


async def test_a_moderators_role_is_chosen_and_audited(world):
    answer = (await world.answer(select_payload("settings:role", ["44"], kind=ROLE_SELECT))).body
    assert answer["type"] == UPDATE
    assert "Moderators' role: <@&44>" in answer["data"]["content"]
    assert (await stored(world)).moderators_role_id == 44
    assert (await deeds(world))[0][2] == {"name": "moderators-role", "before": None, "after": "<@&44>"}


async def test_everyone_is_no_moderators_role(world):
    answer = await world.answer(select_payload("settings:role", [str(GUILD_ID)], kind=ROLE_SELECT))
    assert answer.body["data"]["content"].startswith("Everybody has this role")
    assert (await stored(world)).moderators_role_id is None


@pytest.mark.parametrize("flagged", ["spoiler", "stand-in", "show"])
async def test_flagged_pictures_become_what_is_chosen(world, flagged):
    await world.answer(select_payload("settings:flagged", [flagged]))
    assert (await stored(world)).flagged == flagged


async def test_what_is_chosen_again_is_not_audited(world):
    await world.answer(select_payload("settings:flagged", ["spoiler"]))
    assert await deeds(world) == []


async def test_a_time_zone_is_chosen_from_the_common_ones(world):
    answer = (await world.answer(select_payload("settings:zone", ["Asia/Tokyo"]))).body
    assert (await stored(world)).time_zone == "Asia/Tokyo"
    (zone,) = [row["components"][0] for row in answer["data"]["components"] if "zone" in str(row)][:1]
    assert [option["value"] for option in zone["options"] if option.get("default")] == ["Asia/Tokyo"]


async def test_another_time_zone_is_typed_in_a_form_as_people_write_it(world):
    assert (await world.answer(panel_press("settings:zoneform"))).body["type"] == MODAL
    on_message = panel_press("settings:zoneform")["message"]
    payload = form_payload("settings-zone", {"zone": "america/argentina/buenos aires"}, on_message=on_message)
    answer = (await world.answer(payload)).body
    assert (await stored(world)).time_zone == "America/Argentina/Buenos_Aires"
    zones = next(row["components"][0] for row in answer["data"]["components"] if "settings:zone'" in str(row))
    assert len(zones["options"]) <= 25


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("Europe/Berlim", "I know no time zone Europe\\/Berlim. Nearest: Europe\\/Berlin"),
        ("xyzzy", "I know no time zone xyzzy."),
        ("../../etc/passwd", "I know no time zone"),
        ("Berlin", "I know no time zone Berlin. Nearest: Europe\\/Berlin"),
    ],
    ids=["misspelt", "unknown", "path", "city"],
)
async def test_a_time_zone_that_there_is_not_is_refused_with_the_nearest(world, typed, sentence):
    on_message = panel_press("settings:zoneform")["message"]
    answer = await world.answer(form_payload("settings-zone", {"zone": typed}, on_message=on_message))
    assert answer.body["data"]["content"].startswith(sentence)
    assert await stored(world) == ServerSettings()


async def test_an_old_panel_serves_only_those_who_manage_the_server(world):
    late = {"interaction_id": LATE}
    answer = await world.answer(select_payload("settings:flagged", ["show"], **late))
    assert answer.body["data"]["content"] == "This panel is old. Run the command again."
    assert (await stored(world)).flagged == "spoiler"
    late = {"interaction_id": LATE + 1, "permissions": MANAGE_GUILD}
    await world.answer(select_payload("settings:flagged", ["show"], **late))
    assert (await stored(world)).flagged == "show"


async def test_what_the_panel_does_not_know_gets_a_sentence(world):
    answer = await world.answer(select_payload("settings:gallery", ["1"]))
    assert "another version" in answer.body["data"]["content"]
    assert len(world.desk.sent("POST", CALLBACK)) == 1


async def test_a_second_servers_settings_are_its_own(tmp_path, monkeypatch):
    from bot_at_desk import bot_at_desk

    async with bot_at_desk(tmp_path, monkeypatch, servers=(GUILD_ID, 8)) as world:
        await world.answer(select_payload("settings:flagged", ["show"], guild_id=8))
        assert (await stored(world, 8)).flagged == "show"
        assert (await stored(world)).flagged == "spoiler"
        async with world.database.reading() as connection:
            assert not await log_cursors.is_failing(connection, 8)
