"""`/models`: what draws here, with what, and what each of it needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot import replies, views
from bot.answers import in_time, privately
from bot.inventory import KINDS, inventory
from bot.locales import catalogue
from bot.markdown import MAX_MESSAGE_CHARACTERS, clipped, one_line, plain, utf16_length
from bot.options import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.client import Client
    from bot.inventory import Entry

ENTRIES_A_PAGE = 5
TEXT_CHARACTERS = (200, 100, 50, 25, 12)
"""Of each text, the most with which the page fits a message; with the last it always does."""
UNITS = ((10**9, "size-gb"), (10**6, "size-mb"), (10**3, "size-kb"))
FEW = 10
"""Sizes below this have a decimal place."""


def command() -> app_commands.Command[Any, ..., None]:
    """The command `/models`."""

    @app_commands.command(name=text("command-models"), description=text("command-models.description"))
    async def models(interaction: discord.Interaction[Client]) -> None:
        page = await in_time(interaction, _page(interaction, 0))
        await privately(interaction, page.content, view=page.view or discord.utils.MISSING)

    return models


async def turn_page(interaction: discord.Interaction[Client], number: int) -> None:
    """Show another page in place of this one."""
    page = await _page(interaction, views.page_of(number))
    await interaction.response.edit_message(content=page.content, view=page.view)


def models_page(entries: Sequence[Entry], page: int, locale: str) -> replies.Reply:
    """A page of entries that stand kind by kind; behind the last page there is the last."""
    pages = max(1, -(-len(entries) // ENTRIES_A_PAGE))
    page = min(page, pages - 1)
    shown = entries[page * ENTRIES_A_PAGE :][:ENTRIES_A_PAGE]
    kinds = [entry.kind for entry in entries]
    firsts: dict[str, int] = {kind: kinds.index(kind) // ENTRIES_A_PAGE for kind in KINDS if kind in kinds}
    contents = (_content(shown, page, pages, characters, locale) for characters in TEXT_CHARACTERS)
    return replies.Reply(
        content=next(content for content in contents if utf16_length(content) <= MAX_MESSAGE_CHARACTERS),
        view=views.under_models(page, pages, firsts, locale),
    )


def size_text(size_bytes: int, locale: str) -> str:
    """A size on disk as people read it: `335 MB`, `1.7 GB`."""
    unit, key = next(((unit, key) for unit, key in UNITS if size_bytes >= unit), UNITS[-1])
    size = max(0.1, size_bytes / unit)
    return catalogue(locale).say(key, size=f"{size:.1f}" if size < FEW else round(size))


def _content(entries: Sequence[Entry], page: int, pages: int, characters: int, locale: str) -> str:
    say = catalogue(locale).say
    lines = []
    for before, entry in zip([None, *entries], entries, strict=False):
        if before is None or before.kind != entry.kind:
            lines.append(say("models-heading", kind=say(f"models-{entry.kind}")))
        lines += _lines(entry, characters, locale)
    if pages > 1:
        lines.append(say("models-page", page=page + 1, pages=pages))
    return "\n".join(lines)


def _lines(entry: Entry, characters: int, locale: str) -> list[str]:
    """One entry: what it is called, and what is known of it."""
    say = catalogue(locale).say

    def safe(text: str) -> str:
        return plain(clipped(one_line(text), characters))

    facts = [safe(entry.family)]
    if entry.size_bytes:
        facts.append(size_text(entry.size_bytes, locale))
    if entry.steps is not None:
        facts.append(say("used-steps", steps=entry.steps))
    if entry.licence:
        facts.append(say("models-licence", licence=safe(entry.licence)))
    if entry.trigger_words:
        facts.append(say("models-words", words=safe(", ".join(entry.trigger_words))))
    if entry.is_age_restricted:
        facts.append(say("models-age-restricted"))
    if entry.fault is not None:
        facts.append(say(entry.fault.key, **{name: safe(value) for name, value in entry.fault.values.items()}))
    name, title = safe(entry.name), safe(entry.title)
    if title in ("", name):
        first = say("models-named", name=name)
    else:
        first = say("models-titled", title=title, name=_copyable(entry.name, characters))
    told = " · ".join(filter(None, facts))
    return [first, say("models-facts", facts=told)] if told else [first]


def _copyable(name: str, characters: int) -> str:
    """A name in code style, which a phone copies."""
    shown = clipped(one_line(name), characters)
    return plain(shown) if "`" in shown else f"`{shown}`"


async def _page(interaction: discord.Interaction[Client], page: int) -> replies.Reply:
    entries = await asyncio.to_thread(_entries, interaction.client)
    return models_page(entries, page, interaction.locale.value)


def _entries(client: Client) -> tuple[Entry, ...]:
    """Reads files."""
    engine = client.engine
    return inventory(
        engine.find_source(None),
        engine.catalogue.all(),
        client.settings.models_dir,
        may_be_unchecked=client.settings.unchecked_models == "anywhere",
    )
