import logging

import pytest
import structlog
from bot_at_desk import bot_at_desk

from bot import logs
from bot.database import Database


@pytest.fixture(autouse=True)
def restored_loggers():
    """Leave the process's loggers as they were, whatever command ran in it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    for name in logs.OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.fixture
async def database(tmp_path):
    async with Database.open(tmp_path / "bot.sqlite3") as database:
        yield database


@pytest.fixture
async def world(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch) as world:
        yield world
