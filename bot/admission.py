"""May this member have this now? Policy first, then quota and place reserved in one statement."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot import policy
from bot.policy import Refusal, Rules
from bot.store import limits as stored_limits
from bot.store import requests
from bot.store.requests import Ask, RequestRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiosqlite import Connection

    from bot.database import Database
    from bot.policy import OperatorLimits

__all__ = ["Admission", "Allowance", "Ask", "Refused"]


class Refused(Exception):
    """No, with a sentence: a key of the catalogue and the values that it names."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(f"{key} {values}" if values else key)
        self.key = key
        self.values = values


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a member may have in one place, and has had today."""

    rules: Rules
    day: str
    used_today: int
    """Pictures charged today, reserved ones among them."""
    places_held: int
    refills_at: datetime

    @property
    def left(self) -> int:
        """Pictures left today."""
        return max(0, self.rules.pictures_per_day - self.used_today)

    def left_with(self, row: RequestRow, *, charged: int) -> int:
        """Pictures left today once no more than `charged` of a request's are charged, to the day that admitted it."""
        refunded = row.charged - charged if row.day == self.day else 0
        return max(0, self.rules.pictures_per_day - self.used_today + refunded)


class Admission:
    """Every request passes here once: what it lets in is charged, and stands in the database."""

    def __init__(self, database: Database, operator: OperatorLimits, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._operator = operator
        self._clock = clock

    async def reserve(self, ask: Ask) -> RequestRow:
        """
        Admit and charge a request, in one transaction.

        Raises:
            Refused: a rule forbids it, or the member's pictures or places are used up; nothing was written.
        """
        now = self._clock()
        async with self._database.transaction() as connection:
            rules = await self._rules(connection, ask.user_id, ask.guild_id)
            if refusal := policy.check(ask.request, rules):
                raise Refused(refusal.key, **refusal.values)
            row = await requests.reserve(connection, ask, rules, day=_day(now), now=now)
            if row is None:
                allowance = await self._allowance(connection, ask.user_id, ask.guild_id, now)
                refusal = _why_no_room(ask.request.num_images, allowance)
                raise Refused(refusal.key, **refusal.values)
        return row

    async def withdraw(self, request_id: int, reason: str) -> bool:
        """Cancel and refund a request; False if it had already ended."""
        async with self._database.transaction() as connection:
            return await requests.end(
                connection, request_id, state="cancelled", reason=reason, charged=0, flagged=0, now=self._clock()
            )

    async def allowance(self, user_id: int, guild_id: int | None) -> Allowance:
        """What a member may have here, and what is left of it."""
        async with self._database.reading() as connection:
            return await self._allowance(connection, user_id, guild_id, self._clock())

    async def _allowance(self, connection: Connection, user_id: int, guild_id: int | None, now: float) -> Allowance:
        return Allowance(
            rules=await self._rules(connection, user_id, guild_id),
            day=_day(now),
            used_today=await requests.used_today(connection, user_id=user_id, guild_id=guild_id, day=_day(now)),
            places_held=await requests.places_held(connection, user_id=user_id, guild_id=guild_id),
            refills_at=_next_midnight(now),
        )

    async def _rules(self, connection: Connection, user_id: int, guild_id: int | None) -> Rules:
        server, member = await stored_limits.read_limits(connection, guild_id, user_id)
        return policy.effective(self._operator, server, member)


def _why_no_room(asked: int, allowance: Allowance) -> Refusal:
    rules, left = allowance.rules, allowance.left
    if rules.pictures_per_day == 0:
        return Refusal("quota-zero", {"limit": 0})
    if asked > left:
        key = "quota-too-few-left" if left else "quota-used-up"
        numbers = {"asked": asked, "left": left, "limit": rules.pictures_per_day}
        return Refusal(key, numbers | {"more_at": allowance.refills_at})
    if rules.places_in_line == 0:
        return Refusal("places-zero", {"limit": 0})
    return Refusal("places-used-up", {"limit": rules.places_in_line})


def _day(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def _next_midnight(now: float) -> datetime:
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)
