"""A member's yes to a model's licence, where the operator wants one: asked for once; then what they typed goes on."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot import views
from bot.admission import Refused
from bot.answers import privately
from bot.licences import question
from bot.store import audit, licences
from bot.store.audit import Deed

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Wishes:
    """What waits for a member's yes: few, not for long, and in memory only."""

    MOST = 200
    LIFE_S = 3600.0

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wishes: dict[int, tuple[Wish, float]] = {}
        """With when each was kept, the oldest first."""

    def keep(self, wish: Wish) -> None:
        """Keep what a member typed; the oldest makes room."""
        self._wishes[wish.asking.id] = wish, self._clock()
        while len(self._wishes) > self.MOST:
            del self._wishes[next(iter(self._wishes))]

    def forget(self, user_id: int) -> None:
        """Keep nothing more of a member."""
        self._wishes = {number: kept for number, kept in self._wishes.items() if kept[0].asking.user.id != user_id}

    def take(self, wish_id: int, *, user_id: int) -> Wish | None:
        """What this member typed, if it is still kept, for the last time."""
        wish, kept_at = self._wishes.get(wish_id, (None, 0.0))
        if wish is None or wish.asking.user.id != user_id or self._clock() - kept_at > self.LIFE_S:
            return None
        del self._wishes[wish_id]
        return wish


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
    interaction.client.wishes.keep(wish)
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
    with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
        await wish.asking.delete_original_response()
