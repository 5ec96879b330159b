"""The floor and the filters as gates of admission: what will be encoded is looked at before anything is charged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from bot.admission import Gate, Refused
from bot.locales import DEFAULT_LOCALE, catalogue
from bot.moderation import floor
from bot.moderation.encoded import encoded
from bot.moderation.filters import Filters
from bot.policy import DAY_S
from bot.store import audit, blocks
from bot.store import filters as stored_filters
from bot.store.audit import Deed
from bot.store.blocks import EVERYWHERE, Block
from engine import InvalidRequest
from engine.prompt import TAG, Note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiosqlite import Connection

    from bot.moderation.filters import Hit
    from bot.moderation.rules import Rule
    from bot.store.requests import Ask
    from engine import CompleteRequest
    from engine.reading import Reading

    Readings = Callable[[CompleteRequest], Sequence[Reading]]

MAX_CACHED_SERVERS = 100
MAX_HITS = 3
"""So many times the floor in a day, and the member is blocked."""
log = structlog.stdlib.get_logger(__name__)


class FilterRefused(Refused):
    """A rule does not allow what will be encoded; which one, is for the audit."""

    def __init__(self, hit: Hit) -> None:
        source = "bot" if hit.rule.is_operators else "server"
        if hit.rule.kind == "regex":
            super().__init__(f"filter-refused-{source}")
        else:
            super().__init__(f"filter-refused-{source}-word", word=hit.found)
        self.hit = hit


class FloorGate(Gate):
    """What nobody switches off; three times within a day block a member everywhere."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    async def check(self, _: Connection, ask: Ask, *, now: float) -> Ask:  # noqa: ARG002 - a gate is told the time
        """
        Let a request pass.

        Raises:
            Refused: its text combines what must not be combined.
        """
        if await asyncio.to_thread(self.refuses, ask.request):
            raise Refused("floor")
        return ask

    def refuses(self, request: CompleteRequest) -> bool:
        """Whether the floor refuses what was typed, or what is read of it. Runs in a worker thread."""
        pictures = encoded(self._readings(request)).pictures
        typed = dict.fromkeys((request.prompt, *(picture.prompt for picture in request.pictures)))
        return any(map(floor.combines, (*pictures, *([TAG.sub(" ", text)] for text in typed))))

    async def after_refusal(self, connection: Connection, ask: Ask, refused: Refused, *, now: float) -> None:
        """Count the hit, and block whoever has had too many."""
        if refused.key != "floor":
            return
        facts = {"channel_id": ask.channel_id}
        hit = Deed(action="floor-hit", guild_id=ask.guild_id, actor_id=None, user_id=ask.user_id, facts=facts)
        await audit.append(connection, hit, now=now)
        count = await audit.count_since(connection, user_id=ask.user_id, action="floor-hit", since=now - DAY_S)
        log.warning("floor_hit", user_id=ask.user_id, guild_id=ask.guild_id, channel_id=ask.channel_id, count=count)
        if count >= MAX_HITS:
            await self._block(connection, ask.user_id, now)

    async def _block(self, connection: Connection, user_id: int, now: float) -> None:
        """Until the operator lifts it."""
        block = Block(
            guild_id=EVERYWHERE,
            user_id=user_id,
            kind="floor",
            until=None,
            reason=None,
            blocked_by=None,
            blocked_at=now,
        )
        await blocks.put(connection, block)
        await audit.append(
            connection, Deed(action="floor-blocked", guild_id=None, actor_id=None, user_id=user_id), now=now
        )
        log.warning("floor_blocked", user_id=user_id)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What rules make of a request."""

    ask: Ask
    """With what they replace replaced."""
    refusing: Hit | None
    noted: tuple[Hit, ...]
    """Of rules that let it pass."""
    slow: frozenset[Rule]


class FilterGate(Gate):
    """The operator's rules and the server's, ready for use until they change."""

    def __init__(self, readings: Readings, floor: FloorGate, operators: Sequence[Rule] = ()) -> None:
        self.operators = tuple(operators)
        self.floor = floor
        self._readings = readings
        self._ready: dict[int | None, tuple[tuple[int, int], Filters]] = {}
        self._told_slow: set[Rule] = set()

    async def check(self, connection: Connection, ask: Ask, *, now: float) -> Ask:
        """
        Let a request pass, as it is or with words replaced.

        Raises:
            Refused: a rule does not allow it, or what replacing makes of it stands below the floor.
        """
        filters = await self.filters(connection, ask.guild_id)
        if not filters.rules:
            return ask
        verdict = await asyncio.to_thread(self.judge, filters, ask)
        if verdict.refusing is not None:
            raise FilterRefused(verdict.refusing)
        for rule in verdict.slow - self._told_slow:
            self._told_slow.add(rule)
            log.warning("filter_slow", guild_id=ask.guild_id, rule=rule.id)
            await audit.append(connection, _deed("filter-slow", ask, rule), now=now)
        await audit.append(connection, *(_deed("filter-hit", ask, hit.rule) for hit in verdict.noted), now=now)
        if verdict.ask != ask and await asyncio.to_thread(self.floor.refuses, verdict.ask.request):
            raise FilterRefused(verdict.noted[0])  # the rule's doing: it is no hit of the member's
        return verdict.ask

    async def after_refusal(self, connection: Connection, ask: Ask, refused: Refused, *, now: float) -> None:
        """Note which rule it was, without the words."""
        if isinstance(refused, FilterRefused):
            await audit.append(connection, _deed("filter-hit", ask, refused.hit.rule), now=now)

    async def filters(self, connection: Connection, guild_id: int | None) -> Filters:
        """The rules that hold in a server, or in direct messages (None)."""
        version = await stored_filters.version(connection, guild_id)
        known = self._ready.get(guild_id)
        if known is None or known[0] != version:
            rules = await stored_filters.of_server(connection, guild_id)
            known = version, await asyncio.to_thread(Filters, (*self.operators, *rules))
            if len(self._ready) >= MAX_CACHED_SERVERS:
                self._ready.clear()
            self._ready[guild_id] = known
        return known[1]

    def judge(self, filters: Filters, ask: Ask) -> Verdict:
        """What rules make of a request. Runs in a worker thread."""
        search = filters.search(encoded(self._readings(ask.request)))
        refusing, replacing = search.of("refuse"), search.of("replace")
        if not refusing and replacing:
            try:
                ask = _replaced(filters, ask)
            except InvalidRequest:  # nothing is left, or it has become too long
                refusing = replacing
            else:
                after = filters.search(encoded(self._readings(ask.request)))
                refusing = after.of("refuse", "replace")
                search.slow |= after.slow
        return Verdict(
            ask=ask,
            refusing=refusing[0] if refusing else None,
            noted=(*replacing, *search.of("log")),
            slow=frozenset(search.slow),
        )


def _replaced(filters: Filters, ask: Ask) -> Ask:
    """
    The request as the rules want it, with a note; also what was typed shows no more than that.

    Raises:
        InvalidRequest: that is no request.
    """
    request, typed = ask.request, ask.typed_prompt
    prompt = filters.replaced(request.prompt, "prompt")
    if typed is not None:
        is_begun = typed.startswith(request.prompt)
        typed = prompt + typed[len(request.prompt) :] if is_begun else filters.replaced(typed, "prompt")
    changed = replace(
        request,
        prompt=prompt,
        negative_prompt=filters.replaced(request.negative_prompt, "negative"),
        variants=tuple(replace(each, prompt=filters.replaced(each.prompt, "prompt")) for each in request.variants),
    )
    note = Note("filter_replaced", catalogue(DEFAULT_LOCALE).say("note-filter-replaced"))
    return replace(ask, request=changed, typed_prompt=typed, notes=(*ask.notes, note))


def _deed(action: str, ask: Ask, rule: Rule) -> Deed:
    source = "bot" if rule.is_operators else "server"
    facts = {"rule": rule.id, "list": source, "action": rule.action, "channel_id": ask.channel_id}
    return Deed(action=action, guild_id=ask.guild_id, actor_id=None, user_id=ask.user_id, facts=facts)
