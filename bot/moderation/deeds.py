"""Pure: rows of the audit -> the lines that moderators read: who did what to whom, when and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import structlog

from bot.locales import catalogue
from bot.markdown import MAX_MESSAGE_CHARACTERS, clipped, plain, utf16_length
from bot.policy import LIMIT_NAMES
from bot.replies import member
from bot.sentences import field_name
from bot.store.requests import short_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.store.audit import AuditRow

log = structlog.stdlib.get_logger(__name__)

ACTIONS = (
    "agreed",
    "appeal",
    "appeal-approved",
    "appeal-upheld",
    "block",
    "delete-failed",
    "deleted",
    "filter-added",
    "filter-hit",
    "filter-removed",
    "filter-slow",
    "floor-blocked",
    "floor-hit",
    "limit-cleared",
    "limit-set",
    "line-cleared",
    "line-paused",
    "line-resumed",
    "log-unreachable",
    "purge",
    "refused",
    "report",
    "settings-changed",
    "unblock",
    "withdrawn",
)
"""What is written down: each has a sentence `audit-ACTION`, and a name `action-ACTION`."""
FACT_CHARACTERS = 80
REASON_CHARACTERS = 200
MOST_LINES = 20
ROOM_FOR_LAST_LINE = 60
RENDERED = re.compile(r"(<(@&?|#|t:)\d{1,20}(:[a-zA-Z])?>(, )?)+")
"""What names members, roles, channels and moments; here it pings nobody."""


def line(row: AuditRow, locale: str) -> str:
    """One row as a line."""
    say = catalogue(locale).say
    parts = [f"<t:{int(row.at)}:f>", _sentence(row, locale)]
    if row.request_id is not None:
        parts.append(say("short-id", id=short_id(row.request_id)))
    if row.reason:
        parts.append(say("audit-reason", reason=plain(clipped(row.reason, REASON_CHARACTERS))))
    return " · ".join(parts)


def bundle(rows: Sequence[AuditRow], locale: str) -> tuple[str, int]:
    """
    The message with as many rows as fit one, the first of them always, and the number of the last one in it.

    Its last line names the rows, by which it is found again.
    """
    lines, shown = page([], rows[:MOST_LINES], locale)
    last_id = rows[shown - 1].id
    return "\n".join([*lines, entries(rows[0].id, last_id, locale)]), last_id


def page(head: Sequence[str], rows: Sequence[AuditRow], locale: str) -> tuple[list[str], int]:
    """These lines and as many rows as fit a message with them, the first of them always; how many rows those are."""
    lines = list(head)
    room = MAX_MESSAGE_CHARACTERS - ROOM_FOR_LAST_LINE
    for shown, row in enumerate(rows):
        text = line(row, locale)
        if shown and utf16_length("\n".join([*lines, text])) > room:
            return lines, shown
        lines.append(clipped(text, room - utf16_length("\n".join([*lines, ""]))))
    return lines, len(rows)


def entries(first_id: int, last_id: int, locale: str) -> str:
    """The last line of a message of the log."""
    return catalogue(locale).say("audit-entries", first=first_id, last=last_id)


def _sentence(row: AuditRow, locale: str) -> str:
    say = catalogue(locale).say
    actor = say("audit-the-bot") if row.actor_id is None else member(row.actor_id)
    whom = say("audit-nobody") if row.user_id is None else member(row.user_id)
    facts = {name: _shown(name, value, locale) for name, value in row.named.items()}
    if "key" in facts:  # of the catalogue, whose values are not written down: it reads like words
        facts["key"] = str(facts["key"]).removesuffix("-because").replace("-", " ")
    try:
        return say(f"audit-{row.action}", **(facts | {"actor": actor, "member": whom}))
    except LookupError:  # a row is for ever, and an earlier version may have written it otherwise
        log.warning("audit_without_sentence", audit_id=row.id, action=row.action)
        return say("audit-other", actor=actor, member=whom, action=row.action)


def _shown(name: str, value: object, locale: str) -> object:
    if value is None:
        return catalogue(locale).say("audit-nothing")
    if name == "name" and value in LIMIT_NAMES:
        return field_name(str(value), locale)
    if isinstance(value, list):
        value = ", ".join(str(each) for each in value)
    if not isinstance(value, str) or RENDERED.fullmatch(value):
        return value
    return plain(clipped(value, FACT_CHARACTERS))
