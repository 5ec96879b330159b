import pytest
from bot_at_desk import bot_at_desk


@pytest.fixture
async def world(tmp_path, monkeypatch):
    async with bot_at_desk(tmp_path, monkeypatch) as world:
        yield world
