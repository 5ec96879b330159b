"""What a member names in an option or chooses in a select, and what the bot is told of it."""

from typing import Any

from bot.playground.components import Kind
from bot.playground.errors import Json, NotPossible
from bot.playground.world import World


class Resolved:
    """What one interaction names; `data` is what Discord sends of it."""

    def __init__(self, world: World, user: Json, channel: Json) -> None:
        self._world = world
        self._user = user
        self._guild = world.guild_of(channel)
        self._channel = channel
        self.data: Json = {}

    def note(self, kind: str, key: str, thing: Json) -> None:
        """Add one thing."""
        self.data.setdefault(kind, {})[key] = thing

    def user(self, who: str) -> str:
        """
        The id of anybody, by name or id; with their membership where they are a member here.

        Raises:
            NotPossible: there is no such user.
        """
        user = self._world.find_user(who)
        self.note("users", user["id"], user)
        if self._guild and user["id"] in self._guild.members:
            member = {key: value for key, value in self._guild.members[user["id"]].items() if key != "user"}
            held = self._world.permissions(user["id"], self._channel)
            self.note("members", user["id"], member | {"permissions": str(int(held))})
        return str(user["id"])

    def role(self, which: str) -> str:
        """
        The id of one of this server's roles, by name or id.

        Raises:
            NotPossible: there is no such role.
        """
        if self._guild is None:
            raise NotPossible(f"there is no role {which}")
        role = self._world.role_named(self._guild, which)
        self.note("roles", role["id"], role)
        return str(role["id"])

    def mentionable(self, which: str) -> str:
        """
        The id of a role or else of a user, by name or id.

        Raises:
            NotPossible: there is neither.
        """
        roles = self._guild.roles.values() if self._guild else ()
        is_role = any(which in (role["id"], role["name"]) for role in roles)
        return self.role(which) if is_role else self.user(which)

    def channel(self, where: str, *, types: list[int] | None = None) -> str:
        """
        The id of a channel, by name or id.

        Args:
            types: those that may be named; None is all.

        Raises:
            NotPossible: there is none of these types that the member sees.
        """
        channel = self._world.find_channel(where, self._user)
        held = self._world.permissions(self._user["id"], channel)
        if not held or (types and channel["type"] not in types):
            raise NotPossible(f"there is no channel {where} to choose")
        self.note("channels", channel["id"], channel | {"permissions": str(int(held))})
        return str(channel["id"])

    def chosen(self, select: Json, values: list[Any]) -> list[str]:
        """
        What a member chooses in a select, checked as Discord's client does.

        Raises:
            NotPossible: something that is not offered, or too few or too many.
        """
        least, most = select.get("min_values", 1), select.get("max_values", 1)
        if not least <= len(values) <= most:
            raise NotPossible(f"choose between {least} and {most} values")
        kind = select["type"]
        if kind == Kind.STRING_SELECT:
            offered = [option["value"] for option in select["options"]]
            if not set(values) <= set(offered):
                raise NotPossible(f"not one of {', '.join(offered)}")
            return list(values)
        return [self._one_chosen(select, str(value)) for value in values]

    def _one_chosen(self, select: Json, value: str) -> str:
        kind = select["type"]
        if kind == Kind.CHANNEL_SELECT:
            found = self.channel(value, types=select.get("channel_types"))
            if self._world.channels[found].get("guild_id") != (self._guild.guild_id if self._guild else None):
                raise NotPossible(f"there is no channel {value} to choose")
            return found
        if kind == Kind.ROLE_SELECT:
            return self.role(value)
        found = self.user(value) if kind == Kind.USER_SELECT else self.mentionable(value)
        if self._guild and found not in self._guild.members and found not in self._guild.roles:
            raise NotPossible(f"there is no member {value} to choose")
        return found
