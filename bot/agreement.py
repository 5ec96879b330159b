"""A member's yes to a model's licence, where the operator wants one: asked for once; then what they typed goes on."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot import views
from bot.admission import Refused
from bot.answers import privately
from bot.licences import question
from bot.store import audit, licences
from bot.store.audit import Deed
from bot.undeliverable import OUT_OF_REACH

if TYPE_CHECKING:
    import discord

    from bot.client import Client
    from bot.store.requests import Kind
    from bot.wording import Wording
    from engine import GenerationRequest, ModelCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request as it was typed, which goes on once its member has agreed."""

    request: GenerationRequest
    kind: Kind
    parent_id: int | None
    wording: Wording | None
    licence: str
    asking: discord.Interaction[Client]
    """To which the question was the answer."""


async def has_agreed(client: Client, user_id: int, card: ModelCard) -> bool:
    """Whether a member may draw with a model, as far as its licence is concerned."""
    if not client.settings.require_agree or not card.licence:
        return True
    async with client.database.reading() as connection:
        return await licences.has_agreed(connection, user_id=user_id, licence=card.licence)


async def ask(
    interaction: discord.Interaction[Client],
    request: GenerationRequest,
    card: ModelCard,
    *,
    kind: Kind,
    parent_id: int | None,
    wording: Wording | None,
) -> None:
    """Ask a member alone for their yes, and keep what they typed meanwhile."""
    locale = interaction.locale.value
    wish = Wish(
        request=request, kind=kind, parent_id=parent_id, wording=wording, licence=card.licence, asking=interaction
    )
    interaction.client.wishes.keep(interaction.id, wish, user_id=interaction.user.id)
    words = question(card.title, card.licence, locale)
    await privately(interaction, words, view=views.under_question(interaction.id, locale))


async def agree(interaction: discord.Interaction[Client], wish_id: int) -> Wish:
    """
    Note a member's yes, for ever; what they had typed.

    Raises:
        Refused: it is no longer kept.
    """
    client = interaction.client
    wish = client.wishes.take(wish_id, user_id=interaction.user.id)
    if wish is None:
        raise Refused("agree-gone")
    now = time.time()
    async with client.database.transaction() as connection:
        if await licences.mark_agreed(connection, user_id=interaction.user.id, licence=wish.licence, now=now):
            deed = Deed(
                action="agreed",
                guild_id=interaction.guild_id,
                actor_id=interaction.user.id,
                user_id=interaction.user.id,
                facts={"licence": wish.licence},
            )
            await audit.append(connection, deed, now=now)
    return wish


async def take_back_question(wish: Wish) -> None:
    """Take away the question that was answered; what cannot be taken away any more stays, and is harmless."""
    with suppress(*OUT_OF_REACH):
        await wish.asking.delete_original_response()
