"""A filter's rule, what may be one, and whether a pattern is quick enough."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import regex

from bot.admission import Refused
from bot.moderation.folding import words

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["word", "phrase", "regex"]
Place = Literal["prompt", "negative", "both"]
Action = Literal["refuse", "replace", "log"]
Known = TypeVar("Known", bound=str)
KINDS: tuple[Kind, ...] = get_args(Kind)
PLACES: tuple[Place, ...] = get_args(Place)
ACTIONS: tuple[Action, ...] = get_args(Action)

MAX_RULES, MAX_REGEXES = 500, 50
"""Of one server."""
MAX_PATTERN_CHARACTERS, MAX_REPLACEMENT_CHARACTERS, MAX_REASON_CHARACTERS = 200, 200, 200
MAX_REPEATS = 10_000
"""The numbers of a regular expression's repeats multiplied: compiling writes them out."""
REPEATS = re.compile(r"\{(\d+)")
PROBE_S = 0.05
PROBE_CHARACTERS = 3000
PROBES = ("a", "0", " ", "ab ", "a1-")
FLAGS = regex.IGNORECASE | regex.V0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. A word or phrase is compared whole and folded; a regular expression as typed and folded."""

    id: int = 0
    """Of a server's rule; of the operator's its place in the list; 0: not kept yet."""
    is_operators: bool = False
    kind: Kind
    pattern: str
    place: Place = "prompt"
    action: Action = "refuse"
    replacement: str | None = None
    """What takes the place of what was found, where that is the action."""
    reason: str | None = None

    def looks_at(self, place: Place) -> bool:
        """Whether it looks at the prompt, or at the negative prompt."""
        return self.place in (place, "both")


def checked_rule(
    *,
    pattern: str,
    kind: str | None = None,
    place: str | None = None,
    action: str | None = None,
    replacement: str | None = None,
    reason: str | None = None,
) -> Rule:
    """
    The rule that somebody means; without a kind, a word or a phrase.

    Compiles and tries regular expressions: call it in a worker thread.

    Raises:
        Refused: names the value and the rule that it breaks.
    """
    pattern = pattern.strip()
    texts = {"pattern": pattern, "replacement": replacement or "", "reason": reason or ""}
    most = (MAX_PATTERN_CHARACTERS, MAX_REPLACEMENT_CHARACTERS, MAX_REASON_CHARACTERS)
    for (name, text), maximum in zip(texts.items(), most, strict=True):
        if len(text) > maximum:
            raise Refused("filter-too-long", field=name, maximum=maximum, length=len(text))
    known_kind = _one_of(KINDS, "kind", kind or ("word" if len(pattern.split()) == 1 else "phrase"))
    known_action = _one_of(ACTIONS, "action", action or ("refuse" if replacement is None else "replace"))
    if known_action != "replace" and replacement is not None:
        raise Refused("filter-replacement-unused", action=known_action)
    if known_kind == "regex":
        compiled(pattern)
        probe(pattern)
    elif not words(pattern):
        raise Refused("filter-empty", pattern=pattern)
    return Rule(
        kind=known_kind,
        pattern=pattern,
        place=_one_of(PLACES, "where", place or "prompt"),
        action=known_action,
        replacement=(replacement or "") if known_action == "replace" else None,
        reason=reason or None,
    )


def compiled(pattern: str) -> Any:
    """
    A regular expression, ready.

    Raises:
        Refused: it is none, or writing out its repeats would take the machine's memory.
    """
    if math.prod(max(1, int(number)) for number in REPEATS.findall(pattern)) > MAX_REPEATS:
        raise Refused("filter-regex-repeats", maximum=MAX_REPEATS)
    try:
        return regex.compile(pattern, FLAGS)
    except (regex.error, OverflowError, RecursionError, ValueError) as error:
        raise Refused("filter-regex-broken", pattern=pattern, reason=str(error)) from error


def probe(pattern: str) -> None:
    """
    Try a regular expression on texts that slow ones are slow on.

    Raises:
        Refused: it is slow, or it finds something in every text.
    """
    found = compiled(pattern)
    letters = "".join(dict.fromkeys(regex.sub(r"\W|_", "", pattern)))
    try:
        if found.search("", timeout=PROBE_S, concurrent=True):
            raise Refused("filter-finds-everything", pattern=pattern)
        for text in _probes((*PROBES, *letters[:20], letters)):
            found.search(text, timeout=PROBE_S, concurrent=True)
    except TimeoutError as error:
        raise Refused("filter-slow", pattern=pattern) from error


def _probes(units: Iterable[str]) -> Iterable[str]:
    """Long texts that end otherwise than they begin, so that nothing is found at once."""
    for unit in units:
        if unit:
            yield (unit * PROBE_CHARACTERS)[:PROBE_CHARACTERS] + "\N{SNOWMAN}"


def _one_of(names: tuple[Known, ...], field: str, name: str) -> Known:
    for known in names:
        if known == name:
            return known
    raise Refused("filter-unknown", field=field, text=name, known=", ".join(names))
