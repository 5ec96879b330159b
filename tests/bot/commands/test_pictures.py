import pytest
from desk import BEN_ID, command_payload
from rows import row

from bot.commands.pictures import history_page
from bot.markdown import utf16_length
from bot.store import messages, outcomes

EPHEMERAL = 64


async def show(world, name):
    data = (await world.answer(command_payload(name))).body["data"]
    assert data["flags"] == EPHEMERAL
    return data


async def answered_row(world, **changes):
    asked = await world.row(**changes)
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, asked.id, message_id=900 + asked.id)
    return asked


# /history


async def test_a_history_names_prompt_seed_time_state_and_place(world):
    asked = await answered_row(world, num_images=2)
    line = (await show(world, "history"))["content"].split("\n")[1]
    assert line == (
        f"#1001 <t:{int(asked.created_at)}:R> · **a red heart** · Seeds `4181`–`4182` · in line"
        " · [show](https://discord.com/channels/7/70/901)"
    )


async def test_a_history_is_newest_first_with_a_button_for_each(world):
    for number in range(7):
        await answered_row(world, prompt=f"picture {number}")
    data = await show(world, "history")
    assert [
        f"picture {number}" in line
        for number, line in zip((6, 5, 4, 3, 2), data["content"].split("\n")[1:], strict=True)
    ] == [True] * 5
    again, turns = data["components"]
    assert [button["custom_id"] for button in again["components"]] == [
        "again:7",
        "again:6",
        "again:5",
        "again:4",
        "again:3",
    ]
    assert [button["custom_id"] for button in turns["components"]] == ["history:3"]


async def test_a_history_says_how_requests_ended(world):
    asked = await answered_row(world)
    async with world.database.transaction() as connection:
        await outcomes.end(connection, asked.id, state="failed", reason="failed-engine", charged=0, flagged=0, now=1.0)
    content = (await show(world, "history"))["content"]
    assert "failed: The drawing failed several times" in content
    assert "Nothing was charged" not in content


async def test_nobody_sees_the_history_of_another(world):
    await answered_row(world, user_id=BEN_ID)
    assert (await show(world, "history"))["content"] == "You have asked for nothing here yet. Try /imagine."


async def test_a_history_in_a_direct_message_links_there():
    page = history_page([row(guild_id=None)], is_first=True, has_more=False, locale="en-US")
    assert "https://discord.com/channels/@me/70/900" in page.content


@pytest.mark.parametrize("prompt", ["@here*" * 1000, "*" * 6000], ids=["mentions", "markdown"])
@pytest.mark.parametrize("reason", ["failed-unexpected", "failed-engine", "failed-interrupted"])
async def test_the_longest_history_fits(prompt, reason):
    rows = [
        row(
            id=2**40 + number,
            prompt=prompt,
            seed=2**53 - 5,
            num_images=4,
            guild_id=2**63,
            channel_id=2**63,
            message_id=2**63,
            state="failed",
            reason=reason,
        )
        for number in range(5)
    ]
    page = history_page(rows, is_first=False, has_more=True, locale="en-US")
    assert utf16_length(page.content) <= 2000


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
async def test_an_empty_page_says_so(is_first):
    page = history_page([], is_first=is_first, has_more=False, locale="en-US")
    assert page.content
    assert [item.custom_id for item in page.view.children] == ([] if is_first else ["history:0"])
