"""The message menu Moderate: who made a picture, of which words, and what a moderator may do about it."""

from __future__ import annotations

import asyncio
import io
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import discord
from discord import ButtonStyle, app_commands

from bot import replies
from bot.admission import Refused
from bot.answers import in_time, privately
from bot.locales import catalogue
from bot.markdown import MAX_MESSAGE_CHARACTERS, clipped, one_line, plain
from bot.moderation import acts
from bot.moderation.acts import Blocking
from bot.moderation.encoded import encoded
from bot.moderation.rights import is_moderator, is_own_panel
from bot.options import text
from bot.sentences import sentence
from bot.store import messages, requests
from bot.views import Buttons, button
from engine import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from bot.client import Client
    from bot.store.requests import RequestRow

SHOWN_CHARACTERS = 300
"""Of each text: escaped, three of them fit Discord's 2000 together; a file holds them whole."""
BLOCKS_S: Mapping[str, float | None] = {"modhour": 3600.0, "modday": 86400.0, "modgood": None}
"""How long each button blocks; None: for good."""


def entry() -> app_commands.ContextMenu:
    """The menu's entry; who sees it is the server's Integrations page's decision, Moderate Members its default."""
    menu = app_commands.ContextMenu(name=text("menu-moderate"), callback=_opened)
    menu.default_permissions = discord.Permissions(moderate_members=True)
    return menu


async def request_of(interaction: discord.Interaction[Client], message: discord.Message) -> RequestRow:
    """
    The request that a message of this server shows.

    Raises:
        Refused: it shows none.
    """
    async with interaction.client.database.reading() as connection:
        rows = await messages.in_messages(connection, [message.id])
    for row in rows:
        if row.guild_id == interaction.guild_id:
            return row
    raise Refused("moderate-no-request")


def under_moderated(request_id: int, locale: str, *, with_details: bool = False) -> Buttons:
    """What a moderator may do about a request."""
    say = catalogue(locale).say
    row = [
        button(say("button-mod-delete"), f"moddelete:{request_id}", ButtonStyle.danger),
        button(say("button-mod-hour"), f"modhour:{request_id}", ButtonStyle.danger),
        button(say("button-mod-day"), f"modday:{request_id}", ButtonStyle.danger),
        button(say("button-mod-good"), f"modgood:{request_id}", ButtonStyle.danger),
        button(say("button-mod-withdraw"), f"modwithdraw:{request_id}"),
    ]
    details = [button(say("button-mod-details"), f"moddetails:{request_id}")]
    return Buttons(row, details) if with_details else Buttons(row)


def panel_text(row: RequestRow, read: Sequence[str], locale: str) -> tuple[str, str | None]:
    """
    What a moderator reads of a request, and the whole of its words where they are too long for a message.

    Args:
        read: what is encoded of it.
    """
    say = catalogue(locale).say
    texts = [say("moderate-typed", text=row.as_typed), say("moderate-encoded", text="\n".join(read))]
    if row.negative_prompt:
        texts.append(say("moderate-negative", text=row.negative_prompt))
    shown = [
        say("moderate-typed", text=_quoted(row.as_typed)),
        say("moderate-encoded", text=" | ".join(_quoted(each) for each in read)),
        *([say("moderate-negative", text=_quoted(row.negative_prompt))] if row.negative_prompt else []),
    ]
    when = f"<t:{int(row.created_at)}:f>"
    made = say("moderate-made", member=replies.member(row.user_id), when=when, id=row.short_id)
    state = say(f"state-{row.state}", reason=replies.why(row, row.reason)) if row.reason else say(f"state-{row.state}")
    longest = max(len(each) for each in (row.as_typed, *read, row.negative_prompt))
    is_whole = longest <= SHOWN_CHARACTERS and len(read) == 1
    content = clipped("\n".join([f"{made} · {state}", *shown]), MAX_MESSAGE_CHARACTERS)
    return content, None if is_whole else "\n\n".join(texts)


async def show(interaction: discord.Interaction[Client], row: RequestRow) -> None:
    """Show a request to the moderator alone."""
    locale = interaction.locale.value
    read = await asyncio.to_thread(_read, interaction.client, row)
    content, whole = panel_text(row, read, locale)
    files = [] if whole is None else [discord.File(io.BytesIO(whole.encode()), f"prompt-{row.short_id}.txt")]
    await privately(interaction, content, view=under_moderated(row.id, locale), files=files)


async def details(interaction: discord.Interaction[Client], request_id: int) -> None:
    """Show what was reported, as the menu does."""
    await show(interaction, await _moderated(interaction, request_id))


async def delete(interaction: discord.Interaction[Client], request_id: int) -> None:
    """Delete the message, and withdraw what is not finished."""
    row = await _moderated(interaction, request_id)
    await in_time(interaction, acts.delete(interaction.client, row, actor_id=interaction.user.id))
    await privately(interaction, catalogue(interaction.locale.value).say("moderate-deleted", id=row.short_id))


async def delete_and_block(interaction: discord.Interaction[Client], request_id: int, *, act: str) -> None:
    """Delete the message, and block whoever asked for it in this server."""
    row = await _moderated(interaction, request_id)
    span_s = BLOCKS_S[act]
    blocking = Blocking(
        user_id=row.user_id,
        guild_id=cast("int", row.guild_id),
        until=None if span_s is None else time.time() + span_s,
        reason=None,
        actor_id=interaction.user.id,
    )

    await privately(interaction, await in_time(interaction, _delete_and_block(interaction, row, blocking)))


async def withdraw(interaction: discord.Interaction[Client], request_id: int) -> None:
    """Withdraw everything that waits of whoever asked for this, in this server."""
    row = await _moderated(interaction, request_id)
    work = acts.withdraw(
        interaction.client,
        user_id=row.user_id,
        guild_id=cast("int", row.guild_id),
        actor_id=interaction.user.id,
    )
    count = await in_time(interaction, work)
    say = catalogue(interaction.locale.value).say
    await privately(interaction, say("moderate-withdrawn", count=count, member=replies.member(row.user_id)))


def blocked_text(blocking: Blocking, withdrawn: int, locale: str) -> str:
    """What a moderator reads once a member is blocked."""
    say = catalogue(locale).say
    until = "never" if blocking.until is None else f"<t:{int(blocking.until)}:f>"
    where = "here" if blocking.guild_id else "everywhere"
    blocked = say("moderate-blocked", member=replies.member(blocking.user_id), until=until, where=where)
    return f"{blocked} {say('moderate-blocked-withdrawn', count=withdrawn)}" if withdrawn else blocked


ACTS: Mapping[str, Callable[[discord.Interaction[Client], int], Awaitable[None]]] = {
    "moddetails": details,
    "moddelete": delete,
    "modwithdraw": withdraw,
    **{act: partial(delete_and_block, act=act) for act in BLOCKS_S},
}
"""What the first word of a custom_id does."""


async def _delete_and_block(interaction: discord.Interaction[Client], row: RequestRow, blocking: Blocking) -> str:
    """What came of it: a message that is out of reach keeps nobody from being blocked."""
    locale = interaction.locale.value
    withdrawn = await acts.block(interaction.client, blocking)
    try:
        await acts.delete(interaction.client, row, actor_id=interaction.user.id)
        deleted = catalogue(locale).say("moderate-deleted", id=row.short_id)
    except Refused as refused:
        deleted = sentence(refused, locale)
    return f"{deleted} {blocked_text(blocking, withdrawn, locale)}"


async def _opened(interaction: discord.Interaction[Any], message: discord.Message) -> None:
    await show(interaction, await request_of(interaction, message))


async def _moderated(interaction: discord.Interaction[Client], request_id: int) -> RequestRow:
    """
    The request that a moderator has pressed a button about.

    Raises:
        Refused: it is of another server, or the presser is no moderator (any more).
    """
    is_allowed = is_own_panel(interaction) or interaction.permissions.moderate_members
    if not is_allowed and not await is_moderator(interaction):
        raise Refused("not-a-moderator")
    async with interaction.client.database.reading() as connection:
        row = await requests.fetch(connection, request_id)
    if row is None or row.guild_id != interaction.guild_id:
        raise Refused("request-unknown")
    return row


def _read(client: Client, row: RequestRow) -> Sequence[str]:
    """What is encoded of a request; of one that cannot be read any more, what was typed, written out."""
    try:
        return encoded(client.engine.readings(row.request)).prompts
    except (InvalidRequest, Refused):
        return tuple(dict.fromkeys(row.prompt_of(index) for index in range(row.num_images)))


def _quoted(words: str) -> str:
    return plain(clipped(one_line(words), SHOWN_CHARACTERS))
