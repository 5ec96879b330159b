"""May this member have this now? Every gate first, then policy, then quota and place, in one transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot import policy
from bot.policy import Refusal, Rules
from bot.store import audit, requests
from bot.store import limits as stored_limits
from bot.store.audit import Deed
from bot.store.requests import Ask, RequestRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiosqlite import Connection

    from bot.database import Database
    from bot.policy import OperatorLimits

__all__ = ["Admission", "Allowance", "Ask", "Gate", "Refused"]


class Refused(Exception):
    """No, with a sentence: a key of the catalogue and the values that it names."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(f"{key} {values}" if values else key)
        self.key = key
        self.values = values


class Gate(Protocol):
    """One thing that every request must pass before its price is looked at, whatever road it comes by."""

    async def check(self, connection: Connection, ask: Ask, *, now: float) -> Ask:
        """
        Let a request pass, as it is or changed.

        Raises:
            Refused: it does not pass; what was written in this transaction is undone.
        """

    async def after_refusal(self, connection: Connection, ask: Ask, refused: Refused, *, now: float) -> None:
        """Note what follows from a refusal, in the transaction that writes it into the audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a member may have in one place, and has had today."""

    rules: Rules
    day: str
    used_today: int
    """Pictures charged today, reserved ones among them."""
    places_held: int
    refills_at: datetime
    seconds_left: float | None = None
    """Seconds of the device left today; None where they are not limited."""

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

    def __init__(
        self,
        database: Database,
        operator: OperatorLimits,
        *,
        gates: Sequence[Gate] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._operator = operator
        self._gates = gates
        self._clock = clock

    async def reserve(self, ask: Ask) -> RequestRow:
        """
        Admit and charge a request, in one transaction.

        Raises:
            Refused: a gate or rule forbids it, or the member's pictures or places are used up; nothing was written but
                the refusal itself, into the audit.
        """
        now = self._clock()
        try:
            async with self._database.transaction() as connection:
                return await self._admitted(connection, ask, now)
        except Refused as refused:
            async with self._database.transaction() as connection:
                await audit.append(connection, _deed(ask, refused), now=now)
                for gate in self._gates:
                    await gate.after_refusal(connection, ask, refused, now=now)
            raise

    async def _admitted(self, connection: Connection, ask: Ask, now: float) -> RequestRow:
        for gate in self._gates:
            ask = await gate.check(connection, ask, now=now)
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


def _deed(ask: Ask, refused: Refused) -> Deed:
    """A refusal as the audit has it, without the words that were refused."""
    return Deed(
        action="refused",
        guild_id=ask.guild_id,
        actor_id=None,
        user_id=ask.user_id,
        facts={"key": refused.key, "channel_id": ask.channel_id},
    )


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
