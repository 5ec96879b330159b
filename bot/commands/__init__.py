"""The slash commands, one file for each family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discord import app_commands

from bot.commands import filter as filtering
from bot.commands import help as helping
from bot.commands import imagine, limits, line, models, moderate, mydata, pictures, quota
from bot.commands import settings as settings_command
from bot.moderation import menu, reports

if TYPE_CHECKING:
    from bot.settings import Settings

    AnyCommand = app_commands.Command[Any, ..., None] | app_commands.Group | app_commands.ContextMenu


def all_commands(settings: Settings) -> list[AnyCommand]:
    """Every command and menu entry, where the settings allow it; moderators' commands and menus are servers' alone."""
    for_members: list[AnyCommand] = [
        imagine.command(),
        pictures.history(),
        quota.command(),
        models.command(),
        helping.command(),
        mydata.group(),
    ]
    for command in for_members:
        command.allowed_contexts = app_commands.AppCommandContext(
            guild=True,
            dm_channel=settings.allow_dms or settings.allow_user_installs,
            private_channel=settings.allow_user_installs,
        )
        command.allowed_installs = app_commands.AppInstallationType(guild=True, user=settings.allow_user_installs)
    for_servers: list[AnyCommand] = [
        limits.group(),
        filtering.group(),
        settings_command.command(),
        moderate.group(),
        line.group(),
        menu.entry(),
        reports.entry(),
    ]
    for entry in for_servers:
        entry.guild_only = True
        entry.allowed_contexts = app_commands.AppCommandContext(guild=True)
        entry.allowed_installs = app_commands.AppInstallationType(guild=True)
    return [*for_members, *for_servers]
