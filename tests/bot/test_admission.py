import asyncio
import dataclasses
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import cancelled

from bot.admission import Admission, Ask, Refused
from bot.database import Database
from bot.limits.rules import WHOLE_SERVER, Rule, Target
from bot.policy import REFUSALS, OperatorLimits, Rules
from bot.store import attempts, limits, messages, outcomes, requests, server_settings
from bot.store.server_settings import ServerSettings
from engine import CompleteRequest

DEFAULT = Rules(pictures_per_day=10, places_in_line=3, pixels=256 * 256, steps=50)
CEILING = Rules(pictures_per_day=20, places_in_line=5, pixels=512 * 512, steps=100)
OPERATOR = OperatorLimits(default=DEFAULT, ceiling=CEILING)
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp()
DAY_S = 86400.0
REQUEST = CompleteRequest(
    prompt="a red heart",
    width=128,
    height=128,
    num_inference_steps=20,
    guidance_scale=5.0,
    seed=7,
    scheduler="default",
)


def an_ask(*, user_id=1, guild_id=7, **changes):
    return Ask(
        kind="imagine",
        parent_id=None,
        user_id=user_id,
        guild_id=guild_id,
        channel_id=70,
        interaction_id=1,
        interaction_token="aW50",
        attachment_limit=10 * 2**20,
        locale="en-US",
        request=dataclasses.replace(REQUEST, **changes),
        model="emoji",
    )


class Clock:
    def __init__(self, now=NOON):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def admission(database, clock):
    return Admission(database, OPERATOR, clock=clock)


async def refusal(admission, ask):
    with pytest.raises(Refused) as caught:
        await admission.reserve(ask)
    assert tuple(caught.value.values) == REFUSALS[caught.value.key]
    return caught.value.key, caught.value.values


async def set_limit(database, name, value, *, user_id=WHOLE_SERVER, guild_id=7):
    target = Target(scope="member", scope_id=user_id) if user_id else Target()
    async with database.transaction() as connection:
        await limits.put(connection, guild_id, Rule(target=target, name=name, value=value), set_by=9, now=NOON)


async def end(database, row, charged):
    async with database.transaction() as connection:
        return await outcomes.end(connection, row.id, state="done", reason=None, charged=charged, flagged=0, now=NOON)


async def rows(database):
    async with database.reading() as connection:
        return (await connection.execute_fetchall("SELECT count(*) FROM requests"))[0][0]


async def test_an_admitted_request_is_a_row_charged_in_full(admission):
    row = await admission.reserve(an_ask(num_images=4))
    assert (row.state, row.charged, row.day, row.created_at) == ("queued", 4, "2026-08-01", NOON)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"width": 512}, None),
        ({"width": 512, "height": 136}, "too-many-pixels"),
        ({"num_inference_steps": 51}, "too-many-steps"),
        ({"num_images": 5}, "too-many-pictures"),
    ],
    ids=["fits", "pixels", "steps", "pictures"],
)
async def test_a_request_beyond_a_rule_is_refused_and_leaves_no_row(admission, database, changes, key):
    if key is None:
        await admission.reserve(an_ask(**changes))
        return
    assert (await refusal(admission, an_ask(**changes)))[0] == key
    assert await rows(database) == 0


async def test_used_pictures_are_refused_with_limit_and_time(admission, database):
    await set_limit(database, "pictures_per_day", 4)
    await admission.reserve(an_ask(num_images=4))
    midnight = datetime(2026, 8, 2, tzinfo=UTC)
    assert await refusal(admission, an_ask()) == (
        "quota-used-up",
        {"asked": 1, "left": 0, "limit": 4, "more_at": midnight},
    )


async def test_four_pictures_with_two_left_are_refused_naming_both(admission, database):
    await set_limit(database, "pictures_per_day", 6)
    await admission.reserve(an_ask(num_images=4))
    key, values = await refusal(admission, an_ask(num_images=4))
    assert (key, values["asked"], values["left"], values["limit"]) == ("quota-too-few-left", 4, 2, 6)


async def test_what_is_left_can_still_be_had(admission, database):
    await set_limit(database, "pictures_per_day", 6)
    await admission.reserve(an_ask(num_images=4))
    assert (await admission.reserve(an_ask(num_images=2))).charged == 2


async def test_used_places_are_refused_with_their_number(admission):
    for _ in range(3):
        await admission.reserve(an_ask())
    assert await refusal(admission, an_ask()) == ("places-used-up", {"limit": 3})


@pytest.mark.parametrize(("name", "key"), [("pictures_per_day", "quota-zero"), ("places_in_line", "places-zero")])
async def test_a_limit_of_nothing_is_named_as_such(admission, database, name, key):
    await set_limit(database, name, 0, user_id=1)
    assert await refusal(admission, an_ask()) == (key, {"limit": 0})
    assert (await admission.reserve(an_ask(user_id=2))).user_id == 2


async def test_a_limit_lowered_below_what_is_used_leaves_nothing(admission, database):
    await admission.reserve(an_ask(num_images=4))
    await set_limit(database, "pictures_per_day", 2)
    assert (await refusal(admission, an_ask()))[1]["left"] == 0


async def test_a_stored_limit_above_the_ceiling_counts_as_the_ceiling(admission, database):
    await set_limit(database, "places_in_line", 1000)
    assert (await admission.allowance(1, 7)).rules.places_in_line == 5


async def test_in_direct_messages_the_operator_s_default_holds(admission, database):
    await set_limit(database, "pictures_per_day", 1)
    assert (await admission.allowance(1, None)).rules == DEFAULT
    assert (await admission.reserve(an_ask(guild_id=None, num_images=4))).guild_id is None


async def test_the_allowance_says_what_is_used_left_and_held(admission):
    await admission.reserve(an_ask(num_images=4))
    allowance = await admission.allowance(1, 7)
    assert (allowance.used_today, allowance.left, allowance.places_held) == (4, 6, 1)
    assert allowance.refills_at == datetime(2026, 8, 2, tzinfo=UTC)


async def test_what_a_request_gives_back_does_not_lift_a_lowered_limit(admission, database):
    row = await admission.reserve(an_ask(num_images=4))
    await set_limit(database, "pictures_per_day", 2)
    assert (await admission.allowance(1, 7)).left_with(row, charged=1) == 1
    assert (await admission.allowance(1, 7)).left_with(row, charged=3) == 0


async def test_what_a_request_of_yesterday_gives_back_is_not_left_today(admission, clock):
    row = await admission.reserve(an_ask(num_images=4))
    clock.now += DAY_S
    assert (await admission.allowance(1, 7)).left_with(row, charged=1) == 10


async def test_a_new_utc_day_begins_with_everything(admission, database, clock):
    for _ in range(2):
        await cancelled(database, (await admission.reserve(an_ask(num_images=4))).id)
    await admission.reserve(an_ask(num_images=4))
    clock.now += DAY_S
    allowance = await admission.allowance(1, 7)
    assert (allowance.used_today, allowance.left, allowance.places_held) == (0, 10, 1)


async def test_a_refund_goes_to_the_day_of_the_admission(admission, database, clock):
    row = await admission.reserve(an_ask(num_images=4))
    clock.now += DAY_S
    await end(database, row, charged=1)
    assert (await admission.allowance(1, 7)).used_today == 0
    clock.now -= DAY_S
    assert (await admission.allowance(1, 7)).used_today == 1


async def test_a_withdrawn_request_is_cancelled_and_refunded(admission, database):
    row = await admission.reserve(an_ask(num_images=4))
    assert await cancelled(database, row.id)
    async with database.reading() as connection:
        row = await requests.fetch(connection, row.id)
    assert (row.state, row.reason, row.charged) == ("cancelled", "never-shown", 0)
    assert (await admission.allowance(1, 7)).left == 10


async def test_what_has_ended_is_not_withdrawn(admission, database):
    row = await admission.reserve(an_ask(num_images=4))
    await end(database, row, charged=4)
    assert not await cancelled(database, row.id)
    assert (await admission.allowance(1, 7)).left == 6


async def test_a_refusal_says_its_key_and_numbers():
    assert str(Refused("places-used-up", limit=3)) == "places-used-up {'limit': 3}"


# laws


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.integers(0, 8)), min_size=1, max_size=25))
@settings(max_examples=25)
def test_of_many_tasks_at_once_no_more_are_admitted_than_the_limits_allow(tasks):
    """Each task asks for pictures, perhaps gives them back, after so many turns of the event loop."""

    async def ask(admission, database, num_images, is_withdrawn, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        try:
            row = await admission.reserve(an_ask(num_images=num_images))
        except Refused:
            return 0
        if is_withdrawn:
            await cancelled(database, row.id)
            return 0
        return num_images

    async def run():
        with tempfile.TemporaryDirectory() as folder:
            async with Database.open(Path(folder) / "bot.sqlite3") as database:
                admission = Admission(database, OPERATOR, clock=Clock())
                admitted = await asyncio.gather(*(ask(admission, database, *task) for task in tasks))
                allowance = await admission.allowance(1, 7)
                assert allowance.used_today == sum(admitted) <= 10
                assert allowance.places_held == sum(map(bool, admitted)) <= 3

    asyncio.run(run())


async def test_of_twenty_tasks_exactly_as_many_as_there_are_places_are_admitted(admission):
    admitted = await asyncio.gather(*(admission.reserve(an_ask()) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(each, Refused) for each in admitted) == 17


# by whom, where and since when it is counted


async def put(database, name, value, *, target=None, guild_id=7, **more):
    limit = Rule(target=target or Target(), name=name, value=value, **more)
    async with database.transaction() as connection:
        await limits.put(connection, guild_id, limit, set_by=9, now=NOON)


def an_ask_in(*, channel_id=70, role_ids=(), estimated_s=0.0, slow_mode_s=0, user_id=1, guild_id=7, **changes):
    return dataclasses.replace(
        an_ask(user_id=user_id, guild_id=guild_id, **changes),
        channel_id=channel_id,
        ruling_channel_id=channel_id,
        role_ids=role_ids,
        estimated_s=estimated_s,
        slow_mode_s=slow_mode_s,
    )


async def set_time_zone(database, time_zone):
    async with database.transaction() as connection:
        await server_settings.write(connection, 7, ServerSettings(time_zone=time_zone))


async def shown(database, row):
    async with database.transaction() as connection:
        await messages.mark_answered(connection, row.id, message_id=900 + row.id)
    return row


@pytest.fixture
def generous(database, clock):
    """Whose ceiling leaves room for what moderators set."""
    ceiling = dataclasses.replace(CEILING, pictures_per_day=1000, places_in_line=1000)
    return Admission(database, OperatorLimits(default=ceiling, ceiling=ceiling), clock=clock)


async def test_a_member_in_two_servers_does_not_exceed_the_operator_s_ceiling(admission, database):
    for guild_id in (7, 8, None):
        for _ in range(2):
            row = await admission.reserve(an_ask(guild_id=guild_id, num_images=3))
            await end(database, row, 3)
    assert (await admission.allowance(1, 8)).left == 2
    key, values = await refusal(admission, an_ask(num_images=4))
    assert (key, values["limit"], values["left"]) == ("quota-everywhere", 20, 2)
    assert (await admission.reserve(an_ask(user_id=2, num_images=4))).charged == 4


async def test_places_in_two_servers_do_not_exceed_the_operator_s_ceiling(admission):
    for guild_id in (7, 7, 7, 8, 8):
        await admission.reserve(an_ask(guild_id=guild_id))
    assert await refusal(admission, an_ask(guild_id=8)) == ("places-everywhere", {"limit": 5})


@pytest.mark.parametrize(
    ("target", "sharer"),
    [
        (Target(), {"channel_id": 71}),
        (Target(scope="channel", scope_id=70), {}),
        (Target(scope="role", scope_id=5), {"channel_id": 71, "role_ids": (6, 5)}),
    ],
    ids=["server", "channel", "role"],
)
async def test_a_pot_is_used_by_all_whom_it_holds_for(generous, database, target, sharer):
    await put(database, "pictures_per_day", 6, target=target, is_pool=True)
    await generous.reserve(an_ask_in(user_id=2, num_images=4, **sharer))
    key, values = await refusal(generous, an_ask_in(role_ids=(5,), num_images=3))
    assert (key, values["limit"], values["left"]) == ("quota-of-pot", 6, 2)
    assert (await generous.reserve(an_ask_in(role_ids=(5,), num_images=2))).charged == 2


async def test_a_pot_of_another_channel_or_role_is_not_touched(generous, database):
    await put(database, "pictures_per_day", 1, target=Target(scope="channel", scope_id=71), is_pool=True)
    await put(database, "pictures_per_day", 1, target=Target(scope="role", scope_id=6), is_pool=True)
    assert (await generous.reserve(an_ask_in(role_ids=(5,), num_images=4))).charged == 4


async def test_of_two_roles_the_one_holds_that_leaves_more(generous, database):
    await put(database, "pictures_per_day", 9, target=Target(scope="role", scope_id=5), is_pool=True)
    await put(database, "pictures_per_day", 3, target=Target(scope="role", scope_id=6))
    for _ in range(2):
        await generous.reserve(an_ask_in(user_id=2, role_ids=(5,), num_images=4))
    assert (await generous.allowance(1, 7, role_ids=(5, 6))).left == 3
    assert (await generous.allowance(1, 7, role_ids=(5,))).left == 1


async def test_seconds_of_drawing_are_limited_by_what_is_expected(generous, database):
    await put(database, "seconds_per_day", 10)
    await generous.reserve(an_ask_in(estimated_s=6.5))
    assert (await generous.allowance(1, 7)).seconds_left == 3.5
    key, values = await refusal(generous, an_ask_in(estimated_s=3.6))
    assert (key, values["asked"], values["left"], values["limit"]) == ("seconds-used-up", 4, 3, 10)
    await generous.reserve(an_ask_in(estimated_s=3.5))
    assert (await refusal(generous, an_ask_in()))[1]["left"] == 0


async def test_without_a_limit_of_seconds_there_is_none(admission):
    await admission.reserve(an_ask_in(estimated_s=1e6))
    assert (await admission.allowance(1, 7)).seconds_left is None


async def test_the_places_of_a_channel_and_of_the_server_are_everybody_s(generous, database):
    await put(database, "places_of_channel", 2, target=Target(scope="channel", scope_id=70))
    await put(database, "places_of_server", 3)
    for user_id in (2, 3):
        await generous.reserve(an_ask_in(user_id=user_id))
    assert await refusal(generous, an_ask_in()) == ("places-of-channel-used-up", {"limit": 2})
    await generous.reserve(an_ask_in(channel_id=71))
    assert await refusal(generous, an_ask_in(channel_id=72)) == ("places-of-server-used-up", {"limit": 3})


async def test_slow_mode_holds_in_its_channel_until_a_limit_replaces_it(generous, database, clock):
    await shown(database, await generous.reserve(an_ask_in(slow_mode_s=30)))
    clock.now += 29
    key, values = await refusal(generous, an_ask_in(slow_mode_s=30))
    assert (key, values["more_at"].timestamp()) == ("too-soon", NOON + 30)
    await generous.reserve(an_ask_in(channel_id=71, slow_mode_s=30))
    await put(database, "seconds_between", 0)
    await generous.reserve(an_ask_in(slow_mode_s=30))


async def test_seconds_between_requests_count_in_the_whole_server_and_not_for_what_nobody_saw(
    generous, database, clock
):
    await put(database, "seconds_between", 60)
    unseen = await generous.reserve(an_ask_in())
    await cancelled(database, unseen.id)
    await shown(database, await generous.reserve(an_ask_in()))
    clock.now += 59
    assert (await refusal(generous, an_ask_in(channel_id=71)))[0] == "too-soon"
    await generous.reserve(an_ask_in(guild_id=8))
    clock.now += 1
    await generous.reserve(an_ask_in(channel_id=71))


async def test_the_operator_s_seconds_between_requests_hold_over_all_servers(database, clock):
    ceiling = dataclasses.replace(CEILING, seconds_between=20)
    admission = Admission(database, OperatorLimits(default=CEILING, ceiling=ceiling), clock=clock)
    await put(database, "seconds_between", 0)
    await shown(database, await admission.reserve(an_ask_in(guild_id=8)))
    clock.now += 19
    assert (await refusal(admission, an_ask_in()))[0] == "too-soon"


async def test_pictures_refill_at_the_server_s_own_midnight(admission, database, clock):
    await set_time_zone(database, "Asia/Tokyo")  # whose midnight is at 15:00 UTC
    await put(database, "pictures_per_day", 4)
    clock.now = NOON + 3 * 3600 - 1
    await admission.reserve(an_ask(num_images=4))
    key, values = await refusal(admission, an_ask())
    assert (key, values["more_at"].timestamp()) == ("quota-used-up", NOON + 3 * 3600)
    clock.now += 1
    assert (await admission.reserve(an_ask(num_images=4))).charged == 4


async def test_a_clock_that_is_put_back_forgets_nothing(admission, database, clock):
    for _ in range(2):
        await cancelled(database, (await admission.reserve(an_ask())).id)
        await admission.reserve(an_ask(num_images=4))
    clock.now -= DAY_S
    assert (await admission.allowance(1, 7)).left == 2


async def test_a_refusal_knows_the_rule_that_said_no(admission, database):
    rule = {"target": Target(scope="role", scope_id=5), "reason": "exam week", "expires_at": NOON + 60}
    await put(database, "steps", 10, **rule)
    with pytest.raises(Refused) as caught:
        await admission.reserve(an_ask_in(role_ids=(5,)))
    assert caught.value.rules == (Rule(name="steps", value=10, **rule),)


# what waits, after a change


async def fits(admission, database, row, role_ids=()):
    async with database.reading() as connection:
        refusal = await admission.still_fits(connection, row, role_ids, NOON)
    return refusal.withdrawal if refusal else None


async def test_a_waiting_request_fits_as_long_as_nothing_changes(admission, database):
    rows = [await admission.reserve(an_ask(num_images=3)) for _ in range(3)]
    assert [await fits(admission, database, row) for row in rows] == [None] * 3


async def test_where_less_is_left_those_that_came_first_stay(admission, database):
    rows = [await admission.reserve(an_ask(num_images=3)) for _ in range(3)]
    await set_limit(database, "pictures_per_day", 6)
    assert [await fits(admission, database, row) for row in rows] == [None, None, "withdrawn-pictures-per-day"]


async def test_new_roles_are_new_limits_for_what_waits(admission, database):
    row = await admission.reserve(an_ask_in(num_images=3))
    await put(database, "pictures_per_request", 2, target=Target(scope="role", scope_id=5))
    assert await fits(admission, database, row) is None
    assert await fits(admission, database, row, (5,)) == "withdrawn-pictures-per-request"


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 10), ("pixels", 64 * 64), ("models", ("sd",)), ("channels", ("71",)), ("account_days", 30_000)],
)
async def test_what_no_longer_fits_is_withdrawn_with_its_limit_s_name(admission, database, name, value):
    row = await admission.reserve(an_ask_in())
    await put(database, name, value)
    async with database.transaction() as connection:
        [withdrawn] = await admission.withdraw_misfits(connection, 7, now=NOON)
        assert await admission.withdraw_misfits(connection, 7, now=NOON) == []
    assert (withdrawn.id, withdrawn.state, withdrawn.charged) == (row.id, "cancelled", 0)
    assert withdrawn.reason == f"withdrawn-{name.replace('_', '-')}"


async def test_what_is_withdrawn_makes_room_for_what_waits_behind_it(admission, database):
    rows = [await admission.reserve(an_ask(num_images=count)) for count in (4, 1, 2)]
    await set_limit(database, "pictures_per_day", 3)
    async with database.transaction() as connection:
        withdrawn = await admission.withdraw_misfits(connection, 7, now=NOON)
    assert [row.id for row in withdrawn] == [rows[0].id]


async def test_what_came_on_both_sides_of_the_servers_midnight_is_weighed_by_the_day_of_each(database, clock):
    admission = Admission(database, OPERATOR, clock=clock)
    await set_time_zone(database, "Asia/Shanghai")  # its midnight is at 16:00 UTC
    clock.now = NOON + 3 * 3600
    await admission.reserve(an_ask(num_images=1))
    clock.now = NOON + 5 * 3600
    _, last = [await admission.reserve(an_ask(num_images=2)) for _ in range(2)]
    await set_limit(database, "pictures_per_day", 3)
    async with database.transaction() as connection:
        withdrawn = await admission.withdraw_misfits(connection, 7, now=clock.now)
    assert [row.id for row in withdrawn] == [last.id]


async def test_what_is_being_drawn_or_of_another_server_stays(admission, database):
    drawn, other = await admission.reserve(an_ask()), await admission.reserve(an_ask(guild_id=8))
    async with database.transaction() as connection:
        await attempts.start(connection, drawn.id, now=NOON)
    await set_limit(database, "pictures_per_day", 0)
    async with database.transaction() as connection:
        assert await admission.withdraw_misfits(connection, 7, now=NOON) == []
    assert await fits(admission, database, other) is None


# in the place of one that waits


async def test_a_change_counts_on_the_day_of_the_request_that_it_changes(admission, clock):
    clock.now = NOON + 43200 - 60  # a minute before midnight
    row = await admission.reserve(an_ask(num_images=2))
    await charge_beside(admission, row, 8)
    clock.now += 120
    with pytest.raises(Refused) as caught:
        await admission.change(row, an_ask(num_images=3))
    assert (caught.value.key, caught.value.values) == ("change-of-past-day", {})  # of that day there is no more
    changed = await admission.change(row, an_ask(num_images=1))
    assert changed is not None
    assert (changed.charged, changed.created_at, changed.day) == (1, row.created_at, row.day)
    assert (await admission.allowance(1, 7)).left == 10


async def charge_beside(admission, row, num_images):
    """Let pictures be charged beside a request that waits."""
    for _ in range(num_images // 4):
        other = await admission.reserve(an_ask(num_images=4))
        assert other.id != row.id


async def test_a_change_is_no_request_anew(admission, database, clock):
    await set_limit(database, "seconds_between", 60)
    row = await shown(database, await admission.reserve(an_ask()))
    clock.now += 61
    await shown(database, await admission.reserve(an_ask()))
    assert await admission.change(row, an_ask(num_images=2)) is not None
