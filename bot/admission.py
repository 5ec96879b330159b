"""May this member have this now? Every gate first, then policy, then quota and place, in one transaction."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bot import policy
from bot.limits.allowance import Allowance, Statutes, measure, read_statutes, why_too_soon
from bot.limits.days import day_of
from bot.limits.rules import Whose
from bot.policy import Wish
from bot.store import audit, edits, outcomes, requests
from bot.store.audit import Deed
from bot.store.requests import Ask, RequestRow
from bot.store.usage import NEWEST

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from aiosqlite import Connection

    from bot.database import Database
    from bot.limits.rules import Decision, Rule
    from bot.policy import OperatorLimits, Refusal

__all__ = ["Admission", "Allowance", "Ask", "Gate", "Refused"]


class Refused(Exception):
    """No, with a sentence: a key of the catalogue and the values that it names."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(f"{key} {values}" if values else key)
        self.key = key
        self.values = values
        self.rules: tuple[Rule, ...] = ()
        """The moderators' rules that said no, whose reasons and expiry the sentence names."""

    @classmethod
    def by(cls, refusal: Refusal, decision: Decision) -> Refused:
        """What a limit refuses."""
        refused = cls(refusal.key, **refusal.values)
        if refusal.name is not None:
            refused.rules = decision.by.get(refusal.name, ())
        return refused


class Gate(ABC):
    """One thing that every request must pass before its price is looked at, whatever road it comes by."""

    @abstractmethod
    async def check(self, connection: Connection, ask: Ask, *, now: float) -> Ask:
        """
        Let a request pass, as it is or changed.

        Raises:
            Refused: it does not pass; what was written in this transaction is undone.
        """

    async def after_refusal(  # noqa: B027 - most gates have nothing to note
        self, connection: Connection, ask: Ask, refused: Refused, *, now: float
    ) -> None:
        """Note what follows from a refusal, in the transaction that writes it into the audit."""


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
            await self._note(ask, refused, now)
            raise

    async def change(self, row: RequestRow, ask: Ask) -> RequestRow | None:
        """
        Admit a request in the place of one that waits, and charge the difference, in one transaction.

        Returns:
            The request as it is now; None where it waits no more.

        Raises:
            Refused: as `reserve`; the request stays as it was.
        """
        now = self._clock()
        try:
            async with self._database.transaction() as connection:
                if not await edits.step_aside(connection, row.id):
                    return None
                wanted = await self._admitted(connection, ask, now, waits_since=row.created_at)
                return await edits.take_over(connection, row, wanted)
        except Refused as refused:
            await self._note(ask, refused, now)
            raise

    async def note_refused(self, key: str, *, user_id: int, guild_id: int | None, channel_id: int) -> None:
        """Write into the audit what was refused to a member before admission was asked."""
        async with self._database.transaction() as connection:
            deed = _refusal(key, user_id=user_id, guild_id=guild_id, channel_id=channel_id)
            await audit.append(connection, deed, now=self._clock())

    async def _note(self, ask: Ask, refused: Refused, now: float) -> None:
        async with self._database.transaction() as connection:
            deed = _refusal(refused.key, user_id=ask.user_id, guild_id=ask.guild_id, channel_id=ask.channel_id)
            await audit.append(connection, deed, now=now)
            for gate in self._gates:
                await gate.after_refusal(connection, ask, refused, now=now)

    async def _admitted(
        self, connection: Connection, ask: Ask, now: float, *, waits_since: float | None = None
    ) -> RequestRow:
        """
        Charge a request if it may be.

        Args:
            waits_since: of one in whose place it comes: charged to the day of that, and no request anew.
        """
        for gate in self._gates:
            ask = await gate.check(connection, ask, now=now)
        allowance = await measure(connection, self._operator, Whose.of(ask), now=now, at=waits_since)
        refusal = policy.check(Wish.of(ask), allowance.rules, now=now) or allowance.why_no_room(
            ask.request.num_images, ask.estimated_s
        )
        if refusal is None and waits_since is None:
            refusal = await why_too_soon(connection, ask, allowance.decision, self._operator, now=now)
        if refusal is not None:
            raise Refused.by(refusal.at(now), allowance.decision)
        return await requests.reserve(connection, ask, now=now)

    async def still_fits(
        self, connection: Connection, row: RequestRow, role_ids: Sequence[int], now: float
    ) -> Refusal | None:
        """
        Why a request that waits would be refused today; None if it still fits.

        It is measured beside all that was had before it, and not beside what waits behind it: where not all have room
        any more, those that came last go. How soon it came after another is past.
        """
        allowance = await self._measured(connection, row, role_ids, now=now, waiting_behind=row.id)
        return policy.check(Wish.of_row(row), allowance.rules, now=now) or allowance.why_too_much(row)

    async def withdraw_misfits(self, connection: Connection, guild_id: int, *, now: float) -> list[RequestRow]:
        """Cancel and refund what waits in a server and no longer fits; where not all have room, the first stay."""
        rooms: dict[Hashable, Allowance] = {}
        statutes = await read_statutes(connection, guild_id)
        withdrawn: list[RequestRow] = []
        misfits: dict[int, str] = {}
        for row in await requests.waiting(connection, guild_id=guild_id):
            # Where a member is within every limit with all that they have, no request of theirs needs to be weighed.
            days = day_of(row.created_at, statutes.time_zone), day_of(row.created_at)
            key = (row.user_id, row.role_ids, row.ruling_channel_id, days)
            if key not in rooms:
                rooms[key] = await self._measured(connection, row, row.roles, now=now, statutes=statutes)
            refusal = policy.check(Wish.of_row(row), rooms[key].rules, now=now)
            if refusal is None and rooms[key].why_too_much(row) is not None:
                withdrawn += await outcomes.withdraw(connection, misfits, now=now)  # which makes room for this one
                misfits = {}
                beside = await self._measured(
                    connection, row, row.roles, now=now, statutes=statutes, waiting_behind=row.id
                )
                refusal = beside.why_too_much(row)
            if refusal is not None:
                misfits[row.id] = refusal.withdrawal
        return [*withdrawn, *await outcomes.withdraw(connection, misfits, now=now)]

    async def _measured(
        self,
        connection: Connection,
        row: RequestRow,
        role_ids: Sequence[int],
        *,
        now: float,
        statutes: Statutes | None = None,
        waiting_behind: int = NEWEST,
    ) -> Allowance:
        """What the member of a request may have, and has had on the day of that request."""
        return await measure(
            connection,
            self._operator,
            Whose.of_row(row, role_ids),
            now=now,
            at=row.created_at,
            waiting_behind=waiting_behind,
            statutes=statutes,
        )

    async def allowance(
        self,
        user_id: int,
        guild_id: int | None,
        *,
        role_ids: Sequence[int] = (),
        ruling_channel_id: int = 0,
    ) -> Allowance:
        """What a member with these roles may have in this channel, and what is left of it."""
        return await self._allowance(
            Whose(user_id=user_id, guild_id=guild_id, ruling_channel_id=ruling_channel_id, role_ids=tuple(role_ids))
        )

    async def allowance_beside(self, row: RequestRow) -> Allowance:
        """What the member of a request may have where they asked, and what is left of it today."""
        return await self._allowance(Whose.of_row(row, row.roles))

    async def _allowance(self, whose: Whose) -> Allowance:
        async with self._database.reading() as connection:
            return await measure(connection, self._operator, whose, now=self._clock())


def _refusal(key: str, *, user_id: int, guild_id: int | None, channel_id: int) -> Deed:
    """A refusal as the audit has it, without the words that were refused."""
    return Deed(
        action="refused",
        guild_id=guild_id,
        actor_id=None,
        user_id=user_id,
        facts={"key": key, "channel_id": channel_id},
    )
