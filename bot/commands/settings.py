"""`/settings`: one panel in which a server's moderators set what holds for the whole server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot import settings_panel
from bot.answers import in_time, privately
from bot.options import text

if TYPE_CHECKING:
    from bot.client import Client


def command() -> app_commands.Command[Any, ..., None]:
    """The command; who may run it is the server's Integrations page's decision, Manage Server its default."""

    @app_commands.command(name=text("command-settings"), description=text("command-settings.description"))
    async def settings(interaction: discord.Interaction[Client]) -> None:
        content, view = await in_time(interaction, settings_panel.composed(interaction))
        await privately(interaction, content, view=view)

    settings.default_permissions = discord.Permissions(manage_guild=True)
    return settings
