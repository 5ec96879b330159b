"""Commands: Discord's rules for registering them, who sees them, and typed lines."""

import pytest

from bot.playground import NotPossible


def command(**more):
    return {"name": "draw", "description": "Draw", **more}


def option(number=0, **more):
    return {"type": 3, "name": f"o{number}", "description": "x", **more}


@pytest.fixture
def put(rest, playground):
    async def put(*commands):
        return await rest("PUT", f"/applications/{playground.user_id('imagine')}/commands", list(commands))

    return put


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        ([command(name="Draw")], 50035),
        ([command(name="draw it")], 50035),
        ([command(description="x" * 101)], 50035),
        ([command(), command()], 50035),
        ([command(options=[option(n) for n in range(26)])], 50035),
        ([command(options=[option(), option()])], 50035),
        ([command(options=[option(0), option(1, required=True)])], 50035),
        ([command(options=[option(choices=[{"name": str(n), "value": str(n)} for n in range(26)])])], 50035),
        ([command(options=[option(choices=[{"name": "x" * 101, "value": "x"}])])], 50035),
        ([command(options=[option(n, description="x" * 100, choices=[{"name": "x" * 99 + str(i), "value": "y" * 100} for i in range(2)]) for n in range(20)])], 50035),
        ([command(name=f"draw{n}") for n in range(101)], 30032),
        ([{"type": 3, "name": f"Info {n}"} for n in range(16)], 30032),
        ([{"type": 3, "name": "x" * 33}], 50035),
    ],
    ids=[
        "capital", "space", "long description", "twice", "26 options", "option twice", "required after optional",
        "26 choices", "long choice", "over 8000 characters", "101 commands", "16 menus", "long menu",
    ],
)  # fmt: skip
async def test_commands_against_the_rules_are_refused_and_change_nothing(put, playground, commands, code):
    await put(command(name="before"))
    status, body = await put(*commands)
    assert (status, body["code"]) == (400, code)
    assert [each["name"] for each in playground.commands()] == ["before"]


async def test_a_command_keeps_its_id_when_it_is_registered_again(put):
    _, first = await put(command())
    _, second = await put(command(description="Draw better"), command(name="other"))
    assert (second[0]["id"], second[0]["description"]) == (first[0]["id"], "Draw better")
    assert first[0]["version"] != second[0]["version"]


async def test_registered_commands_can_be_read_with_and_without_translations(put, rest, playground):
    await put(command(name_localizations={"zh-CN": "画"}, options=[option(name_localizations={"zh-CN": "词"})]))
    path = f"/applications/{playground.user_id('imagine')}/commands"
    _, plain = await rest("GET", path)
    _, full = await rest("GET", f"{path}?with_localizations=true")
    assert "name_localizations" not in plain[0]
    assert "name_localizations" not in plain[0]["options"][0]
    assert full[0]["options"][0]["name_localizations"] == {"zh-CN": "词"}


async def test_a_servers_own_commands_are_seen_only_there(put, rest, playground):
    playground.add_server("Other", channels=("elsewhere",))
    guild_id = playground.info()["guild_id"]
    path = f"/applications/{playground.user_id('imagine')}/guilds/{guild_id}/commands"
    assert (await rest("PUT", path, [command()]))[0] == 200
    assert [each["name"] for each in (await rest("GET", path))[1]] == ["draw"]
    assert [each["name"] for each in playground.commands()] == ["draw"]
    assert playground.commands(channel="elsewhere") == []


@pytest.mark.parametrize(
    ("facts", "user", "channel", "is_seen"),
    [
        ({}, "ann", "art", True),
        ({"default_member_permissions": "32"}, "ann", "art", False),
        ({"default_member_permissions": "32"}, "mo", "art", True),
        ({"default_member_permissions": "0"}, "mo", "art", False),
        ({"default_member_permissions": "32"}, "ann", "@dm", True),
        ({"contexts": [0]}, "ann", "@dm", False),
        ({"contexts": [1]}, "ann", "art", False),
        ({"dm_permission": False}, "ann", "@dm", False),
        ({"nsfw": True}, "ann", "art", False),
        ({"nsfw": True}, "ann", "art-18", True),
    ],
    ids=[
        "plain", "moderators, member", "moderators, moderator", "administrators", "moderators, DM", "server in DM",
        "DM in server", "no DM", "age-restricted", "age-restricted there",
    ],
)  # fmt: skip
async def test_who_sees_a_command_where(put, playground, *, facts, user, channel, is_seen):
    playground.add_channel("art-18", nsfw=True)
    await put(command(**facts))
    assert (playground.commands(user=user, channel=channel)[0]["hidden"] is None) == is_seen


async def test_the_servers_own_ruling_beats_the_commands_default(put, playground):
    await put(command(default_member_permissions="32"))
    playground.rule_command("draw", "ann", is_allowed=True)
    playground.rule_command("draw", "mo", is_allowed=False)
    assert playground.commands(user="ann")[0]["hidden"] is None
    assert playground.commands(user="mo")[0]["hidden"]


@pytest.mark.parametrize(
    ("rules", "is_seen"),
    [
        ([], True),
        ([("draw", "@everyone", False)], False),
        ([("draw", "@everyone", False), ("draw", "Patrons", True)], True),
        ([("draw", "Patrons", False), ("draw", "Members", True)], True),
        ([("draw", "Members", True), ("draw", "ann", False)], False),
        ([("draw", "art", False)], False),
        ([("draw", "lounge", False)], True),
        ([("draw", "#", False)], False),
        ([("draw", "#", False), ("draw", "art", True)], True),
        ([(None, "@everyone", False)], False),
        ([(None, "@everyone", False), ("draw", "ann", True)], True),
        ([(None, "art", False)], False),
        ([(None, "art", False), ("draw", "#", True)], True),
        ([("draw", "ann", False), ("draw", "ann", None)], True),
    ],
    ids=[
        "no rule", "everyone denied", "a role allowed", "one role of two allowed", "the member denied",
        "the channel denied", "another channel denied", "all channels denied", "but this one", "the whole bot denied",
        "but this command allowed", "the whole bot denied here", "but this command everywhere", "taken back",
    ],
)  # fmt: skip
async def test_who_the_integrations_page_lets_use_a_command(put, playground, *, rules, is_seen):
    await put(command())
    for role in ("Members", "Patrons"):
        playground.add_role(role)
        playground.give_role("ann", role)
    for name, who, is_allowed in rules:
        playground.rule_command(name, who, is_allowed=is_allowed)
    assert (playground.commands()[0]["hidden"] is None) == is_seen
    if not is_seen:
        with pytest.raises(NotPossible, match="not visible"):
            await playground.command("draw")


async def test_the_whole_bots_rule_does_not_replace_a_commands_default(put, playground):
    await put(command(default_member_permissions="32"))
    playground.rule_command(None, "ann", is_allowed=True)
    assert playground.commands()[0]["hidden"] == "you do not have the permission"


async def test_a_thread_is_ruled_as_its_channel(put, playground):
    await put(command())
    playground.add_thread("sketches")
    playground.rule_command("draw", "art", is_allowed=False)
    assert playground.commands(channel="sketches")[0]["hidden"]
    assert playground.commands(channel="lounge")[0]["hidden"] is None


async def test_an_administrator_is_bound_by_no_rule(put, playground):
    await put(command())
    playground.rule_command("draw", "@everyone", is_allowed=False)
    assert playground.commands(user="oda")[0]["hidden"] is None


async def test_a_bot_reads_the_rules_and_may_not_write_them(put, playground, rest):
    _, [stored] = await put(command())
    info = playground.info()
    path = f"/applications/{info['app_id']}/guilds/{info['guild_id']}/commands"
    assert await rest("GET", f"{path}/permissions") == (200, [])
    assert (await rest("GET", f"{path}/{stored['id']}/permissions"))[1]["code"] == 10066
    playground.rule_command("draw", "ann", is_allowed=False)
    status, ruled = await rest("GET", f"{path}/{stored['id']}/permissions")
    assert (status, ruled["permissions"]) == (
        200,
        [{"id": playground.user_id("ann"), "type": 2, "permission": False}],
    )
    assert await rest("GET", f"{path}/permissions") == (200, [ruled])
    assert (await rest("PUT", f"{path}/{stored['id']}/permissions", {"permissions": []}))[1]["code"] == 20001
    assert (await rest("GET", f"{path}/1/permissions"))[1]["code"] == 10063


async def test_without_the_right_no_command_is_seen(put, playground):
    await put(command())
    playground.overwrite("art", "ann", deny="use_application_commands")
    assert playground.commands()[0]["hidden"] == "you may not use commands here"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "prompt: this option is required"),
        ({"prompt": ""}, "prompt: this option is required"),
        ({"prompt": "x" * 6001}, "prompt: must be between 0 and 6000 long, got 6001"),
        ({"prompt": "x", "images": 5}, "images: must be between 1 and 4, got 5"),
        ({"prompt": "x", "images": "many"}, "images: must be a number, got 'many'"),
        ({"prompt": "x", "sampler": "none"}, "sampler: not one of Euler a"),
        ({"prompt": "x", "draft": "maybe"}, "draft: must be true or false"),
        ({"prompt": "x", "colour": "red"}, "no option colour"),
    ],
    ids=["missing", "empty", "too long", "too many", "no number", "no choice", "no truth", "unknown"],
)
async def test_what_the_client_would_not_send_is_refused(registered, playground, options, sentence):
    with pytest.raises(NotPossible, match=sentence):
        await playground.command("imagine", options)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("/imagine a red heart", {"prompt": "a red heart"}),
        ("/imagine  a red heart, title: love ", {"prompt": "a red heart, title: love"}),
        ("/imagine prompt:a red heart images:4", {"prompt": "a red heart", "images": 4}),
        ("/imagine images:2 prompt:x: y sampler:euler A", {"images": 2, "prompt": "x: y", "sampler": "euler_a"}),
        ("/imagine prompt:x draft:True", {"prompt": "x", "draft": True}),
    ],
    ids=["whole line", "a colon", "pairs", "choice by name", "truth"],
)
async def test_a_typed_line_fills_in_the_options(registered, playground, line, options):
    bot_sees = []
    playground._service.feed.carry(lambda event: bot_sees.append(event.data))
    result = await playground.type(line, wait=0)
    sent = {each["name"]: each["value"] for each in bot_sees[-1]["data"]["options"]}
    assert (result["state"], sent) == ("pending", options)


async def test_a_typed_line_reaches_a_sub_command(registered, playground):
    bot_sees = []
    playground._service.feed.carry(lambda event: bot_sees.append(event.data))
    await playground.type("/limits set limit:steps value:20 member:@ben", user="mo", wait=0)
    [sub] = bot_sees[-1]["data"]["options"]
    assert (sub["name"], [each["value"] for each in sub["options"]]) == (
        "set",
        ["steps", 20, playground.user_id("ben")],
    )
    assert playground.user_id("ben") in bot_sees[-1]["data"]["resolved"]["members"]


@pytest.mark.parametrize(
    ("line", "user", "sentence"),
    [
        ("/nothing", "ann", "there is no command /nothing"),
        ("/", "ann", "a command's name follows the slash"),
        ("/imagine", "ann", "prompt: this option is required"),
        ("/limits", "mo", "needs a sub command: set, show"),
        ("/limits show all", "mo", "/limits show takes no text"),
        ("/limits set limit:steps", "mo", "value: this option is required"),
        ("/limits show", "ann", "not visible: you do not have the permission"),
    ],
)
async def test_a_typed_line_that_is_no_command_is_refused(registered, playground, line, user, sentence):
    with pytest.raises(NotPossible, match=sentence):
        await playground.type(line, user=user)


async def test_a_typed_line_without_a_slash_is_said(playground):
    result = await playground.type("hello")
    assert (result["state"], playground.messages()[0]["content"]) == ("done", "hello")


async def test_autocomplete_sends_what_was_typed_so_far(put, playground):
    await put(command(options=[option(0, autocomplete=True), option(1)]))
    bot_sees = []
    playground._service.feed.carry(lambda event: bot_sees.append(event.data))
    await playground.autocomplete("draw", "o0", {"o0": "eu", "o1": "x"}, wait=0)
    sent = bot_sees[-1]
    assert sent["type"] == 4
    assert sent["data"]["options"][0] == {"name": "o0", "type": 3, "value": "eu", "focused": True}


async def test_a_command_of_a_messages_menu_is_sent_with_the_message(put, rest, playground):
    await put({"type": 3, "name": "Start from this"})
    message = await rest.post("a red heart")
    bot_sees = []
    playground._service.feed.carry(lambda event: bot_sees.append(event.data))
    await playground.menu("Start from this", message["id"], wait=0)
    sent = bot_sees[-1]
    assert (sent["type"], sent["data"]["type"], sent["data"]["target_id"]) == (2, 3, message["id"])
    assert sent["data"]["resolved"]["messages"][message["id"]]["content"] == "a red heart"
    assert "message" not in sent


@pytest.mark.parametrize(
    ("name", "user", "sentence"),
    [
        ("Start from this", "ann", "there is no command Start from this"),
        ("draw", "ann", "there is no command draw"),
        ("Moderate", "ann", "Moderate is not visible: you do not have the permission"),
    ],
    ids=["unknown", "a slash command", "a moderator's"],
)
async def test_a_menu_has_only_the_commands_that_the_member_sees(put, rest, playground, *, name, user, sentence):
    await put(command(), {"type": 3, "name": "Moderate", "default_member_permissions": "8192"})
    message = await rest.post()
    with pytest.raises(NotPossible, match=sentence):
        await playground.menu(name, message["id"], user=user)


async def test_a_strangers_ephemeral_message_has_no_menu(put, rest, playground):
    await put({"type": 3, "name": "Info"}, command())
    started = await playground.command("draw", wait=0)
    path = f"/interactions/{started['id']}/{started['token']}/callback?with_response=1"
    _, answer = await rest("POST", path, {"type": 4, "data": {"content": "only ann", "flags": 64}})
    with pytest.raises(NotPossible, match="there is no such message"):
        await playground.menu("Info", answer["resource"]["message"]["id"], user="ben")
