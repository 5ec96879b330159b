"""Members, moderators and restarts in any order, on a real file, beside a model that only adds."""

import asyncio
import dataclasses
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from rows import cancelled

from bot.admission import Admission, Ask, Refused
from bot.database import Database
from bot.limits.changes import Change, Changes
from bot.limits.rules import Rule, Target, Whose
from bot.policy import OperatorLimits, Rules
from bot.store import attempts, outcomes, requests, server_settings
from bot.store.server_settings import ServerSettings
from engine import CompleteRequest

DEFAULT = Rules(pictures_per_day=10, places_in_line=4, pixels=256 * 256, steps=50, seconds_per_day=12)
CEILING = Rules(pictures_per_day=16, places_in_line=5, pixels=256 * 256, steps=50, seconds_per_day=20)
OPERATOR = OperatorLimits(default=DEFAULT, ceiling=CEILING)
HALLOWEEN = datetime(2026, 10, 31, 22, tzinfo=UTC).timestamp()
"""Clocks in New York go back on the next day, which has 25 hours."""
ZONES = {7: ZoneInfo("America/New_York"), 8: UTC, None: UTC}
ROLES = {1: (5,), 2: (5, 6), 3: ()}
REQUEST = CompleteRequest(
    prompt="a cat", width=128, height=128, num_inference_steps=20, guidance_scale=5.0, seed=7, scheduler="default"
)
NAMES = ("pictures_per_day", "places_in_line", "seconds_per_day")
TARGETS = [
    Target(),
    Target(scope="channel", scope_id=70),
    Target(scope="role", scope_id=5),
    Target(scope="role", scope_id=6),
    Target(scope="member", scope_id=1),
    Target(scope="member", scope_id=2),
]


@dataclasses.dataclass
class Entry:
    """One request as the model remembers it."""

    id: int
    user_id: int
    guild_id: int | None
    channel_id: int
    created_at: float
    pictures: int
    seconds: float
    reserved: float
    state: str = "queued"

    @property
    def is_unfinished(self):
        return self.state in ("queued", "running")


def an_ask(user_id, guild_id, channel_id, num_images, seconds):
    return Ask(
        kind="imagine",
        parent_id=None,
        user_id=user_id,
        guild_id=guild_id,
        channel_id=channel_id,
        ruling_channel_id=channel_id,
        role_ids=ROLES[user_id] if guild_id else (),
        interaction_id=1,
        interaction_token="x",
        attachment_limit=2**20,
        locale="en-US",
        request=dataclasses.replace(REQUEST, num_images=num_images),
        model="emoji",
        estimated_s=seconds,
    )


def day_of(moment, zone):
    """Found by asking the clock, minute for minute: no arithmetic of midnights."""
    date = datetime.fromtimestamp(moment, zone).date()
    begins = moment - moment % 60
    while datetime.fromtimestamp(begins - 60, zone).date() == date:
        begins -= 60
    ends = begins + 60
    while datetime.fromtimestamp(ends, zone).date() == date:
        ends += 60
    return begins, ends


class LimitsMachine(RuleBasedStateMachine):
    asked = Bundle("asked")

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.now = HALLOWEEN
        self.entries = {}
        self.rules = {}

    @initialize()
    def begin(self):
        self.runner.run(self.open())
        self.runner.run(self.set_time_zone())

    async def open(self):
        self.stack = AsyncExitStack()
        self.database = await self.stack.enter_async_context(Database.open(Path(self.folder.name) / "bot.sqlite3"))
        self.admission = Admission(self.database, OPERATOR, clock=lambda: self.now)
        self.changes = Changes(self.database, self.admission, OPERATOR)

    async def set_time_zone(self):
        async with self.database.transaction() as connection:
            await server_settings.write(connection, 7, ServerSettings(time_zone="America/New_York"))

    def teardown(self):
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    # the model

    def deciding(self, name, user_id, guild_id, channel_id):
        """The rules that are most specific: one, or those of several roles."""
        held = [
            each
            for (guild, target, limit), each in self.rules.items()
            if (guild, limit) == (guild_id, name)
            and (each.expires_at is None or each.expires_at > self.now)
            and (
                target.scope_id
                in {"server": (0,), "channel": (channel_id,), "member": (user_id,)}.get(target.scope, ())
                or (target.scope == "role" and target.scope_id in ROLES[user_id])
            )
        ]
        for scope in ("member", "role", "channel", "server"):
            if found := [each for each in held if each.target.scope == scope]:
                return found
        return []

    def sum_of(self, name, entries):
        if name == "places_in_line":
            return sum(entry.is_unfinished for entry in entries)
        return sum(entry.pictures if name == "pictures_per_day" else entry.seconds for entry in entries)

    def in_pot(self, entry, pool, user_id):
        if pool is None:
            return entry.user_id == user_id
        scope, scope_id = pool.target.scope, pool.target.scope_id
        return scope == "server" or scope_id in ((entry.channel_id,) if scope == "channel" else ROLES[entry.user_id])

    def left(self, name, user_id, guild_id, channel_id, *, at, entries):
        """What the best rule leaves on the day of a moment, and what the ceiling leaves over all places."""

        def in_day(entry, zone):
            begins, ends = day_of(at, zone)
            if name == "places_in_line":
                return True
            return begins <= entry.created_at and (entry.created_at < ends or ends > self.now)

        def of_rule(each):
            pool = each if each is not None and each.is_pool else None
            limit = getattr(DEFAULT, name) if each is None else each.value
            limit = limit if pool else min(limit, getattr(CEILING, name))
            mine = [entry for entry in entries if entry.guild_id == guild_id and in_day(entry, ZONES[guild_id])]
            return limit - self.sum_of(name, [entry for entry in mine if self.in_pot(entry, pool, user_id)])

        best = max(map(of_rule, self.deciding(name, user_id, guild_id, channel_id) or [None]))
        everywhere = [entry for entry in entries if entry.user_id == user_id and in_day(entry, UTC)]
        return min(best, getattr(CEILING, name) - self.sum_of(name, everywhere))

    # what happens

    @rule(
        target=asked,
        user_id=st.sampled_from([1, 1, 2, 3]),
        guild_id=st.sampled_from([7, 7, 7, 8, None]),
        channel_id=st.sampled_from([70, 71]),
        num_images=st.integers(1, 3),
        seconds=st.sampled_from([0.0, 1.5, 4.0]),
    )
    def ask(self, user_id, guild_id, channel_id, num_images, seconds):
        ask = an_ask(user_id, guild_id, channel_id, num_images, seconds)
        if not self.fits(ask, at=self.now, entries=self.entries.values()):
            with pytest.raises(Refused):
                self.runner.run(self.admission.reserve(ask))
            return None
        row = self.runner.run(self.admission.reserve(ask))
        self.entries[row.id] = Entry(row.id, user_id, guild_id, channel_id, self.now, num_images, seconds, seconds)
        return row.id

    def fits(self, ask, *, at, entries):
        key = (ask.user_id, ask.guild_id, ask.channel_id)
        left = {name: self.left(name, *key, at=at, entries=entries) for name in NAMES}
        return (
            left["pictures_per_day"] >= ask.request.num_images
            and left["seconds_per_day"] >= max(ask.estimated_s, 0.001)
            and left["places_in_line"] >= 1
        )

    @rule(request_id=asked, num_images=st.integers(1, 3), seconds=st.sampled_from([0.0, 1.5, 4.0]))
    def edit(self, request_id, num_images, seconds):
        """In its place, and on the day on which it was asked for."""
        if request_id is None:
            return
        entry, row = self.entries[request_id], self.runner.run(self.fetch(request_id))
        ask = an_ask(entry.user_id, entry.guild_id, entry.channel_id, num_images, seconds)
        others = [each for each in self.entries.values() if each is not entry]
        if entry.state == "queued" and not self.fits(ask, at=entry.created_at, entries=others):
            with pytest.raises(Refused):
                self.runner.run(self.admission.change(row, ask))
        elif self.runner.run(self.admission.change(row, ask)) is not None:
            assert entry.state == "queued"
            entry.pictures, entry.seconds, entry.reserved = num_images, seconds, seconds

    @rule(user_id=st.sampled_from([1, 1, 2, 3]), channel_id=st.sampled_from([70, 71]))
    def ask_twice(self, user_id, channel_id):
        """More of them are waiting then."""
        for seconds in (0.5, 1.0):
            self.ask(user_id, 7, channel_id, 1, seconds)

    @rule(request_id=asked)
    def start(self, request_id):
        self.step(
            request_id, "queued", lambda connection: attempts.start(connection, request_id, now=self.now), "running"
        )

    @rule(request_id=asked)
    def fail_once(self, request_id):
        self.step(request_id, "running", lambda connection: attempts.give_back(connection, request_id), "queued")

    @rule(request_id=asked, share=st.integers(0, 4), took_s=st.sampled_from([0.5, 2.0, 9.0]))
    def finish(self, request_id, share, took_s):
        if request_id is None or not self.entries[request_id].is_unfinished:
            return
        charged = min(share, self.entries[request_id].pictures)
        self.settle(request_id, "done" if charged else "failed", charged, took_s if charged else 0.0)

    @rule(request_id=asked)
    def end_twice(self, request_id):
        if request_id is not None and not self.entries[request_id].is_unfinished:
            self.settle(request_id, "done", 1, 1.0, is_ended=True)

    @rule(request_id=asked)
    def cancel(self, request_id):
        if request_id is None:
            return
        entry = self.entries[request_id]
        assert (
            self.runner.run(cancelled(self.database, request_id, "cancelled-by-owner", now=self.now))
            == entry.is_unfinished
        )
        if entry.is_unfinished:
            entry.state, entry.pictures, entry.seconds = "cancelled", 0, 0.0

    @rule(
        guild_id=st.sampled_from([7, 7, 8]),
        aim=st.sampled_from(TARGETS),
        name=st.sampled_from(NAMES),
        value=st.sampled_from([0, 1, 2, 3, 4, 6, 8, 12, 20]),
        is_pool=st.booleans(),
        expires_in_h=st.sampled_from([None, None, 1, 30]),
        is_agreed=st.sampled_from([True, True, False]),
    )
    def moderate(self, guild_id, aim, name, value, is_pool, expires_in_h, is_agreed):
        limit = Rule(
            target=aim,
            name=name,
            value=value,
            is_pool=is_pool and aim.scope != "member",
            expires_at=None if expires_in_h is None else self.now + 3600 * expires_in_h,
        )
        self.change(guild_id, Change(target=aim, whose=Whose(user_id=1, guild_id=guild_id), rule=limit), is_agreed)

    @rule(aim=st.sampled_from(TARGETS), name=st.sampled_from(NAMES), by=st.integers(1, 3), is_pool=st.booleans())
    def squeeze(self, aim, name, by, is_pool):
        """Allow a little less than a member of the first server has."""
        mine = [entry for entry in self.entries.values() if (entry.user_id, entry.guild_id) == (1, 7)]
        value = max(0, int(self.sum_of(name, mine)) - by)
        limit = Rule(target=aim, name=name, value=value, is_pool=is_pool and aim.scope != "member")
        self.change(7, Change(target=aim, whose=Whose(user_id=1, guild_id=7), rule=limit), is_agreed=True)

    @rule(guild_id=st.sampled_from([7, 8]), aim=st.sampled_from(TARGETS), name=st.sampled_from([None, *NAMES]))
    def clear(self, guild_id, aim, name):
        whose = Whose(user_id=1, guild_id=guild_id)
        self.change(guild_id, Change(target=aim, whose=whose, cleared=name), is_agreed=True)

    @rule()
    def restart(self):
        """The process dies where it stands: what ran waits again."""

        async def again():
            await self.stack.aclose()
            await self.open()
            async with self.database.transaction() as connection:
                await attempts.count_interruptions(connection)

        self.runner.run(again())
        for entry in self.entries.values():
            entry.state = "queued" if entry.state == "running" else entry.state

    @rule(hours=st.sampled_from([1, 2, 24, -1]))
    def let_time_pass(self, hours):
        self.now += timedelta(hours=hours).total_seconds()

    # how the model follows

    def step(self, request_id, before, act, after):
        async def done():
            async with self.database.transaction() as connection:
                await act(connection)

        if request_id is not None:
            self.runner.run(done())
            if self.entries[request_id].state == before:
                self.entries[request_id].state = after

    def settle(self, request_id, state, charged, took_s, *, is_ended=False):
        """What it takes may be more than was reserved, and is not charged then."""

        async def ended():
            async with self.database.transaction() as connection:
                return await outcomes.end(
                    connection,
                    request_id,
                    state=state,
                    reason=None,
                    charged=charged,
                    charged_s=took_s,
                    flagged=0,
                    now=self.now,
                )

        assert self.runner.run(ended()) != is_ended
        if not is_ended:
            entry = self.entries[request_id]
            entry.state, entry.pictures, entry.seconds = state, charged, min(took_s, entry.reserved)

    async def fetch(self, request_id):
        async with self.database.reading() as connection:
            return await requests.fetch(connection, request_id)

    def change(self, guild_id, change, is_agreed):
        may_withdraw = 1000 if is_agreed else 0
        outcome = self.runner.run(
            self.changes.carry_out(change, guild_id=guild_id, actor_id=9, now=self.now, may_withdraw=may_withdraw)
        )
        assert (outcome.proposal_id is None) == (is_agreed or not outcome.withdrawn)
        if outcome.proposal_id is not None:
            return
        names = NAMES if change.name is None else (change.name,)
        for name in names:
            self.rules.pop((guild_id, change.target, name), None)
        if change.rule is not None:
            self.rules[guild_id, change.target, change.name] = change.rule
        expected = self.misfits(guild_id)
        assert sorted(row.id for row in outcome.withdrawn) == expected

    def misfits(self, guild_id):
        """What no longer fits beside what came before it; it is taken out on the way."""
        gone = []
        for entry in sorted(self.entries.values(), key=lambda entry: entry.id):
            if entry.state != "queued" or entry.guild_id != guild_id:
                continue
            others = [each for each in self.entries.values() if each.state != "queued" or each.id <= entry.id]
            key = (entry.user_id, guild_id, entry.channel_id)
            if any(self.left(name, *key, at=entry.created_at, entries=others) < 0 for name in NAMES):
                entry.state, entry.pictures, entry.seconds = "cancelled", 0, 0.0
                gone.append(entry.id)
        return gone

    @invariant()
    def the_ledger_is_what_was_delivered_and_what_is_reserved(self):
        async def ledger():
            async with self.database.reading() as connection:
                rows = await connection.execute_fetchall("SELECT id, state, charged, charged_s FROM requests")
            return {row["id"]: (row["state"], row["charged"], row["charged_s"]) for row in rows}

        if self.entries:
            expected = {entry.id: (entry.state, entry.pictures, entry.seconds) for entry in self.entries.values()}
            assert self.runner.run(ledger()) == expected


class LongLimitsMachine(LimitsMachine):
    pass


PHASES = (Phase.explicit, Phase.generate)
"""Shrinking would take minutes."""
TestLimits = LimitsMachine.TestCase
TestLimits.settings = settings(max_examples=20, stateful_step_count=50, deadline=None, phases=PHASES)
TestLongLimits = pytest.mark.slow(pytest.mark.timeout(3600)(LongLimitsMachine.TestCase))
TestLongLimits.settings = settings(max_examples=300, stateful_step_count=100, deadline=None, phases=PHASES)
