"""Picture bytes on the disk by SHA-256: kept for a while, and gone in time, for want of room, or with their request."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.admission import Gate, Refused
from bot.chores import Chore
from bot.store import files as stored
from bot.store.files import FileRow, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from aiosqlite import Connection

    from bot.database import Database
    from bot.store.requests import Ask

log = structlog.stdlib.get_logger(__name__)

SWEEP_EVERY_S = 15 * 60.0
UNFINISHED_FOR_S = 60 * 60.0
"""What has been half written for so long was left by a process that died."""
SHA256 = re.compile("[0-9a-f]{64}")
UNFINISHED = ".unfinished"


class FileGone(Exception):
    """The bytes are no longer kept."""


class Files:
    """
    A file stays as long as a row names it.

    The row comes first and goes first, so that a crash leaves at most a file without a row, which the sweeper removes.
    Unlinking looks once more inside a transaction: two processes may be at it, of which one runs `forget`.
    """

    def __init__(
        self, folder: Path, database: Database, *, most_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._database = database
        self._most_bytes = most_bytes
        self._clock = clock

    async def put(self, data: bytes, *, kind: Kind, request_id: int, keep_until: float) -> str:
        """
        Keep these bytes for a request; their SHA-256, once they are safe on the disk.

        Of a request whose words or message are gone meanwhile, nothing is kept.

        Raises:
            OSError: the disk does not take them.
        """
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        row = FileRow(
            sha256=sha256,
            kind=kind,
            request_id=request_id,
            size_bytes=len(data),
            stored_at=self._clock(),
            keep_until=keep_until,
        )
        async with self._database.transaction(patient=True) as connection:
            may_stay = await stored.add(connection, row)
        if may_stay:
            try:
                await asyncio.to_thread(_write, self._path(sha256), data)
            except OSError:
                await self.drop([request_id], sha256=sha256)
                raise
            await self._trim()
        return sha256

    async def read(self, sha256: str) -> bytes:
        """
        The bytes with this SHA-256.

        Raises:
            FileGone: they are no longer kept.
        """
        try:
            return await asyncio.to_thread(self._path(sha256).read_bytes)
        except FileNotFoundError as error:
            raise FileGone(sha256) from error

    async def drop(self, request_ids: Collection[int], *, sha256: str | None = None) -> None:
        """Keep nothing more for these requests, or of that no longer one file."""
        async with self._database.transaction(patient=True) as connection:
            struck = await stored.remove_of_requests(connection, request_ids, sha256=sha256)
        await self.unlink(struck)

    @property
    def chores(self) -> tuple[Chore, ...]:
        """What is to be done now and again."""
        return (Chore(self.sweep, SWEEP_EVERY_S),)

    async def sweep(self) -> None:
        """Remove what has been kept long enough, what does not fit, and what no row names."""
        async with self._database.transaction(patient=True) as connection:
            struck = await stored.remove_expired(connection, now=self._clock())
        await self.unlink(struck)
        await self._trim()
        found = await asyncio.to_thread(_found, self._folder, self._clock() - UNFINISHED_FOR_S)
        async with self._database.reading() as connection:
            named = await stored.named(connection)
        await self.unlink(found - named)

    async def unlink(self, struck: Iterable[str]) -> None:
        """Remove the files among these that no row names."""
        for sha256 in struck:
            async with self._database.transaction(patient=True) as connection:
                if not await stored.is_named(connection, sha256):
                    self._path(sha256).unlink(missing_ok=True)

    async def _trim(self) -> None:
        async with self._database.transaction(patient=True) as connection:
            struck = await stored.remove_above(connection, most_bytes=self._most_bytes)
        if struck:
            log.warning("files_above_cap", removed=len(struck), most_bytes=self._most_bytes)
            await self.unlink(struck)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256


class RoomOnDisk(Gate):
    """A gate: nothing new is begun while the disk that holds pictures and database is nearly full."""

    def __init__(self, folders: Collection[Path], *, least_free_bytes: int) -> None:
        self._folders = folders
        self._least_free_bytes = least_free_bytes

    async def check(self, _connection: Connection, ask: Ask, *, now: float) -> Ask:  # noqa: ARG002 - as every gate
        """
        Let a request pass while there is room.

        Raises:
            Refused: there is none.
        """
        if free_bytes(self._folders) < self._least_free_bytes:
            raise Refused("disk-full")
        return ask


def open_folder(folder: Path) -> None:
    """
    Make the folder where there is none, and try whether it takes files.

    Raises:
        OSError: it does not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def kept_files(folder: Path) -> list[Path]:
    """All files of pictures."""
    return sorted(file for file in folder.glob("*/*") if SHA256.fullmatch(file.name))


def free_bytes(folders: Iterable[Path]) -> int:
    """How much the fullest of the disks takes that hold these folders, which may not exist yet."""
    return min(shutil.disk_usage(_existing(folder.absolute())).free for folder in folders)


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _write(path: Path, data: bytes) -> None:
    """Write a file that has its name only once it is whole on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=UNFINISHED, delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            file.close()  # Windows renames no open file
            Path(file.name).replace(path)
        except BaseException:
            file.close()
            Path(file.name).unlink(missing_ok=True)
            raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _found(folder: Path, unfinished_since: float) -> set[str]:
    """The names of all files of pictures; what was left half written before then is removed."""
    for unfinished in folder.glob(f"*/*{UNFINISHED}"):
        if unfinished.stat().st_mtime < unfinished_since:
            unfinished.unlink(missing_ok=True)
    return {file.name for file in kept_files(folder)}
