from dataclasses import replace

import pytest
from desk import ANN_ID, BEN_ID, command_payload
from rows import cancelled, row

from bot.admission import Allowance
from bot.commands.quota import quota_text
from bot.markdown import utf16_length
from bot.store import messages, outcomes

EPHEMERAL = 64


async def shown(world):
    data = (await world.answer(command_payload("quota"))).body["data"]
    assert data["flags"] == EPHEMERAL
    return data["content"].split("\n")


async def ended(world, asked, **values):
    values = {"state": "done", "reason": None, "charged": 1, "charged_s": 2.5, "flagged": 0, "now": 1.0} | values
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, asked.id, message_id=900)
        await outcomes.end(connection, asked.id, **values)


@pytest.fixture
async def allowance(world) -> Allowance:
    return await world.client.admission.allowance(ANN_ID, 7)


async def test_a_quota_says_what_is_left_when_there_is_more_and_what_waits(world):
    asked = await world.row(num_images=4, estimated_s=12.0)
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, asked.id, message_id=900)
    await world.row(user_id=BEN_ID, prompt="a secret")
    allowance = await world.client.admission.allowance(ANN_ID, 7)
    assert await shown(world) == [
        "56 of 60 pictures left today.",
        f"All of them again <t:{int(allowance.refills_at.timestamp())}:R>.",
        "1 of 10 places in the line taken.",
        (
            "#1001 · **a red heart** · 2nd in line · reserved 4 pictures, 12.0 s"
            " · [show](https://discord.com/channels/7/70/900)"
        ),
    ]


async def test_an_untouched_quota_needs_no_refill(world):
    assert len(await shown(world)) == 2


async def test_a_quota_says_what_each_of_the_last_ones_reserved_spent_and_got_back(world):
    await ended(world, await world.row(estimated_s=2.0))
    cancelled = {"state": "cancelled", "reason": "cancelled-by-owner"}
    await ended(world, await world.row(num_images=4, estimated_s=12.0), charged=2, charged_s=5.04, **cancelled)
    await ended(world, await world.row(estimated_s=3.0), charged=0, charged_s=0.0, **cancelled)
    await ended(world, await world.row(num_images=2, estimated_s=5.0), flagged=1)
    assert (await shown(world))[3:] == [
        "The last ones:",
        (
            "#1004 · reserved 2 pictures, 5.0 s · spent 1 picture, 2.5 s · refunded 1 picture, 2.5 s"
            " · 1 of 2 pictures was flagged by the safety checker and not charged."
        ),
        "#1003 · reserved 1 picture, 3.0 s · spent nothing · refunded 1 picture, 3.0 s · Cancelled.",
        "#1002 · reserved 4 pictures, 12.0 s · spent 2 pictures, 5.0 s · refunded 2 pictures, 7.0 s · Cancelled.",
        "#1001 · reserved 1 picture, 2.0 s · spent 1 picture, 2.0 s",
    ]


async def test_at_most_ten_entries_of_the_askers_own_are_shown(world):
    await ended(world, await world.row(user_id=BEN_ID))
    for _ in range(12):
        await ended(world, await world.row())
    entries = (await shown(world))[4:]
    assert [line.split(" ")[0] for line in entries] == [f"#100{digit}" for digit in "DCBA987654"]


async def test_what_discord_never_showed_is_no_entry(world):
    asked = await world.row()
    await cancelled(world.database, asked.id)
    assert len(await shown(world)) == 2


async def test_seconds_are_named_where_they_are_limited(allowance):
    limited = replace(allowance, seconds=(replace(allowance.seconds[0], limit=100, used=0.1),))
    assert "99 s left today." in quota_text(limited, [], [], "en-US")


async def test_more_than_five_that_wait_are_counted(allowance):
    waiting = [(row(id=number), number) for number in range(1, 8)]
    assert quota_text(allowance, waiting, [], "en-US").endswith("\n… and 2 more that wait")


@pytest.mark.parametrize("prompt", ["@here*" * 1000, "*" * 6000], ids=["mentions", "markdown"])
async def test_the_longest_quota_fits_and_prompts_are_escaped(allowance, prompt):
    where = {"guild_id": 2**63, "channel_id": 2**63, "message_id": 2**63}
    waiting = [(row(id=2**40 + number, prompt=prompt, **where), 10**6) for number in range(20)]
    gone = [
        row(id=number, state="failed", reason="failed-engine", charged=0, estimated_s=99999.9, num_images=4)
        for number in range(10)
    ]
    text = quota_text(allowance, waiting, gone, "en-US")
    assert utf16_length(text) <= 2000
    assert "**@here" not in text
    assert "spent nothing" in text
