"""One SIGKILL that finds requests at every point of their road, and the next start, which settles each of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import freezing_bot
import pytest
import pytest_asyncio
from bot_process import ANSWERED_S, PACED, BotProcess, opened_playground
from room import Room, custom_ids

PROGRAM = (str(Path(freezing_bot.__file__)),)
NEXT_PROGRAM = (*PACED, "--ping-after", "3600")
"""For it nobody has waited long, however slow this machine is."""
MEMBERS = ("ann", "ben")
PICTURES = {"delivered": 2, "cancelled in part": 3}
"""How many are asked for; one where nothing is said."""
CANCELLED = ("cancelling", "cancelled", "told")
DELETED = ("shown and deleted", "drawing and deleted")
CHATTER = 120
"""More messages than Discord gives at once, between a waiting message and its ping."""
NONCE_LIFE_S = 400.0
"""After it Discord no longer tells a second message from the first by its nonce."""
TOKEN_LIFE_S = 1000.0
FROZEN_S = 150.0
LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Outcome:
    """What the kill and the next start left of one request."""

    row: Any
    answer: dict[str, Any]
    message: dict[str, Any] | None
    deliveries: int
    pings: list[dict[str, Any]]


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="session",
    params=[
        pytest.param(NONCE_LIFE_S, id="soon"),
        pytest.param(TOKEN_LIFE_S, id="after the tokens have died", marks=pytest.mark.slow),
    ],
)
async def outcomes(new_bot, request):
    """Every point's outcome, where the next start comes so much later by Discord's clock."""
    async with opened_playground() as playground, new_bot(playground) as bot:
        bot.program = PROGRAM
        await bot.start()
        room = Room(playground, MEMBERS[0], "art")
        await room.draw("the model is loaded now")
        answers = await _ask(room)
        rerolled = await _freeze(room, bot, answers)
        await bot.kill()
        for point in DELETED:
            playground.delete_message(answers[point]["message"]["id"], user="mo")
        playground.advance(request.param)
        if request.param == TOKEN_LIFE_S:
            del answers["deferred"]  # Discord itself has said by then that nothing will come
        bot.execute("UPDATE requests SET interruptions = 4 WHERE prompt = 'drawing for the fifth time'")
        bot.program = NEXT_PROGRAM
        await bot.start()
        await _settled(bot)
        await room.finished(rerolled["message"]["id"])
        yield {point: _outcome(room, bot, point, answer) for point, answer in answers.items()}


async def _ask(room: Room) -> dict[str, dict[str, Any]]:
    points = list(freezing_bot.POINTS)
    asked = [
        room.playground.command(
            "imagine",
            {"prompt": point, "steps": 2, "images": PICTURES.get(point, 1)},
            user=MEMBERS[number % len(MEMBERS)],
            channel=room.channel,
            wait=ANSWERED_S,
        )
        for number, point in enumerate(points)
    ]
    answers = asyncio.gather(*asked)
    await room.playground.wait_for(lambda: [each for each in room.messages() if "**pinged**" in each["content"]])
    for number in range(CHATTER):
        room.playground.say(f"chatter {number}", channel=room.channel)
    return dict(zip(points, await answers, strict=True))


async def _freeze(room: Room, bot: BotProcess, answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Lead every request to its point; the answer to a reroll of the one whose ping is due."""
    for point, stops in freezing_bot.POINTS.items():
        await _until(lambda point=point, stops=stops: f"frozen: {point} at {stops[0][1]}\n" in bot.log)
    for point in CANCELLED:
        await room.click(answers[point]["message"], "cancel", user="mo")
    for point, last in (("cancelling", "stop"), ("cancelled", "tell"), ("told", "show")):
        await _until(lambda point=point, last=last: f"frozen: {point} at {last}\n" in bot.log)
    return await room.click(await room.finished(answers["ended"]["message"]["id"]), "reroll", user="mo")


async def _settled(bot: BotProcess) -> None:
    left = "ended_at IS NULL OR told_at IS NULL OR (ping_intended_at IS NOT NULL AND pinged_at IS NULL)"
    await _until(lambda: not bot.rows(left))


async def _until(is_true: Any) -> None:
    async with asyncio.timeout(FROZEN_S):
        while not is_true():  # noqa: ASYNC110 - neither log nor database tells when it changes
            await asyncio.sleep(LOOK_EVERY_S)


def _outcome(room: Room, bot: BotProcess, point: str, answer: dict[str, Any]) -> Outcome:
    [row] = bot.rows("prompt = ? AND kind = 'imagine'", point)
    message_id = answer["message"] and answer["message"]["id"]
    replies = [each for each in room.messages() if "ready" in each["content"] and each["mentions"]]
    return Outcome(
        row=row,
        answer=answer,
        message=room.message(message_id),
        deliveries=sum(
            bool(request.files) and request.status == 200
            for request in room.playground.requests
            if request.interaction_id == answer["id"] or request.path.endswith(f"/{message_id}")
        ),
        pings=[each for each in replies if each["message_reference"]["message_id"] == message_id],
    )


@pytest.fixture
def found(outcomes, point):
    if point not in outcomes:
        pytest.skip("not asked for here")
    return outcomes[point]


DELIVERED = ("deferred", "shown", "drawing", "delivering", "delivered", "ended", "pinged")


@pytest.mark.parametrize("point", DELIVERED)
def test_what_discord_has_shown_is_delivered_once_in_the_same_message(found, point):
    assert found.row["message_id"] == int(found.answer["message"]["id"])
    assert found.deliveries == 1
    assert len(found.message["attachments"]) == PICTURES.get(point, 1)


@pytest.mark.parametrize("point", DELIVERED)
def test_what_was_delivered_is_charged(found, point):
    row = found.row
    assert (row["state"], row["charged"]) == ("done", PICTURES.get(point, 1))


@pytest.mark.parametrize("point", DELIVERED)
def test_a_delivered_message_offers_what_can_be_done_with_pictures(found, point):
    assert [custom_id.split(":")[0] for custom_id in custom_ids(found.message)] == [
        "reroll",
        "edit",
        "delete",
    ]


def test_pictures_that_were_shown_before_a_cancel_stay_cancelled_in_part(outcomes):
    found = outcomes["cancelled in part"]
    assert (found.row["state"], found.row["reason"], found.row["charged"]) == ("cancelled", "cancelled-by-owner", 2)
    assert (found.row["flagged"], found.deliveries, len(found.message["attachments"])) == (0, 1, 2)


@pytest.mark.parametrize("point", CANCELLED)
def test_a_cancel_is_carried_out_and_said(found, point):
    assert (found.row["state"], found.row["charged"], found.deliveries) == ("cancelled", 0, 0)
    assert "Cancelled by a moderator. Nothing was charged." in found.message["content"]
    assert custom_ids(found.message) == []


def test_what_was_interrupted_five_times_is_refunded_and_says_so(outcomes):
    found = outcomes["drawing for the fifth time"]
    assert (found.row["state"], found.row["reason"], found.row["charged"]) == ("failed", "failed-interrupted", 0)
    assert "interrupted several times" in found.message["content"]
    assert "Nothing was charged." in found.message["content"]


def test_what_discord_never_showed_is_withdrawn_and_refunded(outcomes):
    found = outcomes["reserved"]
    assert found.answer["state"].startswith("failed")
    assert (found.row["state"], found.row["reason"], found.row["charged"]) == ("cancelled", "never-shown", 0)


@pytest.mark.parametrize("point", DELETED)
def test_what_was_deleted_meanwhile_stays_deleted_and_is_refunded(found, point):
    assert (found.row["state"], found.row["charged"], found.message) == ("cancelled", 0, None)


@pytest.mark.parametrize("point", ["ended", "pinged"])
def test_a_ping_that_is_due_is_sent_once_to_the_owner(found, point):
    assert [mention["id"] for ping in found.pings for mention in ping["mentions"]] == [str(found.row["user_id"])]
    assert found.row["pinged_at"] is not None


@pytest.mark.parametrize("point", [point for point in freezing_bot.POINTS if point not in ("ended", "pinged")])
def test_nobody_is_pinged_who_has_not_waited_long(found, point):
    assert found.pings == []
