"""The playground as the demo shows it: one of each kind of place, and discord.py in all of them."""

import os
from pathlib import Path

import pytest

from bot.playground import NotPossible, Playground


@pytest.fixture
async def playground():
    document = os.environ.get("DISCORD_OPENAPI")
    async with Playground.open(openapi=Path(document) if document else None, is_furnished=True) as playground:
        yield playground
        assert playground.own_errors == []


@pytest.mark.parametrize("channel", ["art", "sketches", "patrons", "after-dark", "hearts", "bench", "@dm"])
async def test_a_command_is_used_in_every_kind_of_place(playground, bot, channel):
    result = await playground.command("imagine", {"prompt": "a red heart"}, channel=channel)
    assert (result["state"], result["message"]["content"]) == ("done", "**a red heart**")


@pytest.mark.parametrize(
    ("user", "channel", "why"),
    [
        ("ben", "patrons", "does not see"),
        ("ann", "staff", "does not see"),
        ("ben", "bench", "does not see"),
        ("ann", "news", "may not use commands"),
        ("ann", "showcase", "in its posts"),
    ],
)
async def test_who_may_not_use_one_is_told(playground, bot, user, channel, why):
    with pytest.raises(NotPossible, match=why):
        await playground.command("imagine", {"prompt": "a red heart"}, user=user, channel=channel)


async def test_a_server_tells_everything_in_it(playground, rest):
    for server in playground.info()["servers"]:
        for path in ("", "/channels", "/roles", f"/members/{playground.user_id('ann')}"):
            assert (await rest("GET", f"/guilds/{server['id']}{path}"))[0] == 200


async def test_it_has_the_same_ids_in_every_run(playground):
    async with Playground.open(is_furnished=True) as second:
        for key in ("servers", "rooms", "roles"):
            names = [(each["id"], each["name"]) for each in playground.info()[key]]
            assert names == [(each["id"], each["name"]) for each in second.info()[key]]


async def test_a_moderator_is_one_in_their_own_server_only(playground):
    first, second = playground.info()["servers"]
    mo, kim = playground.user_id("mo"), playground.user_id("kim")
    assert (first["members"][mo]["moderator"], second["members"][mo]["moderator"]) == (True, False)
    assert (kim in first["members"], second["members"][kim]["moderator"]) == (False, True)
