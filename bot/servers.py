"""Which servers are served: those that the setting names, or the one that was adopted; any other is left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog

from bot.admission import Refused
from bot.locales import DEFAULT_LOCALE, catalogue
from bot.store import servers as stored_servers
from bot.undeliverable import OUT_OF_REACH

if TYPE_CHECKING:
    from collections.abc import Sequence

    import discord

    from bot.database import Database
    from bot.settings import Settings

log = structlog.stdlib.get_logger(__name__)


class Servers:
    """
    Where the bot draws. Its address can be passed on, so it serves only the operator's servers.

    Where the setting names none, the only server that it is in is adopted and remembered; among several it cannot
    choose, and then it serves none and leaves none.
    """

    def __init__(self, client: discord.Client, settings: Settings, database: Database) -> None:
        self._client = client
        self._settings = settings
        self._database = database
        self._adopted: int | None = None
        self._leaving: set[int] = set()

    async def check(self, interaction: discord.Interaction[Any]) -> None:
        """
        Whether the bot draws where the interaction comes from.

        Raises:
            Refused: it does not.
        """
        is_own_app = self._settings.allow_user_installs and interaction.is_user_integration()
        if interaction.guild_id is None:
            is_dm = self._settings.allow_dms and not interaction.context.private_channel
            if not (is_dm or is_own_app):
                raise Refused("dms-off")
        elif not is_own_app and interaction.guild_id not in await self._served():
            raise Refused("server-not-served")

    async def settle(self) -> None:
        """Leave every foreign server that the bot is in; say so where it cannot choose."""
        served = await self._served()
        if not served and self._client.guilds:
            sentence = catalogue(DEFAULT_LOCALE).say("operator-servers-undecided")
            log.warning("servers_undecided", guild_ids=[guild.id for guild in self._client.guilds], sentence=sentence)
            return
        for guild in self._client.guilds:
            if served and guild.id not in served:
                await self._leave(guild)

    async def _served(self) -> Sequence[int]:
        if self._settings.servers:
            return self._settings.servers
        if self._adopted is None:
            self._adopted = await self._adopt()
        return () if self._adopted is None else (self._adopted,)

    async def _adopt(self) -> int | None:
        async with self._database.reading() as connection:
            adopted = await stored_servers.adopted_server(connection)
        if adopted is not None or len(self._client.guilds) != 1:
            return adopted
        guild_id = self._client.guilds[0].id
        async with self._database.transaction() as connection:
            if await stored_servers.adopt_server(connection, guild_id=guild_id, now=time.time()):
                log.info("server_adopted", guild_id=guild_id)
            return await stored_servers.adopted_server(connection)

    async def _leave(self, guild: discord.Guild) -> None:
        """Say one sentence and go; once, whatever else is joined or said again meanwhile."""
        if guild.id in self._leaving:
            return
        self._leaving.add(guild.id)
        try:
            await self._say_farewell(guild)
            await guild.leave()
        except OUT_OF_REACH as error:
            log.warning("leaving_failed", guild_id=guild.id, error=str(error))
        else:
            log.info("server_left", guild_id=guild.id)
        finally:
            self._leaving.remove(guild.id)

    @staticmethod
    async def _say_farewell(guild: discord.Guild) -> None:
        try:
            if channel := _where_to_write(guild):
                await channel.send(
                    catalogue(guild.preferred_locale.value).say("server-farewell"), nonce=f"bye-{guild.id}"
                )
        except OUT_OF_REACH as error:
            log.info("farewell_failed", guild_id=guild.id, error=str(error))


def _where_to_write(guild: discord.Guild) -> discord.TextChannel | None:
    """The channel for the server's own notices, or else the first one that the bot may write in."""
    channels = [guild.system_channel, *guild.text_channels]
    for channel in channels:
        if channel is not None:
            permissions = channel.permissions_for(guild.me)
            if permissions.view_channel and permissions.send_messages:
                return channel
    return None
