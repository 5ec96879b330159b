import pytest
from bot_at_desk import bot_at_desk

from bot.database import Database


@pytest.fixture
async def database(tmp_path):
    async with Database.open(tmp_path / "bot.sqlite3") as database:
        yield database


@pytest.fixture
async def world(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch) as world:
        yield world
