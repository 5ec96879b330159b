"""`/moderate`: block and unblock members, purge their pictures, read the audit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot import replies, spans
from bot.admission import Refused
from bot.answers import answered, in_time, privately
from bot.locales import catalogue
from bot.moderation import acts, deeds
from bot.moderation.acts import Blocking
from bot.moderation.menu import blocked_text
from bot.moderation.rights import is_own_panel
from bot.options import descriptions, names, text
from bot.store import audit, purges, server_settings
from bot.store.audit import Deed
from bot.store.blocks import EVERYWHERE
from bot.views import Buttons, button

if TYPE_CHECKING:
    import re

    from bot.client import Client
    from bot.store.audit import AuditRow
    from bot.store.purges import Purge

Reason = Range[str, 1, 200]
Span = Range[str, 1, 40]
EXPIRIES = {"span-hour": "1h", "span-day": "1d", "span-week": "1w", "span-for-good": "forever"}
BEGINNINGS = {"since-hour": "1h", "since-day": "1d", "since-week": "1w"}
ROWS_A_PAGE = 10
MAX_CHOICES = 25


def group() -> app_commands.Group:
    """The commands; who may run them is the server's Integrations page's decision, Moderate Members its default."""
    group = app_commands.Group(
        name=text("command-moderate"),
        description=text("command-moderate.description"),
        default_permissions=discord.Permissions(moderate_members=True),
    )
    _add_block(group)
    _add_unblock(group)
    _add_purge(group)
    _add_audit(group)
    return group


def _add_block(group: app_commands.Group) -> None:
    options = ("expires", "reason", "everywhere")

    @group.command(name=text("command-moderate-block"), description=text("command-moderate-block.description"))
    @app_commands.rename(member=text("option-member"), **{option: text(f"option-block-{option}") for option in options})
    @app_commands.describe(
        member=text("option-member-to-block"),
        **{option: text(f"option-block-{option}.description") for option in options},
    )
    @app_commands.autocomplete(expires=_suggest_expiry)
    async def block(
        interaction: discord.Interaction[Client],
        member: discord.User,
        expires: Span | None = None,
        reason: Reason | None = None,
        everywhere: bool = False,
    ) -> None:
        await privately(
            interaction, await in_time(interaction, _block(interaction, member, expires, reason, everywhere))
        )


def _add_unblock(group: app_commands.Group) -> None:
    @group.command(name=text("command-moderate-unblock"), description=text("command-moderate-unblock.description"))
    @app_commands.rename(**names("member"))
    @app_commands.describe(member=text("option-member-to-unblock"))
    async def unblock(interaction: discord.Interaction[Client], member: discord.User) -> None:
        await privately(interaction, await in_time(interaction, _unblock(interaction, member)))


def _add_purge(group: app_commands.Group) -> None:
    @group.command(name=text("command-moderate-purge"), description=text("command-moderate-purge.description"))
    @app_commands.rename(**names("member", "since"))
    @app_commands.describe(member=text("option-member-to-purge"), **descriptions("since"))
    @app_commands.autocomplete(since=_suggest_since)
    async def purge(interaction: discord.Interaction[Client], member: discord.User, since: Span) -> None:
        locale = interaction.locale.value
        purge, count = await in_time(interaction, _ask_purge(interaction, member, since))
        say = catalogue(locale).say
        facts = {"count": count, "member": replies.member(member.id), "since": f"<t:{int(purge.since)}:f>"}
        if not count:
            await privately(interaction, say("purge-nothing", **facts))
            return
        style = discord.ButtonStyle.danger
        confirm = Buttons([button(say("button-purge", count=count), f"purge:{purge.id}", style)])
        await privately(interaction, say("purge-ask", **facts), view=confirm)


def _add_audit(group: app_commands.Group) -> None:
    @group.command(name=text("command-moderate-audit"), description=text("command-moderate-audit.description"))
    @app_commands.rename(**names("member", "action"))
    @app_commands.describe(member=text("option-member-in-audit"), action=text("option-action-in-audit"))
    @app_commands.autocomplete(action=_suggest_action)
    async def show_audit(
        interaction: discord.Interaction[Client], member: discord.User | None = None, action: str | None = None
    ) -> None:
        if action is not None and action not in deeds.ACTIONS:
            raise Refused("audit-action-unknown", text=action)
        content, view = await in_time(interaction, _page(interaction, None, member.id if member else None, action))
        await privately(interaction, content, view=view)


class AuditTurn(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"audit:(?P<before_id>[0-9]{1,19}):(?P<user_id>[0-9]{1,20}):(?P<action>[a-z-]{0,40})",
):
    """A press that turns a page of the audit; its custom_id holds what is looked for."""

    def __init__(
        self, item: discord.ui.Button[discord.ui.View], before_id: int, user_id: int, action: str | None
    ) -> None:
        super().__init__(item)
        self._page = before_id or None, user_id or None, action

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> AuditTurn:
        """The press, as discord.py finds it in an interaction."""
        assert isinstance(item, discord.ui.Button)  # noqa: S101 - narrows the type; we send no other component
        return cls(item, int(match["before_id"]), int(match["user_id"]), match["action"] or None)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Show the page in place of this one."""
        async with answered(interaction):
            await interaction.client.servers.check(interaction)
            if not is_own_panel(interaction):
                raise Refused("panel-outdated")
            content, view = await _page(interaction, *self._page)
            await interaction.response.edit_message(content=content, view=view)


async def confirm_purge(interaction: discord.Interaction[Client], purge_id: int) -> None:
    """Begin a purge, once, for whoever asked for it."""
    client, guild_id = interaction.client, cast("int", interaction.guild_id)
    if not is_own_panel(interaction):
        raise Refused("panel-outdated")
    now = time.time()
    async with client.database.transaction() as connection:
        purge = await purges.confirm(connection, purge_id, guild_id=guild_id, asked_by=interaction.user.id, now=now)
        if purge is None:
            raise Refused("purge-begun")
        count = len(await purges.doomed(connection, purge))
        deed = Deed(
            action="purge",
            guild_id=guild_id,
            actor_id=interaction.user.id,
            user_id=purge.user_id,
            facts={"count": count, "since": f"<t:{int(purge.since)}:f>"},
        )
        await audit.append(connection, deed, now=now)
    progress = catalogue(interaction.locale.value).say("purge-progress", done=0, count=count)
    await interaction.response.edit_message(content=progress, view=None)
    client.purges.begin(purge, interaction)


async def _block(
    interaction: discord.Interaction[Client],
    member: discord.User,
    expires: str | None,
    reason: str | None,
    is_everywhere: bool,
) -> str:
    client, guild_id = interaction.client, cast("int", interaction.guild_id)
    if is_everywhere and not await client.is_owner(interaction.user):
        raise Refused("everywhere-not-yours")
    time_zone = await _time_zone(interaction)
    blocking = Blocking(
        user_id=member.id,
        guild_id=EVERYWHERE if is_everywhere else guild_id,
        until=None if expires is None else spans.until(expires, now=time.time(), time_zone=time_zone),
        reason=reason,
        actor_id=interaction.user.id,
    )
    withdrawn = await acts.block(client, blocking)
    return blocked_text(blocking, withdrawn, interaction.locale.value)


async def _unblock(interaction: discord.Interaction[Client], member: discord.User) -> str:
    is_lifted, is_held = await acts.unblock(
        interaction.client,
        user_id=member.id,
        guild_id=cast("int", interaction.guild_id),
        actor_id=interaction.user.id,
        is_owner=await interaction.client.is_owner(interaction.user),
    )
    say = catalogue(interaction.locale.value).say
    lines = [say("moderate-unblocked" if is_lifted else "moderate-not-blocked", member=replies.member(member.id))]
    if is_held:
        lines.append(say("moderate-still-blocked"))
    return " ".join(lines)


async def _ask_purge(interaction: discord.Interaction[Client], member: discord.User, since: str) -> tuple[Purge, int]:
    """What would go, and how many messages that are."""
    now = time.time()
    begins = spans.since(since, now=now, time_zone=await _time_zone(interaction))
    async with interaction.client.database.transaction() as connection:
        purge = await purges.ask(
            connection,
            guild_id=cast("int", interaction.guild_id),
            user_id=member.id,
            since=begins,
            until=now,
            asked_by=interaction.user.id,
        )
        return purge, len(await purges.doomed(connection, purge))


async def _page(
    interaction: discord.Interaction[Client], before_id: int | None, user_id: int | None, action: str | None
) -> tuple[str, Buttons]:
    is_owner = await interaction.client.is_owner(interaction.user)
    async with interaction.client.database.reading() as connection:
        rows = await audit.page(
            connection,
            guild_id=cast("int", interaction.guild_id),
            before_id=before_id,
            user_id=user_id,
            action=action,
            count=ROWS_A_PAGE + 1,
            with_everywhere=is_owner,
        )
    return audit_page(rows, before_id, user_id, action, interaction.locale.value)


def audit_page(
    rows: list[AuditRow], before_id: int | None, user_id: int | None, action: str | None, locale: str
) -> tuple[str, Buttons]:
    """As many rows as fit a page and its message, and the way to older and newest ones."""
    say = catalogue(locale).say
    if not rows:
        lines, shown = [say("audit-empty")], 0
    else:
        lines, shown = deeds.page([say("audit-title")], rows[:ROWS_A_PAGE], locale)
    turns = []
    filters = f"{user_id or 0}:{action or ''}"
    if before_id is not None:
        turns.append(button(say("button-newest"), f"audit:0:{filters}"))
    if shown < len(rows):
        turns.append(button(say("button-older"), f"audit:{rows[shown - 1].id}:{filters}"))
    return "\n".join(lines), Buttons(turns)


async def _time_zone(interaction: discord.Interaction[Client]) -> str:
    """Where the server is, for dates that somebody types."""
    async with interaction.client.database.reading() as connection:
        settings = await server_settings.read(connection, interaction.guild_id)
    return settings.time_zone


async def _suggest_expiry(interaction: discord.Interaction[Any], current: str) -> list[Choice[str]]:
    return _suggested(interaction, current, EXPIRIES)


async def _suggest_since(interaction: discord.Interaction[Any], current: str) -> list[Choice[str]]:
    return _suggested(interaction, current, BEGINNINGS)


async def _suggest_action(interaction: discord.Interaction[Any], current: str) -> list[Choice[str]]:
    return _suggested(interaction, current, {f"action-{action}": action for action in deeds.ACTIONS})[:MAX_CHOICES]


def _suggested(interaction: discord.Interaction[Any], current: str, values: dict[str, str]) -> list[Choice[str]]:
    """What is suggested, as far as it begins with or holds what is typed."""
    say = catalogue(interaction.locale.value).say
    choices = [Choice(name=say(key), value=value) for key, value in values.items()]
    return [choice for choice in choices if current.lower() in choice.name.lower()]
