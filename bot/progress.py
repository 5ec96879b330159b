"""Live waiting messages: one board edits what has changed, rarely enough for Discord, results always first."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

from bot.undeliverable import DeliveryError, MessageGone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.delivery import Delivery
    from bot.replies import Reply
    from bot.store.requests import RequestRow

log = structlog.stdlib.get_logger(__name__)

RUNNING_EDIT_S = 2.0
"""Discord's edits are limited per message; product promise: never faster than one in two seconds."""
WAITING_EDIT_S = 10.0
WAITING_EDITS_A_SECOND = 2.0
"""Of the whole bot: where more messages wait than that is enough for, each is edited less often."""
EDITS_AT_ONCE = 4
"""The budget that all progress shares: what goes over waits, so that results find the road free."""
LOOK_EVERY_S = 0.25


@dataclass(slots=True)
class _Shown:
    row: RequestRow
    compose: Callable[[], Reply]
    every_s: float
    last_content: str
    edited_at: float
    editing: asyncio.Task[None] | None = None


class Board:
    """
    The waiting messages that are live.

    A message is edited only when its text would change, and never while another edit of it is under way.
    """

    def __init__(self, delivery: Delivery, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._delivery = delivery
        self._clock = clock
        self._shown: dict[int, _Shown] = {}
        self._waiting = 0

    def put(self, row: RequestRow, compose: Callable[[], Reply], *, every_s: float, content: str = "") -> None:
        """Keep a message live with what `compose` says; `content` is what it shows already."""
        before = self._shown.get(row.id)
        self._shown[row.id] = _Shown(
            row,
            compose,
            every_s,
            before.last_content if before else content,
            before.edited_at if before else self._clock(),
            before.editing if before else None,
        )

    def hurry(self, request_id: int) -> None:
        """Let a message be edited at the next look: somebody has just changed what it is about."""
        self._shown[request_id].edited_at = float("-inf")

    async def retire(self, request_id: int) -> None:
        """Leave a message alone from now on; an edit that is under way ends first."""
        shown = self._shown.pop(request_id, None)
        if shown and shown.editing and shown.editing is not asyncio.current_task():
            await asyncio.wait({shown.editing})

    async def run(self, when_gone: Callable[[int], Awaitable[None]]) -> None:
        """
        Edit what is due, longest untouched first, until cancelled.

        Args:
            when_gone: called with a request's id when its message turns out to be deleted.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._waiting = sum(1 for shown in self._shown.values() if shown.every_s >= WAITING_EDIT_S)
            busy = sum(1 for shown in self._shown.values() if shown.editing and not shown.editing.done())
            now = self._clock()
            due = [shown for shown in self._shown.values() if now - shown.edited_at >= self._interval(shown)]
            for shown in sorted(due, key=lambda shown: shown.edited_at):
                if busy >= EDITS_AT_ONCE:
                    break
                if self._start_edit(shown, when_gone):
                    busy += 1

    async def show_all(self, when_gone: Callable[[int], Awaitable[None]]) -> None:
        """Edit every message that says what is no longer so, one after the other, whether it is due or not."""
        for shown in tuple(self._shown.values()):
            if shown.editing:
                await asyncio.wait({shown.editing})
            if self._start_edit(shown, when_gone) and shown.editing:
                await shown.editing

    def _interval(self, shown: _Shown) -> float:
        if shown.every_s < WAITING_EDIT_S:
            return shown.every_s
        return max(shown.every_s, self._waiting / WAITING_EDITS_A_SECOND)

    def _start_edit(self, shown: _Shown, when_gone: Callable[[int], Awaitable[None]]) -> bool:
        now = self._clock()
        if shown.editing and not shown.editing.done():
            return False
        reply = shown.compose()
        if reply.content == shown.last_content:
            if shown.every_s >= WAITING_EDIT_S:
                shown.edited_at = now  # looked at in its turn again, since thousands may wait
            return False
        shown.edited_at, shown.last_content = now, reply.content
        shown.editing = asyncio.create_task(self._edit(shown.row, reply, when_gone))
        return True

    async def _edit(self, row: RequestRow, reply: Reply, when_gone: Callable[[int], Awaitable[None]]) -> None:
        """Progress may be lost without harm: only the news that its message is gone is acted upon."""
        try:
            await self._delivery.show_once(row, reply)
        except MessageGone:
            await when_gone(row.id)
        except (DeliveryError, discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("progress_not_shown", request_id=row.id, error=repr(error))
