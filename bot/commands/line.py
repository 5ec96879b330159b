"""`/line`: what waits, and what is drawn; withdrawn, paused and resumed by moderators, each for their own server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import discord
from discord import app_commands
from discord.app_commands import Range

from bot import replies
from bot.admission import Refused
from bot.answers import answered, in_time, privately
from bot.locales import catalogue
from bot.moderation.rights import is_own_panel
from bot.options import descriptions, names, text
from bot.policy import DAY_S
from bot.store import audit, outcomes, pauses
from bot.store.audit import Deed
from bot.store.pauses import EVERYWHERE
from bot.views import Buttons, button

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from bot.client import Client
    from bot.store.requests import RequestRow

MOST_SHOWN = 20
"""Requests that wait, in one answer: they fit Discord's 2000 characters."""
FEW = 3
"""So many are withdrawn without a question."""
UNKNOWN_MEMBERS_AT_ONCE = 4
Days = Range[int, 1, 3650]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose requests are meant: each that is not None must hold."""

    user_id: int | None = None
    role_id: int | None = None
    """The server's own id is @everyone, which no list of roles names."""
    joined_days: int | None = None
    """Who has joined the server in so many days."""

    def fits(self, row: RequestRow) -> bool:
        """Whether a request is one of those, as far as its row says."""
        return self.user_id in (None, row.user_id) and self.role_id in (None, row.guild_id, *row.roles)


def group() -> app_commands.Group:
    """The commands; who may run them is the server's Integrations page's decision, Moderate Members its default."""
    group = app_commands.Group(
        name=text("command-line"),
        description=text("command-line.description"),
        default_permissions=discord.Permissions(moderate_members=True),
    )
    _add_show(group)
    _add_clear(group)
    _add_pause(group)
    _add_resume(group)
    return group


def _add_show(group: app_commands.Group) -> None:
    @group.command(name=text("command-line-show"), description=text("command-line-show.description"))
    async def show_line(interaction: discord.Interaction[Client]) -> None:
        await privately(interaction, await in_time(interaction, _show(interaction)))


def _add_clear(group: app_commands.Group) -> None:
    @group.command(name=text("command-line-clear"), description=text("command-line-clear.description"))
    @app_commands.rename(**names("member", "role", "joined_since"))
    @app_commands.describe(
        member=text("option-member-to-clear"), role=text("option-role-to-clear"), **descriptions("joined_since")
    )
    async def clear_line(
        interaction: discord.Interaction[Client],
        member: discord.User | None = None,
        role: discord.Role | None = None,
        joined_since: Days | None = None,
    ) -> None:
        wanted = Wanted(member.id if member else None, role.id if role else None, joined_since)
        found = await in_time(interaction, _found(interaction, wanted))
        if len(found) <= FEW:
            await privately(interaction, await in_time(interaction, _clear(interaction, wanted, found)))
            return
        say = catalogue(interaction.locale.value).say
        custom_id = f"clear-line:{wanted.user_id or 0}:{wanted.role_id or 0}:{wanted.joined_days or 0}"
        confirm = button(say("line-clear-confirm", count=len(found)), custom_id, discord.ButtonStyle.danger)
        await privately(interaction, say("line-clear-ask", count=len(found)), view=Buttons([confirm]))


def _add_pause(group: app_commands.Group) -> None:
    @group.command(name=text("command-line-pause"), description=text("command-line-pause.description"))
    async def pause_line(interaction: discord.Interaction[Client]) -> None:
        await privately(interaction, await in_time(interaction, _pause(interaction)))


def _add_resume(group: app_commands.Group) -> None:
    @group.command(name=text("command-line-resume"), description=text("command-line-resume.description"))
    async def resume_line(interaction: discord.Interaction[Client]) -> None:
        await privately(interaction, await in_time(interaction, _resume(interaction)))


class Clearing(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"clear-line:(?P<user_id>[0-9]{1,20}):(?P<role_id>[0-9]{1,20}):(?P<days>[0-9]{1,4})",
):
    """The press that confirms what `/line clear` has asked; its custom_id says whose requests are meant."""

    def __init__(self, item: discord.ui.Button[discord.ui.View], wanted: Wanted) -> None:
        super().__init__(item)
        self._wanted = wanted

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Clearing:
        """The press, as discord.py finds it in an interaction."""
        assert isinstance(item, discord.ui.Button)  # noqa: S101 - narrows the type; we send no other component
        return cls(item, Wanted(*(int(match[name]) or None for name in ("user_id", "role_id", "days"))))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Withdraw them; only whoever ran the command sees this button."""
        async with answered(interaction):
            await interaction.client.servers.check(interaction)
            if not is_own_panel(interaction):
                raise Refused("button-outdated")
            await privately(interaction, await in_time(interaction, self._withdraw(interaction)))

    async def _withdraw(self, interaction: discord.Interaction[Client]) -> str:
        return await _clear(interaction, self._wanted, await _found(interaction, self._wanted))


async def _scope(interaction: discord.Interaction[Client]) -> int | None:
    """The server whose line is meant; None, all of them, for the bot's owner."""
    return None if await interaction.client.is_owner(interaction.user) else interaction.guild_id


async def _show(interaction: discord.Interaction[Client]) -> str:
    studio, guild_id = interaction.client.studio, await _scope(interaction)
    say = catalogue(interaction.locale.value).say
    waiting, running = studio.overview.waiting_rows(guild_id), studio.overview.running_rows(guild_id)
    members = len({row.user_id for row in (*waiting, *running)})
    title = "line-title-everywhere" if guild_id is None else "line-title"
    lines = [say(title, drawn=len(running), waiting=len(waiting), members=members)]
    if studio.is_paused(guild_id):
        lines.append(say("line-shows-paused"))
    for row in waiting[:MOST_SHOWN]:
        place = (
            say("line-row-paused")
            if studio.is_paused(row.guild_id)
            else _place(studio.overview.place_of(row.id), interaction)
        )
        lines.append(say("line-row", id=row.short_id, member=replies.member(row.user_id), place=place))
    if len(waiting) > MOST_SHOWN:
        lines.append(say("line-more", count=len(waiting) - MOST_SHOWN))
    return "\n".join(lines)


def _place(place: int | None, interaction: discord.Interaction[Client]) -> str:
    return replies.place_in_line(place, interaction.locale.value)


async def _found(interaction: discord.Interaction[Client], wanted: Wanted) -> list[RequestRow]:
    """What waits and is meant."""
    rows = [
        row for row in interaction.client.studio.overview.waiting_rows(await _scope(interaction)) if wanted.fits(row)
    ]
    if wanted.joined_days is None:
        return rows
    earliest = time.time() - wanted.joined_days * DAY_S
    known = await _joined(interaction.client, {(row.guild_id, row.user_id) for row in rows if row.guild_id})
    return [row for row in rows if known.get((row.guild_id or 0, row.user_id), 0.0) >= earliest]


async def _joined(client: Client, members: set[tuple[int, int]]) -> dict[tuple[int, int], float]:
    """When members have joined their servers, as Discord says; those who have left are not there."""
    few_at_once = asyncio.Semaphore(UNKNOWN_MEMBERS_AT_ONCE)

    async def ask(guild_id: int, user_id: int) -> tuple[tuple[int, int], float]:
        async with few_at_once:
            try:
                member = await client.http.get_member(guild_id, user_id)
            except discord.NotFound:
                return (guild_id, user_id), 0.0
        joined_at = discord.utils.parse_time(member.get("joined_at"))
        return (guild_id, user_id), joined_at.timestamp() if joined_at else 0.0

    return dict(await asyncio.gather(*(ask(*member) for member in members)))


async def _clear(interaction: discord.Interaction[Client], wanted: Wanted, found: Sequence[RequestRow]) -> str:
    """Withdraw requests that wait; the sentence says how many did so still."""
    client, guild_id, now = interaction.client, await _scope(interaction), time.time()
    facts = {name: value for name, value in (("role_id", wanted.role_id), ("days", wanted.joined_days)) if value}
    async with client.studio.holding(*(row.id for row in found)):
        async with client.database.transaction() as connection:
            withdrawn = await outcomes.withdraw(connection, {row.id: "line-cleared" for row in found}, now=now)
            if withdrawn:
                deed = Deed(
                    action="line-cleared",
                    guild_id=guild_id,
                    actor_id=interaction.user.id,
                    user_id=wanted.user_id,
                    facts={"count": len(withdrawn), **facts},
                )
                await audit.append(connection, deed, now=now)
        client.studio.withdrawals.tell_withdrawn(withdrawn)
    return catalogue(interaction.locale.value).say("line-cleared-says", count=len(withdrawn))


async def _pause(interaction: discord.Interaction[Client]) -> str:
    client, guild_id, now = interaction.client, await _scope(interaction), time.time()
    server = EVERYWHERE if guild_id is None else guild_id
    async with client.database.transaction() as connection:
        is_new = await pauses.pause(connection, server, paused_by=interaction.user.id, now=now)
        if is_new:
            deed = Deed(action="line-paused", guild_id=guild_id, actor_id=interaction.user.id)
            await audit.append(connection, deed, now=now)
    await client.studio.pause(server)
    return catalogue(interaction.locale.value).say("line-paused-says" if is_new else "line-paused-already")


async def _resume(interaction: discord.Interaction[Client]) -> str:
    client, guild_id, now = interaction.client, await _scope(interaction), time.time()
    server = EVERYWHERE if guild_id is None else guild_id
    async with client.database.transaction() as connection:
        was_paused = await pauses.resume(connection, server)
        if was_paused:
            deed = Deed(action="line-resumed", guild_id=guild_id, actor_id=interaction.user.id)
            await audit.append(connection, deed, now=now)
    client.studio.resume(server)
    say = catalogue(interaction.locale.value).say
    if client.studio.is_paused(cast("int", interaction.guild_id)):
        return say("line-paused-above" if guild_id is not None else "line-resumed-but-here")
    return say("line-resumed-says" if was_paused else "line-resumed-already")
