"""`/limits`: what a server's moderators allow, below what the operator allows."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import discord
from discord import app_commands
from discord.app_commands import AppCommandChannel, AppCommandThread, Choice, Range

from bot import spans, views
from bot.accept import place_of
from bot.admission import Refused
from bot.answers import acknowledge, in_time, privately
from bot.limits import offers
from bot.limits.allowance import measure
from bot.limits.changes import Change, Changes
from bot.limits.rules import Rule, Target, Whose, decided
from bot.limits.texts import fitting, limit_lines, outcome_text, rule_line, target_text
from bot.limits.values import read_value
from bot.locales import catalogue
from bot.options import ChannelOrThread, descriptions, names, text
from bot.policy import DIMENSIONS, LIMIT_NAMES
from bot.store import limits as stored_limits
from bot.store import server_settings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bot.client import Client
    from bot.policy import LimitName

Reason = Range[str, 1, 200]
Expiry = Range[str, 1, 40]


def group() -> app_commands.Group:
    """The commands; who may run them is the server's Integrations page's decision, Manage Server its default."""
    group = app_commands.Group(
        name=text("command-limits"),
        description=text("command-limits.description"),
        default_permissions=discord.Permissions(manage_guild=True),
    )
    _add_set(group)
    _add_clear(group)
    _add_show(group)
    _add_why(group)
    return group


def _add_set(group: app_commands.Group) -> None:
    options = ("limit", "value", "member", "role", "channel", "pool", "expires", "reason")

    @group.command(name=text("command-limits-set"), description=text("command-limits-set.description"))
    @app_commands.rename(**names(*options))
    @app_commands.describe(**descriptions(*options))
    @app_commands.choices(limit=_choices())
    async def set_limit(  # noqa: PLR0917 - discord.py reads the options from the signature
        interaction: discord.Interaction[Client],
        limit: str,
        value: str,
        member: discord.User | None = None,
        role: discord.Role | None = None,
        channel: ChannelOrThread | None = None,
        pool: bool = False,
        expires: Expiry | None = None,
        reason: Reason | None = None,
    ) -> None:
        target, draft = _target(interaction, member, role, channel), _Draft(_known(limit), value, pool, expires, reason)
        _check_target(draft, target)
        await _answer(interaction, _set(interaction, draft, target, _whose(interaction, target, member)))

    set_limit.autocomplete("value")(offers.complete_value)


def _add_clear(group: app_commands.Group) -> None:
    options = ("member", "role", "channel")

    @group.command(name=text("command-limits-clear"), description=text("command-limits-clear.description"))
    @app_commands.rename(**names("limit", *options))
    @app_commands.describe(limit=text("option-limit-to-clear"), **descriptions(*options))
    @app_commands.choices(limit=_choices())
    async def clear_limit(
        interaction: discord.Interaction[Client],
        limit: str | None = None,
        member: discord.User | None = None,
        role: discord.Role | None = None,
        channel: ChannelOrThread | None = None,
    ) -> None:
        target = _target(interaction, member, role, channel)
        cleared = None if limit is None else _known(limit)
        change = Change(target=target, whose=_whose(interaction, target, member), cleared=cleared)
        await _answer(interaction, carry_out(interaction, change))


def _add_show(group: app_commands.Group) -> None:
    options = ("member", "role", "channel")

    @group.command(name=text("command-limits-show"), description=text("command-limits-show.description"))
    @app_commands.rename(**names(*options))
    @app_commands.describe(**descriptions(*options))
    async def show_limits(
        interaction: discord.Interaction[Client],
        member: discord.User | None = None,
        role: discord.Role | None = None,
        channel: ChannelOrThread | None = None,
    ) -> None:
        target = _target(interaction, member, role, channel)
        whose = _whose(interaction, target, member)
        await privately(interaction, await in_time(interaction, _show(interaction, target, whose)))


def _add_why(group: app_commands.Group) -> None:
    @group.command(name=text("command-limits-why"), description=text("command-limits-why.description"))
    @app_commands.rename(**names("member"))
    @app_commands.describe(member=text("option-member-to-explain"))
    async def explain_limits(interaction: discord.Interaction[Client], member: discord.User) -> None:
        await privately(interaction, await in_time(interaction, _why(interaction, member)))


async def confirm(interaction: discord.Interaction[Client], proposal_id: int) -> None:
    """Carry out a change that withdraws requests, as long as they are no more than the moderator was told of."""
    client = interaction.client
    await acknowledge(interaction)
    proposal = await _changes(client).take(
        proposal_id, guild_id=interaction.guild_id, actor_id=interaction.user.id, now=time.time()
    )
    if proposal is None:
        raise Refused("limits-too-late")
    change = Change.from_json(proposal.change)
    content, view = await carry_out(interaction, change, may_withdraw=proposal.withdraws)
    await interaction.edit_original_response(content=content, view=view)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A limit as it was typed."""

    name: LimitName
    value: str
    is_pool: bool
    expires: str | None
    reason: str | None


def _choices() -> list[Choice[str]]:
    return [Choice(name=text(f"limit-{name.replace('_', '-')}"), value=name) for name in LIMIT_NAMES]


def _known(limit: str) -> LimitName:
    """Discord sends one of the choices; another client might not."""
    if limit not in LIMIT_NAMES:
        raise Refused("limit-unknown", text=limit)
    return limit


def _target(
    interaction: discord.Interaction[Client],
    member: discord.User | discord.Member | None,
    role: discord.Role | None,
    channel: AppCommandChannel | AppCommandThread | None,
) -> Target:
    """What limits are meant for: a thread counts as its parent, and @everyone is the server."""
    if [member, role, channel].count(None) < 2:  # noqa: PLR2004 - at most one of them is given
        raise Refused("limits-one-target")
    if member is not None:
        return Target(scope="member", scope_id=member.id)
    if role is not None and role.id != interaction.guild_id:
        return Target(scope="role", scope_id=role.id)
    if channel is not None:
        ruling = channel.parent_id if isinstance(channel, AppCommandThread) else channel.id
        return Target(scope="channel", scope_id=ruling)
    return Target()


def _whose(
    interaction: discord.Interaction[Client], target: Target, member: discord.User | discord.Member | None
) -> Whose:
    """Somebody for whom the target's rules hold; of a member with all of their roles."""
    ids = {target.scope: target.scope_id}
    roles = tuple(member._roles) if isinstance(member, discord.Member) else ()  # noqa: SLF001 - as in `place_of`
    return Whose(
        user_id=ids.get("member", 0),
        guild_id=interaction.guild_id,
        ruling_channel_id=ids.get("channel", 0),
        role_ids=(ids["role"],) if "role" in ids else roles,
    )


def _check_target(draft: _Draft, target: Target) -> None:
    if target.scope not in DIMENSIONS[draft.name].scopes:
        raise Refused("limit-not-for-this", name=draft.name)
    if draft.is_pool and (target.scope == "member" or not DIMENSIONS[draft.name].can_pool):
        raise Refused("limit-no-pot", name=draft.name)


def _changes(client: Client) -> Changes:
    return Changes(client.database, client.admission, client.settings.limits)


async def _answer(
    interaction: discord.Interaction[Client], work: Coroutine[Any, Any, tuple[str, views.Buttons | None]]
) -> None:
    content, view = await in_time(interaction, work)
    await privately(interaction, content, view=view or discord.utils.MISSING)


async def _set(
    interaction: discord.Interaction[Client], draft: _Draft, target: Target, whose: Whose
) -> tuple[str, views.Buttons | None]:
    client = interaction.client
    value = await asyncio.to_thread(
        read_value,
        interaction,
        draft.name,
        draft.value,
        is_pool=draft.is_pool,
        ceiling=client.settings.limits.ceiling,
    )
    expires_at = None
    if draft.expires is not None:
        async with client.database.reading() as connection:
            settings = await server_settings.read(connection, interaction.guild_id)
        expires_at = spans.until(draft.expires, now=time.time(), time_zone=settings.time_zone)
    rule = Rule(
        target=target,
        name=draft.name,
        value=value,
        is_pool=draft.is_pool,
        expires_at=expires_at,
        reason=draft.reason,
    )
    return await carry_out(interaction, Change(target=target, whose=whose, rule=rule))


async def carry_out(
    interaction: discord.Interaction[Client], change: Change, *, may_withdraw: int = 0
) -> tuple[str, views.Buttons | None]:
    """Change limits, or ask first where that withdraws more than was agreed to: what the moderator reads."""
    client, locale, guild_id = interaction.client, interaction.locale.value, cast("int", interaction.guild_id)
    async with client.studio.holding(*(row.id for row in client.studio.overview.waiting_rows(guild_id))):
        outcome = await _changes(client).carry_out(
            change, guild_id=guild_id, actor_id=interaction.user.id, now=time.time(), may_withdraw=may_withdraw
        )
        if outcome.proposal_id is None and outcome.withdrawn:
            client.studio.withdrawals.tell_withdrawn(outcome.withdrawn)
    content, count = outcome_text(outcome, locale), len(outcome.withdrawn)
    if outcome.proposal_id is not None:
        question = catalogue(locale).say("limits-question", count=count)
        return f"{content}\n{question}", views.under_limits(outcome.proposal_id, count, locale)
    if outcome.withdrawn:
        content = f"{content}\n{catalogue(locale).say('limits-withdrawn', count=count)}"
    elif change.name is None:
        content = await _show(interaction, change.target, change.whose)
    return content, None


async def _show(interaction: discord.Interaction[Client], target: Target, whose: Whose) -> str:
    """What holds for a target; of the whole server also what is set for others."""
    operator, locale, now = interaction.client.settings.limits, interaction.locale.value, time.time()
    async with interaction.client.database.reading() as connection:
        rules = await stored_limits.read(connection, interaction.guild_id)
    say, is_server = catalogue(locale).say, target.scope == "server"
    heading = say("limits-of-server") if is_server else say("limits-of-some", target=target_text(target, locale))
    lines = [heading, *limit_lines(decided(operator, rules, whose, now=now), operator, locale)]
    others = [rule for rule in rules if rule.target.scope != "server" and (rule.expires_at or math.inf) > now]
    if is_server and others:
        lines.append(say("limits-of-others"))
        lines += [rule_line(rule, locale) for rule in others]
    return fitting(lines, locale)


async def _why(interaction: discord.Interaction[Client], member: discord.User | discord.Member) -> str:
    """What holds for a member where this is asked, by which rules, and what of it they have had."""
    client, locale = interaction.client, interaction.locale.value
    target = Target(scope="member", scope_id=member.id)
    here = place_of(interaction)["ruling_channel_id"]
    whose = replace(_whose(interaction, target, member), ruling_channel_id=here)
    async with client.database.reading() as connection:
        allowance = await measure(connection, client.settings.limits, whose, now=time.time())
    heading = catalogue(locale).say("limits-why", member=target_text(target, locale), channel=f"<#{here}>")
    used = {
        "pictures_per_day": allowance.pictures[0].used,
        "seconds_per_day": allowance.seconds[0].used,
        "places_in_line": allowance.places[0].used,
    }
    lines = limit_lines(allowance.decision, client.settings.limits, locale)
    for number, name in enumerate(LIMIT_NAMES):
        if used.get(name):
            lines[number] = catalogue(locale).say("limits-used", line=lines[number], used=round(used[name]))
    return fitting([heading, *lines], locale)
