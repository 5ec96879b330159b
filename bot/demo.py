"""`python -m bot demo`: the real bot in a small Discord on this machine, with a page to type into."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from pydantic import SecretStr

from bot.locales import catalogue
from bot.logs import configure
from bot.playground import Playground, PlaygroundError, PortInUse
from bot.serving import ServingError, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.settings import Settings

MEMBER, CHANNEL = "ann", "art"
FIRST_PICTURE_TIMEOUT_S = 300.0


async def demo(operator: Settings, port: int, *, browse: bool, database: Path | None) -> int:
    """
    Serve the playground and the bot in it until Ctrl-C; one picture is asked for as a member would.

    Args:
        operator: what the operator has set for drawing and limits holds here too; the rest is about Discord itself.

    Raises:
        ServingError: the port is in use, or is none that this process may listen on.
        EngineError, DatabaseError: as `serve`.
    """
    configure("WARNING")
    say = catalogue("en-US").say
    with tempfile.TemporaryDirectory(prefix="imagine-bot-") as folder:
        try:
            async with Playground.open(port=port, is_furnished=True) as playground:
                discords_own = {"discord_token": SecretStr(playground.token), "discord_api_url": playground.api_url}
                kept_in = database or Path(folder) / "demo.sqlite3"
                its_own = {"database_path": kept_in, "data_dir": kept_in.with_name(f"{kept_in.name}.files")}
                servers = tuple(int(server["id"]) for server in playground.info()["servers"])
                settings = operator.model_copy(update={**discords_own, **its_own, "servers": servers})
                print(say("demo-page"))
                print(playground.url, flush=True)
                if "SSH_CONNECTION" in os.environ:
                    here = str(urlsplit(playground.url).port)
                    print(say("demo-ssh", port=here, host=socket.gethostname()), flush=True)
                if browse and _has_browser():
                    await asyncio.to_thread(webbrowser.open, playground.url)
                await serve(settings, command="demo", beside=lambda: _draw_first_picture(playground, say))
        except PortInUse as error:
            raise ServingError("demo-port-in-use", status=2, port=str(port)) from error
        except PlaygroundError as error:
            raise ServingError("demo-not-started", status=2, error=str(error)) from error
    return 0


def _has_browser() -> bool:
    """Whether opening one can show anything: a text browser in this terminal would only get in the way."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


async def _draw_first_picture(playground: Playground, say: Callable[..., str]) -> None:
    """Type one `/imagine` and print the picture's address, alone on its line, and its time."""
    began = time.monotonic()
    prompt = say("demo-prompt")
    await playground.type(user=MEMBER, channel=CHANNEL, text=f"/imagine {prompt}")
    message = await playground.wait_for(
        lambda: next((found for found in playground.messages(channel=CHANNEL) if found["attachments"]), None),
        timeout=FIRST_PICTURE_TIMEOUT_S,
    )
    print(say("demo-first-picture", prompt=prompt, seconds=f"{time.monotonic() - began:.1f}"))
    print(urljoin(playground.url, message["attachments"][0]["url"]), flush=True)
