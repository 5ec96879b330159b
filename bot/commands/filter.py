"""`/filter`: what a server's moderators do not want drawn there."""

from __future__ import annotations

import asyncio
import io
import time
from typing import TYPE_CHECKING, cast

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.admission import Refused
from bot.answers import in_time, privately
from bot.locales import catalogue
from bot.markdown import clipped, one_line
from bot.matching import MAX_CHOICE_CHARACTERS, MAX_CHOICES, offer, rank
from bot.moderation import exchange, keeping, trying
from bot.moderation.rules import (
    ACTIONS,
    KINDS,
    MAX_PATTERN_CHARACTERS,
    MAX_REASON_CHARACTERS,
    MAX_REPLACEMENT_CHARACTERS,
    PLACES,
    checked_rule,
)
from bot.moderation.telling import import_text, list_text, rule_text
from bot.options import Prompt, descriptions, names, text
from bot.store import filters as stored_filters
from bot.undeliverable import OUT_OF_REACH

if TYPE_CHECKING:
    from bot.client import Client
    from bot.moderation.rules import Rule

Pattern = Range[str, 1, MAX_PATTERN_CHARACTERS]
Replacement = Range[str, 0, MAX_REPLACEMENT_CHARACTERS]
Reason = Range[str, 1, MAX_REASON_CHARACTERS]
EXPORT_NAME = "filter.json"


def group() -> app_commands.Group:
    """The commands; who may run them is the server's Integrations page's decision, Manage Server its default."""
    group = app_commands.Group(
        name=text("command-filter"),
        description=text("command-filter.description"),
        default_permissions=discord.Permissions(manage_guild=True),
    )
    for add in (_add_add, _add_remove, _add_list, _add_test, _add_import, _add_export):
        add(group)
    return group


def _add_add(group: app_commands.Group) -> None:
    @group.command(name=text("command-filter-add"), description=text("command-filter-add.description"))
    @app_commands.rename(**names("pattern", "kind", "where", "action", "replacement", "reason"))
    @app_commands.describe(
        reason=text("option-reason-of-rule"), **descriptions("pattern", "kind", "where", "action", "replacement")
    )
    @app_commands.choices(
        kind=[Choice(name=text(f"filter-kind-{name}"), value=name) for name in KINDS],
        where=[Choice(name=text(f"filter-where-{name}"), value=name) for name in PLACES],
        action=[Choice(name=text(f"filter-action-{name}"), value=name) for name in ACTIONS],
    )
    async def add_rule(  # noqa: PLR0917 - discord.py reads the options from the signature
        interaction: discord.Interaction[Client],
        pattern: Pattern,
        kind: str | None = None,
        where: str | None = None,
        action: str | None = None,
        replacement: Replacement | None = None,
        reason: Reason | None = None,
    ) -> None:
        async def add() -> str:
            rule = await asyncio.to_thread(
                checked_rule,
                pattern=pattern,
                kind=kind,
                place=where,
                action=action,
                replacement=replacement,
                reason=reason,
            )
            return await _add(interaction, rule)

        await privately(interaction, await in_time(interaction, add()))


def _add_remove(group: app_commands.Group) -> None:
    @group.command(name=text("command-filter-remove"), description=text("command-filter-remove.description"))
    @app_commands.rename(**names("rule"))
    @app_commands.describe(**descriptions("rule"))
    @app_commands.autocomplete(rule=_complete_rule)
    async def remove_rule(interaction: discord.Interaction[Client], rule: Range[str, 1, MAX_CHOICE_CHARACTERS]) -> None:
        await privately(interaction, await in_time(interaction, _remove(interaction, rule)))


def _add_list(group: app_commands.Group) -> None:
    @group.command(name=text("command-filter-list"), description=text("command-filter-list.description"))
    async def list_rules(interaction: discord.Interaction[Client]) -> None:
        rules = await in_time(interaction, _rules(interaction))
        operators = len(interaction.client.filters.operators)
        await privately(interaction, list_text(rules, operators, interaction.locale.value))


def _add_test(group: app_commands.Group) -> None:
    @group.command(name=text("command-filter-test"), description=text("command-filter-test.description"))
    @app_commands.rename(text=text("option-filter-text"))
    @app_commands.describe(text=text("option-filter-text.description"))
    async def test_rules(interaction: discord.Interaction[Client], text: Prompt) -> None:
        client = interaction.client

        async def test() -> str:
            async with client.database.reading() as connection:
                filters = await client.filters.filters(connection, interaction.guild_id)
            return await asyncio.to_thread(trying.tried, client, filters, text, interaction.locale.value)

        await privately(interaction, await in_time(interaction, test()))


def _add_import(group: app_commands.Group) -> None:
    @group.command(name=text("command-filter-import"), description=text("command-filter-import.description"))
    @app_commands.rename(**names("file"))
    @app_commands.describe(**descriptions("file"))
    async def import_rules(interaction: discord.Interaction[Client], file: discord.Attachment) -> None:
        await privately(interaction, await in_time(interaction, _import(interaction, file)))


def _add_export(group: app_commands.Group) -> None:
    @group.command(name=text("command-filter-export"), description=text("command-filter-export.description"))
    async def export_rules(interaction: discord.Interaction[Client]) -> None:
        rules = await in_time(interaction, _rules(interaction))
        say = catalogue(interaction.locale.value).say
        if not rules:
            raise Refused("filter-none")
        file = discord.File(io.BytesIO(exchange.exported(rules)), EXPORT_NAME)
        await privately(interaction, say("filter-exported", count=len(rules)), files=[file])


async def _complete_rule(interaction: discord.Interaction[Client], typed: str) -> list[Choice[str]]:
    """The server's rules for what was typed so far, by number and pattern."""
    rules = await _rules(interaction)
    locale = interaction.locale.value
    return await offer(interaction, lambda: _choices(typed, rules, locale))


def _choices(typed: str, rules: list[Rule], locale: str) -> list[Choice[str]]:
    say = catalogue(locale).say
    labels = {
        rule: say("filter-choice", rule=rule.id, kind=say(f"filter-kind-{rule.kind}"), pattern=one_line(rule.pattern))
        for rule in rules
    }
    ranked = sorted(
        (place, rule.id, label)
        for rule, label in labels.items()
        if (place := rank(typed, str(rule.id), rule.pattern, label)) is not None
    )
    return [
        Choice(name=clipped(label, MAX_CHOICE_CHARACTERS), value=str(rule_id))
        for _, rule_id, label in ranked[:MAX_CHOICES]
    ]


async def _rules(interaction: discord.Interaction[Client]) -> list[Rule]:
    async with interaction.client.database.reading() as connection:
        return await stored_filters.of_server(connection, interaction.guild_id)


async def _add(interaction: discord.Interaction[Client], rule: Rule) -> str:
    async with interaction.client.database.transaction() as connection:
        rule_id = await keeping.keep(connection, rule, **_whose(interaction))
    locale = interaction.locale.value
    return catalogue(locale).say("filter-added", rule=rule_id, text=rule_text(rule, locale))


async def _remove(interaction: discord.Interaction[Client], typed: str) -> str:
    async with interaction.client.database.transaction() as connection:
        rule = await keeping.drop(connection, typed, **_whose(interaction))
    locale = interaction.locale.value
    return catalogue(locale).say("filter-removed", rule=rule.id, text=rule_text(rule, locale))


async def _import(interaction: discord.Interaction[Client], file: discord.Attachment) -> str:
    """Add what a file has and the server has not; the sentence says how much that is, and why the rest was left out."""
    if file.size > exchange.MAX_FILE_BYTES:
        raise Refused("filter-file-large", maximum=exchange.MAX_FILE_BYTES // 1024)
    try:
        data = await file.read()
    except OUT_OF_REACH as error:
        raise Refused("filter-file-unread") from error
    entries = await asyncio.to_thread(exchange.read, data)
    added, faults = 0, []
    async with interaction.client.database.transaction() as connection:
        for entry in entries:
            try:
                await keeping.keep(connection, entry.valid_rule, **_whose(interaction))
            except Refused as fault:
                faults.append((entry.number, fault))
            else:
                added += 1
    return import_text(added, faults, interaction.locale.value)


def _whose(interaction: discord.Interaction[Client]) -> keeping.Whose:
    return {"guild_id": cast("int", interaction.guild_id), "actor_id": interaction.user.id, "now": time.time()}
