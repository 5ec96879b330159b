"""Where the operator wants a yes to the licence, it is asked for once, and then what was typed goes on by itself."""

import pytest
from bot_at_desk import bot_at_desk
from desk import ANN_ID, BEN_ID, ORIGINAL, command_payload, press_payload

from bot.accept import accept
from bot.admission import Refused
from bot.kept import Kept
from bot.replies import waiting
from bot.store import requests

EPHEMERAL = 64
PROMPT = [{"type": 3, "name": "prompt", "value": "a cat"}, {"type": 4, "name": "seed", "value": 7}]


@pytest.fixture
async def world(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, require_agree=True) as world:
        for module in ("bot.buttons", "bot.forms", "bot.commands.imagine"):
            monkeypatch.setattr(f"{module}.accept", accept)
        world.studio.prospective_reply = lambda row, left: waiting(row, place=1, left=left, loading=None)
        world.enqueued = []
        world.studio.enqueue = lambda row, **_: world.enqueued.append(row)
        yield world


async def imagine(world, *, interaction_id=5, **more):
    return (await world.answer(command_payload("imagine", PROMPT, interaction_id=interaction_id, **more))).body["data"]


async def agreements(world):
    async with world.database.reading() as connection:
        rows = await connection.execute_fetchall("SELECT user_id, facts FROM audit WHERE action = 'agreed'")
    return [tuple(row) for row in rows]


async def test_the_first_request_asks_the_member_alone_and_nothing_is_charged(world):
    data = await imagine(world)
    assert data["flags"] == EPHEMERAL
    assert data["content"].startswith("Emoji is under the licence MIT.")
    assert [(each["label"], each["custom_id"]) for each in data["components"][0]["components"]] == [
        ("I agree", "agree:5")
    ]
    async with world.database.reading() as connection:
        assert await requests.unfinished(connection) == []


async def test_the_press_goes_on_with_what_was_typed(world):
    await imagine(world)
    answer = (await world.answer(press_payload("agree:5", interaction_id=6))).body
    assert "flags" not in answer["data"] or not answer["data"]["flags"] & EPHEMERAL
    [row] = world.enqueued
    assert (row.prompt, row.seed, row.kind, row.interaction_id) == ("a cat", 7, "imagine", 6)
    assert await agreements(world) == [(ANN_ID, '{"licence": "MIT"}')]
    assert len(world.desk.sent("DELETE", ORIGINAL)) == 1


async def test_who_has_agreed_is_not_asked_again(world):
    await imagine(world)
    await world.answer(press_payload("agree:5", interaction_id=6))
    await imagine(world, interaction_id=8)
    assert len(world.enqueued) == 2


async def test_everybody_agrees_for_themselves(world):
    await imagine(world)
    await world.answer(press_payload("agree:5", interaction_id=6))
    assert "is under the licence" in (await imagine(world, interaction_id=8, user_id=BEN_ID))["content"]


async def test_nobody_agrees_for_somebody_else(world):
    await imagine(world)
    answer = (await world.answer(press_payload("agree:5", interaction_id=6, user_id=BEN_ID))).body["data"]
    assert answer["content"] == "What you had typed is no longer kept here: send it again."
    assert (world.enqueued, await agreements(world)) == ([], [])


async def test_after_a_restart_what_was_typed_is_gone_and_that_is_said(world):
    await imagine(world)
    world.client.wishes = Kept()
    answer = (await world.answer(press_payload("agree:5", interaction_id=6))).body["data"]
    assert answer["content"] == "What you had typed is no longer kept here: send it again."


async def test_what_is_refused_after_the_yes_is_said_and_the_yes_stands(world, monkeypatch):
    await imagine(world)

    async def refuse(*_):
        raise Refused("quota-zero", limit=0)

    monkeypatch.setattr(world.client.admission, "reserve", refuse)
    answer = (await world.answer(press_payload("agree:5", interaction_id=6))).body["data"]
    assert (answer["flags"], answer["content"]) == (EPHEMERAL, "You may have no pictures here (0 a day).")
    assert len(await agreements(world)) == 1


async def test_without_the_setting_nobody_is_asked(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch) as world:
        await imagine(world)
        assert len(world.accepted.calls) == 1


async def test_whoever_has_their_data_erased_is_not_remembered_by_what_they_typed(world):
    await imagine(world)
    await world.answer(press_payload("erase:0", interaction_id=6))
    answer = await world.answer(press_payload("agree:5", interaction_id=7))
    assert answer.body["data"]["flags"] == EPHEMERAL
    assert world.enqueued == []
