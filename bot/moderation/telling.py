"""Pure: rules, and what came of looking for them -> what moderators read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.locales import catalogue
from bot.markdown import MAX_MESSAGE_CHARACTERS, clipped, one_line, plain, utf16_length
from bot.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.admission import Refused
    from bot.moderation.filters import Search
    from bot.moderation.rules import Rule

ROOM_FOR_MORE = 60
"""Characters of the line that says how many more there are."""
SHOWN_CHARACTERS = 80
ENCODED_CHARACTERS = 300
MAX_TEXTS = 4


def rule_text(rule: Rule, locale: str) -> str:
    """What a rule looks for, where, and what then happens."""
    say = catalogue(locale).say
    parts = [
        say("filter-looks-for", kind=say(f"filter-kind-{rule.kind}"), pattern=_quoted(rule.pattern)),
        say(f"filter-where-{rule.place}"),
        say("filter-replaces", text=_quoted(rule.replacement))
        if rule.replacement
        else say("filter-leaves-out")
        if rule.action == "replace"
        else say(f"filter-action-{rule.action}"),
    ]
    if rule.reason:
        parts.append(_quoted(rule.reason))
    return " · ".join(parts)


def list_text(rules: Sequence[Rule], operators: int, locale: str) -> str:
    """A server's rules, as many as one message holds, and how many the operator's list has."""
    say = catalogue(locale).say
    lines = [say("filter-line", rule=rule.id, text=rule_text(rule, locale)) for rule in rules]
    head = [say("filter-list", count=len(rules))]
    if operators:
        head.append(say("filter-list-operators", count=operators))
    return _fitting(head, lines, locale)


def import_text(added: int, faults: Sequence[tuple[int, Refused]], locale: str) -> str:
    """How many rules of a file were added, and which not and why."""
    say = catalogue(locale).say
    lines = [say("filter-skipped", number=number, reason=sentence(fault, locale)) for number, fault in faults]
    return _fitting([say("filter-imported", added=added, skipped=len(faults))], lines, locale)


def test_text(prompts: Sequence[str], negative: Sequence[str], search: Search, *, is_below: bool, locale: str) -> str:
    """What would be encoded of a text, which rules find something in it, and whether it is below the floor."""
    say = catalogue(locale).say
    lines = [say("filter-test-encoded", text=_quoted(text, ENCODED_CHARACTERS)) for text in prompts[:MAX_TEXTS]]
    lines += [say("filter-test-negative", text=_quoted(text, ENCODED_CHARACTERS)) for text in negative[:1] if text]
    hits = list(search.hits.values())
    found = [
        say(
            "filter-test-hit-operators" if hit.rule.is_operators else "filter-test-hit",
            rule=hit.rule.id,
            text=rule_text(hit.rule, locale),
            found=_quoted(hit.found),
        )
        for hit in hits
    ]
    found += [say("filter-test-slow", rule=rule.id) for rule in search.slow]
    if is_below:
        found.insert(0, say("filter-test-floor"))
    return _fitting(lines, found or [say("filter-test-nothing")], locale)


def _fitting(head: Sequence[str], lines: Sequence[str], locale: str) -> str:
    """The lines that fit one message, and how many more there are."""
    shown = list(head)
    for number, line in enumerate(lines):
        if utf16_length("\n".join([*shown, line])) > MAX_MESSAGE_CHARACTERS - ROOM_FOR_MORE:
            shown.append(catalogue(locale).say("filter-more", count=len(lines) - number))
            break
        shown.append(line)
    return "\n".join(shown)


def _quoted(text: str, most: int = SHOWN_CHARACTERS) -> str:
    return plain(clipped(one_line(text), most))
