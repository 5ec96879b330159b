"""What is kept about people: given to them, erased at their wish, and backed up, all while the bot runs."""

import asyncio
import sqlite3
import sys
import tarfile
from contextlib import closing

import pytest
from bot_process import SOURCE
from room import DRAWN_S


@pytest.fixture
def command(bot):
    """Run a command of the bot beside the bot that runs; its exit status and what it said."""

    async def command(*arguments):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *arguments,
            cwd=bot.folder,
            env={"PYTHONPATH": str(SOURCE), "DATABASE_PATH": str(bot.database_path)},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    return command


async def gone(room, message):
    await room.playground.wait_for(lambda: room.message(message["id"]) is None, DRAWN_S)


async def test_a_member_has_everything_erased_and_messages_deleted(room, bot):
    message = await room.draw("a secret heart")
    asked = (await room.playground.command("mydata delete", {}, user=room.user, channel=room.channel))["message"]
    ticked = await room.click(asked, "tick")
    await room.click((ticked.get("message") or asked), "erase")
    await gone(room, message)
    [row] = bot.rows("user_id = ?", int(room.user_id))
    assert (row["prompt"], row["charged"], row["state"]) == ("-", 1, "done")


async def test_forget_erases_beside_the_bot_which_deletes_the_messages_and_draws_on(room, bot, command):
    message = await room.draw("another secret")
    status, said = await command("forget", room.user_id, "--messages")
    assert status == 0
    assert "the words of 1 requests are erased" in said
    await gone(room, message)
    await room.draw("a red heart")


async def test_a_backup_beside_the_bot_is_whole(room, bot, command, tmp_path):
    await room.draw("kept")
    status, _ = await command("backup", str(tmp_path / "backup.tar"))
    assert status == 0
    with tarfile.open(tmp_path / "backup.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    with closing(sqlite3.connect(tmp_path / "bot.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM requests WHERE prompt = 'kept'").fetchone() == (1,)
