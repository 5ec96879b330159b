"""Who may have how much, and who may change that."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from room import DRAWN_S

from bot.playground import NotPossible

MODERATOR = "mo"


@pytest.fixture
def locked(bot):
    """Another program's connection that can lock the database."""
    with closing(sqlite3.connect(bot.database_path, isolation_level=None)) as connection:
        yield connection
        if connection.in_transaction:
            connection.execute("ROLLBACK")


async def limit(room, name, value):
    """Let the moderator set a limit for the room's member."""
    answer = await room.command("limits set", user=MODERATOR, limit=name, value=str(value), member=room.user)
    assert answer["ephemeral"]
    return answer["message"]["content"]


async def test_a_used_up_quota_is_refused_privately_with_number_and_time(room):
    await limit(room, "pictures_per_day", 2)
    await room.draw(images=2)
    answer = await room.imagine()
    midnight = (int(datetime.now(UTC).timestamp()) // 86400 + 1) * 86400
    assert answer["ephemeral"]
    assert answer["message"]["content"] == f"You have used all 2 pictures for today. More <t:{midnight}:R>."


async def test_more_pictures_than_are_left_are_refused_with_both_numbers(room):
    await limit(room, "pictures_per_day", 3)
    answer = await room.imagine(images=4)
    assert "You asked for 4 pictures and have 3 of 3 left today." in answer["message"]["content"]


async def test_a_refused_request_leaves_no_row(room, bot):
    await limit(room, "pictures_per_day", 1)
    await room.imagine(images=2)
    assert bot.rows("user_id = ?", int(room.user_id)) == []


async def test_a_cancelled_request_gives_its_pictures_back(room):
    await limit(room, "pictures_per_day", 1)
    answer = await room.imagine(steps=150)
    await room.click(answer["message"], "cancel")
    await room.saying("Cancelled", answer["message"]["id"])
    assert await room.draw()


async def test_places_in_the_line_are_limited(room):
    await limit(room, "places_in_line", 1)
    answer = await room.imagine(steps=150)
    refusal = await room.imagine()
    assert refusal["ephemeral"]
    assert "You already have a request in the line, and 1 is the limit here." in refusal["message"]["content"]
    await room.click(answer["message"], "cancel")


async def test_steps_are_limited_and_the_refusal_names_both_numbers(room):
    await limit(room, "steps", 10)
    answer = await room.imagine(steps=11)
    assert answer["message"]["content"] == "11 steps are too many: at most 10 here."


async def test_pixels_are_limited_by_a_size(room):
    await limit(room, "pixels", "128x128")
    answer = await room.imagine(width=136, height=128)
    assert "136×128 is too large: at most 16384 pixels here, such as 128×128." in answer["message"]["content"]


async def test_a_changed_limit_shows_before_and_after(room):
    content = await limit(room, "pictures_per_day", 5)
    assert content == f"Pictures a day of <@{room.user_id}>: 60 → **5**"


async def test_a_moderator_does_not_exceed_the_operator(room):
    content = await limit(room, "pictures_per_day", 61)
    assert content == (
        "Pictures a day can be at most 60 here, which is what the person who runs this bot allows; got 61."
    )


async def test_a_cleared_limit_is_the_operators_again(room):
    await limit(room, "steps", 10)
    await room.command("limits clear", user=MODERATOR, limit="steps", member=room.user)
    assert "20 steps" not in (await room.imagine(steps=11))["message"]["content"]


async def test_limits_show_says_who_set_what(room):
    await limit(room, "steps", 10)
    answer = await room.command("limits show", user=MODERATOR, member=room.user)
    assert "• Steps: **10** (set for this member; at most 150)" in answer["message"]["content"]


async def test_a_limit_of_one_member_is_not_anothers(room, other):
    await limit(room, "pictures_per_day", 0)
    assert not (await room.imagine(user=other, steps=1))["ephemeral"]


async def test_limits_are_not_offered_to_a_member(room):
    commands = {command["name"]: command["hidden"] for command in room.playground.commands(user=room.user)}
    assert commands["limits"] is not None
    with pytest.raises(NotPossible):
        await room.command("limits set", limit="steps", value="10")


async def test_the_servers_integrations_page_may_allow_a_member_to_set_limits(room):
    room.playground.rule_command("limits", room.user, is_allowed=True)
    answer = await room.command("limits set", limit="steps", value="20", member=room.user)
    assert "→ **20**" in answer["message"]["content"]


@pytest.mark.parametrize(
    ("permission", "name"),
    [("attach_files", "“Attach Files”"), ("send_messages", "“Send Messages”")],
    ids=["attach", "send"],
)
async def test_a_missing_permission_is_named_before_anything_is_charged(room, bot, permission, name):
    room.playground.overwrite(room.channel, deny=permission)
    answer = await room.imagine()
    assert answer["ephemeral"]
    assert f"I lack {name}" in answer["message"]["content"]
    assert bot.rows("user_id = ?", int(room.user_id)) == []


async def test_a_threads_own_permission_is_the_one_that_counts(room):
    thread = f"thread-{room.channel}"
    room.playground.add_thread(thread, parent=room.channel)
    room.playground.overwrite(room.channel, deny="send_messages_in_threads")
    answer = await room.playground.command("imagine", {"prompt": "a cat"}, user=room.user, channel=thread)
    assert "“Send Messages in Threads”" in answer["message"]["content"]


async def test_in_a_thread_the_picture_stands_in_the_thread(room):
    thread = f"thread-{room.channel}"
    room.playground.add_thread(thread, parent=room.channel)
    await room.playground.command("imagine", {"prompt": "a cat", "steps": 1}, user=room.user, channel=thread)
    await room.playground.wait_for(lambda: room.playground.messages(channel=thread)[0]["attachments"], DRAWN_S)


async def deferred(room):
    """Wait until the bot has asked Discord for more time."""
    kinds = []

    def note(event):
        if event["type"] == "interaction":
            kinds.append(event["kind"])

    with room.playground.listening(note):
        await room.playground.wait_for(lambda: 5 in kinds)


async def test_behind_a_locked_database_a_request_is_deferred_and_then_goes_on(room, locked):
    locked.execute("BEGIN IMMEDIATE")
    asking = asyncio.create_task(room.imagine(steps=2))
    await deferred(room)
    locked.execute("ROLLBACK")
    message = await room.finished((await asking)["message"]["id"])
    assert [found["id"] for found in room.messages()] == [message["id"]]


async def test_behind_a_locked_database_a_refusal_is_still_private(room, other, locked):
    await limit(room, "steps", 10)
    locked.execute("BEGIN IMMEDIATE")
    asking = asyncio.create_task(room.imagine(steps=11))
    await deferred(room)
    locked.execute("ROLLBACK")
    answer = await asking
    await room.playground.wait_for(room.messages)
    assert [message["content"] for message in room.messages()] == ["11 steps are too many: at most 10 here."]
    assert room.messages(user=other) == []
    assert answer["state"] == "done"


async def test_a_refusal_names_the_reason_and_the_end_of_the_limit_and_nobody_who_set_it(room):
    options = {"limit": "steps", "value": "10", "member": room.user, "expires": "3 days", "reason": "exam week"}
    await room.command("limits set", user=MODERATOR, **options)
    content = (await room.imagine(steps=11))["message"]["content"]
    sentence, _, note = content.partition("   ")
    assert sentence == "11 steps are too many: at most 10 here."
    assert note.startswith("(limit for you: “exam week”, until <t:")
    assert room.playground.user_id(MODERATOR) not in content


async def test_a_limit_of_a_channel_is_that_of_its_threads(room, other):
    await room.command("limits set", user=MODERATOR, limit="steps", value="10", channel=room.channel)
    thread = f"limited-{room.channel}"
    room.playground.add_thread(thread, parent=room.channel)
    options = {"prompt": "a cat", "steps": 11}
    answer = await room.playground.command("imagine", options, user=other, channel=thread)
    assert answer["message"]["content"] == (
        f"11 steps are too many: at most 10 here.   (limit for <#{room.channel_id}>)"
    )


async def test_a_common_pot_is_used_up_by_others(room, other):
    options = {"limit": "pictures_per_day", "value": "2", "channel": room.channel, "pool": True}
    await room.command("limits set", user=MODERATOR, **options)
    await room.draw(user=other, images=2)
    content = (await room.imagine())["message"]["content"]
    assert content.startswith("The 2 pictures a day that many share here are used. More <t:")


async def test_a_change_asks_before_it_withdraws_what_waits_and_then_says_why(room, bot):
    running = await room.imagine(steps=150)
    await room.running(running["message"]["id"])
    # The emoji model fills the batch with one member's pictures only where others do not wait.
    waiting = [await room.imagine(images=4, steps=150) for _ in range(6)]
    question = await room.command("limits set", user=MODERATOR, limit="steps", value="100", member=room.user)
    assert "Nothing has changed yet." in question["message"]["content"]
    assert not bot.rows("reason = 'withdrawn-steps'")
    await room.click(question["message"], "limits", user=MODERATOR)
    last = await room.saying("Your limits have changed: 150 steps are too many now.", waiting[-1]["message"]["id"])
    assert "Nothing was charged." in last["content"]
    for answer in (running, *waiting):
        if (message := room.message(answer["message"]["id"])) and message["components"]:
            await room.click(message, "cancel")
