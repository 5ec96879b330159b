"""What can be pressed under a message, by its owner, by others and by moderators."""

import asyncio
import re

import pytest
from room import custom_id

MODERATOR = "mo"


@pytest.fixture
def charged(bot):
    """How many pictures each of a member's requests for a prompt has cost, once all have ended."""

    async def charged(room, user, prompt="a red heart"):
        rows = await bot.ended_rows("user_id = ? AND prompt = ?", int(room.playground.user_id(user)), prompt)
        return [row["charged"] for row in rows]

    return charged


async def cancelled(room, message_id):
    return await room.saying("Cancelled", message_id)


async def test_reroll_is_a_new_message_with_another_seed(room):
    message = await room.draw("a cat", seed=7, steps=3)
    again = await room.finished((await room.click(message, "reroll"))["message"]["id"])
    assert again["id"] != message["id"]
    assert again["content"].startswith("**a cat**\n")
    assert "3 steps" in again["content"]
    assert "Seed `7`" not in again["content"]


async def test_reroll_by_another_member_is_theirs(room, other, charged):
    message = await room.draw()
    again = await room.finished((await room.click(message, "reroll", user=other))["message"]["id"])
    assert f"for <@{room.playground.user_id(other)}>" in again["content"]
    assert await charged(room, other) == [1]
    assert await charged(room, room.user) == [1]


async def test_two_presses_within_two_seconds_are_one(room):
    message = await room.draw()
    answers = await asyncio.gather(room.click(message, "reroll"), room.click(message, "reroll"))
    assert sorted(answer["kind"] for answer in answers) == [4, 6]
    assert len(room.messages()) == 2


async def test_the_same_press_by_two_members_is_two(room, other):
    message = await room.draw()
    answers = [await room.click(message, "reroll"), await room.click(message, "reroll", user=other)]
    for answer in answers:
        await room.finished(answer["message"]["id"])
    assert len(room.messages()) == 3


async def test_edit_opens_a_form_with_what_was_asked(room):
    message = await room.draw("a cat", negative_prompt="a dog", seed=7, steps=3, guidance=2.5)
    modal = (await room.click(message, "edit"))["modal"]
    inputs = [label["component"] for label in modal["components"]]
    assert [each.get("value") for each in inputs] == ["a cat", "a dog", "3", "2.5", "7"]


async def test_a_submitted_form_is_drawn_in_a_new_message(room):
    message = await room.draw("a cat", seed=7, width=64, height=64)
    form = await room.click(message, "edit")
    answer = await room.playground.modal(form["token"], {"prompt": "a dog"})
    edited = await room.finished(answer["message"]["id"])
    assert edited["content"].startswith("**a dog**\nSeed `7` · 2 steps · 64×64\n")


async def test_a_form_by_another_member_is_charged_to_them(room, other, charged):
    message = await room.draw()
    form = await room.click(message, "edit", user=other)
    answer = await room.playground.modal(form["token"], {"prompt": "a dog"})
    await room.finished(answer["message"]["id"])
    assert await charged(room, other, "a dog") == [1]


async def test_a_faulty_form_is_answered_privately_line_by_line(room):
    form = await room.click(await room.draw(), "edit")
    answer = await room.playground.modal(form["token"], {"steps": "many", "guidance": "99"})
    assert answer["ephemeral"]
    assert answer["message"]["content"].splitlines()[1:] == [
        "• steps must be a whole number, got many.",
        "• guidance must be from 0 to 50, got 99.",
    ]


async def test_correct_it_opens_the_form_with_what_was_typed(room):
    form = await room.click(await room.draw(), "edit")
    faults = (await room.playground.modal(form["token"], {"prompt": "a dog", "steps": "many"}))["message"]
    again = await room.click(faults, "correct")
    inputs = {
        label["component"]["custom_id"]: label["component"].get("value") for label in again["modal"]["components"]
    }
    assert (inputs["prompt"], inputs["steps"]) == ("a dog", "many")


async def test_a_prompt_too_long_for_a_form_comes_as_a_file_to_the_member_alone(room):
    message = await room.draw("heart " * 800)
    answer = await room.click(message, "edit")
    assert answer["ephemeral"]
    assert [file["filename"] for file in answer["message"]["attachments"]] == ["prompt.txt"]


async def test_a_stranger_cannot_delete(room, other):
    message = await room.draw()
    answer = await room.click(message, "delete", user=other)
    assert answer["ephemeral"]
    assert "Only the member who asked for it" in answer["message"]["content"]
    assert room.message(message["id"])


@pytest.mark.parametrize("by_moderator", [False, True], ids=["owner", "moderator"])
async def test_a_message_is_deleted_at_once_by(room, by_moderator):
    message = await room.draw()
    await room.click(message, "delete", user=MODERATOR if by_moderator else room.user)
    await room.playground.wait_for(lambda: not room.message(message["id"]))


async def test_a_deleted_picture_stays_charged(room, charged):
    message = await room.draw()
    await room.click(message, "delete")
    await room.playground.wait_for(lambda: not room.message(message["id"]))
    assert await charged(room, room.user) == [1]


async def test_a_stranger_cannot_cancel(room, other):
    answer = await room.imagine(steps=150)
    refusal = await room.click(answer["message"], "cancel", user=other)
    assert refusal["ephemeral"]
    assert "Only the member who asked for it" in refusal["message"]["content"]
    await room.click(answer["message"], "cancel")
    await cancelled(room, answer["message"]["id"])


async def test_a_cancelled_running_request_says_so_and_costs_nothing(room, charged):
    answer = await room.imagine(steps=150)
    message = await room.running(answer["message"]["id"])
    await room.click(message, "cancel")
    message = await cancelled(room, message["id"])
    assert "Cancelled. Nothing was charged." in message["content"]
    assert await charged(room, room.user) == [0]


async def test_a_moderator_cancels_and_the_message_says_so(room):
    answer = await room.imagine(steps=150)
    await room.click(answer["message"], "cancel", user=MODERATOR)
    await room.saying("Cancelled by a moderator. Nothing was charged.", answer["message"]["id"])


async def test_a_cancelled_message_has_no_buttons(room):
    answer = await room.imagine(steps=150)
    await room.click(answer["message"], "cancel")
    assert (await cancelled(room, answer["message"]["id"]))["components"] == []


async def test_a_cancelled_waiting_request_is_never_drawn(room, bot):
    big = await room.imagine(images=4, steps=150, seed=1)
    second = await room.imagine(images=4, steps=150)
    waiting = await room.imagine("never drawn", steps=150)
    await room.click(waiting["message"], "cancel")
    await cancelled(room, waiting["message"]["id"])
    assert [row["started_at"] for row in bot.rows("prompt = 'never drawn'")] == [None]
    for answer in (big, second):
        await room.click(answer["message"], "cancel")
        await room.until(lambda message: "ancelled" in message["content"], answer["message"]["id"])


async def test_what_was_finished_before_a_cancel_is_delivered_and_charged(room, charged):
    """Sixteen rows hold eight pictures: of nine, one begins late."""
    first = await room.imagine(images=4, steps=150)
    second = await room.imagine(images=3, steps=150)
    mixed = await room.imagine("a mixed fate", images=2, steps=80)
    await room.until(lambda message: "1 of 2 pictures" in message["content"], mixed["message"]["id"])
    await room.click(mixed["message"], "cancel")
    message = await room.finished(mixed["message"]["id"])
    assert len(message["attachments"]) == 1
    assert "1 of 2 pictures was finished, and only that one was charged." in message["content"]
    assert await charged(room, room.user, "a mixed fate") == [1]
    for answer in (first, second):
        await room.click(answer["message"], "cancel")
        await cancelled(room, answer["message"]["id"])


async def test_it_is_too_late_to_cancel_what_has_arrived(room):
    answer = await room.imagine(steps=2)
    old = custom_id(answer["message"], "cancel")
    message = await room.finished(answer["message"]["id"])
    assert old not in str(message["components"])


async def test_a_buttons_own_row_is_the_one_that_is_named(room, bot):
    message = await room.draw("a cat")
    number = int(re.search(r"\d+", custom_id(message, "reroll"))[0])
    assert [row["prompt"] for row in bot.rows("id = ?", number)] == ["a cat"]
