"""`python -m bot run` as a process of its own, which can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bot
from bot.playground import Playground
from bot.settings import SETTING_NAMES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOURCE = Path(bot.__file__).parents[1]
PLAIN = ("-m", "bot", "run")
PACED = (str(Path(__file__).with_name("paced_bot.py")),)
PATIENCE_S = 6.0
"""How long members here wait for a first answer; that three seconds suffice is measured, where nothing else runs."""
ANSWERED_S = PATIENCE_S + 1.0
START_S = 150.0
END_S = 150.0
LOOK_EVERY_S = 0.02
DOCUMENT = os.environ.get("DISCORD_OPENAPI")


@asynccontextmanager
async def opened_playground() -> AsyncIterator[Playground]:
    """A playground whose bot sends nothing that Discord's OpenAPI document forbids, where there is a copy of it."""
    async with Playground.open(openapi=Path(DOCUMENT) if DOCUMENT else None) as playground:
        playground.limits.deadline_s = PATIENCE_S
        yield playground
        assert playground.spec_errors == [], "\n".join(playground.spec_errors)
        assert playground.own_errors == [], "\n".join(playground.own_errors)


@dataclass
class BotProcess:
    """The bot in a playground; its database outlives its processes."""

    playground: Playground
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = PACED
    process: asyncio.subprocess.Process | None = None

    @property
    def database_path(self) -> Path:
        return self.folder / "bot.sqlite3"

    @property
    def log_path(self) -> Path:
        return self.folder / "bot.log"

    @property
    def log(self) -> str:
        """Everything that all its processes have printed."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def launch(self, **settings: str) -> None:
        """Start the process, and do not wait for anything."""
        assert not self.is_running
        environment = {key: value for key, value in os.environ.items() if key not in SETTING_NAMES} | {
            "PYTHONPATH": str(SOURCE),
            "OMP_NUM_THREADS": "1",
            "DISCORD_TOKEN": self.playground.token,
            "DISCORD_API_URL": self.playground.api_url,
            "DATABASE_PATH": str(self.database_path),
            **self.settings,
            **settings,
        }
        with self.log_path.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *self.program, cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    async def start(self, **settings: str) -> None:
        """Start the process and wait until it is connected; its model may still be loading."""
        await self.launch(**settings)
        assert self.process is not None
        ended = asyncio.create_task(self.process.wait())
        connected = asyncio.create_task(self.playground.wait_for(lambda: self.playground.is_connected, START_S))
        await asyncio.wait({ended, connected}, return_when=asyncio.FIRST_COMPLETED)
        was_connected = connected.done() and not connected.exception()  # and may be cut off again by now
        for task in (ended, connected):
            task.cancel()
        assert self.is_running, f"the bot ended with status {self.process.returncode}:\n{self.log}"
        assert was_connected, self.log

    async def ended(self) -> int:
        """The exit status, once the process has ended."""
        assert self.process is not None
        async with asyncio.timeout(END_S):
            return await self.process.wait()

    async def kill(self) -> None:
        """As a power cut: SIGKILL, and nothing of it is left on the gateway."""
        await self._signalled(signal.SIGKILL)

    async def stop(self) -> int:
        """As an operator does: SIGTERM; the exit status."""
        return await self._signalled(signal.SIGTERM)

    async def _signalled(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.is_running:
            self.process.send_signal(number)
        status = await self.ended()
        await self.playground.wait_for(lambda: not self.playground.is_connected)
        return status

    async def saying(self, text: str) -> None:
        """Wait until its log holds this."""
        async with asyncio.timeout(END_S):
            while text not in self.log:  # noqa: ASYNC110 - a file tells nobody when it grows
                await asyncio.sleep(LOOK_EVERY_S)

    def rows(self, where: str = "1", *values: Any) -> list[sqlite3.Row]:
        """Rows of the ledger, oldest first, read from outside."""
        with closing(sqlite3.connect(f"file:{self.database_path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(f"SELECT * FROM requests WHERE {where} ORDER BY id", values).fetchall()  # noqa: S608

    async def ended_rows(self, where: str, *values: Any) -> list[sqlite3.Row]:
        """Those rows, once all of them have ended: the ledger is settled just after the message."""
        async with asyncio.timeout(END_S):
            while not all(row["ended_at"] for row in self.rows(where, *values)):  # noqa: ASYNC110 - the database tells nobody when it changes
                await asyncio.sleep(LOOK_EVERY_S)
        return self.rows(where, *values)

    def execute(self, statement: str, *values: Any) -> None:
        """Change the database from outside."""
        with closing(sqlite3.connect(self.database_path, isolation_level=None)) as connection:
            connection.execute(statement, values)
