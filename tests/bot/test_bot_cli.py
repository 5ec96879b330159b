"""`python -m bot`: what it says and how it ends, without Discord."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import bot
from bot.__main__ import main
from bot.migrate import migrations
from bot.settings import SETTING_NAMES

SOURCE = Path(bot.__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    """Run a command in a folder of its own: exit status, stdout, stderr."""

    def run(*arguments, **settings):
        environment = {key: value for key, value in os.environ.items() if key not in SETTING_NAMES}
        environment |= {"PYTHONPATH": str(SOURCE), **settings}
        command = [sys.executable, "-m", "bot", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return run


def one_sentence(text):
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["demo", "--help"]], ids=" ".join)
def test_help_imports_neither_torch_nor_discord(run, tmp_path, arguments):
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['bot', *{arguments}]\n"
        "try: runpy.run_module('bot', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'torch', 'discord', 'diffusers', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert [
        command for command in ("run", "demo", "migrate", "backup", "forget") if f"    {command} " not in said
    ] == []


def test_an_unknown_command_is_bad_input(capsys):
    with pytest.raises(SystemExit) as end:
        main(["dance"])
    assert end.value.code == 2


def test_without_a_token_one_reads_where_to_get_one_and_that_demo_needs_none(run):
    status, _, said = run("run")
    assert status == 2
    assert "https://discord.com/developers/applications" in said
    assert "`python -m bot demo`, which needs none" in said
    assert one_sentence(said)


def test_an_unknown_setting_is_named(run, tmp_path):
    (tmp_path / ".env").write_text("DISCORD_TOKN=abc\n")
    status, _, said = run("run")
    assert status == 2
    assert "DISCORD_TOKN" in said
    assert "DISCORD_TOKEN" in said
    assert one_sentence(said)


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_ROWS", "many"), ("LIMIT_STEPS", "-1"), ("ALLOW_DMS", "perhaps"), ("SERVERS", "here"), ("DEVICE", "toaster")],
    ids=lambda text: text,
)
def test_a_wrong_value_is_named_with_its_key(run, tmp_path, name, value):
    (tmp_path / ".env").write_text(f"{name}={value}\n")
    status, _, said = run("run")
    assert status == 2
    assert name in said
    assert value in said
    assert one_sentence(said)


def test_a_variable_that_nearly_is_a_setting_is_warned_of(run):
    _, _, said = run("migrate", DISCORD_TOKEM="abc")
    assert "DISCORD_TOKEM is no setting and has no effect: is DISCORD_TOKEN meant?" in said


def test_an_unknown_model_is_named(run):
    status, _, said = run("run", DISCORD_TOKEN="abc", MODEL="nowhere/at/all")
    assert status == 2
    assert "nowhere/at/all" in said
    assert one_sentence(said)


def test_migrate_names_what_it_applied(run):
    status, named, _ = run("migrate")
    assert (status, named.split()) == (0, [migration.name for migration in migrations()])


def test_migrate_says_where_there_is_nothing_to_do(run):
    run("migrate")
    status, named, said = run("migrate")
    assert (status, named) == (0, "")
    assert "is up to date" in said


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_a_file_that_is_no_database_is_named(run, tmp_path, command):
    (tmp_path / "notes.txt").write_text(
        "Dear diary, this is no database at all, and quite long enough to be one.\n" * 20
    )
    status, _, said = run(command, DISCORD_TOKEN="abc", DATABASE_PATH="notes.txt")
    assert status == 2
    assert "notes.txt is no SQLite database" in said
    assert one_sentence(said)


@pytest.mark.parametrize(
    ("place", "fault"), [("taken", "is a file: name a folder"), ("taken/files", "cannot be written: Not a directory")]
)
def test_a_folder_of_pictures_that_cannot_be_made_is_named(run, tmp_path, place, fault):
    (tmp_path / "taken").write_text("a file, where a folder should be")
    status, _, said = run("run", DISCORD_TOKEN="abc", DATA_DIR=place)
    assert (status, said) == (2, f"DATA_DIR {place} {fault}.\n")


def test_a_database_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "data").write_text("a file, where a folder should be")
    status, _, said = run("migrate")
    assert status == 2
    assert "data/bot.sqlite3 cannot be written" in said
    assert one_sentence(said)


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_there_is_not_is_named(run, port):
    status, _, said = run("demo", "--no-browser", "--port", port)
    assert status == 2
    assert f"port {port}" in said
    assert one_sentence(said)


def test_a_port_that_is_taken_is_named(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, said = run("demo", "--no-browser", "--port", str(port))
    assert status == 2
    assert f"Port {port} is in use" in said
    assert one_sentence(said)
