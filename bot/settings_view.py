"""What the panel of `/settings` shows: what holds now, and what each of it can be changed to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import discord
from discord import ChannelType, SelectDefaultValueType

from bot.locales import catalogue
from bot.markdown import plain
from bot.views import Buttons, Form, as_chosen, button
from bot.zones import COMMON_ZONES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.store.server_settings import Flagged, ServerSettings

FLAGGED: tuple[Flagged, ...] = ("spoiler", "stand-in", "show")
ZONE_FORM = re.compile("settings-zone")
"""The custom_id of the form for another time zone."""
MAX_ZONE_CHARACTERS = 64


def values(settings: ServerSettings) -> dict[str, str | None]:
    """The settings as the audit names them."""
    log_id, role_id = settings.log_channel_id, settings.moderators_role_id
    return {
        "log-channel": None if log_id is None else f"<#{log_id}>",
        "moderators-role": None if role_id is None else f"<@&{role_id}>",
        "flagged": settings.flagged,
        "time-zone": settings.time_zone,
    }


def panel_text(settings: ServerSettings, lists: Sequence[str], is_failing: bool, locale: str) -> str:
    """What holds now, one line each; `is_failing` is what the log channel was the last time."""
    say = catalogue(locale).say
    nothing = say("settings-none")
    shown = values(settings)
    lines = [
        say("settings-title"),
        say("settings-log-channel", value=shown["log-channel"] or nothing),
        say("settings-moderators-role", value=shown["moderators-role"] or nothing),
        say("settings-flagged", value=say(f"flagged-{settings.flagged}")),
        say("settings-time-zone", value=plain(settings.time_zone)),
    ]
    lines += lists
    if is_failing:
        lines.append(say("settings-log-failing"))
    return "\n".join(lines)


def panel_view(settings: ServerSettings, locale: str) -> Buttons:
    """What can be chosen."""
    say = catalogue(locale).say
    log_select: discord.ui.ChannelSelect[Buttons] = discord.ui.ChannelSelect(
        custom_id="settings:log",
        channel_types=[ChannelType.text, ChannelType.news],
        placeholder=say("settings-choose-log"),
        min_values=0,
        default_values=_default(settings.log_channel_id, SelectDefaultValueType.channel),
    )
    role_select: discord.ui.RoleSelect[Buttons] = discord.ui.RoleSelect(
        custom_id="settings:role",
        placeholder=say("settings-choose-role"),
        min_values=0,
        default_values=_default(settings.moderators_role_id, SelectDefaultValueType.role),
    )
    flagged_select: discord.ui.Select[Buttons] = discord.ui.Select(
        custom_id="settings:flagged",
        options=[
            discord.SelectOption(label=say(f"flagged-{name}"), value=name, default=name == settings.flagged)
            for name in FLAGGED
        ],
    )
    zones = COMMON_ZONES if settings.time_zone in COMMON_ZONES else (settings.time_zone, *COMMON_ZONES)
    zone_select: discord.ui.Select[Buttons] = discord.ui.Select(
        custom_id="settings:zone",
        options=[discord.SelectOption(label=zone, value=zone, default=zone == settings.time_zone) for zone in zones],
    )
    more = [
        button(say("button-settings-zone"), "settings:zoneform"),
        button(say("button-settings-channels"), "settings:channels"),
        button(say("button-settings-models"), "settings:models"),
    ]
    return Buttons([log_select], [role_select], [flagged_select], [zone_select], more)


def _default(target_id: int | None, kind: SelectDefaultValueType) -> list[discord.SelectDefaultValue]:
    return [] if target_id is None else [as_chosen(target_id, kind)]


def zone_form(locale: str) -> Form:
    """Where a time zone's name is typed."""
    say = catalogue(locale).say
    typed: discord.ui.TextInput[Form] = discord.ui.TextInput(custom_id="zone", max_length=MAX_ZONE_CHARACTERS)
    label = discord.ui.Label(
        text=say("settings-zone-name"), description=say("settings-zone-name.description"), component=typed
    )
    return Form(say("settings-zone-title"), ZONE_FORM.pattern, label)
