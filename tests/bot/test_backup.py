"""A copy of everything, made while the bot runs, and put back."""

import sqlite3
import stat
import sys
import tarfile
from contextlib import closing

import pytest
from road import opened_road

from bot.__main__ import main
from bot.backup import BackupError, back_up
from bot.database import Database, DatabaseError
from bot.files import Files
from bot.migrate import bring_up, migrations
from bot.settings import Settings
from bot.store import requests
from bot.store.copies import RESERVED_IDS

FOR_EVER = 2.0**40
FIRST_ROW = """
    INSERT INTO requests (kind, user_id, guild_id, channel_id, message_id, interaction_id, interaction_token,
        attachment_limit, locale, model, prompt, negative_prompt, width, height, num_inference_steps, guidance_scale,
        seed, scheduler, num_images, day, charged, created_at)
    VALUES ('imagine', 1, 7, 70, 900, 5, 'token', 1000, 'en-US', 'emoji', 'a cat', '', 64, 64, 5, 5.0, 3, 'default', 1,
        '2026-08-01', 1, 1785600000.0)
"""


@pytest.fixture
def settings(tmp_path):
    return Settings.of(database_path=tmp_path / "bot.sqlite3", data_dir=tmp_path / "files")


def restored(archive, folder):
    """The settings of a bot whose `data` was unpacked from the archive."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return Settings.of(database_path=folder / "bot.sqlite3", data_dir=folder / "files")


async def test_what_was_backed_up_while_the_bot_ran_is_read_after_it_was_put_back(tmp_path, settings):
    async with opened_road(tmp_path, is_served=False) as road:
        row = await road.change(await road.admitted(), state="done", ended_at=1.0)
        sha256 = await road.files.put(b"red", kind="result", request_id=row.id, keep_until=FOR_EVER)
        async with road.database.transaction() as connection:
            await connection.execute("UPDATE requests SET charged = 0")  # which is not committed yet
            assert back_up(settings, tmp_path / "backup.tar") == 1
    other = restored(tmp_path / "backup.tar", tmp_path / "other")
    async with Database.open(other.database_path) as database, database.reading() as connection:
        assert await requests.fetch(connection, row.id) == row
    async with Database.open(other.database_path) as database:
        assert await Files(other.data_dir, database, most_bytes=100).read(sha256) == b"red"


def test_a_database_of_the_first_version_is_backed_up_put_back_and_brought_up(tmp_path, settings):
    bring_up(settings.database_path, migrations()[:1])
    with closing(sqlite3.connect(settings.database_path, isolation_level=None)) as connection:
        connection.execute(FIRST_ROW)
    back_up(settings, tmp_path / "backup.tar")
    other = restored(tmp_path / "backup.tar", tmp_path / "other")
    assert bring_up(other.database_path, migrations()) == tuple(each.name for each in migrations()[1:])
    with closing(sqlite3.connect(other.database_path)) as connection:
        assert connection.execute("SELECT prompt, charged FROM requests").fetchall() == [("a cat", 1)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_a_database_that_was_put_back_gives_no_number_again_that_was_lost(tmp_path, settings):
    async with opened_road(tmp_path, is_served=False) as road:
        await road.admitted()
        back_up(settings, tmp_path / "backup.tar")
        lost = [(await road.admitted()).id for _ in range(3)]
    restored(tmp_path / "backup.tar", tmp_path / "other")
    async with opened_road(tmp_path / "other", is_served=False) as road:
        assert (await road.admitted()).id > max(lost)


def test_no_button_of_a_flagged_picture_that_was_lost_leads_to_another(tmp_path, settings):
    bring_up(settings.database_path, migrations()[:1])  # which knew of none
    back_up(settings, tmp_path / "backup.tar")
    other = restored(tmp_path / "backup.tar", tmp_path / "other")
    bring_up(other.database_path, migrations())
    with closing(sqlite3.connect(other.database_path)) as connection:
        connection.execute(FIRST_ROW)
        connection.execute(
            "INSERT INTO flagged_pictures (request_id, position, way) SELECT id, 0, 'stand-in' FROM requests"
        )
        [(flagged_id,)] = connection.execute("SELECT id FROM flagged_pictures")
    assert flagged_id > RESERVED_IDS


async def test_a_database_without_requests_is_put_back_as_well(tmp_path, settings):
    async with Database.open(settings.database_path):
        back_up(settings, tmp_path / "backup.tar")
    restored(tmp_path / "backup.tar", tmp_path / "other")
    async with opened_road(tmp_path / "other", is_served=False) as road:
        assert (await road.admitted()).id > 1


async def test_what_was_unfinished_is_looked_for_before_it_is_drawn_again(tmp_path, settings):
    async with opened_road(tmp_path, is_served=False) as road:
        row = await road.admitted()
        back_up(settings, tmp_path / "backup.tar")
        assert (await road.row(row.id)).delivering_at is None
    restored(tmp_path / "backup.tar", tmp_path / "other")
    async with opened_road(tmp_path / "other", is_served=False) as road:
        assert (await road.row(row.id)).delivering_at is not None


async def test_only_what_is_kept_is_in_the_archive(tmp_path, settings):
    async with Database.open(settings.database_path):
        settings.data_dir.mkdir()
        (settings.data_dir / "notes.txt").write_text("mine")
        back_up(settings, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as archive:
        assert archive.getnames() == ["bot.sqlite3"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
async def test_the_archive_is_for_its_owner_alone(tmp_path, settings):
    async with Database.open(settings.database_path):
        back_up(settings, tmp_path / "backup.tar")
    assert stat.S_IMODE((tmp_path / "backup.tar").stat().st_mode) == 0o600


async def test_no_file_is_overwritten(tmp_path, settings):
    async with Database.open(settings.database_path):
        with pytest.raises(BackupError, match="backup-exists"):
            back_up(settings, settings.database_path)


@pytest.mark.parametrize("name", ["nowhere/backup.tar", "file/backup.tar", f"{'long' * 100}.tar"])
async def test_an_archive_that_cannot_be_written_leaves_nothing(tmp_path, settings, name):
    (tmp_path / "file").touch()
    async with Database.open(settings.database_path):
        before = set(tmp_path.iterdir())
        with pytest.raises(BackupError, match="backup-not-written"):
            back_up(settings, tmp_path / name)
        assert set(tmp_path.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="has no such bound")
def test_an_archive_for_which_there_is_no_room_is_named_and_not_the_database(tmp_path, settings):
    import resource

    bring_up(settings.database_path, migrations())
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, bounds[1]))
    try:
        with pytest.raises(BackupError, match="backup-not-written"):
            back_up(settings, tmp_path / "backup.tar")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    assert not list(tmp_path.glob("backup.tar*"))


def test_without_a_database_none_is_made(tmp_path, settings):
    with pytest.raises(DatabaseError, match="does not exist"):
        back_up(settings, tmp_path / "backup.tar")
    assert list(tmp_path.iterdir()) == []


def test_another_programs_database_is_not_taken(tmp_path, settings):
    with closing(sqlite3.connect(settings.database_path)) as connection:
        connection.execute("CREATE TABLE notes (x)")
    with pytest.raises(DatabaseError, match="no database of this bot"):
        back_up(settings, tmp_path / "backup.tar")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command line in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_PATH", str(tmp_path / "bot.sqlite3"))
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "files"))
    return main


async def test_the_command_says_what_it_wrote_also_beside_a_bot(tmp_path, command, capsys):
    async with Database.open(tmp_path / "bot.sqlite3"):
        assert command(["backup", "backup.tar"]) == 0
    assert capsys.readouterr().out.endswith("backup.tar holds the database.\n")
    assert (tmp_path / "backup.tar").exists()


def test_the_command_says_in_one_sentence_what_is_wrong(tmp_path, command, capsys):
    (tmp_path / "backup.tar").touch()
    assert command(["backup", "backup.tar"]) == 2
    assert capsys.readouterr().err == "backup.tar exists already: choose another name.\n"
