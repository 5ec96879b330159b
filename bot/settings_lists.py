"""The lists of the panel: in which channels and with which models a server draws, which are limits of all of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal, cast

import discord
from discord import SelectDefaultValueType

from bot.admission import Refused
from bot.commands import limits
from bot.limits.changes import Change
from bot.limits.rules import Rule, Target, Whose
from bot.limits.texts import value_text
from bot.locales import catalogue
from bot.markdown import clipped
from bot.options import CHANNELS
from bot.store import limits as stored_limits
from bot.views import Buttons, as_chosen, button

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiosqlite import Connection

    from bot.client import Client

ListName = Literal["channels", "models"]
LISTS: tuple[ListName, ...] = ("channels", "models")
MAX_CHOSEN = 25
"""https://discord.com/developers/docs/components/reference#string-select."""
MAX_VALUE_CHARACTERS = 100
Lists = dict[ListName, tuple[str, ...] | None]
"""What is allowed: ids of channels, names of models; None: everything."""


async def read(connection: Connection, guild_id: int | None) -> Lists:
    """What the whole server's rules allow now."""
    now = time.time()
    found: Lists = dict.fromkeys(LISTS)
    for rule in await stored_limits.read(connection, guild_id):
        has_run_out = rule.expires_at is not None and rule.expires_at <= now
        if rule.target == Target() and rule.name in LISTS and not has_run_out:
            found[rule.name] = cast("tuple[str, ...] | None", rule.value)
    return found


def lines(lists: Lists, locale: str) -> list[str]:
    """What is allowed, one line for each."""
    say = catalogue(locale).say
    return [say(f"settings-{name}", value=value_text(name, lists[name], locale)) for name in LISTS]


async def composed(interaction: discord.Interaction[Client], name: ListName) -> tuple[str, Buttons]:
    """The page of the panel on which one list is chosen."""
    async with interaction.client.database.reading() as connection:
        chosen = (await read(connection, interaction.guild_id))[name]
    locale = interaction.locale.value
    say = catalogue(locale).say
    select: discord.ui.Item[Buttons]
    if name == "channels":
        select = _channel_select(chosen or (), say("settings-all-channels"))
    else:
        known = await asyncio.to_thread(_models, interaction.client)
        select = _model_select(known, chosen or (), say("settings-all-models"))
    content = "\n".join([say(f"settings-choose-{name}"), *lines({**dict.fromkeys(LISTS), name: chosen}, locale)])
    return content, Buttons([select], [button(say("button-settings-back"), "settings:back")])


async def choose(
    interaction: discord.Interaction[Client], name: ListName, values: Sequence[str]
) -> tuple[str, Buttons | None]:
    """
    Allow these alone, or with none of them everything: what is to be said or asked besides.

    Raises:
        Refused: there is no such model any more.
    """
    if name == "models":
        known = await asyncio.to_thread(_models, interaction.client)
        if gone := [value for value in values if value not in known]:
            raise Refused("settings-model-gone", model=gone[0])
    rule = Rule(target=Target(), name=name, value=tuple(values)) if values else None
    whose = Whose(user_id=0, guild_id=interaction.guild_id)
    return await limits.carry_out(interaction, Change(target=Target(), whose=whose, rule=rule, cleared=name))


def _models(client: Client) -> Mapping[str, str]:
    """The models that can draw, by name with their titles. Reads files: call it in a worker thread."""
    default = client.engine.find_source(None)
    listed = {model.name: model.title for model in client.engine.catalogue.all() if model.card is not None}
    titles = {default.name: default.card.title, **listed}
    return {name: title for name, title in titles.items() if len(name) <= MAX_VALUE_CHARACTERS}


def _channel_select(channel_ids: Sequence[str], placeholder: str) -> discord.ui.ChannelSelect[Buttons]:
    return discord.ui.ChannelSelect(
        custom_id="settings:channelslist",
        channel_types=CHANNELS,
        placeholder=placeholder,
        min_values=0,
        max_values=MAX_CHOSEN,
        default_values=[as_chosen(each, SelectDefaultValueType.channel) for each in channel_ids[:MAX_CHOSEN]],
    )


def _model_select(known: Mapping[str, str], chosen: Sequence[str], placeholder: str) -> discord.ui.Select[Buttons]:
    """Those that are chosen come first: with more models than a select holds, none of them is dropped unseen."""
    names = sorted(known, key=lambda name: (name not in chosen, name.casefold()))[:MAX_CHOSEN]
    return discord.ui.Select(
        custom_id="settings:modelslist",
        placeholder=placeholder,
        min_values=0,
        max_values=len(names),
        options=[
            discord.SelectOption(label=clipped(known[name], MAX_VALUE_CHARACTERS), value=name, default=name in chosen)
            for name in names
        ],
    )
