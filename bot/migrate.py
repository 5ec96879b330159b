"""Brings a database file up to this program: numbered scripts, each landing together with its number."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING

import structlog

from bot.store.copies import write_copy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

APPLICATION_ID = 0x696D6167
"""What the first migration writes into the file's header, so that no other program's database is touched."""
KEPT_COPIES = 3
BUSY_TIMEOUT_S = 30.0

log = structlog.stdlib.get_logger(__name__)


class DatabaseError(Exception):
    """The database cannot be used, with a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered script."""

    version: int
    name: str
    sql: str


def migrations() -> tuple[Migration, ...]:
    """The scripts of the package `migrations`, in order."""
    files = sorted((file for file in resources.files("migrations").iterdir() if file.name.endswith(".sql")), key=str)
    return tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files)


def bring_up(path: Path, known: Sequence[Migration]) -> tuple[str, ...]:
    """
    Apply what is missing, after a copy of a database that has rows; the names of what was applied.

    Blocks on the disk: not for the event loop.

    Raises:
        DatabaseError: the file is no database, another program's, newer than `known`, or cannot be written.
        sqlite3.Error: what SQLite itself says about the file.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        version = _checked_version(connection, path, known[-1].version)
        connection.execute("PRAGMA journal_mode = WAL")
        pending = [migration for migration in known if migration.version > version]
        if pending and _has_rows(connection):
            log.info("database_copied", copy=str(_copy(path, version)))
        for migration in pending:
            _apply(connection, path, migration)
            log.info("database_migrated", migration=migration.name)
    return tuple(migration.name for migration in pending)


def _checked_version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    version = _pragma(connection, "user_version")
    if version > newest:
        copies = [copy for copy in _copies(path) if _copied_version(copy) <= newest]
        way_out = (
            f"or put the copy {copies[-1]} in its place" if copies else "since there is no copy that it could read"
        )
        raise DatabaseError(
            f"the database {path} has version {version}, and this program knows versions up to {newest}: "
            f"update the program, {way_out}"
        )
    has_tables = bool(connection.execute("SELECT EXISTS (SELECT 1 FROM sqlite_schema)").fetchone()[0])
    if has_tables and _pragma(connection, "application_id") != APPLICATION_ID:
        raise DatabaseError(f"{path} is the database of another program: set DATABASE_PATH to a file of the bot's own")
    # Only a write finds a read-only file: SQLite opens it without a word, and BEGIN IMMEDIATE does not mind either.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("ROLLBACK")
    return version


def check_existing(path: Path, *, version: int | None = None) -> None:
    """
    Check that a file is there and is a database of the bot, and touch nothing.

    Args:
        version: which it must have; None: any.

    Raises:
        DatabaseError: it is none, or has another version.
        sqlite3.Error: what SQLite itself says about the file.
    """
    if not path.is_file():
        raise DatabaseError(f"the database {path} does not exist")
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        if _pragma(connection, "application_id") != APPLICATION_ID:
            raise DatabaseError(f"{path} is no database of this bot: set DATABASE_PATH to the bot's own")
        found = _pragma(connection, "user_version")
    if version is not None and found != version:
        way_out = "update the program" if found > version else "run `python -m bot migrate` first"
        raise DatabaseError(f"the database {path} has version {found}, and this needs version {version}: {way_out}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _has_rows(connection: sqlite3.Connection) -> bool:
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    )
    return any(
        connection.execute(f'SELECT EXISTS (SELECT 1 FROM "{name}")').fetchone()[0]  # noqa: S608 - names of our own tables
        for (name,) in tables.fetchall()
    )


def _copy(path: Path, version: int) -> Path:
    """Write a copy beside the database, complete on the disk before it has its name, and forget the oldest."""
    unfinished = path.with_name(f"{path.name}.copying")
    unfinished.unlink(missing_ok=True)
    write_copy(path, unfinished, timeout_s=BUSY_TIMEOUT_S, now=time.time())
    copy = path.with_name(f"{path.name}.v{version:04}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    unfinished.replace(copy)
    for old in _copies(path)[:-KEPT_COPIES]:
        old.unlink()
    return copy


def _copies(path: Path) -> list[Path]:
    """The copies beside the database, oldest first."""
    named = re.compile(re.escape(path.name) + r"\.v\d{4,}-(\d{8}T\d{6}\.\d{6}Z)")
    found = [(match[1], file) for file in path.parent.iterdir() if (match := named.fullmatch(file.name))]
    return [file for _, file in sorted(found)]


def _copied_version(copy: Path) -> int:
    return int(copy.name.rpartition(".v")[2].partition("-")[0])


def _apply(connection: sqlite3.Connection, path: Path, migration: Migration) -> None:
    # Foreign keys are off on this connection, as a table's rebuild needs; so they are checked before the commit.
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{migration.sql}\n;PRAGMA user_version = {migration.version};")
        if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
            raise DatabaseError(
                f"{migration.name} would leave {len(broken)} broken references in {path}; nothing changed"
            )
        connection.execute("COMMIT")
    except sqlite3.Error as exc:
        raise DatabaseError(f"{migration.name} could not be applied to {path}, which stays as it was: {exc}") from exc
