"""Copies of the whole database that may take its place, made while others use it; blocking: not for the event loop."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RESERVED_IDS = 100_000
"""
More numbers than are given between a copy and the loss of what it was made of.

A database that was put back gives other numbers than those that were lost with the old one: their buttons still stand
in Discord, and must lead to nothing of anybody else's.
"""
NUMBERED = ("requests", "flagged_pictures", "limit_proposals")
"""The tables whose numbers stand in custom_ids; a copy of an older version has not all of them yet."""


def write_copy(path: Path, to: Path, *, timeout_s: float, now: float) -> None:
    """
    Write a copy that is ready to be put back.

    What was unfinished may have been delivered since: where the copy is put back, each message is looked at first.

    Raises:
        sqlite3.Error: as SQLite says.
    """
    with closing(sqlite3.connect(path, timeout=timeout_s, isolation_level=None)) as connection:
        connection.execute("VACUUM INTO ?", (str(to),))
    with closing(sqlite3.connect(to, isolation_level=None)) as copy:
        copy.execute("BEGIN IMMEDIATE")
        copy.execute(
            """
            UPDATE requests SET delivering_at = coalesce(delivering_at, :now) WHERE state IN ('queued', 'running')
            """,
            {"now": now},
        )
        for table in NUMBERED:
            copy.execute(
                """
                INSERT INTO sqlite_sequence (name, seq) SELECT :table, 0
                WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :table)
                """,
                {"table": table},
            )
            copy.execute(
                "UPDATE sqlite_sequence SET seq = seq + :more WHERE name = :table",
                {"table": table, "more": RESERVED_IDS},
            )
        copy.execute("COMMIT")
    with to.open("rb+") as file:
        os.fsync(file.fileno())
