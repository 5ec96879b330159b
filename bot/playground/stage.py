"""What tests (and moderators of the world) arrange: servers, threads, rights, faults, and time that passes."""

from typing import Any

from bot.playground.errors import Json, NotPossible
from bot.playground.faults import Fault
from bot.playground.integrations import Target
from bot.playground.permissions import Permission
from bot.playground.service import Service
from bot.playground.world import Guild


class Stage:
    """Changes to the world by name; every one reaches the bot over the gateway as Discord's would."""

    _service: Service

    def add_server(self, name: str, *, members: tuple[str, ...] = ("ann",), channels: tuple[str, ...] = ()) -> str:
        """A new server that the bot joins at once; its id. Channel names should differ between servers."""
        return self._service.world.add_guild(name, members, channels=channels).guild_id

    def add_member(
        self, username: str, *, server: str = "Playground", is_moderator: bool = False, locale: str = "en-US"
    ) -> str:
        """A new person in a server; their id."""
        world = self._service.world
        return str(world.add_person(username, self._guild(server), is_moderator=is_moderator, locale=locale)["id"])

    def join(self, user: str, *, server: str) -> None:
        """Let somebody who exists join a server; a former member does so without the roles of then."""
        self._service.membership.rejoin(self._guild(server), self._user(user))

    def add_role(self, name: str, *, server: str = "Playground", allow: str = "", color: int = 0) -> str:
        """A new role, with no permissions but these; its id."""
        return str(self._service.world.add_role(self._guild(server), name, _permissions(allow), color=color)["id"])

    def add_channel(
        self, name: str, *, server: str = "Playground", nsfw: bool = False, is_forum: bool = False, topic: str = ""
    ) -> str:
        """A new text channel (or forum); its id."""
        world = self._service.world
        channel = world.add_channel(self._guild(server), name, nsfw=nsfw, is_forum=is_forum, topic=topic or None)
        return str(channel["id"])

    def add_thread(self, name: str, *, parent: str = "art") -> str:
        """A new public thread, or a post where the parent is a forum; its id."""
        return str(self._service.world.add_thread(self._channel(parent), name)["id"])

    def set_thread(self, name: str, *, archived: bool | None = None, locked: bool | None = None) -> None:
        """Open, archive, lock or unlock a thread."""
        self._service.world.set_thread(self._channel(name), archived=archived, locked=locked)

    def delete_channel(self, name: str) -> None:
        """Delete a channel or thread, with all that was written there."""
        channel = self._channel(name)
        doomed = [each for each in self._service.world.channels.values() if each.get("parent_id") == channel["id"]]
        self._service.world.delete_channel(channel)
        for gone in (channel, *doomed):
            self._service.messages.forget_channel(gone["id"])

    def overwrite(self, channel: str, who: str = "imagine", *, allow: str = "", deny: str = "") -> None:
        """
        Set what a member or role may do in one channel.

        Args:
            allow: names of permissions with spaces between, `attach_files send_messages`; `deny` likewise.
        """
        place = self._channel(channel)
        guild = self._service.world.guild_of(place)
        if guild is None:
            raise NotPossible("direct messages have no permissions")
        role_ids = [role["id"] for role in guild.roles.values() if who in (role["name"], role["id"])]
        target_id = role_ids[0] if role_ids and who != "imagine" else self._user(who)["id"]
        self._service.world.overwrite(place, target_id, allow=_permissions(allow), deny=_permissions(deny))

    def set_slow_mode(self, channel: str, seconds: int) -> None:
        """Let members write only every so many seconds; 0 is off."""
        self._service.world.set_slow_mode(self._channel(channel), seconds)

    def purge(self, channel: str, messages: list[str]) -> None:
        """Delete messages of a channel at once, as a moderator's bot does."""
        self._service.messages.delete_many(self._channel(channel), messages)

    def remove_bot(self, server: str = "Playground") -> None:
        """Throw the bot out of a server."""
        self._service.world.remove_bot(self._guild(server))

    def invite_bot(self, server: str = "Playground") -> None:
        """Let the bot join a server again."""
        self._service.world.invite_bot(self._guild(server))

    def remove_member(self, member: str, *, server: str = "Playground") -> None:
        """Throw a member out of a server, or let them leave: the same to the bot."""
        self._service.membership.remove(self._guild(server), self._user(member))

    def ban(self, member: str, *, server: str = "Playground") -> None:
        """Throw a member out of a server and keep them out."""
        self._service.membership.ban(self._guild(server), self._user(member))

    def unban(self, member: str, *, server: str = "Playground") -> None:
        """Let a banned person join again, which they have yet to do."""
        self._service.membership.unban(self._guild(server), self._user(member))

    def time_out(self, member: str, seconds: float, *, server: str = "Playground") -> None:
        """Let a member write and use commands only after so many seconds; 0 ends a time-out."""
        self._service.membership.time_out(self._guild(server), self._user(member), seconds)

    def give_role(self, member: str, role: str, *, server: str = "Playground") -> None:
        """Give a member a role."""
        guild = self._guild(server)
        self._service.membership.give_role(guild, self._user(member), self._service.world.role_named(guild, role))

    def take_role(self, member: str, role: str, *, server: str = "Playground") -> None:
        """Take a role from a member."""
        guild = self._guild(server)
        self._service.membership.take_role(guild, self._user(member), self._service.world.role_named(guild, role))

    def change_role(self, role: str, *, server: str = "Playground", allow: str = "", deny: str = "") -> None:
        """Give permissions to a role and take others away, in the whole server."""
        guild = self._guild(server)
        self._service.membership.change_role(
            guild, self._service.world.role_named(guild, role), allow=_permissions(allow), deny=_permissions(deny)
        )

    def close_dms(self, user: str) -> None:
        """Let a member refuse direct messages."""
        self._service.world.closed_dms.add(self._service.world.find_user(user)["id"])

    def rule_command(self, name: str | None, who: str, *, is_allowed: bool | None, server: str = "Playground") -> None:
        """
        Decide, as a server's Integrations page does, who may run a command or where.

        Args:
            name: None rules all commands that have no rules of their own.
            who: a member, a role, or a channel of the server; `#` is all channels.
            is_allowed: None takes the rule away.
        """
        guild = self._guild(server)
        ruled_id = (
            self._service.world.bot["id"] if name is None else self._service.commands.named(name, guild.guild_id)["id"]
        )
        target, target_id = self._ruled(guild, who)
        self._service.integrations.rule(guild, ruled_id, target, target_id, is_allowed=is_allowed)

    def command_rules(self, server: str = "Playground") -> list[Json]:
        """What a server's Integrations page rules about the bot's commands."""
        return self._service.integrations.listed(self._guild(server))

    def _ruled(self, guild: Guild, who: str) -> tuple[Target, str]:
        if who == "#":
            return Target.CHANNEL, str(int(guild.guild_id) - 1)
        for channel in self._service.world.channels_of(guild):
            if who in (channel["id"], channel["name"]):
                return Target.CHANNEL, channel["id"]
        for role in guild.roles.values():
            if who in (role["id"], role["name"]):
                return Target.ROLE, role["id"]
        return Target.USER, self._user(who)["id"]

    def user_id(self, user: str) -> str:
        """A user's id, `imagine` for the bot's own."""
        return str(self._user(user)["id"])

    def channel_id(self, channel: str, *, user: str = "ann") -> str:
        """A channel's id; `@dm` for a member's direct messages with the bot."""
        return str(self._service.world.find_channel(channel, self._service.world.find_user(user))["id"])

    def advance(self, seconds: float) -> None:
        """Let time pass: messages and tokens age at once, deadlines that run keep their pace."""
        self._service.clock.advance(seconds)

    def fault(self, **facts: Any) -> None:
        """Let something go wrong with the next requests that match; `Fault` names the facts."""
        try:
            self._service.faults.arm(Fault(**facts))
        except TypeError as exc:
            raise NotPossible(f"a fault is made of method, path, times, status and so on: {exc}") from exc

    def clear_faults(self) -> None:
        """Let nothing more go wrong."""
        self._service.faults.clear()

    async def gateway(self, what: str, *, code: int | None = None) -> int:
        """
        Disturb the gateway; how many sessions it met.

        Args:
            what: `reconnect` asks to reconnect and resume, `invalid` ends the sessions, `drop` closes the lines with
                `code` (4000 where there is none), `cut` cuts them without a word.
        """
        if what == "reconnect":
            return self._service.gateway.ask_to_reconnect()
        if what == "invalid":
            return self._service.gateway.invalidate()
        if what == "drop":
            return await self._service.gateway.drop(code or 4000)
        if what == "cut":
            return await self._service.gateway.drop(None)
        raise NotPossible(f"what must be reconnect, invalid, drop or cut, got {what}")

    def _guild(self, name: str) -> Guild:
        return self._service.world.guild_named(name)

    def _user(self, name: str) -> Json:
        return self._service.world.find_user(name)

    def _channel(self, name: str) -> Json:
        return self._service.world.find_channel(name, self._service.world.owner)


def _permissions(names: str) -> Permission:
    held = Permission(0)
    for name in names.split():
        try:
            held |= Permission[name.upper()]
        except KeyError as exc:
            raise NotPossible(f"there is no permission {name}") from exc
    return held
