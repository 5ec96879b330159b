"""The lists in the panel of `/settings`: channels and models, which are limits of the whole server."""

import pytest
from desk import FOLLOWUP, GUILD_ID, ORIGINAL, command_payload
from panels import CHANNEL_SELECT, custom_ids, panel_press, select_payload

from bot.limits.rules import Rule, Target
from bot.store import audit
from bot.store import limits as stored_limits

UPDATE = 7


async def rules(world):
    async with world.database.reading() as connection:
        return {rule.name: rule.value for rule in await stored_limits.read(connection, GUILD_ID)}


async def put(world, rule):
    async with world.database.transaction() as connection:
        await stored_limits.put(connection, GUILD_ID, rule, set_by=3, now=1.0)


def shown(world):
    return world.desk.sent("PATCH", ORIGINAL)[-1].body["content"]


async def test_the_panel_says_where_and_with_what_members_draw(world):
    data = (await world.answer(command_payload("settings"))).body["data"]
    assert "Channels where members draw: all" in data["content"]
    await put(world, Rule(target=Target(), name="channels", value=("70", "71")))
    await put(world, Rule(target=Target(), name="models", value=("emoji",)))
    data = (await world.answer(command_payload("settings", interaction_id=6))).body["data"]
    assert "Channels where members draw: <#70>, <#71>" in data["content"]
    assert "Models: emoji" in data["content"]


async def test_a_role_or_a_run_out_rule_is_no_setting_of_the_server(world):
    await put(world, Rule(target=Target(scope="role", scope_id=4), name="channels", value=("70",)))
    await put(world, Rule(target=Target(), name="models", value=("emoji",), expires_at=2.0))
    data = (await world.answer(command_payload("settings"))).body["data"]
    assert "<#70>" not in data["content"]
    assert "emoji" not in data["content"]


@pytest.mark.parametrize("name", ["channels", "models"])
async def test_a_list_has_a_page_of_its_own_with_a_way_back(world, name):
    answer = (await world.answer(panel_press(f"settings:{name}"))).body
    assert answer["type"] == UPDATE
    assert custom_ids(answer["data"]["components"]) == [f"settings:{name}list", "settings:back"]
    answer = (await world.answer(panel_press("settings:back", interaction_id=6))).body
    assert "settings:log" in custom_ids(answer["data"]["components"])


async def test_channels_are_chosen_and_given_back_with_an_empty_choice(world):
    await world.answer(select_payload("settings:channelslist", ["70", "71"], kind=CHANNEL_SELECT))
    assert await rules(world) == {"channels": ("70", "71")}
    assert "Channels where members draw: <#70>, <#71>" in shown(world)
    await world.answer(select_payload("settings:channelslist", [], kind=CHANNEL_SELECT, interaction_id=6))
    assert await rules(world) == {}
    assert "Channels where members draw: all" in shown(world)
    async with world.database.reading() as connection:
        written = await audit.after(connection, guild_id=GUILD_ID, after_id=0, count=10)
    assert [row.action for row in written] == ["limit-set", "limit-cleared"]


async def test_models_are_chosen_by_their_titles(world):
    answer = (await world.answer(panel_press("settings:models"))).body
    (option,) = answer["data"]["components"][0]["components"][0]["options"]
    await world.answer(select_payload("settings:modelslist", [option["value"]], interaction_id=6))
    assert await rules(world) == {"models": (option["value"],)}


async def test_a_model_that_is_gone_is_not_chosen(world):
    await world.answer(select_payload("settings:modelslist", ["gone"]))
    (followup,) = world.desk.sent("POST", FOLLOWUP)
    assert followup.body["content"] == "The model gone is no longer here."
    assert await rules(world) == {}


async def test_what_would_withdraw_waiting_requests_is_asked_first(world):
    await world.row()
    await world.answer(select_payload("settings:channelslist", ["71"], kind=CHANNEL_SELECT))
    assert await rules(world) == {}
    (question,) = world.desk.sent("POST", FOLLOWUP)
    (confirm,) = custom_ids(question.body["components"])
    await world.answer(panel_press(confirm, interaction_id=6))
    assert await rules(world) == {"channels": ("71",)}
