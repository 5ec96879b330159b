"""`python -m bot run`, whose event loop is watched: the file named gets a line `time lateness` every few milliseconds."""

import asyncio
import sys
import time
from pathlib import Path

from bot.logs import configure
from bot.serving import serve
from bot.settings import load_settings

EVERY_S = 0.01


async def watch(samples: list[tuple[float, float]]) -> None:
    """Note how late the loop comes back to something that was due."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY_S
        await asyncio.sleep(EVERY_S)
        samples.append((time.time(), loop.time() - due))


async def main() -> list[tuple[float, float]]:
    """Serve as `run` does; what was noted meanwhile."""
    settings, _ = load_settings()
    configure(settings.log_level)
    samples: list[tuple[float, float]] = []
    watching = asyncio.create_task(watch(samples))
    await serve(settings)
    watching.cancel()
    return samples


if __name__ == "__main__":
    lines = [f"{at} {late}" for at, late in asyncio.run(main())]
    Path(sys.argv[1]).write_text("\n".join(lines), encoding="utf-8")
