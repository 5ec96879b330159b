"""The real bot as a process of its own, and members who keep it busy."""

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

import bot
from bot.playground import Playground
from bot.settings import SETTING_NAMES

SOURCE = Path(bot.__file__).parents[1]
CHANNEL = "art"
START_S = 120.0
RUN = ("-m", "bot", "run")


@asynccontextmanager
async def running_bot(playground: Playground, folder: Path, *command: str):
    """The process; it is connected, and its model may still be loading."""
    environment = {key: value for key, value in os.environ.items() if key not in SETTING_NAMES} | {
        "PYTHONPATH": str(SOURCE),
        "DISCORD_TOKEN": playground.token,
        "DISCORD_API_URL": playground.api_url,
        "DATABASE_PATH": str(folder / "bot.sqlite3"),
        "LIMIT_PICTURES_PER_DAY": "1000000",
        "LOG_LEVEL": "ERROR",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, *(command or RUN), cwd=folder, env=environment)
    try:
        await playground.wait_for(lambda: playground.is_connected, START_S)
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


class Crowd:
    """Members of the playground, and when their pictures have come."""

    def __init__(self, playground: Playground, count: int) -> None:
        self.names = [f"member{number}" for number in range(count)]
        self.ack_s: list[float] = []
        self._playground = playground
        self._drawn: dict[str, asyncio.Event] = {}
        for name in self.names:
            playground.add_member(name)

    def listen(self, event: dict) -> None:
        """Notice pictures; a listener of the playground."""
        if event["type"] == "message_update" and event["message"]["attachments"]:
            self._arrival(event["id"]).set()

    async def command(self, user: str, name: str, **options: object) -> dict:
        """Run a command; how long its first answer took is noted."""
        result = await self._playground.command(name, options, user=user, channel=CHANNEL)
        assert result["state"] == "done", result
        self.ack_s.append(result["ack_after"])
        return result

    async def draw(self, user: str, **options: object) -> float:
        """Run `/imagine` and wait for the picture; the seconds that it took."""
        began = time.monotonic()
        result = await self.command(user, "imagine", **options)
        await self._arrival(result["message"]["id"]).wait()
        del self._drawn[result["message"]["id"]]
        return time.monotonic() - began

    def _arrival(self, message_id: str) -> asyncio.Event:
        return self._drawn.setdefault(message_id, asyncio.Event())
