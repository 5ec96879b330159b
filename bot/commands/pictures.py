"""`/history`: what a member has had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot import replies, views
from bot.answers import in_time, privately
from bot.locales import catalogue
from bot.options import text
from bot.store import past

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.client import Client
    from bot.store.requests import RequestRow

ROWS_A_PAGE = 5
"""One row of buttons."""
PROMPT_CHARACTERS = 50
"""Escaped, and with their reasons and links, five of them fit Discord's 2000."""


def history() -> app_commands.Command[Any, ..., None]:
    """The command `/history`."""

    @app_commands.command(name=text("command-history"), description=text("command-history.description"))
    async def history(interaction: discord.Interaction[Client]) -> None:
        page = await in_time(interaction, _page(interaction, before_id=None))
        await privately(interaction, page.content, view=page.view or discord.utils.MISSING)

    return history


async def turn_page(interaction: discord.Interaction[Client], before_id: int) -> None:
    """Show another page of the presser's history in place of this one; 0 is the newest."""
    page = await _page(interaction, before_id=before_id or None)
    await interaction.response.edit_message(content=page.content, view=page.view)


def history_page(rows: Sequence[RequestRow], *, is_first: bool, has_more: bool, locale: str) -> replies.Reply:
    """A page of a member's requests."""
    say = catalogue(locale).say
    if not rows:
        key = "history-empty" if is_first else "history-no-more"
        return replies.Reply(
            content=say(key), view=views.under_history(rows, is_first=is_first, has_more=False, locale=locale)
        )
    lines = [say("history-title"), *(_line(row, locale) for row in rows)]
    return replies.Reply(
        content="\n".join(lines), view=views.under_history(rows, is_first=is_first, has_more=has_more, locale=locale)
    )


def _line(row: RequestRow, locale: str) -> str:
    say = catalogue(locale).say
    state = say(f"state-{row.state}", reason=replies.why(row, row.reason)) if row.reason else say(f"state-{row.state}")
    return say(
        "history-line",
        id=row.short_id,
        when=f"<t:{int(row.created_at)}:R>",
        prompt=replies.headline(row, PROMPT_CHARACTERS, locale),
        seeds=replies.seeds_text(row.seeds, locale),
        state=state,
        link=say("history-link", url=replies.message_url(row)) if row.message_id is not None else "",
    )


async def _page(interaction: discord.Interaction[Client], *, before_id: int | None) -> replies.Reply:
    async with interaction.client.database.reading() as connection:
        rows = await past.history(
            connection,
            user_id=interaction.user.id,
            guild_id=interaction.guild_id,
            before_id=before_id,
            count=ROWS_A_PAGE + 1,
        )
    return history_page(
        rows[:ROWS_A_PAGE],
        is_first=before_id is None,
        has_more=len(rows) > ROWS_A_PAGE,
        locale=interaction.locale.value,
    )
