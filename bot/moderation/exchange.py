"""Rules as a file: as `/filter export` writes them, and a plain list of words is read as well."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.admission import Refused
from bot.moderation.rules import MAX_REGEXES, checked_rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.moderation.rules import Rule

MAX_FILE_BYTES = 256 * 1024
MAX_ENTRIES = 5000
FIELDS = {"pattern": "pattern", "kind": "kind", "where": "place", "action": "action"}
OPTIONAL = {"replacement": "replacement", "reason": "reason"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a file, counted from 1: the rule that it is, or why it is none."""

    number: int
    outcome: Rule | Refused

    @property
    def valid_rule(self) -> Rule:
        """
        The rule.

        Raises:
            Refused: why it is none.
        """
        if isinstance(self.outcome, Refused):
            raise self.outcome
        return self.outcome


def exported(rules: Iterable[Rule]) -> bytes:
    """Rules as JSON that people can read and change."""
    entries = [
        {key: getattr(rule, name) for key, name in FIELDS.items()}
        | {key: value for key, name in OPTIONAL.items() if (value := getattr(rule, name)) is not None}
        for rule in rules
    ]
    return json.dumps({"rules": entries}, ensure_ascii=False, indent=2).encode() + b"\n"


def read(data: bytes, *, most_regexes: int = MAX_REGEXES) -> list[Entry]:
    """
    The rules of a file: JSON, or text with a word or phrase a line, of which those that begin with # are left out.

    Tries regular expressions, no more than `most_regexes`: call it in a worker thread.

    Raises:
        Refused: it is neither.
    """
    read: list[Entry] = []
    for number, entry in enumerate(_entries(data), 1):
        is_regex = isinstance(entry, dict) and entry.get("kind") == "regex"
        most_regexes -= is_regex
        read.append(Entry(number, _outcome(entry, is_full=is_regex and most_regexes < 0)))
    return read


def _outcome(entry: Any, *, is_full: bool) -> Rule | Refused:
    if is_full:
        return Refused("filter-full-regexes", maximum=MAX_REGEXES)
    try:
        return checked_rule(**_said(entry))
    except Refused as fault:
        return fault


def _entries(data: bytes) -> list[Any]:
    if len(data) > MAX_FILE_BYTES:
        raise Refused("filter-file-large", maximum=MAX_FILE_BYTES // 1024)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("filter-file-no-text") from error
    if not text.lstrip().startswith(("{", "[")):
        lines = (line.strip() for line in text.splitlines())
        entries: Any = [{"pattern": line} for line in lines if line and not line.startswith("#")]
    else:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Refused("filter-file-no-json", reason=str(error)) from error
        entries = content.get("rules") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise Refused("filter-file-no-rules")
    if len(entries) > MAX_ENTRIES:
        raise Refused("filter-file-long", maximum=MAX_ENTRIES)
    return entries


def _said(entry: Any) -> dict[str, str]:
    """
    What an entry says, as a rule is made of it.

    Raises:
        Refused: it has no pattern, or what no rule has.
    """
    known = FIELDS | OPTIONAL
    if not isinstance(entry, dict) or not isinstance(entry.get("pattern"), str):
        raise Refused("filter-entry-no-pattern")
    said = {key: value for key, value in entry.items() if value is not None}
    for key, value in said.items():
        if key not in known or not isinstance(value, str):
            raise Refused("filter-entry-unknown", text=str(key), known=", ".join(known))
    return {known[key]: value for key, value in said.items()}
