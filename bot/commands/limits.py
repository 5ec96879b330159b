"""`/limits`: what a server's moderators allow, below what the operator allows."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, cast

import discord
from discord import app_commands
from discord.app_commands import Choice

from bot import policy
from bot.admission import Refused
from bot.answers import in_time, privately
from bot.locales import catalogue
from bot.options import descriptions, names, text
from bot.policy import LIMIT_NAMES
from bot.replies import field_name, member
from bot.store import limits as stored_limits
from bot.store.limits import WHOLE_SERVER

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.client import Client
    from bot.policy import LimitName, OperatorLimits, Rules


def group() -> app_commands.Group:
    """The commands; who may run them is the server's Integrations page's decision, Manage Server its default."""
    group = app_commands.Group(
        name=text("command-limits"),
        description=text("command-limits.description"),
        guild_only=True,
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )
    _add_set(group)
    _add_show(group)
    _add_clear(group)
    return group


def _add_set(group: app_commands.Group) -> None:
    @group.command(name=text("command-limits-set"), description=text("command-limits-set.description"))
    @app_commands.rename(**names("limit", "value", "member"))
    @app_commands.describe(**descriptions("limit", "value", "member"))
    @app_commands.choices(limit=_choices())
    async def set_limit(
        interaction: discord.Interaction[Client], limit: str, value: str, member: discord.User | None = None
    ) -> None:
        name = _known(limit)
        number = policy.parse_limit(name, value)
        if number is None:
            raise Refused("limit-no-number", name=name, text=value)
        if refusal := policy.check_limit(name, number, interaction.client.settings.limits.ceiling):
            raise Refused(refusal.key, **refusal.values)
        await privately(interaction, await in_time(interaction, _change(interaction, name, number, member)))


def _add_show(group: app_commands.Group) -> None:
    @group.command(name=text("command-limits-show"), description=text("command-limits-show.description"))
    @app_commands.rename(**names("member"))
    @app_commands.describe(**descriptions("member"))
    async def show_limits(interaction: discord.Interaction[Client], member: discord.User | None = None) -> None:
        await privately(interaction, await in_time(interaction, _show(interaction, member)))


def _add_clear(group: app_commands.Group) -> None:
    @group.command(name=text("command-limits-clear"), description=text("command-limits-clear.description"))
    @app_commands.rename(**names("limit", "member"))
    @app_commands.describe(limit=text("option-limit-to-clear"), **descriptions("member"))
    @app_commands.choices(limit=_choices())
    async def clear_limit(
        interaction: discord.Interaction[Client], limit: str | None = None, member: discord.User | None = None
    ) -> None:
        clearing = _clear(interaction, member) if limit is None else _change(interaction, _known(limit), None, member)
        await privately(interaction, await in_time(interaction, clearing))


def limits_text(
    operator: OperatorLimits, server: dict[str, int], own: dict[str, int], user_id: int | None, locale: str
) -> str:
    """Every limit that holds for the server or for one member, who set it, and the operator's ceiling."""
    say = catalogue(locale).say
    rules = policy.effective(operator, server, own)
    lines = [say("limits-of-server") if user_id is None else say("limits-of-member", member=member(user_id))]
    for name in LIMIT_NAMES:
        source = "member" if name in own else "server" if name in server else "operator"
        source_text = say(f"limits-from-{source}")
        value, ceiling = (shown_value(name, getattr(from_, name), locale) for from_ in (rules, operator.ceiling))
        if value != ceiling:
            source_text = say("limits-at-most", source=source_text, ceiling=ceiling)
        lines.append(say("limits-line", name=field_name(name, locale), value=value, source=source_text))
    return "\n".join(lines)


def shown_value(name: LimitName, value: int, locale: str) -> str:
    """A limit's number; pixels that make a square also as its size."""
    side = math.isqrt(value)
    key = "limit-value-square" if name == "pixels" and side * side == value else "limit-value"
    return catalogue(locale).say(key, value=value, side=side)


def _choices() -> list[Choice[str]]:
    return [Choice(name=text(f"limit-{name.replace('_', '-')}"), value=name) for name in LIMIT_NAMES]


def _known(limit: str) -> LimitName:
    """Discord sends one of the choices; another client might not."""
    if limit not in LIMIT_NAMES:
        raise Refused("limit-unknown", text=limit)
    return limit


async def _change(
    interaction: discord.Interaction[Client], name: LimitName, value: int | None, whose: discord.User | None
) -> str:
    """Set a limit, or take it back (None); the sentence shows what held before and what holds now."""
    guild_id, user_id = cast("int", interaction.guild_id), whose.id if whose else WHOLE_SERVER
    client = interaction.client
    async with client.database.transaction() as connection:
        before = await _rules(connection, client.settings.limits, guild_id, user_id)
        if value is None:
            await stored_limits.clear_limit(connection, guild_id=guild_id, user_id=user_id, name=name)
        else:
            await stored_limits.set_limit(
                connection,
                guild_id=guild_id,
                user_id=user_id,
                name=name,
                value=value,
                set_by=interaction.user.id,
                now=time.time(),
            )
        after = await _rules(connection, client.settings.limits, guild_id, user_id)
    locale = interaction.locale.value
    facts = {
        "name": field_name(name, locale),
        "before": shown_value(name, getattr(before, name), locale),
        "after": shown_value(name, getattr(after, name), locale),
    }
    say = catalogue(locale).say
    if whose is None:
        return say("limits-changed-server", **facts)
    return say("limits-changed-member", member=member(whose.id), **facts)


async def _clear(interaction: discord.Interaction[Client], whose: discord.User | None) -> str:
    """Take every limit of the server, or of one member, back; the answer is what holds now."""
    guild_id, user_id = cast("int", interaction.guild_id), whose.id if whose else WHOLE_SERVER
    async with interaction.client.database.transaction() as connection:
        await stored_limits.clear_limit(connection, guild_id=guild_id, user_id=user_id, name=None)
    return await _show(interaction, whose)


async def _show(interaction: discord.Interaction[Client], whose: discord.User | None) -> str:
    user_id = whose.id if whose else WHOLE_SERVER
    async with interaction.client.database.reading() as connection:
        server, own = await stored_limits.read_limits(connection, interaction.guild_id, user_id)
    operator = interaction.client.settings.limits
    return limits_text(operator, server, own if whose else {}, whose.id if whose else None, interaction.locale.value)


async def _rules(connection: Connection, operator: OperatorLimits, guild_id: int, user_id: int) -> Rules:
    """What holds for a member, or for the server's members who have no limits of their own."""
    server, own = await stored_limits.read_limits(connection, guild_id, user_id)
    return policy.effective(operator, server, own)
