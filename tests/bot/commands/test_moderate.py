"""`/moderate`: block, unblock, purge, audit."""

import time

import discord
import pytest
from desk import ANN_ID, BEN_ID, GUILD_ID, ORIGINAL, command_payload, interaction_payload, user
from panels import LATE, custom_ids, panel_press

from bot.moderation import deeds
from bot.store import audit, blocks, messages, outcomes, purges, requests
from bot.store.blocks import EVERYWHERE, Block

EPHEMERAL, UPDATE = 64, 7
OWNER_ID = 3
MO_ID = 4


async def moderate(world, name, member=None, *, by=MO_ID, interaction_id=5, **options):
    kinds = {str: 3, bool: 5}
    given = [{"type": kinds[type(value)], "name": key, "value": value} for key, value in options.items()]
    if member is not None:
        given.append({"type": 6, "name": "member", "value": str(member)})
    payload = command_payload(
        "moderate", [{"type": 1, "name": name, "options": given}], user_id=by, interaction_id=interaction_id
    )
    if member is not None:
        payload["data"]["resolved"] = {"users": {str(member): user(member)}}
    data = (await world.answer(payload)).body["data"]
    assert data["flags"] == EPHEMERAL
    return data


async def held(world, user_id=ANN_ID):
    async with world.database.reading() as connection:
        return await blocks.holding(connection, user_id=user_id, now=time.time())


async def written(world, action=None):
    async with world.database.reading() as connection:
        rows = await audit.page(
            connection,
            guild_id=GUILD_ID,
            before_id=None,
            user_id=None,
            action=action,
            count=100,
            with_everywhere=True,
        )
    return rows[::-1]


async def shown_row(world, message_id, **changes):
    row = await world.row(**changes)
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, row.id, message_id=message_id)
        return await requests.fetch(connection, row.id)


async def ended(world, row):
    async with world.database.transaction() as connection:
        await outcomes.end(connection, row.id, state="done", reason=None, charged=1, flagged=0, now=row.created_at + 1)


# block and unblock


async def test_a_member_is_blocked_until_a_time_for_a_reason_and_what_waits_is_withdrawn(world):
    row = await shown_row(world, 900)
    data = await moderate(world, "block", ANN_ID, expires="2h", reason="spam")
    (block,) = await held(world)
    assert (block.guild_id, block.kind, block.reason, block.blocked_by) == (GUILD_ID, "moderator", "spam", MO_ID)
    assert 7100 < block.until - time.time() <= 7200
    assert data["content"].startswith(f"<@{ANN_ID}> may not draw here until <t:{int(block.until)}:f>.")
    assert "One request of theirs was withdrawn." in data["content"]
    assert world.studio.done == [("withdraw", [row.id], "cancelled-by-moderator")]
    deed, withdrawal = await written(world)
    assert (deed.action, deed.actor_id, deed.user_id, deed.reason) == ("block", MO_ID, ANN_ID, "spam")
    assert (withdrawal.action, withdrawal.request_id) == ("withdrawn", row.id)


async def test_without_an_expiry_a_block_is_for_good(world):
    data = await moderate(world, "block", ANN_ID)
    (block,) = await held(world)
    assert block.until is None
    assert "may not draw here any more." in data["content"]


async def test_an_expiry_that_is_no_time_blocks_nobody(world):
    data = await moderate(world, "block", ANN_ID, expires="soon")
    assert data["content"].startswith("I do not understand soon as a time.")
    assert await held(world) == []
    assert await written(world) == []


async def test_a_block_withdraws_what_waits_here_and_in_direct_messages_but_not_in_other_servers(world):
    here = await world.row()
    await world.row(guild_id=8)
    private = await world.row(guild_id=None)
    await world.row(user_id=BEN_ID)
    await moderate(world, "block", ANN_ID)
    assert world.studio.done == [("withdraw", [here.id, private.id], "cancelled-by-moderator")]


async def test_only_the_owner_blocks_everywhere(world):
    other = await world.row(guild_id=8)
    data = await moderate(world, "block", ANN_ID, everywhere=True)
    assert data["content"] == "Only the person who runs this bot can block somebody everywhere."
    assert await held(world) == []
    await moderate(world, "block", ANN_ID, everywhere=True, by=OWNER_ID, interaction_id=6)
    (block,) = await held(world)
    assert (block.guild_id, block.kind) == (EVERYWHERE, "owner")
    assert world.studio.done == [("withdraw", [other.id], "cancelled-by-moderator")]
    (deed,) = await written(world, "block")
    assert deed.guild_id is None


async def test_unblocking_lifts_the_servers_block(world):
    await moderate(world, "block", ANN_ID)
    data = await moderate(world, "unblock", ANN_ID, interaction_id=6)
    assert data["content"] == f"<@{ANN_ID}> may draw here again."
    assert await held(world) == []
    assert [row.action for row in await written(world)] == ["block", "unblock"]


async def test_unblocking_who_is_not_blocked_changes_nothing(world):
    data = await moderate(world, "unblock", ANN_ID)
    assert data["content"] == f"<@{ANN_ID}> is not blocked by this server."
    assert await held(world) == []
    assert await written(world) == []


@pytest.mark.parametrize("kind", ["owner", "floor"])
async def test_only_the_owner_lifts_what_holds_everywhere(world, kind):
    async with world.database.transaction() as connection:
        await blocks.put(
            connection,
            Block(
                guild_id=EVERYWHERE,
                user_id=ANN_ID,
                kind=kind,
                until=None,
                reason=None,
                blocked_by=None,
                blocked_at=0,
            ),
        )
    data = await moderate(world, "unblock", ANN_ID)
    assert data["content"].endswith("which only the person who runs it can lift.")
    assert len(await held(world)) == 1
    data = await moderate(world, "unblock", ANN_ID, by=OWNER_ID, interaction_id=6)
    assert data["content"] == f"<@{ANN_ID}> may draw here again."
    assert await held(world) == []


async def test_moderating_is_for_those_who_moderate_members_by_default(world):
    shown = {command["name"]: command for command in world.desk.commands}
    expected = str(discord.Permissions(moderate_members=True).value)
    assert shown["moderate"]["default_member_permissions"] == expected
    assert shown["Moderate"]["default_member_permissions"] == expected
    assert shown["Report"]["default_member_permissions"] is None
    assert all(shown[name]["contexts"] == [0] for name in ("moderate", "Moderate", "Report"))


@pytest.mark.parametrize(
    ("name", "option", "typed", "values"),
    [
        ("block", "expires", "", ["1h", "1d", "1w", "forever"]),
        ("block", "expires", "day", ["1d"]),
        ("purge", "since", "", ["1h", "1d", "1w"]),
        ("audit", "action", "settings", ["settings-changed"]),
    ],
)
async def test_what_can_be_typed_is_suggested(world, name, option, typed, values):
    focused = {"type": 3, "name": option, "value": typed, "focused": True}
    data = {"id": "50", "name": "moderate", "type": 1, "options": [{"type": 1, "name": name, "options": [focused]}]}
    answer = await world.answer(interaction_payload(4, data))
    assert [choice["value"] for choice in answer.body["data"]["choices"]] == values


# purge


async def test_a_purge_asks_first_with_a_count_and_then_deletes_here_what_is_theirs(world):
    rows = [await shown_row(world, 900 + number) for number in range(3)]
    await ended(world, rows[0])
    await shown_row(world, 950, user_id=BEN_ID)
    await shown_row(world, 951, guild_id=8)
    data = await moderate(world, "purge", ANN_ID, since="1h")
    assert data["content"].startswith(f"3 messages of <@{ANN_ID}> since <t:")
    assert not world.desk.sent("DELETE", "*")
    (confirm,) = custom_ids(data["components"])
    answer = (await world.answer(panel_press(confirm, user_id=MO_ID, interaction_id=6))).body
    assert answer["type"] == UPDATE
    assert answer["data"]["content"] == "Deleting: 0 of 3."
    await world.client.purges.work_off()
    assert [call.path for call in world.desk.sent("DELETE", "*")] == [
        f"/channels/70/messages/{900 + number}" for number in range(3)
    ]
    assert world.studio.done == [("withdraw_message", row.id) for row in rows]
    assert world.desk.sent("PATCH", ORIGINAL)[-1].body["content"] == "Done: 3 deleted."
    (deed,) = await written(world)
    assert (deed.action, deed.actor_id, deed.user_id, deed.named["count"]) == ("purge", MO_ID, ANN_ID, 3)


async def test_a_purge_goes_no_further_back_than_it_says_and_not_beyond_its_asking(world):
    row = await shown_row(world, 900)
    async with world.database.transaction() as connection:
        early = await purges.ask(
            connection,
            guild_id=GUILD_ID,
            user_id=ANN_ID,
            since=row.created_at - 60,
            until=row.created_at - 1,
            asked_by=MO_ID,
        )
        late = await purges.ask(
            connection,
            guild_id=GUILD_ID,
            user_id=ANN_ID,
            since=row.created_at + 1,
            until=row.created_at + 60,
            asked_by=MO_ID,
        )
        assert await purges.doomed(connection, early) == await purges.doomed(connection, late) == []


async def test_a_purge_that_was_not_confirmed_deletes_nothing(world):
    await shown_row(world, 900)
    await moderate(world, "purge", ANN_ID, since="1h")
    await world.client.purges.work_off()
    assert not world.desk.sent("DELETE", "*")


async def test_a_purge_with_nothing_to_delete_asks_nothing(world):
    data = await moderate(world, "purge", ANN_ID, since="1h")
    assert "has no pictures here" in data["content"]
    assert not data.get("components")


async def test_a_purge_is_begun_once_by_whoever_asked(world):
    await shown_row(world, 900)
    (confirm,) = custom_ids((await moderate(world, "purge", ANN_ID, since="1h"))["components"])
    begun = "This has begun already"
    for number, (by, sentence) in enumerate([(BEN_ID, begun), (MO_ID, "Deleting"), (MO_ID, begun)]):
        world.client.presses._pressed_at.clear()
        answer = await world.answer(panel_press(confirm, user_id=by, interaction_id=10 + number))
        assert answer.body["data"]["content"].startswith(sentence)
    assert len(await written(world, "purge")) == 1


async def test_a_purge_goes_on_after_a_restart_where_it_stood(world):
    await shown_row(world, 900)
    await shown_row(world, 901)
    (confirm,) = custom_ids((await moderate(world, "purge", ANN_ID, since="1h"))["components"])
    await world.answer(panel_press(confirm, user_id=MO_ID, interaction_id=6))
    world.desk.fail("DELETE", "/channels/70/messages/901", 404, 10003)
    world.client.purges._answers.clear()  # as after a restart
    await world.client.purges.work_off()
    await world.client.purges.work_off()
    assert len(world.desk.sent("DELETE", "*")) == 2


async def test_a_message_out_of_reach_is_counted_as_such(world):
    await shown_row(world, 900)
    await shown_row(world, 901)
    (confirm,) = custom_ids((await moderate(world, "purge", ANN_ID, since="1h"))["components"])
    await world.answer(panel_press(confirm, user_id=MO_ID, interaction_id=6))
    world.desk.fail("DELETE", "/channels/70/messages/900", 403, 50001)
    await world.client.purges.work_off()
    assert world.desk.sent("PATCH", ORIGINAL)[-1].body["content"] == "Done: 1 deleted. 1 could not be reached."


async def test_what_was_purged_is_not_counted_again(world):
    await shown_row(world, 900)
    (confirm,) = custom_ids((await moderate(world, "purge", ANN_ID, since="1h"))["components"])
    await world.answer(panel_press(confirm, user_id=MO_ID, interaction_id=6))
    await world.client.purges.work_off()
    data = await moderate(world, "purge", ANN_ID, since="1h", interaction_id=7)
    assert "has no pictures here" in data["content"]


async def test_a_message_that_somebody_deleted_in_discord_is_not_counted(world):
    await shown_row(world, 900)
    await world.client._withdraw_messages({900})
    data = await moderate(world, "purge", ANN_ID, since="1h")
    assert "has no pictures here" in data["content"]


# audit


async def test_the_audit_is_newest_first_and_turns_its_pages(world):
    for number in range(12):
        await moderate(world, "block", ANN_ID, reason=f"reason {number}.", interaction_id=20 + number)
    data = await moderate(world, "audit")
    assert data["content"].index("reason 11.") < data["content"].index("reason 2.")
    assert "reason 1." not in data["content"]
    (older,) = custom_ids(data["components"])
    answer = (await world.answer(panel_press(older, interaction_id=6))).body
    assert answer["type"] == UPDATE
    assert "reason 1." in answer["data"]["content"]
    assert "reason 2." not in answer["data"]["content"]


async def test_the_audit_is_searched_by_member_and_action_on_every_page(world):
    for number in range(12):
        await moderate(world, "block", ANN_ID, reason=f"ann {number}.", interaction_id=20 + number)
        await moderate(world, "block", BEN_ID, reason=f"ben {number}.", interaction_id=50 + number)
    await moderate(world, "unblock", ANN_ID, interaction_id=80)
    data = await moderate(world, "audit", ANN_ID, action="block")
    assert "ben" not in data["content"]
    assert "unblocked" not in data["content"]
    answer = (await world.answer(panel_press(custom_ids(data["components"])[0], interaction_id=6))).body
    assert "ann 1." in answer["data"]["content"]
    assert "ben" not in answer["data"]["content"]


async def test_the_audit_of_another_server_is_not_shown_and_what_belongs_to_none_only_to_the_owner(world):
    async with world.database.transaction() as connection:
        for guild_id in (8, None):
            deed = audit.Deed(action="unblock", guild_id=guild_id, actor_id=9, reason=f"in {guild_id}.")
            await audit.append(connection, deed, now=1.0)
    assert (await moderate(world, "audit"))["content"] == "There is nothing."
    content = (await moderate(world, "audit", by=OWNER_ID, interaction_id=6))["content"]
    assert "in None." in content
    assert "in 8." not in content


async def test_an_old_page_of_the_audit_is_not_turned(world):
    answer = await world.answer(panel_press("audit:5:0:", interaction_id=LATE))
    assert answer.body["data"]["content"] == "This panel is old. Run the command again."


async def test_an_action_that_there_is_not_is_refused(world):
    assert "is no kind of entry" in (await moderate(world, "audit", action="nonsense"))["content"]
    assert "nonsense" not in deeds.ACTIONS
