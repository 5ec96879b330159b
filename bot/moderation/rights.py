"""Who may touch others' work: whoever manages messages there, or holds the moderators' role in /settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.store import server_settings

if TYPE_CHECKING:
    from bot.client import Client
    from bot.store.server_settings import ServerSettings

PANEL_LIFE_S = 15 * 60
"""How long what a command showed to one member alone says that they may run it: as long as its interaction lives."""


async def may_moderate(interaction: discord.Interaction[Client], settings: ServerSettings) -> bool:
    """Whether a member may touch others' work where an interaction comes from."""
    member = interaction.user
    if not isinstance(member, discord.Member):
        return False
    # The interaction's own roles: `roles` leaves out those that discord.py has not heard of.
    has_role = settings.moderators_role_id in member._roles  # noqa: SLF001
    return interaction.permissions.manage_messages or has_role


async def is_moderator(interaction: discord.Interaction[Client]) -> bool:
    """As `may_moderate`, with the server's settings as they are now."""
    async with interaction.client.database.reading() as connection:
        settings = await server_settings.read(connection, interaction.guild_id)
    return await may_moderate(interaction, settings)


def is_own_panel(interaction: discord.Interaction[Client]) -> bool:
    """Whether this was pressed in what a command has just shown to the presser alone, since Discord let them run it."""
    message = interaction.message
    if message is None or not message.flags.ephemeral:
        return False
    return (interaction.created_at - message.created_at).total_seconds() < PANEL_LIFE_S
