"""The message menu Report: a member's word to the moderators, as a card in the log channel."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, cast

import discord
from discord import app_commands

from bot import replies
from bot.admission import Refused
from bot.answers import in_time, privately
from bot.locales import DEFAULT_LOCALE, catalogue
from bot.markdown import plain
from bot.moderation.menu import request_of, under_moderated
from bot.options import text
from bot.policy import DAY_S
from bot.store import audit, reports, requests, server_settings
from bot.store.audit import Deed
from bot.views import Form, entered

if TYPE_CHECKING:
    from bot.client import Client
    from bot.store.requests import RequestRow

MOST_A_DAY = 5
MAX_REASON_CHARACTERS = 300
SUBMITTED = re.compile(r"report:(?P<request_id>\d{1,18})")
"""The custom_id of a form that was submitted, whichever process opened it."""


def entry() -> app_commands.ContextMenu:
    """The menu's entry, for every member."""
    return app_commands.ContextMenu(name=text("menu-report"), callback=_opened)


async def submit(interaction: discord.Interaction[Client], request_id: int) -> None:
    """
    Tell the moderators.

    Raises:
        Refused: the picture is not known, nobody can be told, or this member has reported it or enough today.
    """
    async with interaction.client.database.reading() as connection:
        row = await requests.fetch(connection, request_id)
    if row is None or row.guild_id != interaction.guild_id:
        raise Refused("request-unknown")
    await in_time(interaction, _report(interaction, row, _read(interaction.data)))
    await privately(interaction, catalogue(interaction.locale.value).say("report-sent"))


async def _opened(interaction: discord.Interaction[Any], message: discord.Message) -> None:
    row = await request_of(interaction, message)
    await _check(interaction, row)
    await interaction.response.send_modal(_form(row.id, interaction.locale.value))


async def _check(interaction: discord.Interaction[Client], row: RequestRow) -> None:
    """
    Whether this member may report this request now.

    Raises:
        Refused: they may not, or there is nobody to tell.
    """
    guild_id, reporter_id = cast("int", interaction.guild_id), interaction.user.id
    async with interaction.client.database.reading() as connection:
        settings = await server_settings.read(connection, guild_id)
        is_known = await reports.is_reported(connection, request_id=row.id, reporter_id=reporter_id)
        since = time.time() - DAY_S
        today = await reports.count_since(connection, reporter_id=reporter_id, guild_id=guild_id, since=since)
    if settings.log_channel_id is None:
        raise Refused("report-nobody")
    if is_known:
        raise Refused("report-again")
    if today >= MOST_A_DAY:
        raise Refused("report-enough", limit=MOST_A_DAY)


async def _report(interaction: discord.Interaction[Client], row: RequestRow, reason: str | None) -> None:
    await _check(interaction, row)
    client, guild_id, reporter_id = interaction.client, cast("int", interaction.guild_id), interaction.user.id
    async with client.database.transaction() as connection:
        report_id = await reports.put(
            connection,
            request_id=row.id,
            reporter_id=reporter_id,
            guild_id=guild_id,
            reason=reason,
            now=time.time(),
        )
    message_id = await client.moderator_log.post(
        guild_id,
        card_text(row, reporter_id, reason),
        view=under_moderated(row.id, DEFAULT_LOCALE, with_details=True),
        nonce=f"report-{report_id}",
    )
    if message_id is None:
        raise Refused("report-nobody")
    async with client.database.transaction(patient=True) as connection:
        await reports.mark_shown(connection, report_id, message_id=message_id)
        deed = Deed(
            action="report",
            guild_id=guild_id,
            actor_id=reporter_id,
            user_id=row.user_id,
            request_id=row.id,
        )
        await audit.append(connection, deed, now=time.time())


def card_text(row: RequestRow, reporter_id: int, reason: str | None) -> str:
    """What moderators read of a report; the words of the request stand behind its button alone."""
    say = catalogue(DEFAULT_LOCALE).say
    member = replies.member(row.user_id)
    lines = [
        say(
            "report-card",
            reporter=replies.member(reporter_id),
            member=member,
            id=row.short_id,
            url=replies.message_url(row),
        )
    ]
    if reason:
        lines.append(say("audit-reason", reason=plain(reason)))
    return "\n".join(lines)


def _form(request_id: int, locale: str) -> Form:
    say = catalogue(locale).say
    reason: discord.ui.TextInput[Form] = discord.ui.TextInput(
        custom_id="reason",
        style=discord.TextStyle.paragraph,
        required=False,
        max_length=MAX_REASON_CHARACTERS,
    )
    label = discord.ui.Label(text=say("report-reason"), description=say("report-reason.description"), component=reason)
    return Form(say("report-title"), f"report:{request_id}", label)


def _read(data: Any) -> str | None:
    """The reason, out of Discord's submission."""
    return entered(data).get("reason", "").strip() or None
