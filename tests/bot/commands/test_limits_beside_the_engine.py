"""`/limits` reaches what the engine has and has not begun, too."""

import asyncio

import pytest
from desk import ANN_ID, BEN_ID, command_payload, press_payload
from road import CARD, HandDelivery, HandEngine, HandMembers, until

from bot.endings import Endings
from bot.progress import Board
from bot.store import messages, requests
from bot.studio import Studio
from engine import Progress

GIVEN = [{"type": 3, "name": "limit", "value": "steps"}, {"type": 3, "name": "value", "value": "10"}]


@pytest.fixture
async def engine(world, monkeypatch):
    """It has places for one picture."""
    client, engine, delivery = world.client, HandEngine(), HandDelivery()
    endings = Endings(
        database=world.database,
        admission=client.admission,
        delivery=delivery,
        cards=lambda _: CARD,
        usual_model="emoji",
        prices=client.prices,
        flagging=None,
        files=None,
        keep_pictures_s=0.0,
    )
    studio = Studio(
        database=world.database,
        engine=engine,
        endings=endings,
        board=Board(delivery),
        members=HandMembers(),
        max_rows=2,
        model_requests=20,
        model_wait_s=60.0,
        stop_s=60.0,
        weights={},
    )
    monkeypatch.setattr(client, "studio", studio)
    serving = asyncio.create_task(studio.run())
    yield engine
    serving.cancel()


async def waiting(world, **changes):
    row = await world.row(**changes)
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, row.id, message_id=900)
    row = await stored(world, row)
    world.client.studio.enqueue(row)
    return row


async def stored(world, row):
    async with world.database.reading() as connection:
        return await requests.fetch(connection, row.id)


async def test_what_the_engine_has_not_begun_is_withdrawn_and_what_it_draws_is_not(world, engine):
    drawn = await waiting(world, prompt="drawn", user_id=ANN_ID)
    (await engine.drawing("drawn")).say(
        Progress(step=1, steps=20, pictures_done=0, num_images=1, seconds_per_step=0.1, pictures_begun=1)
    )
    await until(lambda: not world.client.studio.overview.waits(drawn.id))
    handed = await waiting(world, prompt="handed", user_id=BEN_ID)
    drawing = await engine.drawing("handed")
    asked = await world.answer(command_payload("limits", [{"type": 1, "name": "set", "options": GIVEN}]))
    assert "That withdraws 1 waiting request" in asked.body["data"]["content"]
    assert drawing.is_closed
    drawing = await engine.drawing("handed", attempt=2)
    await world.answer(press_payload(asked.body["data"]["components"][0]["components"][0]["custom_id"]))
    await until(lambda: drawing.is_closed)
    ended = await stored(world, handed)
    assert (ended.state, ended.reason, ended.charged) == ("cancelled", "withdrawn-steps", 0)
    assert (await stored(world, drawn)).state == "running"
    assert engine.prompts == ["drawn", "handed", "handed"]
