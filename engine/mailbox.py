"""From the engine's thread to whoever waits on an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.events import Progress

if TYPE_CHECKING:
    from engine.events import Event


class Mailbox:
    """What was posted and is not yet read, in order; of the progress only the newest, however slow the reader is."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._unread: deque[Event | Exception] = deque()
        self._arrived = asyncio.Event()

    def post(self, event: Event | Exception) -> None:
        """Hand over from any thread; where the reader's event loop is closed, nobody is there to read."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._receive, event)

    async def read(self) -> Event:
        """
        The next event, as soon as there is one.

        Raises:
            Exception: the one that was posted.
        """
        await self._arrived.wait()
        event = self._unread.popleft()
        if not self._unread:
            self._arrived.clear()
        if isinstance(event, Exception):
            raise event
        return event

    def _receive(self, event: Event | Exception) -> None:
        if isinstance(event, Progress):
            self._unread = deque(unread for unread in self._unread if not isinstance(unread, Progress))
        self._unread.append(event)
        self._arrived.set()
