"""What tests (and moderators of the world) arrange: servers, threads, rights, faults, and time that passes."""

from typing import Any

from bot.playground.errors import Json, NotPossible
from bot.playground.faults import Fault
from bot.playground.permissions import Permission
from bot.playground.service import Service


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
        user = world.add_person(username, world.guild_named(server), is_moderator=is_moderator, locale=locale)
        return str(user["id"])

    def add_channel(self, name: str, *, server: str = "Playground", nsfw: bool = False) -> str:
        """A new text channel; its id."""
        world = self._service.world
        return str(world.add_channel(world.guild_named(server), name, nsfw=nsfw)["id"])

    def add_thread(self, name: str, *, parent: str = "art") -> str:
        """A new public thread; its id."""
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
        roles = self._service.world.guilds[place["guild_id"]].roles.values()
        role_ids = [role["id"] for role in roles if role["name"] == who]
        target_id = role_ids[0] if role_ids and who != "imagine" else self._service.world.find_user(who)["id"]
        self._service.world.overwrite(place, target_id, allow=_permissions(allow), deny=_permissions(deny))

    def remove_bot(self, server: str = "Playground") -> None:
        """Throw the bot out of a server."""
        self._service.world.remove_bot(self._service.world.guild_named(server))

    def invite_bot(self, server: str = "Playground") -> None:
        """Let the bot join a server again."""
        self._service.world.invite_bot(self._service.world.guild_named(server))

    def close_dms(self, user: str) -> None:
        """Let a member refuse direct messages."""
        self._service.world.closed_dms.add(self._service.world.find_user(user)["id"])

    def rule_command(self, name: str, user: str, *, is_allowed: bool, server: str = "Playground") -> None:
        """Decide, as a server's Integrations page does, that one member may (or may not) run a command."""
        guild_id = self._service.world.guild_named(server).guild_id
        user_id = self._service.world.find_user(user)["id"]
        self._service.commands.rule(guild_id, name, user_id, is_allowed=is_allowed)

    def user_id(self, user: str) -> str:
        """A user's id, `imagine` for the bot's own."""
        return str(self._service.world.find_user(user)["id"])

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
