import io
import logging

import pytest
import structlog

from bot import logs

TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def lines():
    def configured(level="INFO", stream=None, **options):
        stream = stream or io.StringIO()
        logs.configure(level, stream=stream, **options)
        return stream

    return configured


def test_an_event_is_one_line_of_keys_and_values(lines):
    stream = lines()
    structlog.stdlib.get_logger("bot.studio").info("request_done", steps=25, seconds=3.1)
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert "level=info event=request_done logger=bot.studio" in line
    assert "steps=25 seconds=3.1" in line
    assert line.startswith("timestamp=")


def test_a_terminal_gets_lines_for_people(lines):
    stream = lines(stream=Terminal())
    structlog.stdlib.get_logger("bot.studio").info("request_done", steps=25)
    assert "request_done" in stream.getvalue()
    assert "timestamp=" not in stream.getvalue()


def test_the_libraries_loggers_come_out_in_the_same_form(lines):
    stream = lines()
    logging.getLogger("discord.client").warning("shard %s is late", 3)
    assert 'level=warning event="shard 3 is late" logger=discord.client' in stream.getvalue()


def test_an_exception_stays_on_its_line_and_keeps_its_traceback(lines):
    stream = lines()
    try:
        {}["nothing there"]
    except KeyError:
        structlog.stdlib.get_logger("bot").exception("command_broke", error_id="E-1")
    assert stream.getvalue().count("\n") == 1
    assert "Traceback" in stream.getvalue()
    assert "KeyError: 'nothing there'" in stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["a file", "a terminal"])
def test_a_secret_appears_nowhere(lines, stream):
    lines("DEBUG", stream=stream, secrets=[TOKEN])
    structlog.stdlib.get_logger("bot").warning("login", header=f"Bot {TOKEN}")
    logging.getLogger("discord.http").error("failed with %s", TOKEN)
    try:
        {}[TOKEN]
    except KeyError:
        structlog.stdlib.get_logger("bot").exception("broke")
    assert stream.getvalue().count(logs.HIDDEN) >= 3
    assert TOKEN not in stream.getvalue()


@pytest.mark.parametrize("path", ["webhooks/7/{}/messages/@original", "interactions/7/{}/callback", "webhooks/7/{}"])
def test_an_interaction_s_token_in_an_address_is_hidden(lines, path):
    stream = lines()
    logging.getLogger("discord.http").warning(
        "rate limited: PATCH https://host/api/v10/%s", path.format("aW50OnRva2Vu")
    )
    assert "aW50OnRva2Vu" not in stream.getvalue()
    assert path.format(logs.HIDDEN) in stream.getvalue()


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_prompts_are_dropped_above_debug(lines, level):
    stream = lines("DEBUG")
    getattr(structlog.stdlib.get_logger("bot"), level)("asked", prompt="a secret wish", negative_prompt="blur")
    assert "asked" in stream.getvalue()
    assert "a secret wish" not in stream.getvalue()
    assert "blur" not in stream.getvalue()


def test_prompts_are_shown_at_debug(lines):
    stream = lines("DEBUG")
    structlog.stdlib.get_logger("engine").debug("asked", prompt="a red heart")
    assert 'prompt="a red heart"' in stream.getvalue()


def test_the_libraries_debug_lines_never_come_out(lines):
    stream = lines("DEBUG")
    logging.getLogger("discord.gateway").debug("payload %s", {"token": TOKEN})
    logging.getLogger("aiosqlite").debug("executing %s", "INSERT")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("logger", ["bot.studio", "engine", "discord"])
def test_what_is_below_the_level_does_not_come_out(lines, logger):
    stream = lines("WARNING")
    structlog.stdlib.get_logger(logger).info("request_done")
    logging.getLogger(logger).info("connected")
    assert stream.getvalue() == ""


def test_configuring_twice_does_not_double_the_lines(lines):
    lines()
    stream = lines()
    structlog.stdlib.get_logger("bot").info("started")
    assert stream.getvalue().count("started") == 1
