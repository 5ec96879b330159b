import asyncio
import dataclasses
import json
from datetime import UTC, datetime

import pytest

from bot.admission import Admission, Ask, Refused
from bot.moderation.gates import FilterGate, FloorGate
from bot.moderation.rules import Rule, checked_rule
from bot.policy import OperatorLimits, Rules
from bot.store import blocks, filters, requests
from engine import CompleteRequest, Variant
from engine.reading import read_all

LIMITS = Rules(pictures_per_day=100, places_in_line=100, pixels=256 * 256, steps=50)
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp()
HOUR_S = 3600.0
REQUEST = CompleteRequest(
    prompt="a red heart",
    width=128,
    height=128,
    num_inference_steps=20,
    guidance_scale=5.0,
    seed=7,
    scheduler="default",
)


class Clock:
    now = NOON

    def __call__(self):
        return self.now


class Bot:
    def __init__(self, database, operators=()):
        self.database, self.clock = database, Clock()
        self.floor = FloorGate(read_all)
        self.filters = FilterGate(read_all, self.floor, operators)
        operator = OperatorLimits(default=LIMITS, ceiling=LIMITS)
        self.admission = Admission(database, operator, gates=(self.floor, self.filters), clock=self.clock)

    async def ask(self, prompt, *, user_id=1, guild_id=7, typed_prompt=None, **changes):
        ask = Ask(
            kind="imagine",
            parent_id=None,
            user_id=user_id,
            guild_id=guild_id,
            channel_id=70,
            interaction_id=1,
            interaction_token="aW50",
            attachment_limit=10 * 2**20,
            locale="en-US",
            request=dataclasses.replace(REQUEST, prompt=prompt, **changes),
            model="emoji",
            typed_prompt=typed_prompt,
        )
        return await self.admission.reserve(ask)

    async def refusal(self, prompt, **changes):
        with pytest.raises(Refused) as caught:
            await self.ask(prompt, **changes)
        return caught.value.key, caught.value.values

    async def add(self, pattern, *, guild_id=7, **more):
        async with self.database.transaction() as connection:
            rule = checked_rule(pattern=pattern, **more)
            return await filters.add(connection, rule, guild_id=guild_id, added_by=9, now=NOON)

    async def remove(self, rule_id):
        async with self.database.transaction() as connection:
            await filters.remove(connection, guild_id=7, rule_id=rule_id)

    async def audited(self, *actions):
        async with self.database.reading() as connection:
            rows = await connection.execute_fetchall("SELECT * FROM audit ORDER BY id")
        return [dict(row) for row in rows if row["action"] in actions]

    async def blocked(self, user_id=1):
        async with self.database.reading() as connection:
            return await blocks.holding(connection, user_id=user_id, now=self.clock())


@pytest.fixture
def bot(database):
    return Bot(database)


# the floor


FLOOR = ("floor", {})


@pytest.mark.parametrize("guild_id", [7, None], ids=["server", "direct-message"])
async def test_nothing_below_the_floor_is_let_in_anywhere(bot, guild_id):
    assert await bot.refusal("a nude child", guild_id=guild_id) == FLOOR
    async with bot.database.reading() as connection:
        assert not await requests.unfinished(connection)


@pytest.mark.parametrize(
    "prompt",
    [
        "a (nu)(de) child",
        "[nude:child:0.5]",
        "nude AND child",
        "nude <lora:toddler_style:1>",
        "child nude:1.2)",
        "{nude woman|child}",
        "<lora:loli:0.5> hentai",
    ],
)
async def test_the_floor_looks_at_what_is_encoded_and_at_what_was_typed(bot, prompt):
    assert await bot.refusal(prompt) == FLOOR


async def test_the_floor_looks_at_every_permutation_and_wildcard(bot):
    variants = (Variant("a nude woman", 7), Variant("a nude kid", 7))
    assert await bot.refusal("a nude __who__", variants=variants, num_images=2) == FLOOR


async def test_minors_in_a_negative_prompt_are_good_manners(bot):
    assert (await bot.ask("a nude woman", negative_prompt="nsfw, child, loli")).id
    assert (await bot.ask("a child with a kite", negative_prompt="nsfw, nude")).id


async def test_a_hit_is_audited_for_the_operator_without_the_words(bot):
    await bot.refusal("a nude child")
    (hit,) = await bot.audited("floor-hit")
    assert (hit["guild_id"], hit["user_id"], hit["actor_id"], hit["at"]) == (7, 1, None, NOON)
    assert json.loads(hit["facts"]) == {"channel_id": 70}


async def test_three_hits_within_a_day_block_the_member_everywhere_for_good(bot):
    for guild_id in (7, None):
        await bot.refusal("a nude child", guild_id=guild_id)
        assert await bot.blocked() == []
        bot.clock.now += 11 * HOUR_S
    await bot.refusal("a nude child", guild_id=8)
    (block,) = await bot.blocked()
    assert (block.kind, block.guild_id, block.until, block.blocked_by) == ("floor", blocks.EVERYWHERE, None, None)
    assert [row["guild_id"] for row in await bot.audited("floor-blocked")] == [None]
    assert await bot.blocked(user_id=2) == []


async def test_hits_of_more_than_a_day_ago_do_not_count(bot):
    for _ in range(4):
        await bot.refusal("a nude child")
        bot.clock.now += 12.1 * HOUR_S
    assert await bot.blocked() == []


async def test_no_servers_rule_lifts_the_floor(bot):
    await bot.add("child", action="replace", replacement="adult")
    assert await bot.refusal("a nude child") == FLOOR


async def test_what_replacing_makes_of_a_text_stands_above_the_floor_too(bot):
    await bot.add("cat", action="replace", replacement="nude")
    assert await bot.refusal("a cat with a child") == ("filter-refused-server-word", {"word": "cat"})
    assert await bot.audited("floor-hit") == []  # the member has typed nothing of the kind


# the filters


async def test_a_word_is_refused_by_name_and_nothing_is_charged(bot):
    await bot.add("bat", reason="exam week")
    assert await bot.refusal("a Bat") == ("filter-refused-server-word", {"word": "Bat"})
    async with bot.database.reading() as connection:
        assert not await requests.unfinished(connection)


async def test_a_regular_expression_is_not_told(bot):
    await bot.add("b[ai]t", kind="regex")
    assert await bot.refusal("a bat") == ("filter-refused-server", {})


async def test_a_rule_holds_in_its_server_alone(bot):
    await bot.add("bat", guild_id=8)
    assert (await bot.ask("a bat")).id
    assert (await bot.ask("a bat", guild_id=None)).id
    await bot.refusal("a bat", guild_id=8)


async def test_rules_hold_as_soon_as_they_change(bot):
    first = await bot.add("bat")
    await bot.refusal("a bat")
    await bot.remove(first)
    assert (await bot.ask("a bat")).id
    await bot.add("cat")
    assert (await bot.ask("a bat")).id
    await bot.refusal("a cat")


async def test_the_operators_rules_hold_everywhere(database):
    bot = Bot(database, [Rule(id=3, is_operators=True, kind="word", pattern="bat")])
    for guild_id in (7, None):
        assert await bot.refusal("a bat", guild_id=guild_id) == ("filter-refused-bot-word", {"word": "bat"})
    hits = [json.loads(row["facts"]) for row in await bot.audited("filter-hit")]
    assert [(hit["rule"], hit["list"]) for hit in hits] == [(3, "bot"), (3, "bot")]


async def test_a_hit_is_audited_with_its_rule_and_without_the_words(bot):
    rule_id = await bot.add("bat")
    await bot.refusal("a secret bat")
    (hit,) = await bot.audited("filter-hit")
    assert (hit["user_id"], hit["guild_id"]) == (1, 7)
    assert json.loads(hit["facts"]) == {"rule": rule_id, "list": "server", "action": "refuse", "channel_id": 70}
    assert not any("secret" in str(row) for row in await bot.audited("filter-hit", "refused"))


async def test_what_is_only_logged_is_drawn_as_it_is(bot):
    await bot.add("bat", action="log")
    assert (await bot.ask("a bat")).prompt == "a bat"
    assert len(await bot.audited("filter-hit")) == 1


async def test_what_is_replaced_is_replaced_in_every_text_of_the_request(bot):
    await bot.add("bat", replacement="cat", action="replace", place="both")
    row = await bot.ask(
        "a {bat|dog}",
        typed_prompt="a {bat|dog} --seed 7 --no blur",
        negative_prompt="a bat",
        variants=(Variant("a bat", 7), Variant("a dog", 7)),
        num_images=2,
    )
    assert [picture.prompt for picture in row.request.pictures] == ["a cat", "a dog"]
    assert (row.prompt, row.negative_prompt) == ("a {cat|dog}", "a cat")
    assert row.as_typed == "a {cat|dog} --seed 7 --no blur"
    assert [note.rule for note in row.wording_notes] == ["filter_replaced"]
    assert len(await bot.audited("filter-hit")) == 1


async def test_what_cannot_be_replaced_is_refused(bot):
    await bot.add("bat", action="replace", replacement="cat")
    assert (await bot.refusal("a (b)(at)"))[0] == "filter-refused-server-word"
    assert (await bot.ask("a bat")).prompt == "a cat"


async def test_a_replacement_that_leaves_nothing_is_refused(bot):
    await bot.add("bat", action="replace")
    assert (await bot.refusal("bat"))[0] == "filter-refused-server-word"


async def test_a_replacement_does_not_lead_around_another_rule(bot):
    await bot.add("bat", action="replace", replacement="dog")
    await bot.add("dog")
    assert (await bot.refusal("a bat"))[0] == "filter-refused-server-word"


async def test_a_slow_expression_lets_pass_is_audited_once_and_holds_up_nobody(bot):
    slow = Rule(kind="regex", pattern="(a|aa)+$")
    async with bot.database.transaction() as connection:
        await filters.add(connection, slow, guild_id=7, added_by=9, now=NOON)
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.create_task(beat())
    for _ in range(2):
        assert (await bot.ask("a" * 3000 + "!")).id
    beating.cancel()
    assert beats > 100
    assert len(await bot.audited("filter-slow")) == 1
