"""`/limits` for roles, channels and pots, with expiry and reason; what waits; why."""

import time

import discord
import pytest
from bot_at_desk import bot_at_desk
from desk import ANN_ID, BEN_ID, CHANNEL_ID, command_payload, press_payload, user

from bot.limits.rules import Rule, Target
from bot.moderation.deeds import line
from bot.store import audit, requests
from bot.store import limits as stored_limits

ROLE_ID, THREAD_ID, GUILD_ID = 55, 77, 7
TYPES = {"member": 6, "channel": 7, "role": 8, "pool": 5}


def resolved(option, number):
    if option == "role":
        role = {"id": str(number), "name": "members", "color": 0, "hoist": False, "position": 1, "permissions": "0"}
        return "roles", role | {"managed": False, "mentionable": False, "flags": 0, "colors": {"primary_color": 0}}
    if option == "channel":
        counts = {"owner_id": "1", "member_count": 1, "message_count": 1, "total_message_sent": 1}
        kind = {"type": 11, "parent_id": "70", **counts} if number == THREAD_ID else {"type": 0}
        metadata = {"archived": False, "auto_archive_duration": 60, "archive_timestamp": "2026-08-01T00:00:00+00:00"}
        return "channels", {"id": str(number), "name": "art", "permissions": "0", "thread_metadata": metadata, **kind}
    return "users", user(number)


def payload(name, *, focused=None, roles=(), **options):
    given, data = [], {}
    for option, value in options.items():
        kind = TYPES.get(option, 3)
        if kind > 5:
            where, thing = resolved(option, value)
            data.setdefault(where, {})[str(value)] = thing
            if option == "member":
                member = {"roles": list(map(str, roles)), "joined_at": "2026-01-01T00:00:00+00:00", "flags": 0}
                data["members"] = {str(value): member | {"permissions": "0"}}
        sent = str(value) if kind > 5 else value
        given.append({"type": kind, "name": option, "value": sent} | ({"focused": True} if option == focused else {}))
    made = command_payload("limits", [{"type": 1, "name": name, "options": given}])
    made["data"]["resolved"] = data
    return made


async def run(world, name, **options):
    answer = (await world.answer(payload(name, **options))).body["data"]
    assert answer["flags"] == 64
    return answer


async def said(world, name, **options):
    return (await run(world, name, **options))["content"]


async def offered(world, **options):
    made = {**payload("set", focused="value", **options), "type": 4}
    return [choice["value"] for choice in (await world.answer(made)).body["data"]["choices"]]


async def rules(world):
    async with world.database.reading() as connection:
        return await stored_limits.read(connection, GUILD_ID)


async def deeds(world):
    async with world.database.reading() as connection:
        rows = await connection.execute_fetchall("SELECT * FROM audit ORDER BY id")
    return [audit.AuditRow(**dict(row)) for row in rows]


async def in_state(world, row):
    async with world.database.reading() as connection:
        row = await requests.fetch(connection, row.id)
    return row.state, row.reason, row.charged


# for whom


@pytest.mark.parametrize(
    ("options", "target", "shown"),
    [
        ({"role": ROLE_ID}, Target(scope="role", scope_id=ROLE_ID), f"<@&{ROLE_ID}>"),
        ({"role": GUILD_ID}, Target(), "this server"),
        ({"channel": CHANNEL_ID}, Target(scope="channel", scope_id=CHANNEL_ID), f"<#{CHANNEL_ID}>"),
        ({"channel": THREAD_ID}, Target(scope="channel", scope_id=CHANNEL_ID), f"<#{CHANNEL_ID}>"),
    ],
    ids=["role", "everyone", "channel", "thread"],
)
async def test_a_limit_is_set_for_a_role_or_a_channel(world, options, target, shown):
    assert await said(world, "set", limit="steps", value="50", **options) == f"Steps of {shown}: 150 → **50**"
    assert await rules(world) == [Rule(target=target, name="steps", value=50)]
    assert await said(world, "clear", limit="steps", **options) == f"Steps of {shown}: 50 → **150**"
    assert await rules(world) == []


async def test_a_limit_with_expiry_and_reason_shows_both(world):
    content = await said(
        world, "set", limit="pictures_per_day", value="5", role=ROLE_ID, expires="2 days", reason="*exam* week"
    )
    [rule] = await rules(world)
    assert abs(rule.expires_at - time.time() - 2 * 86400) < 60
    assert content == (
        f"Pictures a day of <@&{ROLE_ID}>: 60 → **5** (“\\*exam\\* week”, until <t:{int(rule.expires_at)}:f>)"
    )


async def test_a_pot_may_hold_more_than_each_member_may_have(world):
    content = await said(world, "set", limit="pictures_per_day", value="500", pool=True)
    assert content == "Pictures a day of this server: 60 → **500 together**"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"limit": "steps", "value": "9", "member": BEN_ID, "role": ROLE_ID}, "Limits are for one member, one role or"),
        ({"limit": "steps", "value": "9", "pool": True}, "Steps cannot be a common pot here."),
        (
            {"limit": "pictures_per_day", "value": "9", "member": BEN_ID, "pool": True},
            "Pictures a day cannot be a common",
        ),
        ({"limit": "places_of_server", "value": "9", "role": ROLE_ID}, "Places of the whole server cannot be set for"),
        ({"limit": "steps", "value": "9", "expires": "soon"}, "I do not understand soon as a time. Write 2h"),
        ({"limit": "steps", "value": "9", "expires": "2020-01-01"}, "2020-01-01 is over already."),
        ({"limit": "models", "value": "nope"}, "I know no model nope."),
        ({"limit": "loras", "value": "nope"}, "I know no LoRA nope"),
        ({"limit": "channels", "value": "nope"}, "I know no channel nope"),
        ({"limit": "channels", "value": " , "}, "Say “all”, “none”, or up to 50 names"),
    ],
)
async def test_what_cannot_be_set_is_refused_with_the_rule(world, options, sentence):
    assert (await said(world, "set", **options)).startswith(sentence)
    assert await rules(world) == []


@pytest.mark.parametrize(
    ("limit", "value", "shown", "stored"),
    [
        ("models", "emoji", "emoji", ("emoji",)),
        ("loras", "none", "none", ()),
        ("channels", f"<#{CHANNEL_ID}>, 71", f"<#{CHANNEL_ID}>, <#71>", ("70", "71")),
    ],
)
async def test_lists_take_names(world, limit, value, shown, stored):
    assert (await said(world, "set", limit=limit, value=value)).endswith(f" of this server: all → **{shown}**")
    assert [rule.value for rule in await rules(world)] == [stored]
    assert (await said(world, "set", limit=limit, value="all")).endswith(f"{shown} → **all**")


async def test_every_change_stands_in_the_audit(world):
    await run(world, "set", limit="steps", value="50", member=BEN_ID, reason="slowly")
    await run(world, "clear", limit="steps", member=BEN_ID)
    [was_set, cleared] = await deeds(world)
    assert (was_set.action, was_set.actor_id, was_set.user_id, was_set.reason) == (
        "limit-set",
        ANN_ID,
        BEN_ID,
        "slowly",
    )
    assert (was_set.named["name"], was_set.named["before"], was_set.named["after"]) == ("steps", "150", "50")
    assert (cleared.action, cleared.named["before"], cleared.named["after"]) == ("limit-cleared", "50", "150")
    assert f"<@{ANN_ID}> set Steps of <@{BEN_ID}>: 150 → 50 · Reason: slowly" in line(was_set, "en-US")
    assert f"<@{ANN_ID}> took Steps of <@{BEN_ID}> back: 50 → 150" in line(cleared, "en-US")
    await run(world, "clear")
    assert f"<@{ANN_ID}> took all limits of this server back" in line((await deeds(world))[-1], "en-US")


# what waits


async def test_a_change_that_fits_what_waits_asks_nothing(world):
    row = await world.row()
    assert await said(world, "set", limit="steps", value="20") == "Steps of this server: 150 → **20**"
    assert await in_state(world, row) == ("queued", None, 1)
    assert world.studio.done == []


async def test_a_change_that_withdraws_asks_first_and_says_how_many(world):
    rows = [await world.row() for _ in range(3)]
    answer = await run(world, "set", limit="pictures_per_day", value="1")
    assert answer["content"].split("\n") == [
        "Pictures a day of this server: 60 → **1**",
        "That withdraws 2 waiting requests, which are refunded. Nothing has changed yet.",
    ]
    [button] = answer["components"][0]["components"]
    assert button["label"] == "Change it and withdraw 2 requests"
    assert await rules(world) == []
    assert [await in_state(world, row) for row in rows] == [("queued", None, 1)] * 3
    assert await deeds(world) == []


async def proposed(world, **options):
    answer = await run(world, "set", **{"limit": "steps", "value": "10", **options})
    return answer["components"][0]["components"][0]["custom_id"]


async def press(world, custom_id, **more):
    before = len(world.desk.calls)
    await world.answer(press_payload(custom_id, **more))
    return [call.body for call in world.desk.calls[before:] if call.body and "content" in call.body][-1]


async def test_a_press_carries_the_change_out_and_refunds_what_no_longer_fits(world):
    row = await world.row()
    edited = await press(world, await proposed(world))
    assert edited["content"].split("\n") == [
        "Steps of this server: 150 → **10**",
        "1 waiting request was withdrawn and refunded.",
    ]
    assert edited["components"] == []
    assert await in_state(world, row) == ("cancelled", "withdrawn-steps", 0)
    assert world.studio.done == [("tell_withdrawn", [row.id])]
    assert [(deed.action, deed.request_id) for deed in await deeds(world)] == [
        ("limit-set", None),
        ("withdrawn", row.id),
    ]


async def test_a_press_asks_again_where_more_would_be_withdrawn_by_now(world):
    await world.row()
    custom_id = await proposed(world)
    rows = [await world.row()]
    edited = await press(world, custom_id)
    assert "That withdraws 2 waiting requests" in edited["content"]
    assert await rules(world) == []
    assert await in_state(world, rows[0]) == ("queued", None, 1)
    await press(world, edited["components"][0]["components"][0]["custom_id"], interaction_id=6)
    assert [rule.value for rule in await rules(world)] == [10]


async def test_a_question_is_answered_once_and_by_whoever_was_asked(world):
    await world.row()
    custom_id = await proposed(world)
    assert (await press(world, custom_id, user_id=BEN_ID))["content"].startswith("This question was answered already")
    assert await rules(world) == []
    await press(world, custom_id)
    world.client.presses = type(world.client.presses)()
    assert (await press(world, custom_id, interaction_id=6))["content"].startswith("This question was answered already")


async def test_clearing_that_withdraws_asks_first_too(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch, limit_steps="15", ceiling_steps="50") as world:
        await run(world, "set", limit="steps", value="50")
        row = await world.row()
        answer = await run(world, "clear")
        assert "All limits of this server are taken back.\nThat withdraws 1 waiting request" in answer["content"]
        assert [rule.value for rule in await rules(world)] == [50]
        await press(world, answer["components"][0]["components"][0]["custom_id"])
        assert await in_state(world, row) == ("cancelled", "withdrawn-steps", 0)


# show, why


async def test_showing_the_server_names_what_is_set_for_some(world):
    await run(world, "set", limit="steps", value="50", role=ROLE_ID, reason="new here")
    await run(world, "set", limit="places_in_line", value="99", channel=CHANNEL_ID, pool=True)
    lines = (await said(world, "show")).split("\n")
    assert lines[-3:] == [
        "Set for some:",
        f"• <#{CHANNEL_ID}>: Places in the line **99 together**",
        f"• <@&{ROLE_ID}>: Steps **50** (“new here”)",
    ]
    assert f"Limits of <@&{ROLE_ID}> here:" in await said(world, "show", role=ROLE_ID)


async def test_more_rules_than_a_message_holds_are_counted(world):
    for number in range(40):
        await run(world, "set", limit="steps", value="50", role=100 + number, reason="x" * 60)
    content = await said(world, "show")
    assert len(content) <= 2000
    assert content.split("\n")[-1].startswith("… and ")


async def test_why_names_for_each_limit_the_rule_that_decided_and_what_was_used(world):
    await run(world, "set", limit="steps", value="50")
    await run(world, "set", limit="steps", value="40", channel=CHANNEL_ID)
    await run(world, "set", limit="pictures_per_day", value="9", role=ROLE_ID, reason="exam week")
    await run(world, "set", limit="places_in_line", value="2", member=BEN_ID)
    await world.row(user_id=BEN_ID, num_images=3)
    lines = (await said(world, "why", member=BEN_ID, roles=(ROLE_ID,))).split("\n")
    assert lines[:5] == [
        f"Limits of <@{BEN_ID}> in <#{CHANNEL_ID}>, and what decides each:",
        f"• Pictures a day: **9** (set for <@&{ROLE_ID}>: “exam week”; at most 60), 3 used",
        "• Places in the line: **2** (set for this member; at most 10), 1 used",
        "• Pixels: **1048576 (1024×1024)** (the bot's own)",
        f"• Steps: **40** (set for <#{CHANNEL_ID}>; at most 150)",
    ]
    assert len(lines) == 15


# while it is typed


async def test_values_are_offered_for_the_limit_that_was_chosen(world):
    assert await offered(world, limit="pictures_per_day", value="") == ["0", "5", "10", "20", "30", "50", "60"]
    assert await offered(world, limit="pictures_per_day", value="7") == ["7"]
    assert await offered(world, limit="pictures_per_day", value="700") == []
    assert await offered(world, limit="pixels", value="512") == [str(512 * 512)]
    assert await offered(world, limit="account_days", value="3") == ["3", "30", "365"]
    assert await offered(world, limit="models", value="") == ["all", "none", "emoji"]
    assert await offered(world, limit="models", value="emo") == ["emoji"]
    assert await offered(world, limit="loras", value="") == ["all", "none", "pixel", "sketch"]
    assert await offered(world, limit="nothing", value="") == []


async def test_lists_are_offered_name_by_name():
    from bot.limits.offers import lists_for

    known = {"<#70>": "#art", "<#71>": "#bots"}
    choices = lists_for("<#70>, bo", known, "en-US")
    assert [(choice.name, choice.value) for choice in choices] == [("#art, #bots", "<#70>, <#71>")]
    assert [choice.value for choice in lists_for("#", known, "en-US")] == ["<#70>", "<#71>"]


def test_who_may_run_it_is_manage_server_by_default(world):
    [limits] = [command for command in world.desk.commands if command["name"] == "limits"]
    assert limits["default_member_permissions"] == str(discord.Permissions(manage_guild=True).value)
    assert [option["name"] for option in limits["options"]] == ["set", "clear", "show", "why"]
