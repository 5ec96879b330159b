import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot import migrate as migrating
from bot.database import Database, DatabaseError, migrate
from bot.migrate import APPLICATION_ID, Migration, bring_up, migrations
from bot.store.copies import RESERVED_IDS
from bot.store.requests import RequestRow
from engine import CompleteRequest

HEADER = f"PRAGMA application_id = {APPLICATION_ID};"
REQUESTS = "CREATE TABLE requests (id INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT, delivering_at REAL) STRICT;"
FIRST = Migration(1, "0001_first.sql", f"{HEADER} {REQUESTS} CREATE TABLE notes (text TEXT) STRICT;")
SECOND = Migration(2, "0002_second.sql", "ALTER TABLE notes ADD COLUMN at REAL;")
BROKEN = Migration(2, "0002_broken.sql", "ALTER TABLE notes ADD COLUMN at REAL; ALTER TABLE tasks ADD COLUMN at REAL;")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bot.sqlite3"


@pytest.fixture
def unprivileged():
    """A folder that the process may change, and the process without root's way around permissions."""
    if sys.platform == "win32":
        pytest.skip("these permissions are POSIX's")
    folder = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            next(Path(__file__).parent.iterdir())
        except PermissionError:
            os.seteuid(0)
            shutil.rmtree(folder)
            pytest.skip("only root may read the folder that this project lies in")
    yield folder
    if is_root:
        os.seteuid(0)
    folder.chmod(0o700)
    shutil.rmtree(folder)


def ask(path, sql):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchone()[0]


def write(path, sql):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


def copies(path):
    return sorted(file.name for file in path.parent.glob(f"{path.name}.v*"))


async def adopt(database, guild_id, *, patient=False):
    async with database.transaction(patient=patient) as connection:
        await connection.execute("INSERT INTO adopted_server VALUES (1, ?, 0)", (guild_id,))


async def count(database):
    async with database.reading() as connection:
        return (await connection.execute_fetchall("SELECT count(*) FROM adopted_server"))[0][0]


# opening


async def test_a_new_database_is_made_in_a_folder_that_did_not_exist(tmp_path):
    path = tmp_path / "not" / "yet" / "bot.sqlite3"
    async with Database.open(path) as database:
        assert await count(database) == 0
    assert ask(path, "PRAGMA user_version") == migrations()[-1].version


async def test_the_first_opening_names_what_it_applied_and_the_second_nothing(path):
    assert await migrate(path) == tuple(migration.name for migration in migrations())
    assert await migrate(path) == ()


async def test_what_was_committed_survives_a_loss_of_power(path):
    async with Database.open(path) as database:
        async with database.transaction() as connection:
            modes = {
                name: (await connection.execute_fetchall(f"PRAGMA {name}"))[0][0]
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
        assert modes == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_rows_are_read_by_name(path):
    async with Database.open(path) as database:
        await adopt(database, 7)
        async with database.reading() as connection:
            [row] = await connection.execute_fetchall("SELECT * FROM adopted_server")
    assert row["guild_id"] == 7


async def test_the_reader_cannot_write(path):
    async with Database.open(path) as database, database.reading() as connection:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await connection.execute("INSERT INTO adopted_server VALUES (1, 7, 0)")


# transactions


async def test_a_transaction_that_fails_leaves_nothing(path):
    async with Database.open(path) as database:

        async def fail_inside():
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO adopted_server VALUES (1, 7, 0)")
                raise LookupError

        with pytest.raises(LookupError):
            await fail_inside()
        assert await count(database) == 0


async def test_a_transaction_whose_task_is_cancelled_leaves_nothing_and_lets_the_next_in(path):
    async with Database.open(path) as database:
        inserted = asyncio.Event()

        async def wait_inside():
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO adopted_server VALUES (1, 7, 0)")
                inserted.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(wait_inside())
        await inserted.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await count(database) == 0
        await adopt(database, 8)
        assert await count(database) == 1


async def test_a_task_cancelled_before_its_first_statement_lets_the_next_in(path):
    async with Database.open(path) as database:
        for rounds in range(6):
            task = asyncio.create_task(adopt(database, 7))
            for _ in range(rounds):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            async with database.transaction() as connection:
                await connection.execute("DELETE FROM adopted_server")
        assert await count(database) == 0


async def test_transactions_of_many_tasks_do_not_mix(path):
    async with Database.open(path) as database:

        async def swap(number):
            async with database.transaction() as connection:
                await connection.execute("DELETE FROM adopted_server")
                await asyncio.sleep(0)
                await connection.execute("INSERT INTO adopted_server VALUES (1, ?, 0)", (number,))

        await asyncio.gather(*(swap(number) for number in range(20)))
        assert await count(database) == 1


async def test_a_reading_sees_one_state_while_others_write(path):
    async with Database.open(path) as database, database.reading() as connection:
        before = (await connection.execute_fetchall("SELECT count(*) FROM adopted_server"))[0][0]
        await adopt(database, 7)
        after = (await connection.execute_fetchall("SELECT count(*) FROM adopted_server"))[0][0]
        assert (before, after) == (0, 0)


async def test_a_writer_waits_for_another_program_s_lock(path):
    async with Database.open(path) as database:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(adopt(database, 7))
        assert await count(database) == 0
        assert not waiting.done()
        other.execute("COMMIT")
        other.close()
        await waiting
        assert await count(database) == 1


@pytest.fixture
async def locked(path, monkeypatch):
    """A database whose patience ends at once, and the other program that has locked it."""
    monkeypatch.setattr("bot.database.BUSY_TIMEOUT_S", 0.0)
    async with Database.open(path) as database:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield database, other


async def test_what_may_be_refused_does_not_wait_for_ever_for_another_program(locked):
    database, _ = locked
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await adopt(database, 7)


async def test_what_has_happened_is_noted_however_long_another_program_holds_its_lock(locked):
    database, other = locked
    with capture_logs() as logs:
        noting = asyncio.create_task(adopt(database, 7, patient=True))
        while not logs:  # noqa: ASYNC110 - the log is what tells
            await asyncio.sleep(0)
    other.execute("COMMIT")
    await noting
    assert await count(database) == 1


# one process


async def test_a_second_opening_is_refused_and_names_the_holder(path):
    async with Database.open(path, command="demo"):
        with pytest.raises(DatabaseError, match=rf"already in use by python -m bot demo, process {os.getpid()}: "):
            await migrate(path)


async def test_a_link_to_the_database_is_the_same_database(path):
    link = path.with_name("link.sqlite3")
    link.symlink_to(path)
    async with Database.open(path):
        with pytest.raises(DatabaseError, match="already in use"):
            await migrate(link)


async def test_the_lock_goes_with_the_opening(path):
    await migrate(path)
    assert path.with_name("bot.sqlite3.lock").read_text() == ""
    await migrate(path)


WRITER = """
import asyncio, sys
from pathlib import Path
from bot.database import Database

async def write():
    async with Database.open(Path(sys.argv[1])) as database:
        for number in range(1, 10**6):
            async with database.transaction() as connection:
                await connection.execute("DELETE FROM adopted_server")
                await connection.execute("INSERT INTO adopted_server VALUES (1, ?, 0)", (number,))
            print(number, flush=True)

asyncio.run(write())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_what_a_killed_process_committed_is_there_and_its_lock_is_gone(path):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        while process.stdout.readline() != "5\n":
            pass
        process.send_signal(signal.SIGKILL)
        said = [int(line) for line in process.stdout.read().splitlines()]
    asyncio.run(migrate(path))
    assert ask(path, "SELECT guild_id FROM adopted_server") >= max([5, *said])


# migrations


def test_migrations_are_numbered_without_gaps():
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_migrations_are_in_the_order_of_their_numbers():
    assert [migration.name for migration in migrations()] == sorted(migration.name for migration in migrations())


def test_only_what_is_missing_is_applied(path):
    assert bring_up(path, [FIRST]) == ("0001_first.sql",)
    assert bring_up(path, [FIRST, SECOND]) == ("0002_second.sql",)
    assert ask(path, "PRAGMA user_version") == 2


def test_a_migration_that_fails_leaves_version_and_tables_as_they_were(path):
    bring_up(path, [FIRST])
    with pytest.raises(
        DatabaseError, match=r"0002_broken\.sql could not be applied to .*, which stays as it was: no such"
    ):
        bring_up(path, [FIRST, BROKEN])
    assert ask(path, "PRAGMA user_version") == 1
    assert ask(path, "SELECT count(*) FROM pragma_table_info('notes')") == 1


def test_a_migration_that_would_break_references_is_undone(path):
    first = Migration(1, "0001_first.sql", f"{HEADER} CREATE TABLE a (id INTEGER PRIMARY KEY, a REFERENCES a (id));")
    dangling = Migration(2, "0002_dangling.sql", "INSERT INTO a VALUES (1, 99);")
    bring_up(path, [first])
    with pytest.raises(DatabaseError, match="1 broken references"):
        bring_up(path, [first, dangling])
    assert ask(path, "SELECT count(*) FROM a") == 0


def test_a_database_with_rows_is_copied_before_it_is_migrated(path):
    bring_up(path, [FIRST])
    write(path, "INSERT INTO notes VALUES ('kept')")
    bring_up(path, [FIRST, SECOND])
    [copy] = copies(path)
    assert copy.startswith("bot.sqlite3.v0001-2")
    assert ask(path.with_name(copy), "SELECT text FROM notes") == "kept"
    assert ask(path.with_name(copy), "PRAGMA user_version") == 1


def test_a_copy_may_be_put_in_the_place_of_the_database(path):
    bring_up(path, [FIRST])
    write(path, "INSERT INTO requests (state) VALUES ('done'), ('queued')")
    bring_up(path, [FIRST, SECOND])
    [copy] = copies(path)
    write(path.with_name(copy), "INSERT INTO requests (state) VALUES ('done')")
    assert ask(path.with_name(copy), "SELECT max(id) FROM requests") == RESERVED_IDS + 3
    assert ask(path.with_name(copy), "SELECT group_concat(state) FROM requests WHERE delivering_at") == "queued"
    assert ask(path, "SELECT count(delivering_at) FROM requests") == 0


def test_a_database_without_rows_is_not_copied(path):
    bring_up(path, [FIRST])
    bring_up(path, [FIRST, SECOND])
    assert copies(path) == []


def test_a_database_that_needs_no_migration_is_not_copied(path):
    bring_up(path, [FIRST])
    write(path, "INSERT INTO notes VALUES ('kept')")
    bring_up(path, [FIRST])
    assert copies(path) == []


def test_the_three_newest_copies_are_kept(path):
    known = [FIRST]
    bring_up(path, known)
    write(path, "INSERT INTO notes VALUES ('kept')")
    for version in range(2, 7):
        known.append(Migration(version, f"{version:04}_more.sql", f"CREATE TABLE more_{version} (x)"))
        bring_up(path, known)
    assert [name[:17] for name in copies(path)] == ["bot.sqlite3.v0003", "bot.sqlite3.v0004", "bot.sqlite3.v0005"]


def test_a_copy_that_was_cut_off_is_made_again_under_its_own_name(path):
    bring_up(path, [FIRST])
    write(path, "INSERT INTO notes VALUES ('kept')")
    path.with_name("bot.sqlite3.copying").write_bytes(b"half of a copy")
    bring_up(path, [FIRST, SECOND])
    [copy] = copies(path)
    assert ask(path.with_name(copy), "SELECT text FROM notes") == "kept"
    assert not path.with_name("bot.sqlite3.copying").exists()


# what cannot be used


def test_a_newer_database_is_refused_and_names_the_newest_copy_that_this_program_reads(path):
    third = Migration(3, "0003_third.sql", "CREATE TABLE more (x)")
    bring_up(path, [FIRST])
    write(path, "INSERT INTO notes VALUES ('kept')")
    bring_up(path, [FIRST, SECOND])
    bring_up(path, [FIRST, SECOND, third])
    older, newer = copies(path)
    with pytest.raises(DatabaseError) as caught:
        bring_up(path, [FIRST])
    assert f"{path} has version 3, and this program knows versions up to 1" in str(caught.value)
    assert older in str(caught.value)
    assert newer not in str(caught.value)


async def test_a_newer_database_is_refused_as_it_is_opened(path):
    await migrate(path)
    write(path, "PRAGMA user_version = 999")
    with pytest.raises(DatabaseError, match=r"has version 999, .*no copy"):
        await migrate(path)
    assert ask(path, "PRAGMA user_version") == 999


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.write_bytes(b"a text, longer than SQLite's header of a hundred bytes" * 3)
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match=rf"^the database {path} is no SQLite database$"):
        await migrate(path)
    assert path.read_bytes() == before


async def test_a_truncated_database_is_refused(path):
    await migrate(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DatabaseError, match=rf"^the database {path} is damaged$"):
        await migrate(path)


async def test_an_empty_file_becomes_a_database(path):
    path.touch()
    assert await migrate(path) != ()


async def test_another_program_s_database_is_refused_and_left_alone(path):
    write(path, "CREATE TABLE bookmarks (url)")
    with pytest.raises(DatabaseError, match=r"is the database of another program: set DATABASE_PATH"):
        await migrate(path)
    assert ask(path, "SELECT count(*) FROM sqlite_schema") == 1


async def test_a_folder_is_refused(tmp_path):
    with pytest.raises(DatabaseError, match=rf"^the database {tmp_path} is a folder: DATABASE_PATH names a file$"):
        await migrate(tmp_path)


async def test_a_database_in_memory_is_refused():
    with pytest.raises(DatabaseError, match=r"^the database :memory: would be forgotten: "):
        await migrate(Path(":memory:"))


async def test_a_path_through_a_file_is_refused(path):
    path.touch()
    with pytest.raises(DatabaseError, match=r"cannot be written: .*bot\.sqlite3: not a folder"):
        await migrate(path / "bot.sqlite3")


async def test_a_folder_that_cannot_be_written_is_refused(unprivileged):
    unprivileged.chmod(0o500)
    with pytest.raises(DatabaseError, match=r"cannot be written: .*Permission denied"):
        await migrate(unprivileged / "bot.sqlite3")


async def test_a_read_only_database_is_refused(unprivileged):
    path = unprivileged / "bot.sqlite3"
    await migrate(path)
    path.chmod(0o400)
    with pytest.raises(DatabaseError, match=rf"^the database {path} cannot be written$"):
        await migrate(path)


async def test_a_database_in_a_folder_that_became_read_only_is_refused(unprivileged):
    path = unprivileged / "bot.sqlite3"
    await migrate(path)
    unprivileged.chmod(0o500)
    with pytest.raises(DatabaseError, match=rf"^the database {path} cannot be "):
        await migrate(path)


async def test_another_program_that_never_lets_go_is_named_as_the_reason(path, monkeypatch):
    await migrate(path)
    monkeypatch.setattr(migrating, "BUSY_TIMEOUT_S", 0.0)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="has been locked by another program"):
            await migrate(path)


# what earlier versions wrote


def test_a_request_of_the_first_version_is_still_read(path):
    first = migrations()[:1]
    bring_up(path, first)
    write(
        path,
        """
        INSERT INTO requests (
            kind, user_id, channel_id, interaction_id, interaction_token, attachment_limit, locale, model, prompt,
            negative_prompt, width, height, num_inference_steps, guidance_scale, seed, scheduler, num_images, day,
            charged, created_at
        ) VALUES ('imagine', 1, 2, 3, 'x', 9, 'en-US', 'emoji', 'a heart', '', 128, 128, 20, 4.0, 7, 'ddim', 2, '', 2, 0)
        """,
    )
    bring_up(path, migrations())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        row = RequestRow(**dict(connection.execute("SELECT * FROM requests").fetchone()))
    assert row.request == CompleteRequest(
        prompt="a heart", width=128, height=128, num_inference_steps=20, guidance_scale=4.0, seed=7, scheduler="ddim",
        num_images=2, clip_skip=1, model="emoji",
    )  # fmt: skip
    assert row.seeds == (7, 8)


def test_limits_of_the_third_version_keep_holding_for_server_and_member(path):
    bring_up(path, migrations()[:3])
    write(path, "INSERT INTO limits VALUES (7, 0, 'steps', 50, 9, 1.5)")
    write(path, "INSERT INTO limits VALUES (7, 1, 'pictures_per_day', 0, 9, 2.5)")
    bring_up(path, migrations())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT * FROM limits ORDER BY scope").fetchall()
    assert rows == [
        (7, "member", 1, "pictures_per_day", "0", 0, None, None, 9, 2.5),
        (7, "server", 0, "steps", "50", 0, None, None, 9, 1.5),
    ]
