"""README's first command: the demo as a process, from its start to a picture."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import sys
import urllib.request
from contextlib import asynccontextmanager

import pytest
from bot_process import END_S, SOURCE, START_S
from PIL import Image


@asynccontextmanager
async def demo(database, **settings):
    """A running demo, and what it prints, line by line."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", "--no-browser", "--port", "0", "--database", str(database)),
        cwd=SOURCE,
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed = []

    async def line(pattern):
        async with asyncio.timeout(START_S):
            while not printed or not re.search(pattern, printed[-1]):
                read = await process.stdout.readline()
                assert read, f"the demo ended after printing {printed}"
                printed.append(read.decode().strip())
        return printed[-1]

    try:
        yield process, line
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def get(address):
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - the demo's own address
        return answer.read()


async def first_picture(line):
    return await line(r"^http://127\.0\.0\.1:\d+/.*\.png$")


@pytest.mark.skipif(sys.platform == "win32", reason="a console's Ctrl-C cannot be sent to one process there")
async def test_the_demo_draws_a_red_heart_on_blue_and_ends_with_ctrl_c(tmp_path):
    async with demo(tmp_path / "demo.sqlite3") as (process, line):
        page = await line(r"^http://127\.0\.0\.1:\d+$")
        assert "<!doctype html>" in (await asyncio.to_thread(get, page)).decode().lower()
        data = await asyncio.to_thread(get, await first_picture(line))
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        red, _, blue = picture.getpixel((64, 70))
        assert red > blue, "the heart"
        red, _, blue = picture.getpixel((3, 3))
        assert blue > red, "the background"
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(END_S):
            assert await process.wait() == 0


async def test_a_demo_with_a_database_of_its_own_can_be_started_again(tmp_path):
    for _ in range(2):
        async with demo(tmp_path / "demo.sqlite3") as (_, line):
            assert await first_picture(line)


async def test_the_demo_draws_with_the_operators_model(tmp_path, model_copy):
    model_copy.rename(tmp_path / "twin")
    (tmp_path / "twin" / "model.toml").write_text('title = "Twin"\nsteps = 2\nsize = "64x64"\n')
    settings = {"MODELS_DIR": str(tmp_path), "MODEL": "twin", "UNCHECKED_MODELS": "anywhere"}
    async with demo(tmp_path / "demo.sqlite3", **settings) as (_, line):
        data = await asyncio.to_thread(get, await first_picture(line))
        assert Image.open(io.BytesIO(data)).size == (64, 64)
