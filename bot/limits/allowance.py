"""What a member may have in one place and has had today, by every rule and ceiling that counts it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from bot.limits.days import Day, day_of
from bot.limits.rules import Decision, Whose, candidates, decide
from bot.policy import DIMENSIONS, Refusal
from bot.store import limits as stored_limits
from bot.store import server_settings, usage
from bot.store.usage import NEWEST, Pot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiosqlite import Connection

    from bot.limits.rules import Rule
    from bot.policy import LimitName, OperatorLimits, Rules
    from bot.store.requests import Ask, RequestRow
    from bot.store.usage import Kind

Counts = Literal["own", "pot", "everywhere", "channel", "server"]
"""Whose pictures, seconds or places a limit counts."""
NO_PLACES: Mapping[Counts, tuple[str, LimitName | None]] = {
    "own": ("places-used-up", "places_in_line"),
    "pot": ("places-of-pot", "places_in_line"),
    "everywhere": ("places-everywhere", None),
    "channel": ("places-of-channel-used-up", "places_of_channel"),
    "server": ("places-of-server-used-up", "places_of_server"),
}
"""How a request without a place is refused, and by which limit."""


@dataclass(frozen=True, slots=True)
class Days:
    """The day that is meant, by the server's midnights and by UTC's; and what time it is."""

    now: float
    here: Day
    everywhere: Day


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """How much of one limit is used."""

    limit: int | None
    used: float
    day: Day
    counts: Counts = "own"

    @property
    def left(self) -> float:
        """How much more there may be; none where a limit was lowered below what is used."""
        return self.left_after(0)

    def left_after(self, refund: float) -> float:
        """How much more there may be once so much has been given back."""
        return math.inf if self.limit is None else max(0, self.limit - self.used + refund)

    @property
    def is_exceeded(self) -> bool:
        """Whether more is used than there may be."""
        return self.limit is not None and self.used > self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a member may have in one place, and has had today; of each kind the rule's meter first."""

    decision: Decision
    pictures: tuple[Meter, ...]
    seconds: tuple[Meter, ...]
    places: tuple[Meter, ...]

    @property
    def rules(self) -> Rules:
        """The limits that hold."""
        return self.decision.rules

    @property
    def used_today(self) -> int:
        """Pictures charged today against the limit that holds, reserved ones among them."""
        return int(self.pictures[0].used)

    @property
    def places_held(self) -> int:
        """Requests that wait or are being drawn, by the limit that holds."""
        return int(self.places[0].used)

    @property
    def refills_at(self) -> datetime:
        """When there are more pictures."""
        return _tightest(self.pictures).day.refills_at

    @property
    def left(self) -> int:
        """Pictures left today."""
        return int(_tightest(self.pictures).left)

    @property
    def seconds_left(self) -> float | None:
        """Seconds of GPU left today; None where there is no limit."""
        left = _tightest(self.seconds).left
        return None if math.isinf(left) else left

    def left_with(self, row: RequestRow, *, charged: int) -> int:
        """Pictures left today once no more than `charged` of a request's are charged, to the day that admitted it."""
        refunds = [row.charged - charged if row.created_at >= meter.day.begins else 0 for meter in self.pictures]
        return int(min(meter.left_after(refund) for meter, refund in zip(self.pictures, refunds, strict=True)))

    def why_no_room(self, num_images: int, estimated_s: float) -> Refusal | None:
        """Why a new request of so many pictures and seconds does not fit beside what there is."""
        if num_images > (meter := _tightest(self.pictures)).left:
            return _no_pictures(num_images, meter)
        if (meter := _tightest(self.seconds)).left <= 0 or estimated_s > meter.left:
            return _no_seconds(estimated_s, meter)
        if (meter := _tightest(self.places)).left < 1:
            return _no_places(meter)
        return None

    def why_too_much(self, row: RequestRow) -> Refusal | None:
        """Why a request that waits, and is counted here, has no room any more."""
        for meter in self.pictures:
            if meter.is_exceeded:
                return _no_pictures(row.num_images, meter)
        for meter in self.seconds:
            if meter.is_exceeded:
                return _no_seconds(row.charged_s, meter)
        return next((_no_places(meter) for meter in self.places if meter.is_exceeded), None)


@dataclass(frozen=True, slots=True)
class Statutes:
    """What a server's moderators have set, as far as it bears on limits."""

    time_zone: str
    rules: Sequence[Rule]


async def measure(
    connection: Connection,
    operator: OperatorLimits,
    whose: Whose,
    *,
    now: float,
    at: float | None = None,
    waiting_behind: int = NEWEST,
    statutes: Statutes | None = None,
) -> Allowance:
    """
    Measure what a member has had.

    Args:
        at: a moment of the day that is meant, if that is not today.
        waiting_behind: requests that wait and came after this one are left out.
        statutes: the server's, where they have been read before.
    """
    statutes = statutes or await _statutes(connection, whose)
    at = now if at is None else at
    days = Days(now, here=day_of(at, statutes.time_zone), everywhere=day_of(at))
    measuring = _Measuring(connection, operator, whose, days, waiting_behind)
    by = candidates(statutes.rules, whose, now=now)
    for name, found in by.items():
        if len(found) > 1 and DIMENSIONS[name].kind != "list":
            by[name] = (await measuring.most_left(name, found),)
    decision = decide(operator, by)
    return Allowance(
        decision=decision,
        pictures=await measuring.meters("pictures_per_day", decision),
        seconds=await measuring.meters("seconds_per_day", decision),
        places=(*await measuring.meters("places_in_line", decision), *await measuring.common_places(decision.rules)),
    )


async def read_statutes(connection: Connection, guild_id: int) -> Statutes:
    """All that a server's moderators have set."""
    settings = await server_settings.read(connection, guild_id)
    return Statutes(settings.time_zone, await stored_limits.read(connection, guild_id))


async def _statutes(connection: Connection, whose: Whose) -> Statutes:
    """What they have set that bears on one member in one place."""
    settings = await server_settings.read(connection, whose.guild_id)
    rules = await stored_limits.read_for(
        connection,
        whose.guild_id,
        user_id=whose.user_id,
        channel_id=whose.ruling_channel_id,
        role_ids=whose.role_ids,
    )
    return Statutes(settings.time_zone, rules)


async def why_too_soon(
    connection: Connection, ask: Ask, decision: Decision, operator: OperatorLimits, *, now: float
) -> Refusal | None:
    """Why a request comes too soon after another: by a limit, or else the channel's slow mode; None if it does not."""
    whose, gap_s, floor_s = Whose.of(ask), decision.rules.seconds_between, operator.ceiling.seconds_between or 0
    pool = decision.pool_of("seconds_between")
    pots = [(_pot(pool, whose), gap_s or 0, "too-soon-in-pot" if pool else "too-soon")]
    if gap_s is None:
        in_channel = Pot(kind="here", user_id=ask.user_id, guild_id=ask.guild_id, scope_id=ask.channel_id)
        pots = [(in_channel, ask.slow_mode_s, "too-soon")]
    if floor_s:
        pots.append((_everywhere(whose), floor_s, "too-soon"))
    for pot, seconds, key in pots:
        last_at = await usage.last_at(connection, pot, since=now - seconds, until=now) if seconds else None
        if last_at is not None:
            more_at = datetime.fromtimestamp(last_at + seconds, UTC)
            return Refusal(key, {"limit": seconds, "more_at": more_at}, "seconds_between")
    return None


class _Measuring:
    """One measuring, which asks for each sum once."""

    def __init__(
        self, connection: Connection, operator: OperatorLimits, whose: Whose, days: Days, waiting_behind: int
    ) -> None:
        self._connection = connection
        self._operator = operator
        self._whose = whose
        self._days = days
        self._waiting_behind = waiting_behind
        self._spent: dict[tuple[Pot, Day], tuple[int, float]] = {}

    async def meters(self, name: LimitName, decision: Decision) -> tuple[Meter, ...]:
        """What the limit counts, and what the operator's ceiling counts over all servers and direct messages."""
        own = await self._meter(name, getattr(decision.rules, name), decision.pool_of(name))
        ceiling = getattr(self._operator.ceiling, name)
        if ceiling is None:
            return (own,)
        used = await self._used(name, _everywhere(self._whose), self._days.everywhere)
        return own, Meter(limit=ceiling, used=used, day=self._days.everywhere, counts="everywhere")

    async def common_places(self, rules: Rules) -> tuple[Meter, ...]:
        """The places of the whole channel and of the whole server, as far as they are limited."""
        limits: dict[Literal["channel", "server"], int | None] = {
            "channel": rules.places_of_channel,
            "server": rules.places_of_server,
        }
        meters = []
        for kind, limit in limits.items():
            if limit is not None and self._whose.guild_id is not None:
                pot = _pot_of(self._whose, kind, self._whose.ruling_channel_id)
                used = await self._used("places_in_line", pot, self._days.here)
                meters.append(Meter(limit=limit, used=used, day=self._days.here, counts=kind))
        return tuple(meters)

    async def most_left(self, name: LimitName, rules: Sequence[Rule]) -> Rule:
        """Of rules for several of the member's roles the one that leaves them most."""
        left = [(await self._meter(name, rule.number, rule if rule.is_pool else None)).left for rule in rules]
        return rules[left.index(max(left))]

    async def _meter(self, name: LimitName, limit: int | None, pool: Rule | None) -> Meter:
        used = await self._used(name, _pot(pool, self._whose), self._days.here)
        return Meter(limit=limit, used=used, day=self._days.here, counts="pot" if pool else "own")

    async def _used(self, name: LimitName, pot: Pot, day: Day) -> float:
        pot = replace(pot, waiting_behind=self._waiting_behind)
        if name == "places_in_line":
            return await usage.places(self._connection, pot)
        if (pot, day) not in self._spent:
            # What a clock that ran ahead has dated into the future counts as today's.
            until = math.inf if day.ends > self._days.now else day.ends
            self._spent[pot, day] = await usage.spent(self._connection, pot, since=day.begins, until=until)
        pictures, seconds = self._spent[pot, day]
        return pictures if name == "pictures_per_day" else seconds


def _pot(pool: Rule | None, whose: Whose) -> Pot:
    """Whose requests a limit counts: the member's in this place, or those of all who share the pot."""
    if pool is None:
        return Pot(kind="member", user_id=whose.user_id, guild_id=whose.guild_id)
    return _pot_of(whose, pool.target.scope, pool.target.scope_id)


def _pot_of(whose: Whose, kind: Kind, scope_id: int) -> Pot:
    return Pot(kind=kind, user_id=whose.user_id, guild_id=whose.guild_id, scope_id=scope_id)


def _everywhere(whose: Whose) -> Pot:
    return Pot(kind="everywhere", user_id=whose.user_id, guild_id=whose.guild_id)


def _tightest(meters: Sequence[Meter]) -> Meter:
    return min(meters, key=lambda meter: meter.left)


def _no_pictures(asked: int, meter: Meter) -> Refusal:
    if meter.limit == 0 and meter.counts == "own":
        return Refusal("quota-zero", {"limit": 0}, "pictures_per_day")
    left = int(meter.left)
    keys: dict[Counts, str] = {"pot": "quota-of-pot", "everywhere": "quota-everywhere"}
    key = keys.get(meter.counts, "quota-too-few-left" if left else "quota-used-up")
    numbers = {"asked": asked, "left": left, "limit": meter.limit, "more_at": meter.day.refills_at}
    return Refusal(key, numbers, None if meter.counts == "everywhere" else "pictures_per_day")


def _no_seconds(asked: float, meter: Meter) -> Refusal:
    keys: dict[Counts, str] = {"pot": "seconds-of-pot", "everywhere": "seconds-everywhere"}
    numbers = {
        "asked": math.ceil(asked),
        "left": int(meter.left),
        "limit": meter.limit,
        "more_at": meter.day.refills_at,
    }
    key = keys.get(meter.counts, "seconds-used-up")
    return Refusal(key, numbers, None if meter.counts == "everywhere" else "seconds_per_day")


def _no_places(meter: Meter) -> Refusal:
    if meter.limit == 0 and meter.counts == "own":
        return Refusal("places-zero", {"limit": 0}, "places_in_line")
    key, name = NO_PLACES[meter.counts]
    return Refusal(key, {"limit": meter.limit}, name)
