"""What happens in the playground, told to whoever listens: gateway, page, waiting tests."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from typing import TypeVar

from bot.playground.errors import Json

Found = TypeVar("Found")


class Intent(IntFlag):
    """The gateway intents that decide what the playground sends."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_MODERATION = 1 << 2
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    DIRECT_MESSAGES = 1 << 12
    MESSAGE_CONTENT = 1 << 15


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One gateway event; sessions without `intent` do not hear it, 0 is heard by all."""

    name: str
    data: Json
    guild_id: str | None
    intent: int = 0


class Feed:
    """Everything is told in the order in which it happened, and before the call that did it returns."""

    def __init__(self) -> None:
        self._gateways: set[Callable[[Dispatch], None]] = set()
        self._listeners: set[Callable[[Json], None]] = set()

    def carry(self, gateway: Callable[[Dispatch], None]) -> None:
        """Hand every gateway event to `gateway` from now on."""
        self._gateways.add(gateway)

    def dispatch(self, event: Dispatch) -> None:
        """Send a gateway event to the bot's sessions."""
        for gateway in self._gateways:
            gateway(event)

    def tell(self, type_: str, **facts: object) -> None:
        """Tell the page and waiting tests; `control.py` documents the types."""
        for listener in tuple(self._listeners):
            listener({"type": type_, **facts})

    @contextmanager
    def listening(self, listener: Callable[[Json], None]) -> Iterator[None]:
        """Call `listener` with every event while the block runs."""
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)

    async def until(self, predicate: Callable[[], Found | None], timeout_s: float) -> Found:
        """
        What `predicate` gives as soon as it is true; it is asked again after every event.

        Raises:
            TimeoutError: it did not become true in time.
        """
        changed = asyncio.Event()
        with self.listening(lambda _: changed.set()):
            async with asyncio.timeout(timeout_s):
                while not (found := predicate()):
                    await changed.wait()
                    changed.clear()
        return found
