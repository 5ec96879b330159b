"""The menus of a message: Moderate for moderators, Report for everybody."""

import time

import discord
import pytest
from bot_at_desk import bot_at_desk
from desk import ANN_ID, BEN_ID, CHANNEL_ID, FOLLOWUP, GUILD_ID, form_payload
from panels import EPHEMERAL, LATE, MANAGE_MESSAGES, custom_ids, menu_payload, panel_press

from bot.files import FileGone
from bot.store import audit, blocks, messages, outcomes, requests, server_settings
from bot.store.server_settings import ServerSettings
from engine import Variant

MODAL = 9
MO_ID, LOG_ID = 4, 77
MODERATE_MEMBERS = discord.Permissions(moderate_members=True).value


@pytest.fixture
async def row(world):
    return await shown(world, 900)


async def shown(world, message_id, **changes):
    row = await world.row(**changes)
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, row.id, message_id=message_id)
        return await requests.fetch(connection, row.id)


async def moderate(world, message_id=900, **more):
    call = await world.answer(menu_payload("Moderate", message_id, **{"user_id": MO_ID, **more}))
    assert call.body["data"]["flags"] == EPHEMERAL
    return call


async def press(world, custom_id, **more):
    call = await world.answer(panel_press(custom_id, **{"user_id": MO_ID, "interaction_id": 6, **more}))
    assert call.body["data"]["flags"] == EPHEMERAL
    return call.body["data"]["content"]


async def written(world):
    async with world.database.reading() as connection:
        rows = await audit.after(connection, guild_id=GUILD_ID, after_id=0, count=100)
    return [(row.action, row.actor_id, row.user_id, row.request_id) for row in rows]


async def held(world):
    async with world.database.reading() as connection:
        return await blocks.holding(connection, user_id=ANN_ID, now=time.time())


# Moderate


async def test_a_moderator_sees_who_asked_for_what_as_typed_and_as_encoded(world):
    row = await shown(
        world,
        900,
        prompt="{a|b} cat",
        typed_prompt="{a|b} cat --seed 7",
        num_images=2,
        variants=(Variant("a cat", 7), Variant("b cat", 7)),
    )
    call = await moderate(world)
    content = call.body["data"]["content"]
    assert f"Asked for by <@{ANN_ID}>" in content
    assert f"#{row.short_id}" in content
    assert "As typed: {a\\|b} cat --seed 7" in content
    assert "As encoded: a cat | b cat" in content
    assert "Negative prompt: blur" in content
    assert custom_ids(call.body["data"]["components"]) == [
        f"{act}:{row.id}" for act in ("moddelete", "modhour", "modday", "modgood", "modwithdraw")
    ]


async def test_what_is_encoded_has_neither_brackets_nor_weights_but_the_names_of_loras(world):
    await shown(world, 900, prompt="(nu)(de:1.2) [heart] <lora:ink:0.5>")
    assert "As encoded: nude heart | ink" in (await moderate(world)).body["data"]["content"]


async def test_words_that_are_too_long_come_whole_in_a_file(world):
    row = await shown(world, 900, prompt="heart " * 400)
    call = await moderate(world)
    (data,) = call.files.values()
    assert row.prompt.encode() in data
    assert len(call.body["data"]["content"]) <= 2000


@pytest.mark.parametrize("message_id", [901, 902], ids=["no-request", "of-another-server"])
async def test_a_message_that_is_no_request_of_this_server_gets_a_sentence(world, row, message_id):
    await shown(world, 902, guild_id=8)
    call = await moderate(world, message_id)
    assert call.body["data"]["content"] == "This message shows no request of mine."


async def test_delete_takes_the_message_away_and_withdraws_and_is_audited(world, row):
    assert await press(world, f"moddelete:{row.id}") == f"#{row.short_id} is deleted."
    assert [call.path for call in world.desk.sent("DELETE", "*")] == [f"/channels/{CHANNEL_ID}/messages/900"]
    assert world.studio.done == [("withdraw_message", row.id)]
    assert await written(world) == [("deleted", MO_ID, ANN_ID, row.id)]
    assert await held(world) == []


async def test_a_message_that_is_gone_is_deleted_with_what_was_kept_of_its_pictures(world, row):
    files = world.client.files
    sha256 = await files.put(b"picture", kind="result", request_id=row.id, keep_until=time.time() + 3600)
    world.desk.fail("DELETE", "*", 404, 10008)
    assert await press(world, f"moddelete:{row.id}") == f"#{row.short_id} is deleted."
    with pytest.raises(FileGone):
        await files.read(sha256)


async def test_a_message_out_of_reach_is_said_to_be_and_audited(world, row):
    world.desk.fail("DELETE", "*", 403, 50001)
    assert await press(world, f"moddelete:{row.id}") == "I can no longer reach that message: I may not see its channel."
    assert await written(world) == [("delete-failed", MO_ID, ANN_ID, row.id)]


async def test_what_is_deleted_twice_is_audited_once(world, row):
    for act in ("moddelete", "modhour"):
        assert (await press(world, f"{act}:{row.id}")).startswith(f"#{row.short_id} is deleted.")
    assert [action for action, *_ in await written(world)].count("deleted") == 1


@pytest.mark.parametrize(
    ("act", "seconds"), [("modhour", 3600), ("modday", 86400), ("modgood", None)], ids=["hour", "day", "good"]
)
async def test_delete_and_block_does_both(world, row, act, seconds):
    content = await press(world, f"{act}:{row.id}")
    assert content.startswith(f"#{row.short_id} is deleted. <@{ANN_ID}> may not draw here")
    (block,) = await held(world)
    assert (block.guild_id, block.kind) == (GUILD_ID, "moderator")
    assert (block.until is None) == (seconds is None)
    if seconds is not None:
        assert seconds - 60 < block.until - time.time() <= seconds
    assert len(world.desk.sent("DELETE", "*")) == 1
    assert [action for action, *_ in await written(world)] == ["block", "withdrawn", "deleted"]


async def test_a_message_out_of_reach_keeps_nobody_from_being_blocked(world, row):
    world.desk.fail("DELETE", "*", 403, 50001)
    content = await press(world, f"modgood:{row.id}")
    assert content.startswith("I can no longer reach that message")
    assert f"<@{ANN_ID}> may not draw here any more." in content
    assert len(await held(world)) == 1
    assert "deleted" not in [action for action, *_ in await written(world)]


async def test_withdraw_waiting_takes_all_that_waits_of_the_member_here(world, row):
    second = await world.row()
    await world.row(guild_id=8)
    await world.row(user_id=BEN_ID)
    assert await press(world, f"modwithdraw:{row.id}") == f"2 requests of <@{ANN_ID}> were withdrawn."
    assert world.studio.done == [("withdraw", [row.id, second.id], "cancelled-by-moderator")]
    assert await written(world) == [("withdrawn", MO_ID, ANN_ID, each.id) for each in (row, second)]


async def test_what_is_being_drawn_is_ended_as_by_cancel(world, row):
    world.studio.running = {row.id}
    assert await press(world, f"modwithdraw:{row.id}") == f"One request of <@{ANN_ID}> was withdrawn."
    assert world.studio.done[-1] == ("cancel", row.id, "cancelled-by-moderator")


async def test_what_is_about_to_be_shown_is_not_counted_as_withdrawn(world, row):
    world.studio.running, world.studio.can_cancel = {row.id}, False
    assert await press(world, f"modwithdraw:{row.id}") == f"Nothing of <@{ANN_ID}> waits here."
    assert await written(world) == []


async def test_withdrawing_where_nothing_waits_is_no_deed(world, row):
    async with world.database.transaction() as connection:
        await outcomes.end(connection, row.id, state="done", reason=None, charged=1, flagged=0, now=1.0)
    assert await press(world, f"modwithdraw:{row.id}") == f"Nothing of <@{ANN_ID}> waits here."
    assert await written(world) == []


ACTS = ("moddelete", "modgood", "modwithdraw", "moddetails")


@pytest.mark.parametrize("act", ACTS)
async def test_no_moderator_touches_another_servers_request(tmp_path, monkeypatch, act):
    async with bot_at_desk(tmp_path, monkeypatch, servers=(GUILD_ID, 8)) as world:
        row = await shown(world, 900)
        content = await press(world, f"{act}:{row.id}", guild_id=8)
        assert content == "I know nothing of this picture any more."
        assert world.studio.done == []
        assert not world.desk.sent("DELETE", "*")


@pytest.mark.parametrize("act", ACTS)
async def test_a_card_in_the_log_channel_serves_moderators_only(world, row, act):
    assert await press(world, f"{act}:{row.id}", flags=0) == "Only moderators can do this."
    assert world.studio.done == []
    assert await written(world) == []


@pytest.mark.parametrize("permissions", [MANAGE_MESSAGES, MODERATE_MEMBERS], ids=["messages", "members"])
async def test_a_card_serves_who_manages_messages_or_moderates_members(world, row, permissions):
    assert "is deleted" in await press(world, f"moddelete:{row.id}", flags=0, permissions=permissions)


async def test_who_lost_their_rights_does_nothing_in_a_panel_from_then(world, row):
    assert await press(world, f"moddelete:{row.id}", interaction_id=LATE) == "Only moderators can do this."


# the moderators' role


async def choose(world, **changes):
    async with world.database.transaction() as connection:
        await server_settings.write(connection, GUILD_ID, ServerSettings(**changes))


def with_roles(payload, *role_ids):
    payload["member"]["roles"] = [str(role_id) for role_id in role_ids]
    return payload


@pytest.mark.parametrize("act", ["delete", "cancel"])
@pytest.mark.parametrize(("chosen", "is_allowed"), [(44, True), (45, False), (None, False)])
async def test_the_moderators_role_touches_others_work(world, row, act, chosen, is_allowed):
    await choose(world, moderators_role_id=chosen)
    payload = with_roles(panel_press(f"{act}:{row.id}", user_id=BEN_ID, flags=0), 44)
    await world.answer(payload)
    assert bool(world.studio.done) == is_allowed
    action = {"delete": "deleted", "cancel": "withdrawn"}[act]
    assert await written(world) == ([(action, BEN_ID, ANN_ID, row.id)] if is_allowed else [])


async def test_who_manages_messages_of_one_server_does_not_touch_anothers(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, servers=(GUILD_ID, 8)) as world:
        row = await shown(world, 900)
        await world.answer(
            panel_press(f"delete:{row.id}", user_id=BEN_ID, flags=0, guild_id=8, permissions=MANAGE_MESSAGES)
        )
        assert world.studio.done == []


async def test_deleting_ones_own_is_audited_and_cancelling_it_is_not(world, row):
    await world.answer(panel_press(f"cancel:{row.id}", flags=0))
    await world.answer(panel_press(f"delete:{row.id}", flags=0, interaction_id=6))
    assert await written(world) == [("deleted", ANN_ID, ANN_ID, row.id)]


async def test_deleting_ones_own_twice_is_audited_once(world, row, monkeypatch):
    monkeypatch.setattr(world.client.presses, "is_repeat", lambda *_: False)
    for interaction_id in (6, 7):
        await world.answer(panel_press(f"delete:{row.id}", flags=0, interaction_id=interaction_id))
    assert [action for action, *_ in await written(world)] == ["deleted"]


# Report


@pytest.fixture
async def log_channel(world):
    await choose(world, log_channel_id=LOG_ID)


async def report(world, row, reason="", *, user_id=BEN_ID, message_id=900, interaction_id=6):
    """The answer to the menu where that is no form, else to the form."""
    body = (await world.answer(menu_payload("Report", message_id, user_id=user_id, interaction_id=interaction_id))).body
    if body["type"] != MODAL:
        return body["data"]["content"]
    assert body["data"]["custom_id"] == f"report:{row.id}"
    payload = form_payload(
        f"report:{row.id}", {"reason": reason}, user_id=user_id, interaction_id=interaction_id + 1000
    )
    body = (await world.answer(payload)).body
    assert body["data"]["flags"] == EPHEMERAL
    return body["data"]["content"]


def cards(world):
    return world.desk.sent("POST", f"/channels/{LOG_ID}/messages")


async def test_a_report_is_a_card_with_link_reason_and_buttons_and_without_the_prompt(world, log_channel, row):
    assert await report(world, row, "not *nice*") == "Thank you. The moderators have been told."
    (card,) = cards(world)
    assert card.body["content"] == (
        f"**Report** by <@{BEN_ID}>: [#{row.short_id}](https://discord.com/channels/7/70/900) of <@{ANN_ID}>\n"
        "Reason: not \\*nice\\*"
    )
    assert card.body["allowed_mentions"]["parse"] == []
    assert custom_ids(card.body["components"])[:2] == [f"moddelete:{row.id}", f"modhour:{row.id}"]
    assert f"moddetails:{row.id}" in custom_ids(card.body["components"])
    assert await written(world) == [("report", BEN_ID, ANN_ID, row.id)]


async def test_details_of_a_report_show_moderators_the_words(world, row):
    content = await press(world, f"moddetails:{row.id}", flags=0, permissions=MANAGE_MESSAGES)
    assert "As typed: a red heart" in content


async def test_a_picture_is_reported_once_by_a_member_and_again_by_another(world, log_channel, row):
    await report(world, row)
    again = await report(world, row, interaction_id=7)
    assert again == "You have reported this already. The moderators know."
    await report(world, row, user_id=3, interaction_id=8)
    assert len(cards(world)) == 2


async def test_a_form_that_was_open_twice_reports_once(world, log_channel, row):
    await report(world, row)
    body = (await world.answer(form_payload(f"report:{row.id}", {}, user_id=BEN_ID, interaction_id=9))).body
    assert body["data"]["content"] == "You have reported this already. The moderators know."
    assert len(cards(world)) == 1


async def test_a_member_reports_five_pictures_a_day(world, log_channel):
    rows = [await shown(world, 900 + number) for number in range(6)]
    answers = [
        await report(world, row, message_id=row.message_id, interaction_id=10 + number)
        for number, row in enumerate(rows)
    ]
    assert answers[4].startswith("Thank you.")
    assert answers[5].startswith("You have reported 5 pictures today")
    assert len(cards(world)) == 5
    async with world.database.transaction() as connection:
        await connection.execute("UPDATE reports SET reported_at = reported_at - 86401")
    assert (await report(world, rows[5], message_id=905, interaction_id=30)).startswith("Thank you.")


async def test_without_a_log_channel_the_member_is_told_so(world, row):
    assert (await report(world, row)).startswith("This server has no place where reports arrive.")
    assert await written(world) == []


async def test_a_report_that_nobody_could_see_can_be_made_again(world, log_channel, row):
    world.desk.fail("POST", f"/channels/{LOG_ID}/messages", 403, 50013)
    assert (await report(world, row)).startswith("This server has no place where reports arrive.")
    assert (await report(world, row, interaction_id=7)).startswith("Thank you.")


async def test_a_message_that_shows_no_request_cannot_be_reported(world, log_channel, row):
    assert await report(world, row, message_id=901) == "This message shows no request of mine."
    assert not world.desk.sent("POST", FOLLOWUP)
