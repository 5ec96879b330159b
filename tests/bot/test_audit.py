"""The audit is only ever added to."""

import sqlite3

import pytest

from bot.database import Database
from bot.store import audit
from bot.store.audit import Deed

DEED = Deed(action="purge", guild_id=7, actor_id=4, user_id=1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor_id = 5",
        "DELETE FROM audit",
        "REPLACE INTO audit (id, at, action) SELECT id, at, 'nothing' FROM audit",
        "INSERT INTO audit (id, at, action) VALUES (1, 0, 'x') ON CONFLICT DO UPDATE SET action = 'x'",
    ],
    ids=["update", "delete", "replace", "upsert"],
)
async def test_what_was_written_down_stays(tmp_path, statement):
    async with Database.open(tmp_path / "bot.sqlite3") as database:
        async with database.transaction() as connection:
            await audit.append(connection, DEED, now=1.0)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            async with database.transaction() as connection:
                await connection.execute_fetchall(statement)
        async with database.reading() as connection:
            assert [row.actor_id for row in await audit.after(connection, guild_id=7, after_id=0, count=9)] == [4]
