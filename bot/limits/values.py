"""What moderators type as a limit's value, read: a number, a size, or names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot import policy
from bot.admission import Refused
from bot.policy import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    import discord

    from bot.client import Client
    from bot.limits.rules import Value
    from bot.policy import LimitName, Rules

ALL, NOTHING = "all", "none"
MAX_NAMES = 50
CHANNEL = re.compile(r"(?:<#)?([0-9]{1,19})>?")


def read_value(
    interaction: discord.Interaction[Client], name: LimitName, text: str, *, is_pool: bool, ceiling: Rules
) -> Value:
    """
    The value of a limit. Reads files: call it in a worker thread.

    Raises:
        Refused, InvalidRequest: it is no number, beyond what can be set, or names what there is not.
    """
    if DIMENSIONS[name].kind == "list":
        return _names(text, _readers(interaction)[name])
    number = policy.parse_limit(name, text)
    if number is None:
        raise Refused("limit-no-number", name=name, text=text)
    # A pot may be larger than what the operator allows each member, which is counted besides.
    if refusal := policy.check_limit(name, number, None if is_pool else ceiling):
        raise Refused(refusal.key, **refusal.values)
    return number


def _names(text: str, read: Callable[[str], str]) -> tuple[str, ...] | None:
    if text.strip().casefold() in (ALL, NOTHING):
        return None if text.strip().casefold() == ALL else ()
    names = tuple(dict.fromkeys(read(each.strip()) for each in text.split(",") if each.strip()))
    if not 0 < len(names) <= MAX_NAMES:
        raise Refused("limit-names", maximum=MAX_NAMES)
    return names


def _readers(interaction: discord.Interaction[Client]) -> dict[str, Callable[[str], str]]:
    """How a typed name becomes the one that rules know."""
    engine = interaction.client.engine

    def model(typed: str) -> str:
        return engine.find_source(typed).name

    def lora(typed: str) -> str:
        file, _ = engine.find_source(None).loras.find(typed)
        if file is None:
            raise Refused("lora-unknown", lora=typed)
        return file.name

    def channel(typed: str) -> str:
        """A thread counts as its parent."""
        guild, named = interaction.guild, typed.removeprefix("#").casefold()
        matches = [each for each in (guild.channels if guild else ()) if each.name.casefold() == named]
        if len(matches) == 1:
            return str(matches[0].id)
        if found := CHANNEL.fullmatch(typed):
            thread = guild.get_thread(int(found[1])) if guild else None
            return str(thread.parent_id) if thread else found[1]
        raise Refused("limit-channel-unknown", text=typed)

    return {"models": model, "loras": lora, "channels": channel}
