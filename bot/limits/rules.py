"""Pure: the rules that moderators set, whom each holds for, and which of them decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from bot.policy import DIMENSIONS, LIMIT_NAMES, Rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bot.policy import LimitName, OperatorLimits
    from bot.store.requests import Ask, RequestRow

Scope = Literal["member", "role", "channel", "server"]
SCOPES: tuple[Scope, ...] = ("member", "role", "channel", "server")
"""The most specific first."""
WHOLE_SERVER = 0
"""The `scope_id` of a server's own rules."""

Value = int | tuple[str, ...] | None
"""A number; the names that are allowed; or None: everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a rule is set for."""

    scope: Scope = "server"
    scope_id: int = WHOLE_SERVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One limit that a moderator set."""

    target: Target
    name: LimitName
    value: Value
    is_pool: bool = False
    """Whether all whom it holds for have the number together, and not each of them."""
    expires_at: float | None = None
    reason: str | None = None

    @property
    def number(self) -> int | None:
        """The value where it is one number."""
        return self.value if isinstance(self.value, int) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whom rules are asked about, and where."""

    user_id: int
    guild_id: int | None
    ruling_channel_id: int = 0
    role_ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, ask: Ask) -> Whose:
        """Who makes a request, and where."""
        return cls(
            user_id=ask.user_id,
            guild_id=ask.guild_id,
            ruling_channel_id=ask.ruling_channel_id,
            role_ids=ask.role_ids,
        )

    @classmethod
    def of_row(cls, row: RequestRow, role_ids: Sequence[int]) -> Whose:
        """Whose a request is that was made before, with the roles that they have now."""
        return cls(
            user_id=row.user_id,
            guild_id=row.guild_id,
            ruling_channel_id=row.ruling_channel_id,
            role_ids=tuple(role_ids),
        )

    def falls_under(self, target: Target) -> bool:
        """Whether a rule that is set for this holds for the member here."""
        if target.scope == "role":
            return target.scope_id in self.role_ids
        ids = {"member": self.user_id, "channel": self.ruling_channel_id, "server": WHOLE_SERVER}
        return target.scope_id == ids[target.scope]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The limits of one member in one place, and what they come from."""

    rules: Rules
    by: Mapping[LimitName, tuple[Rule, ...]] = field(default_factory=dict)
    """The rules that decided: of lists perhaps several roles' together. A limit that is not here is the operator's."""

    def pool_of(self, name: LimitName) -> Rule | None:
        """The rule that makes this limit a common pot, if one does."""
        return next((rule for rule in self.by.get(name, ()) if rule.is_pool), None)


def candidates(rules: Iterable[Rule], whose: Whose, *, now: float) -> dict[LimitName, tuple[Rule, ...]]:
    """
    For each limit the most specific rules that hold: one, or those of several of the member's roles.

    Which of several roles is best can be said at once for numbers that are each member's own; of common pots it depends
    on what is left, so all of them stay.
    """
    found: dict[LimitName, list[Rule]] = {}
    for rule in rules:
        if whose.falls_under(rule.target) and (rule.expires_at is None or rule.expires_at > now):
            found.setdefault(rule.name, []).append(rule)
    return {name: _best(name, _most_specific(held)) for name, held in found.items()}


def decide(operator: OperatorLimits, by: Mapping[LimitName, tuple[Rule, ...]]) -> Decision:
    """What holds by these rules, and by the operator's settings where there is none; never beyond the ceiling."""
    values = {name: getattr(operator.default, name) for name in LIMIT_NAMES}
    values |= {name: _together(rules) for name, rules in by.items()}
    pools = {name for name, rules in by.items() if any(rule.is_pool for rule in rules)}
    # A pot is as large as the moderators say: what the operator allows each member is counted besides.
    capped = {
        name: value if name in pools else DIMENSIONS[name].within(value, getattr(operator.ceiling, name))
        for name, value in values.items()
    }
    return Decision(rules=Rules(**capped), by=dict(by))


def decided(operator: OperatorLimits, rules: Iterable[Rule], whose: Whose, *, now: float) -> Decision:
    """What holds whatever was had so far: of several roles' numbers and pots the best number, else the first pot."""
    best = candidates(rules, whose, now=now)
    return decide(
        operator, {name: held if DIMENSIONS[name].kind == "list" else held[:1] for name, held in best.items()}
    )


def _most_specific(rules: list[Rule]) -> list[Rule]:
    return next(held for scope in SCOPES if (held := [rule for rule in rules if rule.target.scope == scope]))


def _best(name: LimitName, rules: list[Rule]) -> tuple[Rule, ...]:
    if DIMENSIONS[name].kind == "list":
        unbounded = [rule for rule in rules if rule.value is None]
        return tuple(unbounded[:1] or rules)
    rules.sort(key=lambda rule: DIMENSIONS[name].generosity(rule.number), reverse=True)
    if DIMENSIONS[name].kind == "least":
        return tuple(rules[:1])
    return (*[rule for rule in rules if not rule.is_pool][:1], *(rule for rule in rules if rule.is_pool))


def _together(rules: tuple[Rule, ...]) -> Value:
    """The value of one rule, or all that several roles allow."""
    names: dict[str, None] = {}
    for rule in rules:
        if not isinstance(rule.value, tuple):
            return rule.value
        names |= dict.fromkeys(rule.value)
    return tuple(names)
