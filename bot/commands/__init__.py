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


def all_commands(
    settings: Settings,
) -> list[app_commands.Command[Any, ..., None] | app_commands.Group | app_commands.ContextMenu]:
    """Every command and menu entry, where the settings allow it; moderators' commands exist in servers only."""
    for_members: list[app_commands.Command[Any, ..., None] | app_commands.Group] = [
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
    for_moderators: list[app_commands.Command[Any, ..., None] | app_commands.Group] = [
        limits.group(),
        filtering.group(),
        settings_command.command(),
        moderate.group(),
        line.group(),
    ]
    return [*for_members, *for_moderators, menu.entry(), reports.entry()]
