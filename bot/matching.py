"""What an option offers while somebody types: the best matches, in time."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from bot.answers import DEFER_AFTER_S, answered
from bot.markdown import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    import discord
    from discord.app_commands import Choice

    from bot.client import Client

MAX_CHOICES, MAX_CHOICE_CHARACTERS = 25, 100
"""https://discord.com/developers/docs/interactions/application-commands."""


async def offer(interaction: discord.Interaction[Client], find: Callable[[], list[Choice[str]]]) -> list[Choice[str]]:
    """The choices that `find` gives in a worker thread; none where that takes too long: the next letter finds them."""
    choices: list[Choice[str]] = []
    async with answered(interaction):
        try:
            async with asyncio.timeout(DEFER_AFTER_S):
                choices = await asyncio.to_thread(find)
        except TimeoutError:
            return []
    return choices


def rank(typed: str, *texts: str) -> int | None:
    """0 where a text begins as typed, 1 where one of its words does, 2 for any other part of one; None for no match."""
    wanted = one_line(typed).casefold()
    folded = [one_line(text).casefold() for text in texts]
    if any(text.startswith(wanted) for text in folded):
        return 0
    if any(re.search(rf"(?<![^\W_]){re.escape(wanted)}", text) for text in folded):
        return 1
    return 2 if any(wanted in text for text in folded) else None
