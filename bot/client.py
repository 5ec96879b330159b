"""The bot's connection to Discord: what it serves, what it listens to, and one wrapper around every interaction."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.asset import Asset
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot import forms
from bot.admission import Refused
from bot.answers import answered, explain
from bot.buttons import Press
from bot.commands import all_commands
from bot.commands.line import Clearing
from bot.commands.moderate import AuditTurn
from bot.kept import Kept
from bot.moderation import reports
from bot.moderation.acts import note_deleted
from bot.moderation.log import ModeratorLog
from bot.moderation.purging import Purges
from bot.options import Translator
from bot.presses import Presses
from bot.servers import Servers
from bot.settings_panel import SettingsItem, submit_zone
from bot.settings_view import ZONE_FORM
from bot.store import messages
from bot.sync import sync_if_changed

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.admission import Admission
    from bot.agreement import Wish
    from bot.database import Database
    from bot.delivery import Delivery
    from bot.erasing import Eraser
    from bot.files import Files
    from bot.forms import Draft
    from bot.members import Members
    from bot.moderation.gates import FilterGate
    from bot.prices import Prices
    from bot.recovery import Recovery
    from bot.settings import Settings
    from bot.studio import Studio
    from engine import Engine, ModelCard


USER_AGENT = "DiscordBot (imagine-bot, 0.1)"
"""Discord asks for this form: https://discord.com/developers/docs/reference#user-agent."""
PASSING = (429, 500, 502, 503, 504)
"""HTTP: what may be otherwise in a moment."""
RETRY_AFTER_S = (1.0, 3.0, 5.0, 7.0)


async def use_api(base_url: str, token: str) -> None:
    """
    Let everything that discord.py sends go to another base than Discord's, and its gateway be the one named there.

    The gateway's default is replaced too, since that is what discord.py dials after an invalid session.

    Raises:
        discord.LoginFailure: the token is not known there.
        aiohttp.ClientError, OSError: the base does not answer.
    """
    base_url = base_url.rstrip("/")
    headers = {"Authorization": f"Bot {token}", "User-Agent": USER_AGENT}
    async with aiohttp.ClientSession(headers=headers) as session:
        gateway = await _gateway(session, f"{base_url}/gateway")
    Route.BASE = base_url
    DiscordWebSocket.DEFAULT_GATEWAY = gateway
    Asset.BASE = str(yarl.URL(base_url).origin() / "cdn")


async def _gateway(session: aiohttp.ClientSession, url: str) -> yarl.URL:
    """The gateway that is named there, asked for as patiently as discord.py asks for everything else."""
    waits = iter(RETRY_AFTER_S)
    while True:
        async with session.get(url) as response:
            wait_s = next(waits, None) if response.status in PASSING else None
            if wait_s is None:
                if response.status == HTTPStatus.UNAUTHORIZED:
                    raise discord.LoginFailure
                response.raise_for_status()
                try:
                    return yarl.URL((await response.json())["url"])
                except (KeyError, TypeError, ValueError) as error:
                    raise aiohttp.InvalidURL(url) from error
        await asyncio.sleep(wait_s)


class Tree(app_commands.CommandTree["Client"]):
    """The slash commands: nothing that goes wrong in them stays unanswered."""

    async def interaction_check(self, interaction: discord.Interaction[Client]) -> bool:
        """Whether the bot draws here at all; discord.py lets no error of this method be answered."""
        is_served = False
        async with answered(interaction):
            await self.client.servers.check(interaction)
            is_served = True
        return is_served  # noqa: RET504 - the wrapper swallows what is raised before

    async def on_error(self, interaction: discord.Interaction[Client], error: app_commands.AppCommandError, /) -> None:
        """One sentence to the member alone."""
        await explain(interaction, error)


class Client(commands.AutoShardedBot):
    """The bot as Discord sees it. It owns nothing that must survive it: that is in the database."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        admission: Admission,
        studio: Studio,
        recovery: Recovery,
        delivery: Delivery,
        files: Files,
        members: Members,
        prices: Prices,
        filters: FilterGate,
        eraser: Eraser,
        engine: Engine,
        card: ModelCard,
    ) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,  # never read: there are no message commands
            help_command=None,
            tree_cls=Tree,
            intents=discord.Intents(guilds=True, guild_messages=True),  # neither is privileged
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
        )
        self.settings = settings
        self.database = database
        self.admission = admission
        self.studio = studio
        self.recovery = recovery
        self.delivery = delivery
        self.files = files
        self.members = members
        self.prices = prices
        self.filters = filters
        self.eraser = eraser
        self.engine = engine
        self.card = card
        self.servers = Servers(self, settings, database)
        self.presses = Presses()
        self.drafts: Kept[Draft] = Kept()
        self.moderator_log = ModeratorLog(self, database)
        self.purges = Purges(self)
        self.wishes: Kept[Wish] = Kept()
        self.amending = asyncio.Lock()
        """Held from reading a message until its edit, so that two who decide about its pictures overwrite nothing."""

    async def setup_hook(self) -> None:
        """Know the commands and buttons, and let Discord know the commands."""
        await self.tree.set_translator(Translator())
        for command in all_commands(self.settings):
            self.tree.add_command(command)
        self.add_dynamic_items(Press, Clearing, AuditTurn, SettingsItem)
        await sync_if_changed(self.tree)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Find a submitted form by its custom_id: discord.py knows only the forms that this process has opened."""
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        interaction = cast("discord.Interaction[Client]", interaction)
        async with answered(interaction):
            await self.servers.check(interaction)
            custom_id = interaction.custom_id or ""
            if submitted := forms.SUBMITTED.fullmatch(custom_id):
                await forms.submit(interaction, int(submitted["request_id"]), act=submitted["act"])
            elif submitted := reports.SUBMITTED.fullmatch(custom_id):
                await reports.submit(interaction, int(submitted["request_id"]))
            elif ZONE_FORM.fullmatch(custom_id):
                await submit_zone(interaction)
            else:
                raise Refused("form-unknown")

    async def on_message(self, _message: discord.Message) -> None:
        """Nobody's words are read: of messages the bot only wants to hear that they are deleted."""

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """What was deleted stays deleted: nothing more is drawn for it, and no bytes of it are kept."""
        await self._withdraw_messages({payload.message_id})

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """As for one message."""
        await self._withdraw_messages(payload.message_ids)

    async def _withdraw_messages(self, message_ids: Collection[int]) -> None:
        async with self.database.reading() as connection:
            rows = await messages.in_messages(connection, message_ids)
        for row in rows:
            if row.is_unfinished:
                await self.studio.withdrawals.withdraw_message(row.id)
        if rows:
            await note_deleted(self, [row.id for row in rows])

    async def on_ready(self) -> None:
        """Every server is known now: the foreign ones are left, and nothing is drawn for those that are gone."""
        await self.servers.settle()
        guild_ids = [guild.id for guild in self.guilds]
        await self.eraser.note_present(guild_ids)
        if not self.settings.allow_user_installs:  # through which requests come from servers that the bot is not in
            await self.studio.withdrawals.withdraw_other_guilds(guild_ids)
            await self.eraser.note_others_left(guild_ids)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """A server added the bot: it is the first, or one of the operator's, or foreign."""
        await self.servers.settle()
        await self.eraser.note_present([guild.id])

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot is in this server no more; an outage is another event."""
        await self.studio.withdrawals.withdraw_guild(guild.id)
        await self.eraser.note_left(guild.id)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """What waits in a channel that is gone is withdrawn."""
        await self.studio.withdrawals.withdraw_channel(channel.id)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """What waits in a thread that is gone is withdrawn; also where discord.py had forgotten the thread."""
        await self.studio.withdrawals.withdraw_channel(payload.thread_id)
