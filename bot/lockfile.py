"""One process per database: a lock of the operating system that dies with its process."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    LOCKED_BYTE = 2**30
    """Far behind the text: Windows forbids others to read what is locked."""

    def _lock(file: IO[str]) -> None:
        os.lseek(file.fileno(), LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        os.lseek(file.fileno(), 0, os.SEEK_SET)

    def _unlock(file: IO[str]) -> None:
        os.lseek(file.fileno(), LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

    HELD = PermissionError
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)

    HELD = BlockingIOError


class AlreadyHeld(Exception):
    """Another process holds the lock; the text says which."""


@contextmanager
def hold(path: Path, *, command: str) -> Iterator[None]:
    """
    Hold the lock on this file, whose text names the holder; the file stays afterwards, empty.

    Raises:
        AlreadyHeld: another process, or this one, holds it.
        OSError: the file cannot be made or locked.
    """
    with path.open("a+", encoding="utf-8") as file:
        file.seek(0)
        try:
            _lock(file)
        except HELD as exc:
            raise AlreadyHeld(file.read(200).strip() or "another process") from exc
        try:
            file.truncate(0)
            file.write(f"python -m bot {command}, process {os.getpid()}\n")
            file.flush()
            yield
        finally:
            file.truncate(0)
            _unlock(file)
