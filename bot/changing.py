"""A request that waits becomes another, in its place: admission decides again, and the difference is charged."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bot import agreement
from bot.accept import ask_of, checked
from bot.admission import Refused
from bot.answers import DEFER_AFTER_S, acknowledge

if TYPE_CHECKING:
    import discord

    from bot.admission import Ask
    from bot.client import Client
    from bot.store.requests import RequestRow
    from bot.wording import Wording
    from engine import GenerationRequest


def check_changeable(interaction: discord.Interaction[Client], row: RequestRow) -> None:
    """
    Whether who pressed may change this request now.

    Raises:
        Refused: it is another member's, or it does not wait any more.
    """
    if row.user_id != interaction.user.id:
        raise Refused("not-yours-change")
    if row.reason is not None or not interaction.client.studio.overview.waits(row.id):
        raise Refused("change-too-late")


async def change(
    interaction: discord.Interaction[Client], row: RequestRow, request: GenerationRequest, wording: Wording
) -> None:
    """
    Let a member's request that waits be another one; its message then shows it.

    Raises:
        InvalidRequest, Refused: the sentence is for the member alone, and the request stays as it was.
    """
    check_changeable(interaction, row)
    client = interaction.client
    drawable = await checked(interaction, request)
    if not await agreement.has_agreed(client, interaction.user.id, drawable.card):
        raise Refused("change-not-agreed", title=drawable.card.title)
    ask = ask_of(interaction, drawable, kind=row.kind, parent_id=row.parent_id, wording=wording, is_typed=True)
    # The channel's slow mode is for what comes anew.
    client.members.hear(ask)
    changing = asyncio.create_task(_changed(client, row, replace(ask, slow_mode_s=0)))
    await asyncio.wait({changing}, timeout=DEFER_AFTER_S)
    if not changing.done():
        await acknowledge(interaction)
    if not await changing:
        raise Refused("change-too-late")
    if not interaction.response.is_done():
        await acknowledge(interaction)


async def _changed(client: Client, row: RequestRow, ask: Ask) -> bool:
    """Whether it could still be changed."""
    async with client.studio.holding(row.id):
        changed = await client.admission.change(row, ask)
        return changed is not None and client.studio.change(changed)
