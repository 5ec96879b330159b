"""What is done now and again beside the bot's work: a fault in it is logged, and it is tried again in its time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something that is done now and again."""

    do: Callable[[], Awaitable[None]]
    every_s: float
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where it is to be done at once."""


@asynccontextmanager
async def kept_up(chores: Iterable[Chore]) -> AsyncIterator[None]:
    """Do these now and again while the block lasts."""
    tasks = [asyncio.create_task(_keep_up(chore)) for chore in chores]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_up(chore: Chore) -> None:
    while True:
        chore.woken.clear()
        try:
            await chore.do()
        except Exception:
            log.exception("chore_failed", chore=chore.do.__qualname__)
        with suppress(TimeoutError):
            await asyncio.wait_for(chore.woken.wait(), chore.every_s)
