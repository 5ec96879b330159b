"""`/limits` reaches what the engine has and has not begun, too."""

import asyncio

import pytest
from desk import ANN_ID, BEN_ID, command_payload, press_payload
from line_at_desk import stored, studio_at_desk, waiting
from road import HandDelivery, HandEngine, HandMembers, until

from engine import Progress

GIVEN = [{"type": 3, "name": "limit", "value": "steps"}, {"type": 3, "name": "value", "value": "10"}]


@pytest.fixture
async def engine(world, monkeypatch):
    """It has places for one picture."""
    engine = HandEngine()
    studio = studio_at_desk(world, HandDelivery(), engine=engine, members=HandMembers(), max_rows=2)
    monkeypatch.setattr(world.client, "studio", studio)
    serving = asyncio.create_task(studio.run())
    yield engine
    serving.cancel()


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
