"""`python -m bot backup FILE.tar`: everything that is kept in one archive, made beside a running bot."""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bot.database import translated
from bot.files import kept_files
from bot.migrate import BUSY_TIMEOUT_S, check_existing
from bot.store.copies import write_copy

if TYPE_CHECKING:
    from bot.settings import Settings

DATABASE_NAME, FILES_NAME = "bot.sqlite3", "files"
"""What stands in the archive: unpacked in `data`, they stand where the settings' defaults look for them."""
PRIMARY_CODE = 0xFF
NOT_TAKEN = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""The disk of the archive does not take the copy: nothing else is written."""


class BackupError(Exception):
    """The archive cannot be written; the message is a key of the catalogue."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


def back_up(settings: Settings, archive: Path) -> int:
    """
    Write the database and all pictures that are kept into a new archive, which only its owner may read.

    The database goes first: a picture that goes meanwhile is one that was to go.

    Returns:
        How many pictures are in it.

    Raises:
        BackupError: the archive exists, or cannot be written.
        DatabaseError: the database does not exist, or cannot be copied.
    """
    if os.path.lexists(archive):
        raise BackupError("backup-exists", path=str(archive))
    database = settings.database_path
    with translated(database):
        check_existing(database)
    try:
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix=f"{archive.name}.") as folder:
            copy, unfinished = Path(folder) / DATABASE_NAME, Path(folder) / "archive"
            with translated(database):
                _copy(database, copy, archive)
            count = _write(unfinished, copy, settings.data_dir)
            unfinished.rename(archive)
    except OSError as error:
        raise BackupError("backup-not-written", path=str(archive), error=error.strerror or str(error)) from error
    return count


def _copy(database: Path, copy: Path, archive: Path) -> None:
    try:
        write_copy(database, copy, timeout_s=BUSY_TIMEOUT_S, now=time.time())
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & PRIMARY_CODE in NOT_TAKEN:
            raise BackupError("backup-not-written", path=str(archive), error=str(error)) from error
        raise


def _write(path: Path, database: Path, folder: Path) -> int:
    count = 0
    with open(path, "wb", opener=_for_its_owner) as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(database, DATABASE_NAME)
            for kept in kept_files(folder):
                with suppress(FileNotFoundError):
                    archive.add(kept, f"{FILES_NAME}/{kept.relative_to(folder).as_posix()}")
                    count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
