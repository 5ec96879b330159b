"""`/mydata`: what is kept about a member, for that member alone; and its erasure."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot import views
from bot.admission import Refused
from bot.answers import acknowledge, in_time, privately
from bot.export import Picture, archive, document
from bot.files import FileGone
from bot.locales import catalogue
from bot.options import text
from bot.store import files as stored_files
from bot.store import own_data

if TYPE_CHECKING:
    from bot.client import Client


def group() -> app_commands.Group:
    """The commands, for every member."""
    group = app_commands.Group(name=text("command-mydata"), description=text("command-mydata.description"))

    @group.command(name=text("command-mydata-export"), description=text("command-mydata-export.description"))
    async def export(interaction: discord.Interaction[Client]) -> None:
        data, sentence = await in_time(interaction, _export(interaction))
        await privately(interaction, sentence, files=[discord.File(io.BytesIO(data), "mydata.zip")])

    @group.command(name=text("command-mydata-delete"), description=text("command-mydata-delete.description"))
    async def delete(interaction: discord.Interaction[Client]) -> None:
        locale = interaction.locale.value
        view = views.under_erasure(with_messages=False, locale=locale)
        await privately(interaction, catalogue(locale).say("mydata-ask"), view=view)

    return group


async def tick(interaction: discord.Interaction[Client], with_messages: int) -> None:
    """Tick or untick that messages are deleted, too."""
    view = views.under_erasure(with_messages=bool(with_messages), locale=interaction.locale.value)
    await interaction.response.edit_message(view=view)


async def erase(interaction: discord.Interaction[Client], with_messages: int) -> None:
    """Erase what is kept about the presser; what they were charged and whether they are blocked stays."""
    await acknowledge(interaction)
    client, user_id = interaction.client, interaction.user.id
    client.drafts.forget(user_id)
    client.wishes.forget(user_id)
    erased = await client.eraser.erase(user_id, with_messages=bool(with_messages))
    say = catalogue(interaction.locale.value).say
    lines = [say("mydata-erased", count=erased.requests)]
    if erased.withdrawn:
        lines.append(say("mydata-withdrawn", count=erased.withdrawn))
    if erased.messages:
        lines.append(say("mydata-messages", count=erased.messages))
    await interaction.edit_original_response(content="\n".join(lines), view=None)


async def _export(interaction: discord.Interaction[Client]) -> tuple[bytes, str]:
    client, user_id = interaction.client, interaction.user.id
    async with client.database.reading() as connection:
        rows = await own_data.requests_of(connection, user_id)
        blocks = await own_data.blocks_of(connection, user_id)
        reports = await own_data.reports_by(connection, user_id)
        audit = await own_data.audit_of(connection, user_id)
        files = await stored_files.of_requests(connection, [row.id for row in rows])
    by_id = {row.id: row for row in rows}
    pictures = []
    for file in files:
        if file.kind == "result":  # a withheld one is not theirs to have
            try:
                pictures.append(Picture(by_id[file.request_id], file.sha256, await client.files.read(file.sha256)))
            except FileGone:
                continue
    facts = await asyncio.to_thread(document, rows, blocks, reports, audit)
    packed = await asyncio.to_thread(archive, facts, pictures, most_bytes=interaction.filesize_limit)
    if packed is None:
        raise Refused("mydata-too-large")
    data, left_out = packed
    return data, catalogue(interaction.locale.value).say("mydata-export", count=len(rows), left=left_out)
