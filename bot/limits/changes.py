"""Changes of limits: carried out at once, on what waits too, or asked about where that would withdraw something."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.limits.rules import Decision, Rule, Target, Whose, decided
from bot.limits.texts import held_text, target_text
from bot.locales import DEFAULT_LOCALE
from bot.store import audit
from bot.store import limits as stored_limits
from bot.store.audit import Deed
from bot.store.limits import Proposal

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.admission import Admission
    from bot.database import Database
    from bot.policy import LimitName, OperatorLimits
    from bot.store.requests import RequestRow

PROPOSALS_LIVE_S = 15 * 60.0
"""As long as Discord lets the message be answered under which the button stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a moderator wants of the limits that are set for one target."""

    target: Target
    whose: Whose
    """For whom it is said what held before and after: somebody for whom the target's rules hold."""
    rule: Rule | None = None
    """The limit to set; None: one is to be cleared."""
    cleared: LimitName | None = None
    """Which; None, where nothing is set: all of them."""

    @property
    def name(self) -> LimitName | None:
        """The limit that changes; None: all that are set."""
        return self.cleared if self.rule is None else self.rule.name

    def as_json(self) -> str:
        """To be read back by `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Change:
        """What `as_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        target, rule, whose = Target(**fields["target"]), fields["rule"], fields["whose"]
        whose = Whose(**{**whose, "role_ids": tuple(whose["role_ids"])})
        if rule is not None:
            value = tuple(rule["value"]) if isinstance(rule["value"], list) else rule["value"]
            rule = Rule(**{**rule, "target": target, "value": value})
        return cls(target=target, whose=whose, rule=rule, cleared=fields["cleared"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a change did, or would do."""

    change: Change
    before: Decision
    after: Decision
    withdrawn: tuple[RequestRow, ...]
    proposal_id: int | None = None
    """Where nothing has changed yet: the number under which it waits to be confirmed."""


class _MustBeConfirmed(Exception):
    """Undoes a change that would withdraw more than was agreed to."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(len(outcome.withdrawn))
        self.outcome = outcome


class Changes:
    """Carries out what moderators want of limits: all of it in one transaction, or nothing."""

    def __init__(self, database: Database, admission: Admission, operator: OperatorLimits) -> None:
        self._database = database
        self._admission = admission
        self._operator = operator

    async def carry_out(
        self, change: Change, *, guild_id: int, actor_id: int, now: float, may_withdraw: int = 0
    ) -> Outcome:
        """Change limits and withdraw what waits and no longer fits; propose to, where that is more than agreed to."""
        try:
            async with self._database.transaction() as connection:
                outcome = await self._changed(connection, change, guild_id, actor_id, now)
                _check_withdrawn(outcome, may_withdraw)
                return outcome
        except _MustBeConfirmed as question:
            proposal = Proposal(change=change.as_json(), withdraws=len(question.outcome.withdrawn))
            async with self._database.transaction() as connection:
                proposal_id = await stored_limits.propose(
                    connection,
                    proposal,
                    guild_id=guild_id,
                    actor_id=actor_id,
                    now=now,
                    forget_before=now - PROPOSALS_LIVE_S,
                )
            return replace(question.outcome, proposal_id=proposal_id)

    async def take(self, proposal_id: int, *, guild_id: int | None, actor_id: int, now: float) -> Proposal | None:
        """What a moderator is about to confirm, which they can do once; None if it is not theirs, too old, or done."""
        async with self._database.transaction() as connection:
            return await stored_limits.take_proposal(
                connection, proposal_id, guild_id=guild_id, actor_id=actor_id, since=now - PROPOSALS_LIVE_S
            )

    async def _changed(
        self, connection: Connection, change: Change, guild_id: int, actor_id: int, now: float
    ) -> Outcome:
        before = await self._decided(connection, change.whose, now=now)
        if change.rule is None:
            await stored_limits.clear(connection, guild_id, change.target, change.cleared)
        else:
            await stored_limits.put(connection, guild_id, change.rule, set_by=actor_id, now=now)
        withdrawn = tuple(await self._admission.withdraw_misfits(connection, guild_id, now=now))
        after = await self._decided(connection, change.whose, now=now)
        outcome = Outcome(change=change, before=before, after=after, withdrawn=withdrawn)
        await audit.append(connection, *_deeds(outcome, guild_id, actor_id), now=now)
        return outcome

    async def _decided(self, connection: Connection, whose: Whose, *, now: float) -> Decision:
        rules = await stored_limits.read(connection, whose.guild_id)
        return decided(self._operator, rules, whose, now=now)


def _check_withdrawn(outcome: Outcome, may_withdraw: int) -> None:
    if len(outcome.withdrawn) > may_withdraw:
        raise _MustBeConfirmed(outcome)


def _deeds(outcome: Outcome, guild_id: int, actor_id: int) -> list[Deed]:
    """The change, and each request that it withdrew, as the audit has them."""
    change = outcome.change
    facts: dict[str, object] = {
        "which": "all" if change.name is None else "one",
        "name": change.name or "",
        "scope": change.target.scope,
        "scope_id": change.target.scope_id,
        "target": target_text(change.target, DEFAULT_LOCALE),
        "before": _held(change.name, outcome.before),
        "after": _held(change.name, outcome.after),
        "withdrawn": len(outcome.withdrawn),
    }
    if change.rule is not None:
        facts |= {"pool": change.rule.is_pool, "expires_at": change.rule.expires_at}
    about = change.target.scope_id if change.target.scope == "member" else None
    action, reason = ("limit-set", change.rule.reason) if change.rule else ("limit-cleared", None)
    changed = Deed(action=action, guild_id=guild_id, actor_id=actor_id, user_id=about, reason=reason, facts=facts)
    withdrawn = [
        Deed(
            action="withdrawn",
            guild_id=guild_id,
            actor_id=actor_id,
            user_id=row.user_id,
            request_id=row.id,
            facts={"key": row.reason},
        )
        for row in outcome.withdrawn
    ]
    return [changed, *withdrawn]


def _held(name: LimitName | None, decision: Decision) -> str:
    """A limit as the log says it, in one language for all who read it."""
    return "" if name is None else held_text(name, decision, DEFAULT_LOCALE)
