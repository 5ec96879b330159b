from dataclasses import replace

import pytest
from bot_at_desk import CARD, bot_at_desk
from desk import ANN_ID, GUILD_ID, command_payload

from bot.accept import accept, check_age
from bot.store import audit, requests

ADULT = replace(CARD, nsfw=True)
PROMPT = [{"type": 3, "name": "prompt", "value": "a cat"}]
PARENTS = {80: True, 81: False}
"""Channels that have threads, and whether they are age-restricted."""


def channel(kind=0, channel_id=70, **more):
    return {"channel": {"id": str(channel_id), "type": kind, "name": "art", "position": 0, "recipients": [], **more}}


def thread(parent_id):
    times = {"archived": False, "auto_archive_duration": 60, "archive_timestamp": "2026-08-01T00:00:00+00:00"}
    counts = {"owner_id": "3", "message_count": 0, "member_count": 1, "rate_limit_per_user": 0, "flags": 0}
    return channel(
        11, parent_id + 10, guild_id=str(GUILD_ID), parent_id=str(parent_id), thread_metadata=times, **counts
    )


def join(world):
    """Let the gateway tell of a server with the channels that have threads."""
    channels = [
        {"id": str(number), "type": 0, "name": "a", "position": 0, "permission_overwrites": [], "nsfw": is_restricted}
        for number, is_restricted in PARENTS.items()
    ]
    world.client._connection._add_guild_from_data({"id": str(GUILD_ID), "name": "a server", "channels": channels})


async def in_place(world, monkeypatch, place):
    """The sentence, if any, with which a model for adults refuses to draw there."""

    async def look(interaction, *_, **__):
        check_age(interaction, ADULT)
        await interaction.response.send_message("drawn")

    monkeypatch.setattr("bot.commands.imagine.accept", look)
    return (await world.answer(command_payload("imagine", PROMPT, **place))).body["data"]["content"]


REFUSAL = "Emoji draws in age-restricted channels only. Whoever manages this channel can mark it as one."


@pytest.mark.parametrize(
    ("place", "answer"),
    [
        (channel(nsfw=True), "drawn"),
        (channel(nsfw=False), REFUSAL),
        (channel(), REFUSAL),
        (channel(2, nsfw=True, bitrate=64000, user_limit=0), "drawn"),
        (thread(80), "drawn"),
        (thread(81), REFUSAL),
        (thread(82), REFUSAL),
    ],
    ids=["restricted", "open", "unsaid", "voice", "thread-restricted", "thread-open", "thread-of-an-unknown-channel"],
)
async def test_a_model_for_adults_draws_in_age_restricted_channels_only(world, monkeypatch, place, answer):
    join(world)
    assert await in_place(world, monkeypatch, place) == answer


async def test_a_model_for_adults_draws_in_direct_messages(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, allow_dms=True) as world:
        assert await in_place(world, monkeypatch, {"guild_id": None}) == "drawn"


async def test_what_is_refused_for_the_channel_is_audited_and_not_charged(world, monkeypatch):
    monkeypatch.setattr("bot.commands.imagine.accept", accept)
    source = world.client.engine.find_source(None)
    source = replace(source, folder=replace(source.folder, card=ADULT))
    monkeypatch.setattr(world.client.engine, "find_source", lambda _: source)
    answer = await world.answer(command_payload("imagine", PROMPT, **channel(nsfw=False)))
    assert answer.body["data"]["content"] == REFUSAL
    async with world.database.reading() as connection:
        assert not await requests.unfinished(connection)
        [deed] = await audit.after(connection, guild_id=GUILD_ID, after_id=0, count=2)
    assert (deed.action, deed.user_id, deed.named) == (
        "refused",
        ANN_ID,
        {"key": "model-age-restricted", "channel_id": 70},
    )
