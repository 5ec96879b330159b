"""What may not be drawn, whatever road a request comes by."""

import base64
import re

import pytest

MODERATOR = "mo"
REFUSED = "This server does not allow “zeppelin”."
FLOOR = "This cannot be drawn here or anywhere with this bot, and that is final."


@pytest.fixture
async def forbid(room):
    """Let the moderator add a rule for the length of a test."""
    added = []

    async def forbid(**options):
        answer = await room.command("filter add", user=MODERATOR, **options)
        assert answer["ephemeral"]
        added.append(re.search(r"rule `(\d+)`", answer["message"]["content"])[1])

    yield forbid
    for rule in added:
        await room.command("filter remove", user=MODERATOR, rule=rule)


async def test_a_picture_from_before_is_not_made_again_under_todays_rules(room, forbid):
    message = await room.draw("a (zepp)(elin)")
    form = await room.click(message, "edit")
    await forbid(pattern="zeppelin")
    history = (await room.command("history"))["message"]
    answers = [
        await room.imagine("A Zeppelin"),
        await room.click(message, "reroll"),
        await room.click(history, "again"),
        await room.playground.modal(form["token"], {"prompt": "{zeppelin|dog}"}),
    ]
    assert all(answer["ephemeral"] for answer in answers)
    assert [answer["message"]["content"].split("\n")[-1].removeprefix("• ") for answer in answers[1:]] == [REFUSED] * 3
    assert answers[0]["message"]["content"] == REFUSED.replace("z", "Z")


async def test_what_is_replaced_is_drawn_and_said(room, forbid):
    await forbid(pattern="zeppelin", action="replace", replacement="balloon")
    message = await room.draw("a zeppelin")
    assert "a balloon" in message["content"]
    assert "zeppelin" not in message["content"]
    assert "A filter here replaced some of the words." in message["content"]


async def test_a_file_of_words_is_imported_and_exported(room):
    upload = {"filename": "words.txt", "b64": base64.b64encode(b"airship\ndirigible\n").decode()}
    answer = await room.command("filter import", user=MODERATOR, file=upload)
    assert answer["message"]["content"] == "Added 2, left out 0."
    content = (await room.command("filter list", user=MODERATOR))["message"]["content"]
    (exported,) = (await room.command("filter export", user=MODERATOR))["message"]["attachments"]
    assert exported["filename"] == "filter.json"
    for rule in re.findall(r"`(\d+)` word \*\*(?:airship|dirigible)", content):
        await room.command("filter remove", user=MODERATOR, rule=rule)


async def test_the_floor_refuses_alone_and_finally(room, bot):
    answer = await room.imagine("n u d e, 13yo")
    assert (answer["ephemeral"], answer["message"]["content"]) == (True, FLOOR)
    assert bot.rows("user_id = ?", int(room.user_id)) == []
