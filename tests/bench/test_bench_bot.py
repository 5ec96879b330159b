"""What members and operators feel: how soon the bot answers, under load and after its start, and what it weighs."""

import asyncio
import itertools
import time
from pathlib import Path

import pytest
from bot_beside import Crowd, running_bot

from bot.playground import Playground

PROBED = str(Path(__file__).with_name("probed_bot.py"))
MIB = 1024 * 1024
ROUND_S = 20.0
PAUSE_S = 1.0
SIZES = ((64, 64), (96, 64), (64, 96), (128, 64))
SAMPLERS = ("ddim", "euler_a", "dpmpp_2m_karras", "unipc")


@pytest.fixture
async def playground():
    async with Playground.open() as playground:
        yield playground


async def draw_until(crowd, user, end):
    """One member who always has a request in the line."""
    for number in itertools.count():
        if time.monotonic() > end:
            return
        await crowd.draw(user, prompt=f"a red heart {number}", images=1 + number % 2, steps=10 + number % 20)


async def ask_until(crowd, user, end):
    """The same member, who wonders meanwhile how much is left."""
    while time.monotonic() < end:
        await crowd.command(user, "quota")
        await asyncio.sleep(PAUSE_S)


async def test_answers_while_twenty_members_draw(playground, tmp_path, rounds, table, percentiles):
    crowd = Crowd(playground, 20)
    with playground.listening(crowd.listen):
        async with running_bot(playground, tmp_path, PROBED, "lag.txt"):
            await crowd.draw(crowd.names[0], prompt="a red heart")
            crowd.ack_s.clear()
            began, end = time.time(), time.monotonic() + ROUND_S * rounds
            await asyncio.gather(*(act(crowd, user, end) for user in crowd.names for act in (draw_until, ask_until)))
            ended = time.time()
    samples = [tuple(map(float, line.split())) for line in (tmp_path / "lag.txt").read_text().splitlines()]
    table(
        f"twenty members draw for {ended - began:.0f} s",
        {
            "first answer": percentiles([1000 * seconds for seconds in crowd.ack_s], " ms"),
            "event loop late": percentiles([1000 * late for at, late in samples if began <= at <= ended], " ms"),
            "while it started": percentiles([1000 * late for at, late in samples if at < began], " ms"),
        },
    )


async def test_first_answer_after_the_start(playground, tmp_path, rounds, table, spread):
    crowd = Crowd(playground, 1)
    answered_s, drawn_s = [], []
    for _ in range(rounds):
        began = time.monotonic()
        with playground.listening(crowd.listen):
            async with running_bot(playground, tmp_path):
                await crowd.command(crowd.names[0], "quota")
                answered_s.append(time.monotonic() - began)
                await crowd.draw(crowd.names[0], prompt="a red heart")
                drawn_s.append(time.monotonic() - began)
        await playground.wait_for(lambda: not playground.is_connected)
    table(
        "after the bot's start",
        {"first command answered": spread(answered_s, " s"), "first picture shown": spread(drawn_s, " s")},
    )


async def test_memory_stays_flat(playground, tmp_path, table):
    crowd = Crowd(playground, 4)
    looks = itertools.cycle(itertools.product(SIZES, SAMPLERS, (1, 2, 3, 4)))

    async def draw_some(count):
        numbers = iter(range(count))

        async def draw_in_turn(user):
            for number in numbers:
                (width, height), sampler, steps = next(looks)
                options = {"width": width, "height": height, "sampler": sampler, "steps": steps}
                await crowd.draw(user, prompt=f"a red heart {number}", **options)

        await asyncio.gather(*map(draw_in_turn, crowd.names))

    resident = []
    with playground.listening(crowd.listen):
        async with running_bot(playground, tmp_path) as process:
            for count in (20, 100, 100):
                await draw_some(count)
                resident.append(process.memory_info().rss)
    table(
        "resident memory of the bot",
        {
            f"after {number} requests": f"{rss / MIB:.0f} MiB"
            for number, rss in zip((20, 120, 220), resident, strict=True)
        },
    )
