"""The README tells the truth: its commands, its settings' home and its map of the code are compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from discord.app_commands import ContextMenu

from bot.commands import all_commands
from bot.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAP = README.split("## The map")[1].split("```")[1]
MODULES = sorted(
    str(path.relative_to(ROOT))
    for package in ("bot", "engine")
    for path in (ROOT / package).rglob("*.py")
    if "playground" not in path.parts and path.name != "__init__.py"
)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_stands_on_the_map(module):
    assert re.search(rf"^ +{re.escape(Path(module).name)} ", MAP, re.MULTILINE)


def test_the_map_names_no_module_that_is_gone():
    named = set(re.findall(r"^ +(\w+\.py) ", MAP, re.MULTILINE))
    assert named <= {path.name for path in ROOT.glob("*/**/*.py")}


def test_every_slash_command_is_explained():
    for command in all_commands(Settings.of()):
        is_menu = isinstance(command, ContextMenu)
        assert (f"menu `{command.name}`" if is_menu else f"`/{command.name}") in README


@pytest.mark.parametrize(
    "command",
    [
        "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e . && .venv/bin/python -m bot demo",
        'python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ".[test]" && .venv/bin/python -m pytest',
        '.venv/bin/python -m engine "a red heart" -o heart.png',
        ".venv/bin/python -m bot run",
    ],
    ids=["demo", "test", "engine", "run"],
)
def test_the_commands_stand_there_word_for_word(command):
    assert command in README


@pytest.mark.parametrize("link", sorted(set(re.findall(r"!\[[^]]*\]\(([^)]+)\)", README))))
def test_every_picture_is_there(link):
    assert (ROOT / link).is_file()


def test_every_pin_is_exact():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    assert "torch==2.13.0" in pins
