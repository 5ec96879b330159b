"""The panel of `/settings`: what holds for the whole server, each in a select that works also after a restart."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import discord

from bot import settings_lists
from bot.admission import Refused
from bot.answers import acknowledge, answered, privately
from bot.delivery import NO_PINGS
from bot.locales import DEFAULT_LOCALE, catalogue
from bot.moderation.rights import is_own_panel
from bot.settings_view import FLAGGED, panel_text, panel_view, values, zone_form
from bot.store import audit, log_cursors, server_settings
from bot.store.audit import Deed
from bot.views import entered
from bot.zones import known_zone

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping, Sequence

    from bot.client import Client
    from bot.settings_lists import ListName
    from bot.store.server_settings import Flagged, ServerSettings
    from bot.views import Buttons


class SettingsItem(discord.ui.DynamicItem[discord.ui.Item[discord.ui.View]], template=r"settings:(?P<field>[a-z]+)"):
    """A select or button of the panel, found by its custom_id, which names what it sets."""

    def __init__(self, item: discord.ui.Item[discord.ui.View], field: str) -> None:
        super().__init__(item)
        self._field = field

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> SettingsItem:
        """The item, as discord.py finds it in an interaction."""
        return cls(item, match["field"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Set what was chosen; what goes wrong is told by the one wrapper."""
        async with answered(interaction):
            await interaction.client.servers.check(interaction)
            _check_rights(interaction)
            if self._field == "zoneform":
                await interaction.response.send_modal(zone_form(interaction.locale.value))
                return
            if self._field not in CHOSEN:
                raise Refused("button-outdated")
            await CHOSEN[self._field](interaction, cast("dict[str, Any]", interaction.data).get("values", []))


async def composed(interaction: discord.Interaction[Client]) -> tuple[str, Buttons]:
    """The panel with what holds now."""
    async with interaction.client.database.reading() as connection:
        settings = await server_settings.read(connection, interaction.guild_id)
        is_failing = await log_cursors.is_failing(connection, cast("int", interaction.guild_id))
        lists = await settings_lists.read(connection, interaction.guild_id)
    locale = interaction.locale.value
    text = panel_text(settings, settings_lists.lines(lists, locale), is_failing, locale)
    return text, panel_view(settings, locale)


async def submit_zone(interaction: discord.Interaction[Client]) -> None:
    """
    Set the time zone that was typed.

    Raises:
        Refused: there is none of that name.
    """
    _check_rights(interaction)
    zone = await asyncio.to_thread(known_zone, entered(interaction.data).get("zone", ""))
    await _change(interaction, "time-zone", lambda settings: replace(settings, time_zone=zone))


async def _choose_log(interaction: discord.Interaction[Client], values: Sequence[str]) -> None:
    """
    Choose the log channel, by writing the first message into it.

    Raises:
        Refused: the bot may not write there, or it is another server's.
    """
    await acknowledge(interaction)
    channel_id = int(values[0]) if values else None
    if channel_id is not None:
        known = interaction.client.get_channel(channel_id)
        if known is not None and getattr(known, "guild", None) != interaction.guild:
            raise Refused("settings-log-closed", channel=channel_id)
        channel = interaction.client.get_partial_messageable(channel_id, guild_id=interaction.guild_id)
        try:
            begins = catalogue(DEFAULT_LOCALE).say("settings-log-begins")
            await channel.send(begins, allowed_mentions=NO_PINGS)
        except (discord.Forbidden, discord.NotFound) as error:
            raise Refused("settings-log-closed", channel=channel_id) from error
    await _change(interaction, "log-channel", lambda settings: replace(settings, log_channel_id=channel_id))


async def _choose_role(interaction: discord.Interaction[Client], values: Sequence[str]) -> None:
    """
    Choose the moderators' role.

    Raises:
        Refused: everybody has it.
    """
    role_id = int(values[0]) if values else None
    if role_id == interaction.guild_id:
        raise Refused("settings-role-everyone")
    await _change(interaction, "moderators-role", lambda settings: replace(settings, moderators_role_id=role_id))


async def _choose_flagged(interaction: discord.Interaction[Client], values: Sequence[str]) -> None:
    flagged = cast("Flagged", values[0])
    if flagged not in FLAGGED:
        raise Refused("button-outdated")
    await _change(interaction, "flagged", lambda settings: replace(settings, flagged=flagged))


async def _choose_zone(interaction: discord.Interaction[Client], values: Sequence[str]) -> None:
    zone = await asyncio.to_thread(known_zone, values[0])
    await _change(interaction, "time-zone", lambda settings: replace(settings, time_zone=zone))


async def _show_list(interaction: discord.Interaction[Client], _values: Sequence[str], *, name: ListName) -> None:
    content, view = await settings_lists.composed(interaction, name)
    await interaction.response.edit_message(content=content, view=view)


async def _choose_list(interaction: discord.Interaction[Client], values: Sequence[str], *, name: ListName) -> None:
    """Change a list; where that would withdraw what waits, it is asked first."""
    await acknowledge(interaction)
    content, question = await settings_lists.choose(interaction, name, values)
    await _show(interaction)
    if question is not None:
        await privately(interaction, content, view=question)


async def _back(interaction: discord.Interaction[Client], _values: Sequence[str]) -> None:
    await _show(interaction)


CHOSEN: Mapping[str, Callable[[discord.Interaction[Client], Sequence[str]], Any]] = {
    "log": _choose_log,
    "role": _choose_role,
    "flagged": _choose_flagged,
    "zone": _choose_zone,
    "channels": partial(_show_list, name="channels"),
    "channelslist": partial(_choose_list, name="channels"),
    "models": partial(_show_list, name="models"),
    "modelslist": partial(_choose_list, name="models"),
    "back": _back,
}
"""What each select sets, and each button shows."""


async def _change(
    interaction: discord.Interaction[Client], name: str, change: Callable[[ServerSettings], ServerSettings]
) -> None:
    """Write a setting and its audit in one, and show the panel as it is now."""
    guild_id = cast("int", interaction.guild_id)
    async with interaction.client.database.transaction() as connection:
        before = await server_settings.read(connection, guild_id)
        after = change(before)
        if after != before:
            await server_settings.write(connection, guild_id, after)
            if before.log_channel_id is None and after.log_channel_id is not None:
                await log_cursors.begin(connection, guild_id)
            elif before.log_channel_id != after.log_channel_id:
                await log_cursors.reopen(connection, guild_id)
            deed = Deed(
                action="settings-changed",
                guild_id=guild_id,
                actor_id=interaction.user.id,
                facts={"name": name, "before": values(before)[name], "after": values(after)[name]},
            )
            await audit.append(connection, deed, now=time.time())
    await _show(interaction)


async def _show(interaction: discord.Interaction[Client]) -> None:
    """The panel as it is now, in place of what was."""
    content, view = await composed(interaction)
    if interaction.response.is_done():
        await interaction.edit_original_response(content=content, view=view)
    else:
        await interaction.response.edit_message(content=content, view=view)


def _check_rights(interaction: discord.Interaction[Client]) -> None:
    """
    Whether whoever pressed may change settings (still).

    Raises:
        Refused: the panel is old, and they do not manage the server.
    """
    if not is_own_panel(interaction) and not interaction.permissions.manage_guild:
        raise Refused("panel-outdated")
