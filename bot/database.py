"""The one SQLite file: one process, one writer, one reader, transactions."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import aiosqlite
import structlog

from bot import lockfile
from bot.migrate import BUSY_TIMEOUT_S, DatabaseError, bring_up, check_existing, migrations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from aiosqlite import Connection

__all__ = ["Database", "DatabaseError", "migrate", "translated"]

log = structlog.stdlib.get_logger(__name__)

REASONS = {
    "SQLITE_NOTADB": "is no SQLite database",
    "SQLITE_CORRUPT": "is damaged",
    "SQLITE_READONLY": "cannot be written",
    "SQLITE_PERM": "cannot be written",
    "SQLITE_CANTOPEN": "cannot be opened and written",
    "SQLITE_FULL": "cannot grow: the disk is full",
    "SQLITE_BUSY": f"has been locked by another program for {BUSY_TIMEOUT_S:g} s",
}
"""What SQLite's primary error codes mean for the operator. Source: https://www.sqlite.org/rescode.html."""


class Database:
    """
    One writer and one reader on a file that this process alone uses; whatever was committed survives a loss of power.

    Transactions and readings wait for each other among their kind, so neither lasts longer than its statements:
    nobody waits for Discord or the engine inside one.
    """

    def __init__(self, writer: Connection, reader: Connection, applied: tuple[str, ...]) -> None:
        self.applied = applied
        """The migrations that this opening applied."""
        self._writer = writer
        self._reader = reader
        self._writing = asyncio.Lock()
        self._reading = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, command: str = "run") -> AsyncIterator[Database]:
        """
        Lock the file for this process, bring it up to this program's version, and open it.

        Args:
            command: what the lock file says of its holder, after `python -m bot`.

        Raises:
            DatabaseError: the sentence names the file and what is wrong with it.
        """
        with _held(path, command):
            with translated(path):
                applied = await asyncio.to_thread(bring_up, path, migrations())
            async with _opened(path) as (writer, reader):
                yield cls(writer, reader, applied)

    @classmethod
    @asynccontextmanager
    async def beside(cls, path: Path) -> AsyncIterator[Database]:
        """
        Open a file that another process may hold, for what is done in few transactions and leaves it as it is.

        Raises:
            DatabaseError: there is no such file, or it has not this program's version.
        """
        with translated(path):
            await asyncio.to_thread(check_existing, path, version=migrations()[-1].version)
        async with _opened(path) as (writer, reader):
            yield cls(writer, reader, ())

    @asynccontextmanager
    async def transaction(self, *, patient: bool = False) -> AsyncIterator[Connection]:
        """
        The writer, in a transaction of its own: committed at the end, rolled back on any exception.

        Args:
            patient: another program's lock is waited for as long as it lasts: for what has happened, and must be noted.
        """
        async with self._writing:
            try:
                await self._begin(patient=patient)
                yield self._writer
                await self._writer.execute("COMMIT")
            except BaseException:
                # aiosqlite works in order: this undoes even a BEGIN whose waiter was cancelled.
                await self._writer.rollback()
                raise

    async def _begin(self, *, patient: bool) -> None:
        while True:
            try:
                await self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not patient or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                log.warning("database_locked", waited_s=BUSY_TIMEOUT_S)
            else:
                return

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """The reader: all statements inside see one and the same state of the database."""
        async with self._reading:
            try:
                await self._reader.execute("BEGIN")
                yield self._reader
            finally:
                await self._reader.rollback()


async def migrate(path: Path) -> tuple[str, ...]:
    """Bring the database up to this program, and nothing else; the names of the migrations that were applied."""
    async with Database.open(path, command="migrate") as database:
        return database.applied


@contextmanager
def _held(path: Path, command: str) -> Iterator[None]:
    """The lock on `path`, in a folder that exists; taken beside the real file where `path` is a link."""
    with ExitStack() as stack:
        try:
            if str(path) == ":memory:":
                raise DatabaseError("the database :memory: would be forgotten: DATABASE_PATH names a file")
            if path.is_dir():
                raise DatabaseError(f"the database {path} is a folder: DATABASE_PATH names a file")
            real = path.resolve()
            real.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(lockfile.hold(real.with_name(f"{real.name}.lock"), command=command))
        except lockfile.AlreadyHeld as exc:
            raise DatabaseError(f"the database {path} is already in use by {exc}: stop that first") from exc
        except OSError as exc:
            reason = "not a folder" if isinstance(exc, FileExistsError) else exc.strerror
            raise DatabaseError(f"the database {path} cannot be written: {exc.filename}: {reason}") from exc
        yield


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[tuple[Connection, Connection]]:
    """A writer and a reader."""
    async with _connected(path) as writer, _connected(path) as reader:
        with translated(path):
            await writer.execute("PRAGMA synchronous = FULL")
            await writer.execute("PRAGMA foreign_keys = ON")
            await writer.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
            await reader.execute("PRAGMA query_only = ON")
        yield writer, reader


@asynccontextmanager
async def _connected(path: Path) -> AsyncIterator[Connection]:
    with translated(path):
        connection = await aiosqlite.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        yield connection
    finally:
        await connection.close()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """
    What SQLite says about this file becomes a sentence for the operator.

    Raises:
        DatabaseError: it cannot be used.
    """
    try:
        yield
    except sqlite3.Error as exc:
        primary = "_".join(getattr(exc, "sqlite_errorname", "").split("_")[:2])
        raise DatabaseError(f"the database {path} {REASONS.get(primary, f'cannot be used: {exc}')}") from exc
    except OSError as exc:
        raise DatabaseError(f"the database {path} cannot be used: {exc}") from exc
