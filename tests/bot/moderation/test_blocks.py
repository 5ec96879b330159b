"""Who is blocked has no pictures: in one server, in direct messages, or everywhere."""

from dataclasses import replace

import pytest
from bot_at_desk import REQUEST
from desk import ANN_ID, BEN_ID, GUILD_ID

from bot.admission import Admission, Ask, Refused
from bot.moderation.blocks import BlockedMembers
from bot.policy import OperatorLimits, Rules
from bot.sentences import sentence
from bot.store import blocks, servers
from bot.store.blocks import EVERYWHERE, Block

NOW, OTHER_ID, FOREIGN_ID = 1_785_600_000.0, 8, 9
RULES = Rules(pictures_per_day=60, places_in_line=10, pixels=1024 * 1024, steps=150)
ASK = Ask(
    kind="imagine",
    parent_id=None,
    user_id=ANN_ID,
    guild_id=GUILD_ID,
    channel_id=70,
    interaction_id=4,
    interaction_token="t",
    attachment_limit=1,
    locale="en-US",
    request=REQUEST,
    model="emoji",
)


def admission(database, served=(GUILD_ID, OTHER_ID)):
    limits = OperatorLimits(default=RULES, ceiling=RULES)
    return Admission(database, limits, gates=(BlockedMembers(served),), clock=lambda: NOW)


async def block(database, guild_id=GUILD_ID, *, kind="moderator", until=NOW + 3600, reason=None, user_id=ANN_ID):
    async with database.transaction() as connection:
        await blocks.put(
            connection,
            Block(
                guild_id=guild_id,
                user_id=user_id,
                kind=kind,
                until=until,
                reason=reason,
                blocked_by=77,
                blocked_at=NOW,
            ),
        )


async def refusal(admission, **where):
    with pytest.raises(Refused) as caught:
        await admission.reserve(replace(ASK, **where))
    return sentence(caught.value, "en-US")


async def test_a_blocked_member_reads_until_when_and_why_but_not_by_whom(database):
    await block(database, reason="spam")
    assert (
        await refusal(admission(database)) == "You may not draw here now. You may again <t:1785603600:R>. Reason: spam"
    )


async def test_a_block_for_good_says_so(database):
    await block(database, until=None)
    assert await refusal(admission(database)) == "You may not draw here any more."


async def test_the_longest_of_several_blocks_is_named(database):
    await block(database, until=NOW + 7200)
    await block(database, EVERYWHERE, kind="floor", until=None)
    assert await refusal(admission(database)) == "You may not draw here any more."


async def test_a_block_that_has_run_out_holds_no_more(database):
    await block(database, until=NOW)
    assert await admission(database).reserve(ASK)


async def test_others_are_not_blocked(database):
    await block(database)
    assert await admission(database).reserve(replace(ASK, user_id=BEN_ID))


async def test_a_block_holds_in_its_own_server_and_in_direct_messages_only(database):
    await block(database)
    assert await admission(database).reserve(replace(ASK, guild_id=OTHER_ID))
    await refusal(admission(database), guild_id=None)


async def test_a_block_of_a_server_that_is_served_no_more_does_not_reach_direct_messages(database):
    await block(database, FOREIGN_ID)
    assert await admission(database).reserve(replace(ASK, guild_id=None))


async def test_the_adopted_server_counts_as_served(database):
    await block(database)
    async with database.transaction() as connection:
        await servers.adopt_server(connection, guild_id=GUILD_ID, now=NOW)
    await refusal(admission(database, served=()), guild_id=None)


async def test_nobody_escapes_a_block_by_bringing_the_bot_into_a_server_of_their_own(database):
    await block(database)
    await refusal(admission(database), guild_id=FOREIGN_ID)


@pytest.mark.parametrize("kind", ["owner", "floor"])
@pytest.mark.parametrize("guild_id", [GUILD_ID, OTHER_ID, FOREIGN_ID, None])
async def test_a_block_by_the_owner_or_the_floor_holds_everywhere(database, kind, guild_id):
    await block(database, EVERYWHERE, kind=kind)
    await refusal(admission(database), guild_id=guild_id)
