"""A server's rules are added and removed, each time written into the audit, and there are never too many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from bot.admission import Refused
from bot.moderation.encoded import Encoded
from bot.moderation.filters import Filters
from bot.moderation.rules import MAX_REGEXES, MAX_RULES
from bot.store import audit
from bot.store import filters as stored_filters
from bot.store.audit import Deed

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.moderation.rules import Rule


class Whose(TypedDict):
    """The server, and who changes its rules when."""

    guild_id: int
    actor_id: int
    now: float


async def keep(connection: Connection, rule: Rule, **whose: Unpack[Whose]) -> int:
    """
    Add a rule; its number.

    Raises:
        Refused: the server has it already, or has too many, or it finds something in what it puts in.
    """
    if rule.replacement and Filters([rule]).search(Encoded(((rule.replacement,),), (rule.replacement,))).hits:
        raise Refused("filter-replacement-found", pattern=rule.pattern, text=rule.replacement)
    guild_id = whose["guild_id"]
    count, regexes = await stored_filters.count(connection, guild_id)
    if count >= MAX_RULES:
        raise Refused("filter-full", maximum=MAX_RULES)
    if rule.kind == "regex" and regexes >= MAX_REGEXES:
        raise Refused("filter-full-regexes", maximum=MAX_REGEXES)
    rule_id = await stored_filters.add(
        connection, rule, guild_id=guild_id, added_by=whose["actor_id"], now=whose["now"]
    )
    if rule_id is None:
        raise Refused("filter-known", pattern=rule.pattern)
    await audit.append(connection, _deed("filter-added", rule, rule_id, whose), now=whose["now"])
    return rule_id


async def drop(connection: Connection, typed: str, **whose: Unpack[Whose]) -> Rule:
    """
    Remove the rule whose number was typed.

    Raises:
        Refused: the server has no such rule.
    """
    is_number = typed.isascii() and typed.isdecimal() and len(typed) < len(str(2**63))
    rule = (
        await stored_filters.remove(connection, guild_id=whose["guild_id"], rule_id=int(typed)) if is_number else None
    )
    if rule is None:
        raise Refused("filter-rule-unknown", text=typed)
    await audit.append(connection, _deed("filter-removed", rule, rule.id, whose), now=whose["now"])
    return rule


def _deed(action: str, rule: Rule, rule_id: int, whose: Whose) -> Deed:
    facts = {"rule": rule_id, "kind": rule.kind, "pattern": rule.pattern, "action": rule.action}
    return Deed(action=action, guild_id=whose["guild_id"], actor_id=whose["actor_id"], reason=rule.reason, facts=facts)
