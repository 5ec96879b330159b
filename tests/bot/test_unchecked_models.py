"""A model at whose pictures no safety checker looks draws in age-restricted channels only."""

from dataclasses import replace

import pytest
from road import MANY, opened_road

from bot.admission import Admission, Refused
from bot.moderation.unchecked import UncheckedModels
from bot.policy import OperatorLimits


class Engine:
    """Of which `seen` are the models at whose pictures somebody looks."""

    def __init__(self, card):
        self._card = card

    def has_unchecked(self, model):
        return model != "seen"

    def card_of(self, _):
        return replace(self._card, title="Dream")


@pytest.fixture
async def road(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        gate = UncheckedModels(Engine(road.engine.card))
        limits = OperatorLimits(default=MANY, ceiling=MANY)
        road.admission = Admission(road.database, limits, gates=(gate,), clock=road.clock)
        yield road


@pytest.mark.parametrize(
    ("model", "place"),
    [("seen", {}), ("unseen", {"is_age_restricted": True}), ("seen", {"guild_id": None})],
    ids=["checked", "age-restricted", "checked-in-a-dm"],
)
async def test_it_passes(road, model, place):
    assert (await road.admitted(model=model, **place)).state == "queued"


@pytest.mark.parametrize("place", [{}, {"guild_id": None}], ids=["open-channel", "dm"])
async def test_it_is_refused_audited_and_not_charged(road, place):
    with pytest.raises(Refused) as caught:
        await road.admitted(model="unseen", **place)
    assert (caught.value.key, caught.value.values) == ("model-unchecked", {"title": "Dream"})
    async with road.database.reading() as connection:
        [(facts,)] = await connection.execute_fetchall("SELECT facts FROM audit WHERE action = 'refused'")
        [(count,)] = await connection.execute_fetchall("SELECT count(*) FROM requests")
    assert ("model-unchecked" in facts, count) == (True, 0)
