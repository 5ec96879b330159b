"""`/quota`: what a member may still have today, what waits, and what each of the last requests cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot import replies
from bot.accept import held_by
from bot.answers import in_time, privately
from bot.locales import catalogue
from bot.markdown import MAX_MESSAGE_CHARACTERS, utf16_length
from bot.options import text
from bot.store import past, requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.admission import Allowance
    from bot.client import Client
    from bot.store.requests import RequestRow

PROMPT_CHARACTERS = 40
MOST_WAITING = 5
MOST_ENTRIES = 10


def command() -> app_commands.Command[Any, ..., None]:
    """The command `/quota`."""

    @app_commands.command(name=text("command-quota"), description=text("command-quota.description"))
    async def quota(interaction: discord.Interaction[Client]) -> None:
        await privately(interaction, await in_time(interaction, _quota(interaction)))

    return quota


def quota_text(
    allowance: Allowance, waiting: Sequence[tuple[RequestRow, int | None]], ended: Sequence[RequestRow], locale: str
) -> str:
    """
    What is left, when there is more, what waits at which place, and the last entries of the ledger that have room.

    Args:
        ended: the newest first.
    """
    say, rules = catalogue(locale).say, allowance.rules
    lines = [say("quota-left", left=allowance.left, limit=rules.pictures_per_day)]
    if allowance.seconds_left is not None:
        lines.append(say("quota-seconds", seconds=int(allowance.seconds_left)))
    if allowance.used_today:
        lines.append(say("quota-refill", more_at=allowance.refills_at))
    lines.append(say("quota-places", held=allowance.places_held, limit=rules.places_in_line))
    lines += [_waiting(row, place, locale) for row, place in waiting[:MOST_WAITING]]
    if len(waiting) > MOST_WAITING:
        lines.append(say("quota-waiting-more", count=len(waiting) - MOST_WAITING))
    if ended:
        lines.append(say("quota-ledger"))
    for row in ended:
        entry = _entry(row, locale)
        if utf16_length("\n".join([*lines, entry])) > MAX_MESSAGE_CHARACTERS:
            break
        lines.append(entry)
    return "\n".join(lines)


def _waiting(row: RequestRow, place: int | None, locale: str) -> str:
    say = catalogue(locale).say
    where = say("state-running") if row.state == "running" else replies.place_in_line(place, locale)
    facts = [where, say("quota-reserved", amount=_amount(row.num_images, row.estimated_s, locale))]
    if row.message_id is not None:
        facts.append(say("quota-link", url=replies.message_url(row)))
    prompt = replies.headline(row, PROMPT_CHARACTERS, locale)
    return say("quota-waiting", id=row.short_id, prompt=prompt, facts=" · ".join(facts))


def _entry(row: RequestRow, locale: str) -> str:
    """What a request reserved, spent and so got back; requests of earlier versions may have spent more."""
    say = catalogue(locale).say
    facts = [
        say("quota-reserved", amount=_amount(row.num_images, row.estimated_s, locale)),
        say("quota-spent", amount=_amount(row.charged, row.charged_s, locale)),
    ]
    # Of what is shown, so that the line adds up.
    pictures, seconds = row.num_images - row.charged, round(row.estimated_s, 1) - round(row.charged_s, 1)
    if pictures or seconds > 0:
        facts.append(say("quota-refunded", amount=_amount(pictures, max(0.0, seconds), locale)))
    if row.reason is not None:
        facts.append(replies.why(row, row.reason))
    elif row.flagged:
        facts.append(say("flagged-as-show", flagged=row.flagged, count=row.num_images))
    return say("quota-entry", id=row.short_id, facts=" · ".join(facts))


def _amount(pictures: int, seconds: float, locale: str) -> str:
    say = catalogue(locale).say
    parts = [say("quota-pictures", count=pictures)] if pictures else []
    if seconds:
        parts.append(say("quota-s", seconds=replies.seconds_text(seconds)))
    return ", ".join(parts) or say("quota-nothing")


async def _quota(interaction: discord.Interaction[Client]) -> str:
    client, user_id, guild_id = interaction.client, interaction.user.id, interaction.guild_id
    allowance = await client.admission.allowance(user_id, guild_id, **held_by(interaction))
    async with client.database.reading() as connection:
        unfinished = await requests.unfinished_of(connection, user_id=user_id, guild_id=guild_id)
        ended = await past.ended_lately(connection, user_id=user_id, guild_id=guild_id, count=MOST_ENTRIES)
    waiting = [(row, client.studio.overview.place_of(row.id)) for row in unfinished]
    return quota_text(allowance, waiting, ended, interaction.locale.value)
