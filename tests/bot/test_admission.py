import asyncio
import dataclasses
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from bot.admission import Admission, Ask, Refused
from bot.database import Database
from bot.policy import REFUSALS, OperatorLimits, Rules
from bot.store import limits, requests
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
async def database(tmp_path):
    async with Database.open(tmp_path / "bot.sqlite3") as database:
        yield database


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


async def set_limit(database, name, value, *, user_id=limits.WHOLE_SERVER, guild_id=7):
    async with database.transaction() as connection:
        await limits.set_limit(
            connection, guild_id=guild_id, user_id=user_id, name=name, value=value, set_by=9, now=NOON
        )


async def end(database, row, charged):
    async with database.transaction() as connection:
        return await requests.end(connection, row.id, state="done", reason=None, charged=charged, flagged=0, now=NOON)


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


async def test_a_new_utc_day_begins_with_everything(admission, clock):
    for _ in range(2):
        await admission.withdraw((await admission.reserve(an_ask(num_images=4))).id, "never-shown")
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
    assert await admission.withdraw(row.id, "never-shown")
    async with database.reading() as connection:
        row = await requests.fetch(connection, row.id)
    assert (row.state, row.reason, row.charged) == ("cancelled", "never-shown", 0)
    assert (await admission.allowance(1, 7)).left == 10


async def test_what_has_ended_is_not_withdrawn(admission, database):
    row = await admission.reserve(an_ask(num_images=4))
    await end(database, row, charged=4)
    assert not await admission.withdraw(row.id, "never-shown")
    assert (await admission.allowance(1, 7)).left == 6


async def test_a_refusal_says_its_key_and_numbers():
    assert str(Refused("places-used-up", limit=3)) == "places-used-up {'limit': 3}"


# laws


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.integers(0, 8)), min_size=1, max_size=25))
@settings(max_examples=25)
def test_of_many_tasks_at_once_no_more_are_admitted_than_the_limits_allow(tasks):
    """Each task asks for pictures, perhaps gives them back, after so many turns of the event loop."""

    async def ask(admission, num_images, is_withdrawn, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        try:
            row = await admission.reserve(an_ask(num_images=num_images))
        except Refused:
            return 0
        if is_withdrawn:
            await admission.withdraw(row.id, "never-shown")
            return 0
        return num_images

    async def run():
        with tempfile.TemporaryDirectory() as folder:
            async with Database.open(Path(folder) / "bot.sqlite3") as database:
                admission = Admission(database, OPERATOR, clock=Clock())
                admitted = await asyncio.gather(*(ask(admission, *task) for task in tasks))
                allowance = await admission.allowance(1, 7)
                assert allowance.used_today == sum(admitted) <= 10
                assert allowance.places_held == sum(map(bool, admitted)) <= 3

    asyncio.run(run())


async def test_of_twenty_tasks_exactly_as_many_as_there_are_places_are_admitted(admission):
    outcomes = await asyncio.gather(*(admission.reserve(an_ask()) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 17


MEMBERS = st.sampled_from([(1, 7), (2, 7), (1, 8), (1, None)])


class AdmissionMachine(RuleBasedStateMachine):
    """The ledger on a real file, beside a model that only adds: per member and day what is reserved and delivered."""

    reserved = Bundle("reserved")

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.clock = Clock()
        self.rules = {}
        self.open = {}
        self.delivered = {}

    @initialize()
    def begin(self):
        async def opened():
            folder = self.stack.enter_context(tempfile.TemporaryDirectory())
            return await self.stack.enter_async_context(Database.open(Path(folder) / "bot.sqlite3"))

        self.database = self.runner.run(opened())
        self.admission = Admission(self.database, OPERATOR, clock=self.clock)

    def teardown(self):
        self.runner.run(self.stack.aclose())
        self.runner.close()

    @property
    def today(self):
        return datetime.fromtimestamp(self.clock.now, UTC).date()

    def limit(self, member, name):
        user_id, guild_id = member
        own = self.rules.get((guild_id, user_id, name), self.rules.get((guild_id, 0, name)))
        ceiling = getattr(CEILING, name)
        return min(ceiling, getattr(DEFAULT, name) if own is None else own)

    def used(self, member, day):
        pending = sum(count for owner, on, count in self.open.values() if (owner, on) == (member, day))
        return pending + self.delivered.get((member, day), 0)

    def held(self, member):
        return sum(owner == member for owner, _, _ in self.open.values())

    @rule(target=reserved, member=MEMBERS, num_images=st.integers(1, 4))
    def reserve(self, member, num_images):
        user_id, guild_id = member
        fits = self.used(member, self.today) + num_images <= self.limit(member, "pictures_per_day")
        has_place = self.held(member) < self.limit(member, "places_in_line")
        ask = an_ask(user_id=user_id, guild_id=guild_id, num_images=num_images)
        if not (fits and has_place):
            with pytest.raises(Refused) as refused:
                self.runner.run(self.admission.reserve(ask))
            assert refused.value.key.startswith("places" if fits else "quota")
            return None
        row = self.runner.run(self.admission.reserve(ask))
        self.open[row.id] = (member, self.today, num_images)
        return row

    @rule(row=reserved)
    def cancel(self, row):
        if row is not None:
            was_open = self.open.pop(row.id, None) is not None
            assert self.runner.run(self.admission.withdraw(row.id, "cancelled-by-owner")) == was_open

    @rule(row=consumes(reserved), share=st.integers(0, 4))
    def finish(self, row, share):
        if row is None:
            return
        charged = min(share, row.num_images)
        was_open = self.runner.run(end(self.database, row, charged))
        assert was_open == (row.id in self.open)
        if was_open:
            member, day, _ = self.open.pop(row.id)
            self.delivered[member, day] = self.delivered.get((member, day), 0) + charged

    @rule(
        guild_id=st.sampled_from([7, 8]),
        user_id=st.sampled_from([0, 1]),
        name=st.sampled_from(["pictures_per_day", "places_in_line"]),
        value=st.integers(0, 30),
    )
    def moderate(self, guild_id, user_id, name, value):
        self.runner.run(set_limit(self.database, name, value, user_id=user_id, guild_id=guild_id))
        self.rules[guild_id, user_id, name] = value

    @rule()
    def restart(self):
        self.runner.run(self.interrupt())

    async def interrupt(self):
        async with self.database.transaction() as connection:
            for request_id in self.open:
                await requests.start(connection, request_id, now=self.clock.now)
            await requests.count_interruptions(connection)

    @rule()
    def sleep_until_tomorrow(self):
        self.clock.now += DAY_S

    @invariant()
    def the_ledger_is_what_was_delivered_and_what_is_reserved(self):
        for user_id, guild_id in [(1, 7), (2, 7), (1, 8), (1, None)]:
            allowance = self.runner.run(self.admission.allowance(user_id, guild_id))
            assert allowance.used_today == self.used((user_id, guild_id), self.today)
            assert allowance.places_held == self.held((user_id, guild_id))


TestAdmission = AdmissionMachine.TestCase
TestAdmission.settings = settings(max_examples=25, stateful_step_count=30)
