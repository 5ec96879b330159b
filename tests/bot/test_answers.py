import asyncio

import pytest
from desk import CALLBACK, FOLLOWUP, ORIGINAL, command_payload, interaction_payload, press_payload

import bot.answers
from bot.admission import Refused
from bot.answers import answered, explain, in_time

EPHEMERAL = 64
MESSAGE, DEFERRED, DEFERRED_UPDATE = 4, 5, 6
AUTOCOMPLETE, CHOICES = 4, 8


@pytest.fixture
def interaction(world):
    return made(world, command_payload("unheard"))


def made(world, payload):
    import discord

    return discord.Interaction(data=payload, state=world.client._connection)


async def fail(interaction):
    async with answered(interaction):
        raise Refused("request-unknown")


def roads(world):
    return [
        (call.method, call.path.split("/")[1], call.path.rsplit("/", 1)[1])
        for call in world.desk.calls
        if call.path.startswith(("/interactions", "/webhooks"))
    ]


async def test_a_first_answer_is_private(world, interaction):
    await fail(interaction)
    (call,) = world.desk.sent("POST", CALLBACK)
    assert (call.body["type"], call.body["data"]["flags"]) == (MESSAGE, EPHEMERAL)


async def test_after_an_answer_the_sentence_follows_privately(world, interaction):
    await interaction.response.send_message("here")
    await fail(interaction)
    (call,) = world.desk.sent("POST", FOLLOWUP)
    assert call.body["flags"] == EPHEMERAL
    assert not world.desk.sent("DELETE", "*")


async def test_a_public_thinking_is_deleted_before_the_sentence_follows(world, interaction):
    await interaction.response.defer(thinking=True)
    await fail(interaction)
    assert roads(world) == [
        ("POST", "interactions", "callback"),
        ("DELETE", "webhooks", "@original"),
        ("POST", "webhooks", "token-5"),
    ]
    assert world.desk.sent("POST", FOLLOWUP)[0].body["flags"] == EPHEMERAL


async def test_a_thinking_that_is_gone_already_does_not_stop_the_sentence(world, interaction):
    world.desk.fail("DELETE", ORIGINAL, 404, 10008)
    await interaction.response.defer(thinking=True)
    await fail(interaction)
    assert len(world.desk.sent("POST", FOLLOWUP)) == 1


async def test_an_acknowledged_press_keeps_its_message(world):
    interaction = made(world, press_payload("cancel:1"))
    await interaction.response.defer()
    await fail(interaction)
    assert not world.desk.sent("DELETE", "*")
    assert world.desk.sent("POST", FOLLOWUP)[0].body["flags"] == EPHEMERAL


@pytest.mark.parametrize("code", [10062, 10015, 40060])
async def test_an_interaction_that_is_dead_is_not_answered_again(world, interaction, code):
    world.desk.fail("POST", CALLBACK, 404, code)
    async with answered(interaction):
        await interaction.response.send_message("too late")
    assert len(world.desk.sent("POST", "*")) == 1


async def test_an_answer_that_fails_ends_quietly(world, interaction):
    world.desk.fail("POST", CALLBACK, 404, 10062)
    await explain(interaction, Refused("request-unknown"))
    assert len(world.desk.sent("POST", CALLBACK)) == 1


async def test_cancelling_is_no_error(interaction):
    with pytest.raises(asyncio.CancelledError):
        async with answered(interaction):
            raise asyncio.CancelledError


# work that takes its time


async def test_quick_work_is_answered_first(world, interaction):
    assert await in_time(interaction, asyncio.sleep(0, "done")) == "done"
    assert not interaction.response.is_done()


async def test_slow_work_is_deferred_privately_and_its_answer_edits_that(world, interaction, monkeypatch):
    monkeypatch.setattr(bot.answers, "DEFER_AFTER_S", 0)
    is_deferred = asyncio.Event()

    async def work():
        await is_deferred.wait()
        return "done"

    waiting = asyncio.create_task(in_time(interaction, work()))
    deferred = await world.desk.wait_for("POST", CALLBACK)
    is_deferred.set()
    await bot.answers.privately(interaction, await waiting)
    assert (deferred.body["type"], deferred.body["data"]["flags"]) == (DEFERRED, EPHEMERAL)
    assert world.desk.sent("PATCH", ORIGINAL)[0].body["content"] == "done"
    assert not world.desk.sent("DELETE", "*")


async def test_slow_work_is_done_even_where_nobody_can_be_told(world, interaction, monkeypatch):
    monkeypatch.setattr(bot.answers, "DEFER_AFTER_S", 0)
    world.desk.fail("POST", CALLBACK, 404, 10062)

    async def work():
        await world.desk.wait_for("POST", CALLBACK)
        return "done"

    assert await in_time(interaction, work()) == "done"


async def test_slow_work_that_is_refused_is_refused_privately(world, interaction, monkeypatch):
    monkeypatch.setattr(bot.answers, "DEFER_AFTER_S", 0)

    async def work():
        await world.desk.wait_for("POST", CALLBACK)
        raise Refused("request-unknown")

    async with answered(interaction):
        await in_time(interaction, work())
    assert world.desk.sent("PATCH", ORIGINAL)[0].body["content"] == "I know nothing of this picture any more."


async def test_a_fault_while_somebody_types_offers_no_choices(world):
    await fail(
        made(world, interaction_payload(AUTOCOMPLETE, {"id": "50", "name": "unheard", "type": 1, "options": []}))
    )
    (call,) = world.desk.sent("POST", CALLBACK)
    assert call.body == {"type": CHOICES, "data": {"choices": []}}
