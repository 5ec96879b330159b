import pytest
from bot_at_desk import bot_at_desk
from desk import BEN_ID, command_payload, user

from bot.limits.rules import Target
from bot.store import limits as stored_limits

EPHEMERAL = 64
SERVER = Target()
BEN = Target(scope="member", scope_id=BEN_ID)


async def run(world, name, member=None, **options):
    given = [{"type": 3, "name": key, "value": value} for key, value in options.items()]
    data = {}
    if member is not None:
        given.append({"type": 6, "name": "member", "value": str(member)})
        data["resolved"] = {"users": {str(member): user(member)}}
    payload = command_payload("limits", [{"type": 1, "name": name, "options": given}])
    payload["data"].update(data)
    answer = (await world.answer(payload)).body["data"]
    assert answer["flags"] == EPHEMERAL
    return answer["content"]


async def stored(world, target=SERVER):
    async with world.database.reading() as connection:
        rules = await stored_limits.read(connection, 7)
    return {rule.name: rule.value for rule in rules if rule.target == target}


async def test_a_limit_of_the_server_shows_before_and_after(world):
    assert await run(world, "set", limit="pictures_per_day", value="20") == "Pictures a day of this server: 60 → **20**"
    assert await stored(world) == {"pictures_per_day": 20}


async def test_a_limit_of_a_member_is_theirs_alone(world):
    await run(world, "set", limit="steps", value="50")
    content = await run(world, "set", limit="steps", value="30", member=BEN_ID)
    assert content == f"Steps of <@{BEN_ID}>: 50 → **30**"
    assert await stored(world, BEN) == {"steps": 30}
    assert await stored(world) == {"steps": 50}


@pytest.mark.parametrize("value", ["512x512", "512×512", "262144"])
async def test_pixels_take_a_number_or_a_size(world, value):
    content = await run(world, "set", limit="pixels", value=value)
    assert content == "Pixels of this server: 1048576 (1024×1024) → **262144 (512×512)**"


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [
        (
            "pictures_per_day",
            "61",
            "Pictures a day can be at most 60 here, which is what the person who runs this bot allows; got 61.",
        ),
        ("pixels", "1032x1024", "Pixels can be at most 1048576 here"),
        ("steps", "many", "Steps must be a number (Pixels also a size like 1024x1024), got many."),
        ("steps", "100x100", "Steps must be a number"),
        ("places_in_line", "-1", "Places in the line must be at least 0, got -1."),
        ("steps", "0", "Steps must be at least 1, got 0."),
        ("colours", "5", "colours is no limit."),
    ],
    ids=["ceiling", "ceiling-of-pixels", "word", "size-of-steps", "negative", "no-steps", "unknown"],
)
async def test_what_cannot_be_set_is_refused_with_the_rule(world, limit, value, sentence):
    assert (await run(world, "set", limit=limit, value=value)).startswith(sentence)
    assert await stored(world) == {}


async def test_a_ceiling_above_the_default_lets_moderators_go_there(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, ceiling_pictures_per_day="100") as world:
        assert (
            await run(world, "set", limit="pictures_per_day", value="100")
            == "Pictures a day of this server: 60 → **100**"
        )


async def test_clearing_a_limit_goes_back_to_what_held_without_it(world):
    await run(world, "set", limit="steps", value="50")
    assert await run(world, "clear", limit="steps") == "Steps of this server: 50 → **150**"
    assert await stored(world) == {}


async def test_clearing_a_members_limit_leaves_the_servers(world):
    await run(world, "set", limit="steps", value="50")
    await run(world, "set", limit="steps", value="30", member=BEN_ID)
    assert await run(world, "clear", limit="steps", member=BEN_ID) == f"Steps of <@{BEN_ID}>: 30 → **50**"


async def test_clearing_without_a_limit_takes_all_of_them_back_and_shows_what_holds(world):
    await run(world, "set", limit="steps", value="50")
    await run(world, "set", limit="pictures_per_day", value="5")
    await run(world, "set", limit="steps", value="30", member=BEN_ID)
    lines = (await run(world, "clear")).split("\n")
    assert lines[1] == "• Pictures a day: **60** (the bot's own)"
    assert (await stored(world), await stored(world, BEN)) == ({}, {"steps": 30})


async def test_showing_the_servers_limits_names_value_source_and_ceiling(world):
    await run(world, "set", limit="steps", value="50")
    assert (await run(world, "show")).split("\n") == [
        "Limits of this server:",
        "• Pictures a day: **60** (the bot's own)",
        "• Places in the line: **10** (the bot's own)",
        "• Pixels: **1048576 (1024×1024)** (the bot's own)",
        "• Steps: **50** (set for this server; at most 150)",
        "• Pictures a request: **4** (the bot's own)",
        "• Seconds a day: **no limit** (the bot's own)",
        "• Seconds between requests: **the channel's slow mode** (the bot's own)",
        "• Places of a whole channel: **no limit** (the bot's own)",
        "• Places of the whole server: **no limit** (the bot's own)",
        "• Models: **all** (the bot's own)",
        "• LoRAs: **all** (the bot's own)",
        "• Channels: **all** (the bot's own)",
        "• Days since the account was made: **0** (the bot's own)",
        "• Days since joining: **0** (the bot's own)",
    ]


async def test_showing_a_members_limits_names_what_is_theirs(world):
    await run(world, "set", limit="steps", value="50")
    await run(world, "set", limit="places_in_line", value="1", member=BEN_ID)
    lines = (await run(world, "show", member=BEN_ID)).split("\n")
    assert lines[0] == f"Limits of <@{BEN_ID}> here:"
    assert lines[2] == "• Places in the line: **1** (set for this member; at most 10)"
    assert lines[4] == "• Steps: **50** (set for this server; at most 150)"
