"""Sizes that the device has no memory for are refused before admission, and so before anything is charged."""

import asyncio

import discord
import pytest
from bot_at_desk import bot_at_desk
from desk import command_payload

from bot.accept import accept
from bot.sentences import sentence
from engine import GenerationRequest, InvalidRequest
from engine.footprint import Footprint
from engine.room import Room

SMALL = Footprint(unet_bytes=0, vae_bytes=0, others_bytes=0, row_bytes=0, pixel_bytes=1000, cell_px=8)


@pytest.fixture
async def world(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch) as world:
        yield world


def on(world, device, *, megapixels):
    """Let the bot's engine have a loaded model that draws so many pixels, and no more, on a device."""
    engine = world.client.engine
    room = Room(SMALL, megapixels * 2**20 * (1000 + 24), device=device)
    engine._rooms = {engine.find_source(None): room}


async def refusal(world, width, height):
    interaction = discord.Interaction(data=command_payload("imagine"), state=world.client._connection)
    request = GenerationRequest(prompt="a cat", width=width, height=height)
    with pytest.raises(InvalidRequest) as refused:
        await asyncio.wait_for(accept(interaction, request, kind="imagine"), 10)
    async with world.database.reading() as connection:
        assert await (await connection.execute("SELECT id FROM requests")).fetchall() == []
    return sentence(refused.value, "en-US")


async def test_a_size_that_does_not_fit_the_card_is_refused_with_the_largest_that_does(world):
    on(world, "cuda:0", megapixels=1)
    assert await refusal(world, 2048, 2048) == (
        "2048×2048 does not fit this bot's graphics card. Nothing was charged. Largest here: 1024×1024."
    )


async def test_a_machine_without_a_card_is_not_said_to_have_one(world):
    on(world, "cpu", megapixels=1)
    assert await refusal(world, 2048, 1024) == (
        "2048×1024 does not fit the memory of the machine that this bot draws on. Nothing was charged. "
        "Largest here: 1408×704."
    )


async def test_where_no_size_fits_none_is_offered(world):
    on(world, "cuda:0", megapixels=1)
    room = next(iter(world.client.engine._rooms.values()))
    room.ran_out(64, 64, 1)
    assert await refusal(world, 512, 512) == "512×512 does not fit this bot's graphics card. Nothing was charged."
