import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.limits.rules import Rule, Target
from bot.store import attempts, limits, messages, outcomes, past, requests, servers, usage
from bot.store.limits import Proposal
from bot.store.requests import Ask, RequestRow
from bot.store.usage import Pot
from engine import CompleteRequest, GenerationRequest, find_model
from engine.prompt import Note

REQUEST = CompleteRequest(
    prompt="a red heart",
    negative_prompt="blur",
    width=192,
    height=128,
    num_inference_steps=25,
    guidance_scale=4.5,
    seed=4181,
    scheduler="dpmpp_2m_karras",
    num_images=4,
    model="emoji",
)
ASK = Ask(
    kind="imagine",
    parent_id=None,
    user_id=1,
    guild_id=7,
    channel_id=70,
    interaction_id=2**62,
    interaction_token="aW50",
    attachment_limit=10 * 2**20,
    locale="en-GB",
    request=REQUEST,
    model="emoji",
)


@pytest.fixture
async def connection(database):
    async with database.transaction() as connection:
        yield connection


async def reserve(connection, *, now=100.0, num_images=4, **changes):
    request = dataclasses.replace(REQUEST, num_images=num_images)
    return await requests.reserve(connection, dataclasses.replace(ASK, request=request, **changes), now=now)


async def spent(connection, *, kind="member", guild_id=7, since=0.0, until=1e9, **pot):
    pot = Pot(kind=kind, user_id=1, guild_id=guild_id, **pot)
    return (await usage.spent(connection, pot, since=since, until=until))[0]


async def end(connection, row, *, state="done", charged=0, reason=None, **facts):
    values = {"flagged": 0, "now": 200.0} | facts
    return await outcomes.end(connection, row.id, state=state, reason=reason, charged=charged, **values)


# rows


async def test_a_row_has_exactly_the_columns_of_the_table(connection):
    columns = await connection.execute_fetchall("SELECT name FROM pragma_table_info('requests')")
    assert [name for (name,) in columns] == [field.name for field in dataclasses.fields(RequestRow)]


async def test_a_reserved_row_holds_what_was_asked(connection):
    row = await reserve(connection)
    assert row.request == REQUEST
    assert row.request.owner == "1"
    assert {name: getattr(row, name) for name in ("kind", "user_id", "guild_id", "channel_id", "locale", "model")} == {
        "kind": "imagine",
        "user_id": 1,
        "guild_id": 7,
        "channel_id": 70,
        "locale": "en-GB",
        "model": "emoji",
    }


async def test_a_row_keeps_the_prompt_as_typed_and_what_is_to_be_said(connection):
    notes = (Note("option_unknown", "option --x is unknown", {"option": "--x"}),)
    row = await reserve(connection, typed_prompt="a red heart --x", notes=notes)
    assert (row.prompt, row.as_typed, row.wording_notes) == ("a red heart", "a red heart --x", notes)
    assert row.wording_notes[0].facts == {"option": "--x"}


@pytest.mark.parametrize("typed", [None, "a red heart"], ids=["none", "the-same"])
async def test_a_prompt_that_was_typed_as_it_is_drawn_is_kept_once(connection, typed):
    row = await reserve(connection, typed_prompt=typed)
    assert (row.typed_prompt, row.as_typed, row.notes) == (None, "a red heart", None)


async def test_a_reserved_row_waits_is_charged_in_full_and_not_yet_accepted(connection):
    row = await reserve(connection)
    assert (row.state, row.charged, row.day, row.created_at, row.message_id) == ("queued", 4, "1970-01-01", 100.0, None)
    assert row.is_unfinished


async def test_how_prompts_are_encoded_and_what_each_picture_is_drawn_from_survive(connection):
    asked = GenerationRequest(
        prompt="{red|蓝} heart", seed=7, num_images=2, max_embeddings_multiples=3, clip_skip=2, model="emoji"
    )
    request = dataclasses.replace(asked.completed(find_model("emoji").card), owner="1")
    row = await requests.reserve(connection, dataclasses.replace(ASK, request=request), now=100.0)
    assert row.request == request
    assert (row.num_images, row.charged, row.seeds) == (4, 4, (7, 8, 7, 8))
    assert (row.request.asked.prompt, row.request.asked.num_images) == (asked.prompt, 2)


async def test_a_row_reads_back_as_it_was_reserved(connection):
    row = await reserve(connection)
    assert await requests.fetch(connection, row.id) == row


async def test_each_picture_has_the_next_seed(connection):
    assert list((await reserve(connection)).seeds) == [4181, 4182, 4183, 4184]


async def test_an_unknown_number_gives_no_row(connection):
    assert await requests.fetch(connection, 99) is None


async def test_a_parent_must_exist(connection):
    with pytest.raises(Exception, match="FOREIGN KEY"):
        await reserve(connection, parent_id=99)


# short ids


async def test_the_first_request_s_short_id_is_1001(connection):
    assert (await reserve(connection)).short_id == "1001"


ROW = RequestRow(**dict.fromkeys((field.name for field in dataclasses.fields(RequestRow)), 0))


@given(st.integers(1, 2**60), st.integers(1, 2**60))
def test_no_two_requests_share_a_short_id(first_id, second_id):
    short_ids = {dataclasses.replace(ROW, id=request_id).short_id for request_id in (first_id, second_id)}
    assert len(short_ids) == len({first_id, second_id})


# admission in one statement


async def test_a_member_s_pictures_count_by_time_and_place(connection):
    await reserve(connection, now=100.0)
    await reserve(connection, now=99.0)
    await reserve(connection, guild_id=8)
    await reserve(connection, guild_id=None)
    await reserve(connection, user_id=2)
    assert await spent(connection, since=100.0) == 4
    assert await spent(connection, since=99.0, until=100.0) == 4
    assert await spent(connection, guild_id=None) == 4
    assert await spent(connection, kind="everywhere") == 16


async def test_a_pot_counts_all_whom_it_holds_for(connection):
    await reserve(connection, user_id=2, ruling_channel_id=70, role_ids=(5, 55))
    await reserve(connection, user_id=3, ruling_channel_id=71, role_ids=(55,))
    await reserve(connection, user_id=3, ruling_channel_id=70, guild_id=8, role_ids=(5,))
    assert await spent(connection, kind="server") == 8
    assert await spent(connection, kind="channel", scope_id=70) == 4
    assert await spent(connection, kind="role", scope_id=5) == 4
    assert await spent(connection, kind="role", scope_id=55) == 8


async def test_what_waits_behind_a_request_can_be_left_out(connection):
    await reserve(connection)
    second = await reserve(connection)
    drawn = await reserve(connection)
    await reserve(connection)
    await attempts.start(connection, drawn.id, now=1)
    assert await spent(connection, waiting_behind=second.id) == 12
    pot = Pot(kind="member", user_id=1, guild_id=7, waiting_behind=second.id)
    assert await usage.places(connection, pot) == 3


@pytest.mark.parametrize("kind", ["member", "everywhere", "server", "channel", "role"])
async def test_places_are_counted_while_requests_wait_or_run(connection, kind):
    first, second = [await reserve(connection, ruling_channel_id=70, role_ids=(70,)) for _ in range(2)]
    await attempts.start(connection, second.id, now=1)
    pot = Pot(kind=kind, user_id=1, guild_id=7, scope_id=70)
    assert await usage.places(connection, pot) == 2
    await end(connection, first)
    assert await usage.places(connection, pot) == 1


async def test_the_last_request_is_one_that_discord_showed(connection):
    shown = await reserve(connection, now=100.0)
    await messages.mark_answered(connection, shown.id, message_id=900)
    never_shown = await reserve(connection, now=101.0)
    await end(connection, never_shown, state="cancelled", reason="never-shown")
    pot = Pot(kind="member", user_id=1, guild_id=7)
    assert await usage.last_at(connection, pot, since=0, until=200.0) == 100.0
    assert await usage.last_at(connection, pot, since=0, until=99.0) is None


# the road


async def test_what_waits_starts_once(connection):
    row = await reserve(connection)
    assert await attempts.start(connection, row.id, now=150.0)
    assert not await attempts.start(connection, row.id, now=151.0)
    row = await requests.fetch(connection, row.id)
    assert (row.state, row.started_at) == ("running", 150.0)


async def test_what_was_given_back_waits_and_can_start_again(connection):
    row = await reserve(connection)
    await attempts.start(connection, row.id, now=1)
    await attempts.give_back(connection, row.id)
    assert (await requests.fetch(connection, row.id)).state == "queued"
    assert await attempts.start(connection, row.id, now=2)


async def test_the_unfinished_are_those_that_wait_or_run_oldest_first(connection):
    rows = [await reserve(connection) for _ in range(4)]
    await attempts.start(connection, rows[1].id, now=1)
    await end(connection, rows[2])
    assert [row.id for row in await requests.unfinished(connection)] == [rows[0].id, rows[1].id, rows[3].id]


async def test_only_what_was_running_counts_an_interruption(connection):
    waiting, running, done = [await reserve(connection) for _ in range(3)]
    await attempts.start(connection, running.id, now=1)
    await end(connection, done)
    await attempts.count_interruptions(connection)
    rows = [await requests.fetch(connection, row.id) for row in (waiting, running, done)]
    assert [(row.state, row.interruptions) for row in rows] == [("queued", 0), ("queued", 1), ("done", 0)]


async def test_failed_attempts_are_counted_one_by_one(connection):
    row = await reserve(connection)
    counts = []
    for _ in range(3):
        await attempts.start(connection, row.id, now=1)
        counts.append(await attempts.count_failed_attempt(connection, row.id))
    assert counts == [1, 2, 3]
    assert (await requests.fetch(connection, row.id)).state == "queued"


async def test_a_request_that_ended_meanwhile_counts_no_failed_attempt(connection):
    row = await reserve(connection)
    await end(connection, row, state="cancelled")
    assert await attempts.count_failed_attempt(connection, row.id) == 0
    assert (await requests.fetch(connection, row.id)).state == "cancelled"


@pytest.mark.parametrize("is_running", [False, True], ids=["waiting", "running"])
async def test_ending_charges_what_was_delivered(connection, is_running):
    row = await reserve(connection)
    if is_running:
        await attempts.start(connection, row.id, now=1)
    assert await end(connection, row, charged=3, flagged=1)
    row = await requests.fetch(connection, row.id)
    assert (row.state, row.charged, row.flagged, row.ended_at, row.is_unfinished) == ("done", 3, 1, 200.0, False)
    assert await spent(connection) == 3


async def test_a_request_ends_once(connection):
    row = await reserve(connection)
    await end(connection, row, state="cancelled", reason="cancelled-by-owner")
    assert not await end(connection, row, charged=4)
    row = await requests.fetch(connection, row.id)
    assert (row.state, row.reason, row.charged) == ("cancelled", "cancelled-by-owner", 0)


async def test_what_has_ended_neither_starts_nor_waits_again(connection):
    row = await reserve(connection)
    await end(connection, row)
    assert not await attempts.start(connection, row.id, now=1)
    await attempts.give_back(connection, row.id)
    assert (await requests.fetch(connection, row.id)).state == "done"


async def test_nobody_is_charged_more_than_was_asked(connection):
    row = await reserve(connection)
    with pytest.raises(Exception, match="CHECK constraint"):
        await end(connection, row, charged=5)


async def test_the_wish_to_cancel_is_written_down_while_the_request_goes_on(connection):
    row = await reserve(connection)
    assert await outcomes.intend_cancel(connection, row.id, reason="cancelled-by-owner")
    row = await requests.fetch(connection, row.id)
    assert (row.state, row.reason) == ("queued", "cancelled-by-owner")


async def test_a_request_that_has_ended_cannot_be_cancelled(connection):
    row = await reserve(connection)
    await end(connection, row)
    assert not await outcomes.intend_cancel(connection, row.id, reason="cancelled-by-owner")
    assert (await requests.fetch(connection, row.id)).reason is None


async def test_delivering_is_written_down_before_it_happens(connection):
    row = await reserve(connection)
    await outcomes.mark_delivering(connection, row.id, now=180.0)
    assert (await requests.fetch(connection, row.id)).delivering_at == 180.0


async def test_what_ended_is_untold_until_its_message_shows_it(connection):
    _waiting, first, second = [await reserve(connection) for _ in range(3)]
    await end(connection, first)
    await end(connection, second, state="cancelled")
    assert [row.id for row in await messages.untold(connection)] == [first.id, second.id]
    await messages.mark_told(connection, first.id, now=201.0)
    assert [row.id for row in await messages.untold(connection)] == [second.id]


async def test_a_ping_that_was_meant_is_left_to_do_until_it_is_sent(connection):
    row = await reserve(connection)
    assert await messages.unpinged(connection) == []
    await end(connection, row, ping=True)
    assert [row.id for row in await messages.unpinged(connection)] == [row.id]
    await messages.mark_pinged(connection, row.id, now=3.0)
    assert await messages.unpinged(connection) == []


@pytest.mark.parametrize(("ping", "intended_at"), [(True, 200.0), (False, None)])
async def test_an_end_may_mean_a_ping(connection, ping, intended_at):
    row = await reserve(connection)
    await end(connection, row, charged=4, ping=ping)
    assert (await requests.fetch(connection, row.id)).ping_intended_at == intended_at


async def test_a_channel_that_is_gone_withdraws_what_waits_there_and_refunds_it(connection):
    here, running, done = [await reserve(connection, channel_id=70) for _ in range(3)]
    await attempts.start(connection, running.id, now=1)
    await end(connection, done, charged=4)
    await reserve(connection, channel_id=71)
    assert await outcomes.withdraw_channel(connection, channel_id=70, now=2.0) == [here.id, running.id]
    row = await requests.fetch(connection, here.id)
    assert (row.state, row.reason, row.charged, row.ended_at) == ("cancelled", "channel-gone", 0, 2.0)
    assert await spent(connection) == 8


async def test_a_server_that_is_gone_withdraws_what_waits_there(connection):
    here = await reserve(connection)
    elsewhere = await reserve(connection, guild_id=8)
    assert await outcomes.withdraw_guild(connection, guild_id=7, now=2.0) == [here.id]
    assert (await requests.fetch(connection, here.id)).reason == "server-gone"
    assert (await requests.fetch(connection, elsewhere.id)).state == "queued"


# history


async def test_history_is_the_member_s_own_in_this_server_newest_first(connection):
    first, second = await reserve(connection), await reserve(connection)
    await reserve(connection, user_id=2)
    await reserve(connection, guild_id=8)
    await reserve(connection, guild_id=None)
    rows = await past.history(connection, user_id=1, guild_id=7, before_id=None, count=10)
    assert [row.id for row in rows] == [second.id, first.id]


async def test_pages_of_history_meet_without_gap_or_overlap(connection):
    ids = [(await reserve(connection, guild_id=None)).id for _ in range(5)]
    pages, before_id = [], None
    while page := await past.history(connection, user_id=1, guild_id=None, before_id=before_id, count=2):
        pages.append([row.id for row in page])
        before_id = page[-1].id
    assert pages == [ids[4:2:-1], ids[2:0:-1], ids[:1]]


async def test_what_discord_never_showed_is_no_history(connection):
    shown, unseen = await reserve(connection), await reserve(connection)
    await messages.mark_answered(connection, shown.id, message_id=555)
    for row in (shown, unseen):
        await end(connection, row, state="cancelled", reason="never-shown")
    rows = await past.history(connection, user_id=1, guild_id=7, before_id=None, count=10)
    assert [row.id for row in rows] == [shown.id]


async def test_no_statement_reads_the_whole_table(connection):
    row = await reserve(connection)
    statements = []
    await connection.set_trace_callback(statements.append)
    await reserve(connection)
    await requests.fetch(connection, row.id)
    await requests.unfinished(connection)
    await messages.untold(connection)
    await messages.unpinged(connection)
    await attempts.count_interruptions(connection)
    for kind in usage.WHOSE:
        pot = Pot(kind=kind, user_id=1, guild_id=7, scope_id=9)
        await usage.spent(connection, pot, since=0, until=1)
        await usage.places(connection, pot)
        await usage.last_at(connection, pot, since=0, until=1)
    await requests.waiting(connection, guild_id=7)
    await outcomes.withdraw(connection, {row.id: "withdrawn-steps"}, now=1.0)
    await past.history(connection, user_id=1, guild_id=None, before_id=9, count=5)
    await outcomes.withdraw_channel(connection, channel_id=70, now=1.0)
    await outcomes.withdraw_guild(connection, guild_id=7, now=1.0)
    await end(connection, row)
    await connection.set_trace_callback(None)
    plans = {
        statement: [step["detail"] for step in await connection.execute_fetchall(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in statements
    }
    assert len(plans) == 30
    scans = {statement for statement, steps in plans.items() if "SCAN requests" in steps}
    assert scans == set()


async def test_a_page_of_history_is_read_in_order_without_sorting(connection):
    statements = []
    await connection.set_trace_callback(statements.append)
    await past.history(connection, user_id=1, guild_id=None, before_id=None, count=5)
    await connection.set_trace_callback(None)
    [step] = await connection.execute_fetchall(f"EXPLAIN QUERY PLAN {statements[0]}")
    assert "requests_history (user_id=? AND guild_id=? AND id<?)" in step["detail"]


# limits and servers


MEMBER = Target(scope="member", scope_id=1)


async def put(connection, target=MEMBER, *, value=20, name="steps", guild_id=7, **more):
    rule = Rule(target=target, name=name, value=value, **more)
    await limits.put(connection, guild_id, rule, set_by=9, now=1.0)
    return rule


async def read_for(connection, guild_id=7):
    return await limits.read_for(connection, guild_id, user_id=1, channel_id=70, role_ids=(5, 6))


async def test_the_rules_of_server_channel_roles_and_member_are_read(connection):
    targets = [Target(), *(Target(scope=scope, scope_id=number) for scope, number in [("channel", 70), ("role", 5)])]
    rules = [await put(connection, target) for target in (*targets, MEMBER)]
    for other in [Target(scope="channel", scope_id=71), Target(scope="role", scope_id=7)]:
        await put(connection, other)
    await put(connection, guild_id=8)
    found = await read_for(connection)
    assert sorted(found, key=repr) == sorted(rules, key=repr)
    assert len(await limits.read(connection, 7)) == 6


@pytest.mark.parametrize("value", [0, 30, None, (), ("emoji", "sd-1.5")], ids=str)
async def test_a_rule_is_read_as_it_was_set(connection, value):
    rule = await put(connection, value=value, is_pool=True, expires_at=5.0, reason="exam week")
    assert await read_for(connection) == [rule]


async def test_direct_messages_have_no_limits_of_their_own(connection):
    await put(connection)
    assert await read_for(connection, None) == []


async def test_setting_a_limit_again_replaces_it(connection):
    await put(connection, reason="once")
    rule = await put(connection, value=40)
    assert await read_for(connection) == [rule]


async def test_clearing_a_limit_leaves_the_others(connection):
    await put(connection)
    pixels, server = await put(connection, name="pixels", value=5000), await put(connection, Target(), value=50)
    assert await limits.clear(connection, 7, MEMBER, "steps") == 1
    assert await limits.clear(connection, 7, MEMBER, "steps") == 0
    assert sorted(await read_for(connection), key=repr) == sorted([pixels, server], key=repr)


async def test_all_limits_of_one_target_are_cleared_at_once(connection):
    await put(connection)
    await put(connection, name="pixels", value=5000)
    server = await put(connection, Target(), value=50)
    assert await limits.clear(connection, 7, MEMBER, None) == 2
    assert await read_for(connection) == [server]


async def test_a_proposal_is_taken_once_by_whoever_was_asked_and_in_time(connection):
    async def propose(now):
        proposal = Proposal(change="{}", withdraws=2)
        return await limits.propose(connection, proposal, guild_id=7, actor_id=1, now=now, forget_before=now - 9)

    async def take(number, *, actor_id=1, guild_id=7, since=0.0):
        return await limits.take_proposal(connection, number, guild_id=guild_id, actor_id=actor_id, since=since)

    number = await propose(100.0)
    assert [await take(number, actor_id=2), await take(number, guild_id=8), await take(number, since=101.0)] == [
        None
    ] * 3
    assert await take(number) == Proposal(change="{}", withdraws=2)
    assert await take(number) is None
    old, new = await propose(100.0), await propose(200.0)
    assert await take(old) is None
    assert await take(new) is not None


async def test_no_server_is_adopted_at_first(connection):
    assert await servers.adopted_server(connection) is None


async def test_the_first_server_that_is_adopted_stays_so(connection):
    assert await servers.adopt_server(connection, guild_id=7, now=1.0)
    assert not await servers.adopt_server(connection, guild_id=8, now=2.0)
    assert await servers.adopted_server(connection) == 7
