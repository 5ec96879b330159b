"""A member asks the moderators about a picture that was withheld: once, and what a moderator says is final."""

import asyncio
import io
import json
from contextlib import suppress

import discord
import pytest
from desk import ANN_ID, BEN_ID, CHANNEL_ID, FOLLOWUP, GUILD_ID, ORIGINAL, message, press_payload
from PIL import Image

from bot.moderation.standins import stand_in
from bot.store import flagged as stored
from bot.store import messages, requests, server_settings
from bot.store.flagged import Flag
from bot.store.server_settings import ServerSettings

LOG_ID, MESSAGE_ID, ROLE_ID, OTHER_GUILD_ID = 77, 900, 31, 8
LOG = f"/channels/{LOG_ID}/messages"
MESSAGE = f"/channels/{CHANNEL_ID}/messages/{MESSAGE_ID}"
MANAGE_MESSAGES = discord.Permissions(manage_messages=True).value
MODERATOR = {"user_id": BEN_ID, "permissions": MANAGE_MESSAGES}
ORIGINAL_FILE = io.BytesIO()
Image.linear_gradient("L").convert("RGB").save(ORIGINAL_FILE, "PNG")
DATA = ORIGINAL_FILE.getvalue()
LAST_LINE = "-# for <@1> · #1001"


async def withheld(world, *, log_channel_id=LOG_ID, guild_id=GUILD_ID, **asked):
    """A request whose second picture of two was withheld: its row and what is noted of the picture."""
    row = await world.row(num_images=2, guild_id=guild_id, **asked)
    sha256 = await world.client.files.put(DATA, kind="flagged", request_id=row.id, keep_until=2.0**40)
    flag = Flag(position=1, way="stand-in", sha256=sha256, extension="png")
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, row.id, message_id=MESSAGE_ID)
        settings = ServerSettings(log_channel_id=log_channel_id, moderators_role_id=ROLE_ID)
        await server_settings.write(connection, guild_id, settings)
        [noted] = await stored.replace(connection, row.id, [flag])
        row = await requests.fetch(connection, row.id)
    world.desk.stored[MESSAGE] = message(
        MESSAGE_ID, content=f"**a red heart**\nsome facts\n{LAST_LINE}", attachments=[attached(row, n) for n in (1, 2)]
    )
    return row, noted


def attached(row, number):
    name = f"imagine-{row.short_id}-{number}.png"
    return {"id": str(number), "filename": name, "size": 1, "url": "http://x", "proxy_url": "http://x"}


def join(world, *, nsfw):
    """Let the gateway tell of the server with its log channel."""
    channel = {"id": str(LOG_ID), "type": 0, "name": "log", "position": 0, "permission_overwrites": [], "nsfw": nsfw}
    world.client._connection._add_guild_from_data({"id": str(GUILD_ID), "name": "a server", "channels": [channel]})


async def press(world, custom_id, **more):
    """What the presser alone reads, if anything."""
    before = len(world.desk.sent("POST", FOLLOWUP))
    call = await world.answer(press_payload(custom_id, **more))
    followups = world.desk.sent("POST", FOLLOWUP)[before:]
    return followups[0].body["content"] if followups else call.body["data"]["content"]


async def deeds(world):
    async with world.database.reading() as connection:
        rows = await connection.execute_fetchall(
            "SELECT action, actor_id, user_id, request_id, facts FROM audit WHERE action LIKE 'appeal%' ORDER BY id"
        )
    return [(*tuple(row)[:4], json.loads(row["facts"])) for row in rows]


# asking


async def test_the_moderators_log_gets_a_card_without_the_prompt_and_buttons(world):
    row, flag = await withheld(world, prompt="a **red** heart")
    assert await press(world, f"appeal:{flag.id}") == (
        "The moderators of this server have been asked about this picture. Its original is kept for 72 hours."
    )
    [card] = world.desk.sent("POST", LOG)
    assert card.body["content"].split("\n")[:2] == [
        f"**Appeal** #{row.short_id}, picture 2 of 2: <@{ANN_ID}> asks whether the safety checker was wrong.",
        f"https://discord.com/channels/{GUILD_ID}/{CHANNEL_ID}/{MESSAGE_ID}",
    ]
    buttons = [(each["label"], each["custom_id"]) for each in card.body["components"][0]["components"]]
    assert buttons == [
        ("Approve", f"approve:{flag.id}"),
        ("Uphold", f"uphold:{flag.id}"),
        ("Details", f"moddetails:{row.id}"),
    ]
    assert card.body["allowed_mentions"]["parse"] == []
    assert await deeds(world) == [("appeal", ANN_ID, ANN_ID, row.id, {"position": 2})]


@pytest.mark.parametrize("nsfw", [True, False], ids=["restricted", "open"])
async def test_the_card_shows_the_original_only_behind_a_spoiler_in_an_age_restricted_log(world, nsfw):
    join(world, nsfw=nsfw)
    row, flag = await withheld(world)
    await press(world, f"appeal:{flag.id}")
    [card] = world.desk.sent("POST", LOG)
    coarse = stand_in(Image.open(io.BytesIO(DATA)))
    stem = f"imagine-{row.short_id}-2.png"
    assert card.files == ({f"SPOILER_{stem}": DATA} if nsfw else {stem: coarse})


async def test_a_log_that_the_bot_does_not_know_gets_the_stand_in(world):
    _, flag = await withheld(world)
    await press(world, f"appeal:{flag.id}")
    assert DATA not in world.desk.sent("POST", LOG)[0].files.values()


async def test_moderators_are_asked_once_about_each_picture(world, monkeypatch):
    _, flag = await withheld(world)
    monkeypatch.setattr(world.client.presses, "is_repeat", lambda *_: False)
    await press(world, f"appeal:{flag.id}")
    assert await press(world, f"appeal:{flag.id}") == "A moderator has been asked about this picture already."
    assert len(world.desk.sent("POST", LOG)) == 1


async def test_only_its_owner_asks(world):
    _, flag = await withheld(world)
    assert "Only the member who asked for this picture" in await press(world, f"appeal:{flag.id}", user_id=BEN_ID)
    assert world.desk.sent("POST", LOG) == []


async def test_without_a_log_there_is_nobody_to_ask(world):
    _, flag = await withheld(world, log_channel_id=None)
    assert "This server has no moderators' log" in await press(world, f"appeal:{flag.id}")
    assert await deeds(world) == []


async def test_where_the_log_takes_nothing_the_member_may_ask_again(world, monkeypatch):
    _, flag = await withheld(world)
    monkeypatch.setattr(world.client.presses, "is_repeat", lambda *_: False)
    world.desk.fail("POST", LOG, 403, 50013)
    assert "cannot be written to just now" in await press(world, f"appeal:{flag.id}")
    assert "have been asked" in await press(world, f"appeal:{flag.id}")
    assert len(await deeds(world)) == 1


async def test_an_appeal_that_a_crash_cut_off_can_be_made_again(world):
    _, flag = await withheld(world)
    async with world.database.transaction() as connection:
        assert await stored.claim(connection, flag.id, now=100.0)
        assert not await stored.claim(connection, flag.id, now=159.0)
        assert await stored.claim(connection, flag.id, now=160.0)
        await stored.mark_posted(connection, flag.id, card_id=1)
        assert not await stored.claim(connection, flag.id, now=1000.0)


async def test_a_picture_that_is_forgotten_is_unknown(world):
    assert await press(world, "appeal:99") == "I know nothing of this picture any more."


# deciding


async def test_approval_shows_the_original_in_place_of_its_stand_in(world):
    row, flag = await withheld(world)
    said = await press(world, f"approve:{flag.id}", **MODERATOR)
    assert said == "Approved: the original takes the place of the stand-in."
    [edit] = world.desk.sent("PATCH", MESSAGE)
    assert edit.files == {f"imagine-{row.short_id}-2.png": DATA}
    assert [each["filename"] for each in edit.body["attachments"]] == [
        f"imagine-{row.short_id}-1.png",
        f"imagine-{row.short_id}-2.png",
    ]
    assert edit.body["content"].split("\n")[-2:] == ["A moderator looked at picture 2 and approved it.", LAST_LINE]
    assert [each["custom_id"].partition(":")[0] for each in edit.body["components"][0]["components"]] == [
        "reroll",
        "edit",
        "delete",
    ]
    assert len(edit.body["components"]) == 1
    assert await deeds(world) == [("appeal-approved", BEN_ID, ANN_ID, row.id, {"position": 2})]


async def test_upholding_keeps_the_stand_in_and_says_so_without_a_name(world):
    row, flag = await withheld(world)
    assert await press(world, f"uphold:{flag.id}", **MODERATOR) == (
        "Upheld: the stand-in stays, and the message says so."
    )
    [edit] = world.desk.sent("PATCH", MESSAGE)
    assert edit.files == {}
    assert "A moderator looked at picture 2 and agrees with the safety checker." in edit.body["content"]
    assert str(BEN_ID) not in edit.body["content"].replace("picture 2", "")
    assert await deeds(world) == [("appeal-upheld", BEN_ID, ANN_ID, row.id, {"position": 2})]


async def test_the_card_says_who_decided_and_has_nothing_left_to_press(world):
    _, flag = await withheld(world)
    await press(world, f"uphold:{flag.id}", **MODERATOR)
    [edit] = world.desk.sent("PATCH", ORIGINAL)
    assert edit.body["content"].endswith(f"Upheld by <@{BEN_ID}>.")
    assert edit.body["components"] == []


async def test_once_the_original_is_no_longer_kept_approval_says_so(world):
    row, flag = await withheld(world)
    await world.client.files.drop([row.id])
    assert "the original is no longer kept" in await press(world, f"approve:{flag.id}", **MODERATOR)
    [edit] = world.desk.sent("PATCH", MESSAGE)
    assert edit.files == {}
    assert "approved it, but its original is no longer kept." in edit.body["content"]


@pytest.mark.parametrize("act", ["approve", "uphold"])
async def test_what_was_decided_is_not_decided_otherwise(world, act):
    _, flag = await withheld(world)
    other = {"approve": "uphold", "uphold": "approve"}[act]
    await press(world, f"{act}:{flag.id}", **MODERATOR)
    assert (
        await press(world, f"{other}:{flag.id}", **MODERATOR) == "A moderator has decided about this picture already."
    )
    assert len(await deeds(world)) == 1


async def test_of_two_moderators_who_decide_at_the_same_time_one_is_heard(world):
    _, flag = await withheld(world)
    for act, user_id in (("approve", BEN_ID), ("uphold", 4)):
        world.send(press_payload(f"{act}:{flag.id}", user_id=user_id, permissions=MANAGE_MESSAGES))
    await world.settled()
    said = sorted(call.body["content"] for call in world.desk.sent("POST", FOLLOWUP))
    assert said[0] == "A moderator has decided about this picture already."
    assert len(said) == 2
    assert len(await deeds(world)) == len(world.desk.sent("PATCH", MESSAGE)) == 1


async def test_two_pictures_of_a_message_that_are_decided_at_the_same_time_are_both_shown(world, monkeypatch):
    opening, turns, both = world.client.delivery.opening, [], asyncio.Event()

    async def slowly(row, amend):
        turns.append("begins")
        if len(turns) > 1:
            both.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(both.wait(), 0.2)  # whoever could come between now does
        await opening(row, amend)
        turns.append("ends")

    monkeypatch.setattr(world.client.delivery, "opening", slowly)
    row, _ = await withheld(world)
    sha256 = await world.client.files.put(DATA, kind="flagged", request_id=row.id, keep_until=2.0**40)
    flags = [Flag(position=place, way="stand-in", sha256=sha256, extension="png") for place in (0, 1)]
    async with world.database.transaction() as connection:
        first, second = await stored.replace(connection, row.id, flags)
    for flag, user_id in ((first, BEN_ID), (second, 4)):
        world.send(press_payload(f"approve:{flag.id}", user_id=user_id, permissions=MANAGE_MESSAGES))
    await world.settled()
    assert turns == ["begins", "ends"] * 2  # neither overwrites what the other has changed


async def test_a_decision_that_the_message_did_not_take_can_be_said_again(world, monkeypatch):
    _, flag = await withheld(world)
    monkeypatch.setattr(world.client.presses, "is_repeat", lambda *_: False)
    world.desk.fail("PATCH", MESSAGE, 403, 50001)
    assert "cannot be changed" in await press(world, f"approve:{flag.id}", **MODERATOR)
    assert "takes the place" in await press(world, f"approve:{flag.id}", **MODERATOR)
    assert len(await deeds(world)) == 1


async def test_a_message_that_is_gone_is_said_to_the_moderator(world):
    _, flag = await withheld(world)
    world.desk.fail("GET", MESSAGE, 404, 10008)
    assert "cannot be changed" in await press(world, f"uphold:{flag.id}", **MODERATOR)


async def test_who_is_no_moderator_decides_nothing(world):
    _, flag = await withheld(world)
    assert "Only moderators can decide" in await press(world, f"approve:{flag.id}")
    assert await deeds(world) == []


async def test_the_moderators_role_decides(world):
    _, flag = await withheld(world)
    payload = press_payload(f"uphold:{flag.id}", user_id=BEN_ID)
    payload["member"]["roles"] = [str(ROLE_ID)]
    await world.answer(payload)
    assert [deed[0] for deed in await deeds(world)] == ["appeal-upheld"]


async def test_moderators_of_another_server_decide_nothing(world, monkeypatch):
    _, flag = await withheld(world, guild_id=OTHER_GUILD_ID)
    assert "Only moderators can decide" in await press(world, f"approve:{flag.id}", **MODERATOR)
    assert await deeds(world) == []


async def test_after_a_decision_the_owner_cannot_ask_again(world):
    _, flag = await withheld(world)
    await press(world, f"uphold:{flag.id}", **MODERATOR)
    assert await press(world, f"appeal:{flag.id}") == "A moderator has decided about this picture already."
