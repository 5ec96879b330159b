"""`kill -9` at bad moments, again and again: nothing is lost, nothing is delivered, charged or told twice."""

from __future__ import annotations

import os
import re
import sqlite3
from collections import Counter
from contextlib import closing
from random import Random

import pytest
import pytest_asyncio
from bot_process import opened_playground
from chaos import CHANNEL, MODERATOR, MOMENTS, Chaos
from room import custom_ids

SETTINGS = {"LIMIT_PICTURES_PER_DAY": "1000", "LIMIT_PLACES_IN_LINE": "100"}
THINKING = 128
UNFINISHED = re.compile(r"in line|next in line|step \d+ of|any moment now")
SHORT = {"seed": 1, "moments": ("answered", "drawn"), "asks": 12}
LONG = {"seed": 2, "moments": 3 * tuple(MOMENTS), "asks": 210}
"""More than 200 requests, and more than 20 kills."""
SEED = os.environ.get("CHAOS_SEED")
"""Another storm than the usual one: CHAOS_SEED=7 pytest -m slow tests/e2e/test_chaos.py."""


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="session",
    params=[
        pytest.param(SHORT, id="short"),
        pytest.param(LONG, id="long", marks=[pytest.mark.slow, pytest.mark.timeout(1500)]),
    ],
)
async def chaos(request, new_bot):
    """The world after the storm."""
    async with opened_playground() as playground, new_bot(playground, **SETTINGS) as bot:
        users = tuple(f"member{number}" for number in range(8))
        for user in users:
            playground.add_member(user)
        random = Random(int(SEED) if SEED else request.param["seed"])
        moments = random.sample(request.param["moments"], len(request.param["moments"]))
        chaos = Chaos(playground, bot, random, users)
        await chaos.run(moments=moments, asks=request.param["asks"])
        yield chaos


@pytest.fixture
def storm(request):
    """What kind of storm it was."""
    return request.node.callspec.params["chaos"]


@pytest.fixture
def rows(chaos):
    return chaos.bot.rows()


@pytest.fixture
def messages(chaos):
    """What stands in the channel in the end, by id."""
    return {int(message["id"]): message for message in chaos.playground.messages(user=MODERATOR, channel=CHANNEL)}


@pytest.fixture
def shown(chaos):
    """The interactions whose public message Discord has shown."""
    return {int(answer["id"]) for answer in chaos.answers if answer["kind"] in (4, 5) and not answer["ephemeral"]}


def deliveries(chaos, row):
    """Edits with files that had their effect on a request's message: those whose answer was lost, and the others."""
    ours = [
        request
        for request in chaos.playground.requests
        if request.files and (request.status == 200 or request.lost)
        if request.interaction_id == str(row["interaction_id"]) or request.path.endswith(f"/{row['message_id']}")
    ]
    return Counter("lost" if request.lost else "heard" for request in ours)


def test_the_storm_was_one(chaos, rows, shown, storm):
    assert chaos.kills == len(storm["moments"])
    assert chaos.cuts
    assert len(shown) > len(chaos.answers) / 3
    assert any(row["interruptions"] for row in rows)
    assert any(row["pinged_at"] for row in rows)


def test_every_request_that_discord_showed_stands_in_the_ledger_and_has_ended(rows, shown):
    assert shown <= {row["interaction_id"] for row in rows}
    assert {row["state"] for row in rows} <= {"done", "failed", "cancelled"}


def test_what_discord_never_showed_is_withdrawn_and_refunded(rows, shown):
    unseen = [row for row in rows if row["interaction_id"] not in shown]
    assert {(row["state"], row["reason"], row["charged"]) for row in unseen} <= {("cancelled", "never-shown", 0)}


def test_nothing_that_discord_showed_is_taken_for_unseen(chaos, rows, shown):
    withdrawn = [row for row in rows if row["reason"] == "never-shown" and row["interaction_id"] in shown]
    answers = {int(answer["id"]): answer for answer in chaos.answers}
    messages = [answers[row["interaction_id"]]["message"] for row in withdrawn]
    assert all(message is None or message["id"] in chaos.deleted for message in messages)


def test_pictures_came_into_their_message_by_one_edit(chaos, rows, messages):
    for row in rows:
        if not row["charged"]:
            continue
        count = deliveries(chaos, row)
        assert count["heard"] <= 1 <= count.total(), (dict(row), count)
        assert len(messages[row["message_id"]]["attachments"]) == row["charged"], dict(row)


def test_what_brought_no_pictures_says_why_and_that_nothing_was_charged(chaos, rows, messages, shown):
    for row in rows:
        if row["charged"] or row["interaction_id"] not in shown or str(row["message_id"]) in chaos.deleted:
            continue
        message = messages.get(row["message_id"])
        if message is None:  # deleted before its id was known
            assert row["reason"] == "never-shown"
            continue
        assert message["content"].count("Nothing was charged.") == 1, (dict(row), message["content"])
        assert (message["attachments"], custom_ids(message), deliveries(chaos, row).total()) == ([], [], 0)


def test_what_was_deleted_is_refunded(chaos, rows):
    assert {row["charged"] for row in rows if str(row["message_id"]) in chaos.deleted} <= {0}


def test_no_message_is_left_waiting(messages):
    left = [
        message["content"]
        for message in messages.values()
        if UNFINISHED.search(message["content"]) or message["flags"] & THINKING
    ]
    assert left == []


def test_a_due_ping_is_sent_once_to_the_owner_alone(chaos, rows, messages):
    pinged = Counter(
        (int(message["message_reference"]["message_id"]), mention["id"])
        for message in messages.values()
        for mention in message["mentions"]
    )
    assert pinged == Counter((row["message_id"], str(row["user_id"])) for row in rows if row["pinged_at"])


def test_what_is_charged_is_what_can_be_seen(rows, messages):
    assert sum(row["charged"] for row in rows) == sum(len(message["attachments"]) for message in messages.values())


def test_the_database_is_sound(chaos):
    with closing(sqlite3.connect(chaos.bot.database_path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
