"""Tells Discord about the slash commands, but only where it has others: it counts such calls, and clients reload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from discord.http import Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from discord import app_commands

log = structlog.stdlib.get_logger(__name__)

COMPARED = (
    "type",
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "default_member_permissions",
    "contexts",
    "integration_types",
    "nsfw",
    "required",
    "value",
    "min_value",
    "max_value",
    "min_length",
    "max_length",
    "channel_types",
    "autocomplete",
)
"""What a bot decides of a command, an option or a choice; the rest of what Discord keeps is its own."""


async def sync_if_changed(tree: app_commands.CommandTree[Any]) -> bool:
    """Whether Discord had other commands than these; then it has these now."""
    if await _found(tree) == await _wanted(tree):
        return False
    await tree.sync()
    log.info("commands_synced", commands=len(tree.get_commands()))
    return True


async def _found(tree: app_commands.CommandTree[Any]) -> list[Any]:
    """
    What Discord has.

    Asked for as `tree.fetch_commands` asks, but with translations, and read as it comes: discord.py 2.7.1 reads
    `contexts` and `integration_types` wrongly (`flags.ArrayFlags._from_value` shifts all values by one).
    """
    path = "/applications/{application_id}/commands?with_localizations=true"
    payloads = await tree.client.http.request(Route("GET", path, application_id=tree.client.application_id))
    return _in_order(payloads)


async def _wanted(tree: app_commands.CommandTree[Any]) -> list[Any]:
    translator = tree.translator
    return _in_order(
        [
            command.to_dict(tree) if translator is None else await command.get_translated_payload(tree, translator)
            for command in tree.get_commands()
        ]
    )


def _in_order(payloads: list[Any]) -> list[Any]:
    return sorted((_compared(payload) for payload in payloads), key=lambda command: str(command["name"]))


def _compared(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared of a payload: without what says nothing, and permissions as a number."""
    kept = {
        key: payload[key]
        for key in COMPARED
        if payload.get(key) not in (None, "", [], {}) and payload[key] is not False
    }
    if "default_member_permissions" in kept:
        kept["default_member_permissions"] = int(kept["default_member_permissions"])
    for key in ("options", "choices"):
        if payload.get(key):
            kept[key] = [_compared(entry) for entry in payload[key]]
    return kept
