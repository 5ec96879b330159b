"""The real bot as a process, drawing with the bundled model in a playground: over HTTP and WebSocket, as with Discord."""

import itertools
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from bot_process import BotProcess, opened_playground
from room import Room

import engine

HERE = Path(__file__).parent
TIMEOUT_S = 400
BOTS = pytest.StashKey[list[BotProcess]]()


def pytest_configure(config):
    config.stash[BOTS] = []


def pytest_collection_modifyitems(items):
    """All of these share one event loop and one bot, and come last, so that the two live no longer than they must."""
    for item in items:
        if HERE not in item.path.parents:
            continue
        if pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
    items.sort(key=lambda item: HERE in item.path.parents)


def pytest_runtest_setup(item):
    """What a bot has said is of interest until the next test."""
    item.config.stash[BOTS] = [bot for bot in item.config.stash[BOTS] if bot.is_running]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and HERE in item.path.parents:
        for bot in item.config.stash[BOTS]:
            report.sections.append((f"log of the bot in {bot.folder.name}", bot.log[-8000:]))
    return report


@pytest.fixture(scope="session")
def new_bot(request, tmp_path_factory):
    """Makes a bot that has not been started; whatever still runs at the end of the block is killed."""

    @asynccontextmanager
    async def new_bot(playground, **settings):
        bot = BotProcess(playground, tmp_path_factory.mktemp("bot"), settings)
        request.config.stash[BOTS].append(bot)
        try:
            yield bot
        finally:
            if bot.is_running:
                await bot.kill()

    return new_bot


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_playground():
    """The playground of the bot that is not restarted."""
    async with opened_playground() as playground:
        yield playground


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bot(shared_playground, new_bot):
    """The bot that is not restarted."""
    async with new_bot(shared_playground) as bot:
        await bot.start()
        yield bot


@pytest.fixture(scope="session")
def numbers():
    """Tells one room from another."""
    return itertools.count(1)


@pytest.fixture(scope="session")
def new_room(numbers):
    """Makes a member and a channel that nobody has used."""

    def new_room(playground):
        number = next(numbers)
        user, channel = f"member{number}", f"room{number}"
        playground.add_member(user)
        playground.add_channel(channel)
        return Room(playground, user, channel)

    return new_room


@pytest.fixture
def playground(shared_playground):
    """The shared playground as every test expects to find it."""
    yield shared_playground
    shared_playground.clear_faults()


@pytest.fixture
def room(bot, playground, new_room):
    """A member and a channel that nobody has used, in the shared bot's playground."""
    return new_room(playground)


@pytest.fixture
def other(bot, playground, new_room):
    """Somebody else's name."""
    return new_room(playground).user


@pytest_asyncio.fixture(loop_scope="session")
async def own_playground():
    """A playground for a bot that is killed and started again."""
    async with opened_playground() as playground:
        yield playground


@pytest_asyncio.fixture(loop_scope="session")
async def own_bot(own_playground, new_bot):
    """A bot that has not been started."""
    async with new_bot(own_playground) as bot:
        yield bot


@pytest.fixture
def own_room(own_playground, new_room):
    """A member and a channel in the playground of one's own bot."""
    return new_room(own_playground)


@pytest.fixture
def model_copy(tmp_path):
    """A copy of the bundled model, to be changed."""
    return copied_model(tmp_path)


@pytest.fixture(scope="module")
def module_model_copy(tmp_path_factory):
    """A copy of the bundled model for a whole module."""
    return copied_model(tmp_path_factory.mktemp("model"))


def copied_model(folder):
    return Path(shutil.copytree(Path(engine.__file__).parent / "emoji", folder / "emoji"))
