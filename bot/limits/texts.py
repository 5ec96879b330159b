"""Pure: limits, whose they are, and which rule decided, as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bot.locales import catalogue
from bot.markdown import MAX_MESSAGE_CHARACTERS, clipped, one_line, plain, utf16_length
from bot.policy import DIMENSIONS, LIMIT_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.limits.changes import Outcome
    from bot.limits.rules import Decision, Rule, Target, Value
    from bot.policy import LimitName, OperatorLimits

MAX_LIST_CHARACTERS = 120
MAX_REASON_CHARACTERS = 200


def limit_name(name: LimitName, locale: str) -> str:
    """What people call a limit."""
    return catalogue(locale).say(f"limit-{name.replace('_', '-')}")


def value_text(name: LimitName, value: Value, locale: str) -> str:
    """A limit's number, pixels that make a square also as its size, or what is allowed."""
    say = catalogue(locale).say
    if value is None:
        key = {"list": "limit-everything", "least": "limit-slow-mode", "most": "limit-none"}[DIMENSIONS[name].kind]
        return say(key)
    if isinstance(value, tuple):
        return names_text(name, value, locale)
    side = math.isqrt(value)
    key = "limit-value-square" if name == "pixels" and side * side == value else "limit-value"
    return say(key, value=value, side=side)


def names_text(name: str, names: Sequence[str], locale: str) -> str:
    """Names that are allowed, as many as are read; channels as Discord renders them."""
    if not names:
        return catalogue(locale).say("limit-nothing")
    if name == "channels":
        return ", ".join(f"<#{channel_id}>" for channel_id in names)
    return plain(clipped(one_line(", ".join(names)), MAX_LIST_CHARACTERS))


def target_text(target: Target, locale: str) -> str:
    """Whose rules these are: a member, role or channel as Discord renders it, or the server."""
    forms = {"member": "<@{}>", "role": "<@&{}>", "channel": "<#{}>"}
    if target.scope == "server":
        return catalogue(locale).say("limits-this-server")
    return forms[target.scope].format(target.scope_id)


def held_text(name: LimitName, decision: Decision, locale: str) -> str:
    """What holds, and whether it is everybody's together."""
    value = value_text(name, getattr(decision.rules, name), locale)
    return value if decision.pool_of(name) is None else catalogue(locale).say("limit-together", value=value)


def conditions_text(rule: Rule, locale: str) -> str:
    """The reason and the expiry of a rule, as far as it has them."""
    say = catalogue(locale).say
    parts = []
    if rule.reason:
        parts.append(say("limit-reason", reason=plain(clipped(one_line(rule.reason), MAX_REASON_CHARACTERS))))
    if rule.expires_at is not None:
        parts.append(say("limit-until", until=f"<t:{int(rule.expires_at)}:f>"))
    return ", ".join(parts)


def refusal_note(rules: Sequence[Rule], locale: str) -> str:
    """
    What a refusal adds about the rules that said no, behind its sentence; never who set them.

    That it is the member's or the server's own says nothing new; so only that with a reason or an expiry is named.
    """
    say = catalogue(locale).say
    notes = []
    for rule in rules:
        conditions = conditions_text(rule, locale)
        if not conditions and rule.target.scope in ("member", "server"):
            continue
        whose = say("limit-you") if rule.target.scope == "member" else target_text(rule.target, locale)
        notes.append(say("limit-note", whose=whose, conditions=f": {conditions}" if conditions else ""))
    return "".join(f"   {note}" for note in notes)


def source_text(name: LimitName, decision: Decision, operator: OperatorLimits, locale: str) -> str:
    """Which rule decided, with its reason and expiry; and the operator's ceiling where that would allow more."""
    say = catalogue(locale).say
    sources = []
    for rule in decision.by.get(name, ()):
        source = say(f"limits-from-{rule.target.scope}", target=target_text(rule.target, locale))
        conditions = conditions_text(rule, locale)
        sources.append(f"{source}: {conditions}" if conditions else source)
    text = ", ".join(sources) or say("limits-from-operator")
    ceiling = getattr(operator.ceiling, name)
    if decision.pool_of(name) or ceiling in (None, 0, getattr(decision.rules, name)):
        return text
    key = "limits-at-least" if DIMENSIONS[name].kind == "least" else "limits-at-most"
    return say(key, source=text, ceiling=value_text(name, ceiling, locale))


def limit_lines(decision: Decision, operator: OperatorLimits, locale: str) -> list[str]:
    """A line for each limit: what holds, and what it comes from."""
    return [
        catalogue(locale).say(
            "limits-line",
            name=limit_name(name, locale),
            value=held_text(name, decision, locale),
            source=source_text(name, decision, operator, locale),
        )
        for name in LIMIT_NAMES
    ]


def rule_line(rule: Rule, locale: str) -> str:
    """A rule by itself: whose it is, what it says, with reason and expiry."""
    say = catalogue(locale).say
    value = value_text(rule.name, rule.value, locale)
    value = say("limit-together", value=value) if rule.is_pool else value
    conditions = conditions_text(rule, locale)
    return say(
        "limits-rule",
        target=target_text(rule.target, locale),
        name=limit_name(rule.name, locale),
        value=value,
        conditions=f" ({conditions})" if conditions else "",
    )


def outcome_text(outcome: Outcome, locale: str) -> str:
    """What held before and what holds after a change, with its expiry and reason."""
    say, change = catalogue(locale).say, outcome.change
    target = target_text(change.target, locale)
    if change.name is None:
        return say("limits-all-cleared", target=target)
    before, after = (held_text(change.name, decision, locale) for decision in (outcome.before, outcome.after))
    words = say("limits-changed", name=limit_name(change.name, locale), target=target, before=before, after=after)
    conditions = conditions_text(change.rule, locale) if change.rule else ""
    return f"{words} ({conditions})" if conditions else words


def fitting(lines: Sequence[str], locale: str) -> str:
    """As many lines as a message holds, and how many more there are."""
    for count in range(len(lines), 0, -1):
        more = [catalogue(locale).say("limits-more", count=len(lines) - count)] if count < len(lines) else []
        content = "\n".join([*lines[:count], *more])
        if utf16_length(content) <= MAX_MESSAGE_CHARACTERS:
            break
    return content
