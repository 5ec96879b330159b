"""
A small Discord on loopback: REST, gateway, CDN and a page.

`python -m bot demo` shows it to people; the end-to-end tests run the unchanged bot against it. It imports nothing of
the rest of the bot, which reaches it through `DISCORD_API_URL` like the real one.
"""

from bot.playground.errors import NotPossible, PlaygroundError, PortInUse
from bot.playground.limits import Limits
from bot.playground.server import Playground

__all__ = ["Limits", "NotPossible", "Playground", "PlaygroundError", "PortInUse"]
