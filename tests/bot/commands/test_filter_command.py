import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from bot_at_desk import bot_at_desk
from desk import ANN_ID, command_payload, interaction_payload

from bot.moderation import exchange, keeping
from bot.moderation.rules import Rule, checked_rule
from bot.store import filters

EPHEMERAL = 64
TYPES = {"file": 11}


def payload(name, *, attachment=None, **options):
    given = [{"type": TYPES.get(key, 3), "name": key, "value": value} for key, value in options.items()]
    payload = command_payload("filter", [{"type": 1, "name": name, "options": given}])
    if attachment is not None:
        payload["data"]["resolved"] = {"attachments": {"77": attachment}}
    return payload


async def run(world, name, **options):
    call = await world.answer(payload(name, **options))
    answer = call.body["data"]
    assert answer["flags"] == EPHEMERAL
    return answer["content"]


async def rules(world, guild_id=7):
    async with world.database.reading() as connection:
        return await filters.of_server(connection, guild_id)


async def audited(world):
    async with world.database.reading() as connection:
        rows = await connection.execute_fetchall(
            "SELECT action, actor_id, guild_id, reason, facts FROM audit ORDER BY id"
        )
    return [tuple(row[:4]) for row in rows], [json.loads(row["facts"]) for row in rows]


@asynccontextmanager
async def file_at(data):
    """A file as Discord's content network serves it."""

    async def serve(_):
        return web.Response(body=data)

    app = web.Application()
    app.router.add_get("/rules.txt", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/rules.txt"
    try:
        yield {"id": "77", "filename": "rules.txt", "size": len(data), "url": url, "proxy_url": url}
    finally:
        await runner.cleanup()


async def imported(world, data):
    async with file_at(data) as attachment:
        return await run(world, "import", file="77", attachment=attachment)


async def test_adding_a_rule_says_what_it_does_and_is_audited(world):
    content = await run(world, "add", pattern="bat", reason="exam week")
    assert content == "Added rule `1`: word **bat** · in the prompt · refuse · exam week"
    deeds, facts = await audited(world)
    assert deeds == [("filter-added", ANN_ID, 7, "exam week")]
    assert facts == [{"rule": 1, "kind": "word", "pattern": "bat", "action": "refuse"}]


async def test_a_rule_may_replace_what_a_regular_expression_finds(world):
    options = {"kind": "regex", "where": "both", "action": "replace", "replacement": "cat"}
    content = await run(world, "add", pattern="b[ai]t", **options)
    assert content.endswith(r"in the prompt and the negative prompt · replace by “cat”")
    assert await rules(world) == [
        Rule(id=1, kind="regex", pattern="b[ai]t", place="both", action="replace", replacement="cat")
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"pattern": "(a|aa)+$", "kind": "regex"}, "takes too long on some texts"),
        ({"pattern": "(", "kind": "regex"}, r"( is no regular expression: missing ) at position 1."),
        ({"pattern": "cat", "replacement": "a big cat"}, "would find something in its own replacement"),
        ({"pattern": "c.t", "kind": "regex", "replacement": "cut"}, "would find something in its own replacement"),
        ({"pattern": "?!"}, "A word or phrase needs letters or signs to look for, got ?!."),
    ],
    ids=["slow", "broken", "found again", "regex found again", "empty"],
)
async def test_what_is_no_rule_is_refused_with_a_sentence(world, options, sentence):
    assert sentence in await run(world, "add", **options)
    assert await rules(world) == []


async def test_a_pattern_is_added_once(world):
    await run(world, "add", pattern="bat")
    assert await run(world, "add", pattern="bat") == "There is such a rule already: bat."


async def test_a_server_has_only_so_many_rules(world, monkeypatch):
    monkeypatch.setattr(keeping, "MAX_RULES", 2)
    monkeypatch.setattr(keeping, "MAX_REGEXES", 1)
    await run(world, "add", pattern="b[ai]t", kind="regex")
    assert (await run(world, "add", pattern="c[ai]t", kind="regex")).startswith("A server has at most 1 regular")
    await run(world, "add", pattern="bat")
    assert await run(world, "add", pattern="cat") == "A server has at most 2 rules: remove one first."


async def test_removing_a_rule_is_audited_and_of_this_server_alone(world):
    async with world.database.transaction() as connection:
        theirs = await filters.add(connection, checked_rule(pattern="cat"), guild_id=8, added_by=9, now=1.0)
    await run(world, "add", pattern="bat")
    assert await run(world, "remove", rule=str(theirs)) == f"This server has no rule {theirs}."
    assert await run(world, "remove", rule="2") == "Removed rule `2`: word **bat** · in the prompt · refuse"
    assert await run(world, "remove", rule="9" * 30) == f"This server has no rule {'9' * 30}."
    assert await rules(world) == []
    deeds, _ = await audited(world)
    assert deeds[-1] == ("filter-removed", ANN_ID, 7, None)


async def test_removing_offers_the_rules_by_number_and_pattern(world):
    for pattern in ("bat", "wild cat", "dog"):
        await run(world, "add", pattern=pattern)
    focused = {"type": 3, "name": "rule", "value": "cat", "focused": True}
    options = [{"type": 1, "name": "remove", "options": [focused]}]
    data = {"id": "50", "name": "filter", "type": 1, "options": options}
    call = await world.answer(interaction_payload(4, data))
    assert [(choice["name"], choice["value"]) for choice in call.body["data"]["choices"]] == [
        ("2 · phrase · wild cat", "2")
    ]


async def test_the_list_shows_what_fits_a_message_and_how_many_more_there_are(world):
    assert await run(world, "list") == "This server has no rules."
    for number in range(60):
        await run(world, "add", pattern=f"word{number} with a rather long phrase behind it")
    content = await run(world, "list")
    assert len(content) <= 2000
    lines = content.split("\n")
    assert lines[:2] == [
        "60 rules of this server:",
        "`1` phrase **word0 with a rather long phrase behind it** · in the prompt · refuse",
    ]
    assert lines[-1] == f"… and {60 - len(lines) + 2} more. /filter export gives all rules."


async def test_a_test_says_what_would_be_encoded_and_which_rules_hit_without_a_trace(world):
    await run(world, "add", pattern="bat")
    content = await run(world, "test", text="a {(b)(at:1.2)|dog} --no blur")
    assert content.split("\n") == [
        "Encoded: a bat",
        "Encoded: a dog",
        "Drawn away from: blur",
        "• Rule `1` finds “bat”: word **bat** · in the prompt · refuse",
    ]
    deeds, _ = await audited(world)
    assert [deed[0] for deed in deeds] == ["filter-added"]


async def test_a_test_without_hits_says_so(world):
    assert (await run(world, "test", text="a dog")).endswith("\nNo rule finds anything in it.")


async def test_a_test_knows_the_floor_and_does_not_count(world):
    assert "It combines sexual words with minors" in await run(world, "test", text="a nude child")
    assert await audited(world) == ([], [])


async def test_what_was_exported_can_be_imported(world):
    await run(world, "add", pattern="bat", reason="exam week")
    await run(world, "add", pattern="b[ai]t", kind="regex", action="replace", replacement="cat", where="both")
    call = await world.answer(payload("export"))
    (data,) = call.files.values()
    before = await rules(world)
    for rule in before:
        await run(world, "remove", rule=str(rule.id))
    assert await imported(world, data) == "Added 2, left out 0."
    assert [Rule(**{**as_dict(rule), "id": 0}) for rule in await rules(world)] == [
        Rule(**{**as_dict(rule), "id": 0}) for rule in before
    ]


def as_dict(rule):
    return {name: getattr(rule, name) for name in Rule.__slots__}


async def test_a_list_of_words_is_merged_and_says_what_was_left_out(world):
    await run(world, "add", pattern="bat")
    content = await imported(world, "# animals\ncat\n\nbat\n!!\n裸体\n".encode())
    assert content.split("\n") == [
        "Added 2, left out 2.",
        "• Entry 2: There is such a rule already: bat.",
        "• Entry 3: A word or phrase needs letters or signs to look for, got !!.",
    ]
    assert [rule.pattern for rule in await rules(world)] == ["bat", "cat", "裸体"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xff\xfe", "The file is no UTF-8 text: save it as UTF-8."),
        (b"{", "The file begins like JSON and is none"),
        (b'{"rule": 1}', "The file has no list of rules"),
        (b"x" * (exchange.MAX_FILE_BYTES + 1), "The file must be at most 256 KiB large."),
        (b"x\n" * (exchange.MAX_ENTRIES + 1), "The file has more than 5000 entries."),
        (b'{"rules": [{"kind": "word"}]}', "Added 0, left out 1.\n• Entry 1: It has no pattern."),
        (b'[{"pattern": "x", "colour": "red"}]', "Added 0, left out 1.\n• Entry 1: colour is not known"),
        (b'[{"pattern": "x", "kind": 1}]', "Added 0, left out 1.\n• Entry 1: kind is not known or no text"),
    ],
    ids=["no-text", "no-json", "no-rules", "large", "long", "no-pattern", "unknown-key", "no-word"],
)
async def test_a_file_that_is_none_is_refused_with_a_sentence(world, data, sentence):
    assert (await imported(world, data)).startswith(sentence)
    assert await rules(world) == []


async def test_the_command_is_for_those_who_manage_the_server_by_default(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch) as world:
        (command,) = [command for command in world.desk.commands if command["name"] == "filter"]
    assert (command["default_member_permissions"], command["contexts"]) == (str(1 << 5), [0])
