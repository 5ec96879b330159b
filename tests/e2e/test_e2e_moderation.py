"""What moderators do to pictures and members, and members to pictures, in the playground."""

import pytest
from room import custom_id, custom_ids

from bot.playground import NotPossible

MODERATOR = "mo"


async def pressed(room, panel, act, user=MODERATOR):
    """What the presser of a private panel reads."""
    answer = await room.playground.click(panel["id"], custom_id(panel, act), user=user)
    return answer["message"]["content"]


async def moderated(room, message):
    """The panel that the menu Moderate opens."""
    answer = await room.playground.menu("Moderate", message["id"], user=MODERATOR)
    assert answer["ephemeral"]
    return answer["message"]


async def test_a_moderator_deletes_a_picture_and_blocks_its_member_until_they_are_unblocked(room):
    message = await room.draw("a cat")
    panel = await moderated(room, message)
    assert "As typed: a cat" in panel["content"]
    said = await pressed(room, panel, "modhour")
    assert f"<@{room.user_id}> may not draw here until" in said
    assert room.message(message["id"]) is None
    refused = await room.imagine("a dog")
    assert refused["ephemeral"]
    assert refused["message"]["content"].startswith("You may not draw here now. You may again <t:")
    await room.command("moderate unblock", user=MODERATOR, member=room.user)
    assert await room.draw("a dog")


async def test_a_block_withdraws_and_refunds_what_waits_and_the_message_says_so(room, bot):
    answer = await room.imagine("a fox", steps=150)
    said = await room.command("moderate block", user=MODERATOR, member=room.user, reason="enough")
    assert "One request of theirs was withdrawn." in said["message"]["content"]
    await room.saying("Cancelled by a moderator. Nothing was charged.", answer["message"]["id"])
    (row,) = await bot.ended_rows("user_id = ? AND prompt = 'a fox'", int(room.user_id))
    assert (row["state"], row["charged"]) == ("cancelled", 0)
    refused = await room.imagine("a fox")
    assert refused["message"]["content"] == "You may not draw here any more. Reason: enough"


async def test_a_purge_deletes_a_members_messages_and_nobody_elses(room, other):
    mine = [await room.draw("a cat"), await room.draw("a dog")]
    theirs = await room.draw("a fox", user=other)
    asked = await room.command("moderate purge", user=MODERATOR, member=room.user, since="1h")
    assert asked["message"]["content"].startswith(f"2 messages of <@{room.user_id}>")
    await room.playground.click(asked["message"]["id"], custom_ids(asked["message"])[0], user=MODERATOR)
    await room.playground.wait_for(lambda: not any(room.message(message["id"]) for message in mine), 30)
    assert room.message(theirs["id"])


async def test_members_neither_see_the_menu_nor_the_commands_of_moderators(room, other):
    message = await room.draw()
    with pytest.raises(NotPossible, match="is not visible"):
        await room.playground.menu("Moderate", message["id"], user=other)
    for command in ("settings", "moderate block"):
        with pytest.raises(NotPossible, match="is not visible"):
            await room.command(command, user=other)


async def test_a_report_is_a_card_in_the_log_channel_from_which_a_moderator_deletes(room, other):
    panel = (await room.command("settings", user=MODERATOR))["message"]
    chosen = await room.playground.select(panel["id"], "settings:log", [room.channel_id], user=MODERATOR)
    assert chosen["state"] == "done"
    message = await room.draw("a cat")
    form = await room.playground.menu("Report", message["id"], user=other)
    thanks = await room.playground.modal(form["token"], {"reason": "not nice"})
    assert thanks["message"]["content"] == "Thank you. The moderators have been told."
    (card,) = [each for each in room.messages() if each["content"].startswith("**Report**")]
    assert "a cat" not in card["content"]
    refused = await room.playground.click(card["id"], custom_id(card, "moddelete"), user=other)
    assert refused["message"]["content"] == "Only moderators can do this."
    await room.playground.click(card["id"], custom_id(card, "moddelete"), user=MODERATOR)
    assert room.message(message["id"]) is None
    told = f"deleted a picture of <@{room.user_id}>"
    await room.playground.wait_for(lambda: any(told in each["content"] for each in room.messages()), 30)
    await room.playground.select(panel["id"], "settings:log", [], user=MODERATOR)


async def test_a_report_where_nobody_would_read_it_says_so(room, other):
    message = await room.draw()
    answer = await room.playground.menu("Report", message["id"], user=other)
    assert answer["ephemeral"]
    assert answer["message"]["content"].startswith("This server has no place where reports arrive.")


async def test_the_panel_of_settings_takes_what_is_chosen_and_the_audit_has_it(room):
    panel = (await room.command("settings", user=MODERATOR))["message"]
    answer = await room.playground.select(panel["id"], "settings:zone", ["Asia/Tokyo"], user=MODERATOR)
    assert "Time zone: Asia\\/Tokyo" in answer["message"]["content"]
    told = await room.command("moderate audit", user=MODERATOR, action="settings-changed")
    assert "changed the time zone from UTC to Asia\\/Tokyo" in told["message"]["content"]
    await room.playground.select(panel["id"], "settings:zone", ["UTC"], user=MODERATOR)
