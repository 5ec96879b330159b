"""How the bot starts, refuses to start, and is stopped."""

import signal

import pytest
import pytest_asyncio
from bot_process import PLAIN

NEVER_LOADS = "Engine._load = lambda _: threading.Event().wait()"
STILL_LOADING = (
    "-c",
    f"import threading; from bot.__main__ import main; from engine import Engine; {NEVER_LOADS}; main(['run'])",
)
"""`python -m bot run`, whose model takes for ever to load."""


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(shared_playground, new_bot):
    """Another bot process at the shared playground's door."""
    async with new_bot(shared_playground) as stranger:
        stranger.program = PLAIN
        yield stranger


async def outcome(bot, **settings):
    """The exit status, and what the process printed."""
    await bot.launch(**settings)
    return await bot.ended(), bot.log


async def test_a_wrong_token_is_said_in_one_sentence(stranger):
    status, log = await outcome(stranger, DISCORD_TOKEN="wrong")
    assert status == 2
    assert "Discord does not know this DISCORD_TOKEN" in log
    assert "Traceback" not in log
    assert "wrong.token" not in log


async def test_a_second_run_on_the_same_database_is_refused_and_the_holder_named(bot, stranger):
    status, log = await outcome(stranger, DATABASE_PATH=str(bot.database_path))
    assert status == 2
    assert "is already in use by" in log
    assert str(bot.process.pid) in log


@pytest.mark.parametrize("damage", ["missing", "truncated", "foreign"])
async def test_a_model_that_cannot_be_drawn_with_is_named_before_the_first_connection(stranger, model_copy, damage):
    if damage == "missing":
        (model_copy / "unet" / "config.json").unlink()
        named = "unet/config.json"
    elif damage == "truncated":
        weights = next((model_copy / "unet").glob("*.safetensors"))
        weights.write_bytes(weights.read_bytes()[:-1000])
        named = weights.name
    else:
        index = model_copy / "model_index.json"
        index.write_text(index.read_text().replace("StableDiffusionPipeline", "AudioLDMPipeline"))
        named = "AudioLDMPipeline"
    before = len(stranger.playground.requests)
    status, log = await outcome(stranger, MODEL=str(model_copy))
    assert status == 2
    assert named in log
    assert len(log.strip().splitlines()) == 1
    assert len(stranger.playground.requests) == before


async def test_a_discord_that_does_not_answer_is_a_failure_in_one_sentence(stranger, unused_tcp_port):
    status, log = await outcome(stranger, DISCORD_API_URL=f"http://127.0.0.1:{unused_tcp_port}/api/v10")
    assert status == 1
    assert "Discord cannot be reached" in log
    assert "Traceback" not in log


async def test_something_else_behind_the_address_is_a_failure_in_one_sentence(stranger):
    status, log = await outcome(stranger, DISCORD_API_URL=f"{stranger.playground.url}/elsewhere/api/v10")
    assert status == 1
    assert "Discord cannot be reached" in log
    assert "Traceback" not in log


async def test_ctrl_c_while_the_model_is_loading_stops_the_bot_gracefully(own_bot):
    own_bot.program = PLAIN
    await own_bot.start()
    own_bot.process.send_signal(signal.SIGINT)
    assert await own_bot.ended() == 0
    assert "Traceback" not in own_bot.log


async def test_a_second_ctrl_c_ends_the_bot_at_once_though_the_model_is_loading(own_bot):
    own_bot.program = STILL_LOADING
    await own_bot.start()
    own_bot.process.send_signal(signal.SIGINT)
    await own_bot.saying("event=stopping")
    own_bot.process.send_signal(signal.SIGINT)
    assert await own_bot.ended() == 130
    assert "Traceback" not in own_bot.log


async def test_a_request_while_the_model_is_loading_is_admitted_and_told_so(own_bot, own_room):
    own_bot.program = STILL_LOADING
    await own_bot.start()
    answer = await own_room.imagine("an early heart", steps=1)
    assert "loading model Emoji" in answer["message"]["content"]
    assert [row["charged"] for row in own_bot.rows("prompt = 'an early heart'")] == [1]


async def test_a_server_that_is_not_served_gets_one_sentence_and_is_left(room, playground):
    await room.command("help")  # by then the bot has adopted the server that it found
    playground.add_server("Elsewhere", channels=("plaza",))
    await playground.wait_for(lambda: len(playground.messages(channel="plaza")) == 1)
    await playground.wait_for(
        lambda: any(request.method == "DELETE" and "/guilds/" in request.path for request in playground.requests)
    )
    [farewell] = playground.messages(channel="plaza")
    assert farewell["content"].startswith("This bot draws in other servers only, so it leaves.")


async def test_commands_are_not_offered_in_direct_messages(room):
    commands = room.playground.commands(user=room.user, channel="@dm")
    assert [command["name"] for command in commands if command["hidden"] is None] == []
