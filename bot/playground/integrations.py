"""A server's Integrations page: which roles, members and channels may use which command of the bot."""

from enum import IntEnum

from bot.playground.errors import Json, NotPossible, refusal
from bot.playground.feed import Dispatch, Feed
from bot.playground.permissions import Permission
from bot.playground.world import Guild, World

MAX_RULES = 100


class Target(IntEnum):
    """Whom a rule is about, by Discord's numbers."""

    ROLE = 1
    USER = 2
    CHANNEL = 3


Rules = dict[tuple[Target, str], bool]


class Integrations:
    """
    Rules by server and by what they rule: a command's id, or the application's for all commands that have none.

    `@everyone` is the role with the server's id, and all channels are the channel with the server's id less one.
    """

    def __init__(self, world: World, feed: Feed) -> None:
        self._world = world
        self._feed = feed
        self._rules: dict[tuple[str, str], Rules] = {}

    def rule(self, guild: Guild, ruled_id: str, target: Target, target_id: str, *, is_allowed: bool | None) -> None:
        """
        Allow or deny something to somebody or somewhere; None takes the rule away.

        Raises:
            NotPossible: Discord keeps a hundred rules of each command.
        """
        rules = self._rules.setdefault((guild.guild_id, ruled_id), {})
        if len(rules) >= MAX_RULES and is_allowed is not None and (target, target_id) not in rules:
            raise NotPossible(f"a command has at most {MAX_RULES} rules")
        rules.pop((target, target_id), None)
        if is_allowed is not None:
            rules[target, target_id] = is_allowed
        data = self.shown(guild, ruled_id)
        self._feed.dispatch(Dispatch("APPLICATION_COMMAND_PERMISSIONS_UPDATE", data, guild.guild_id))
        self._feed.tell("commands")

    def listed(self, guild: Guild) -> list[Json]:
        """What is ruled in a server, as the API shows it."""
        return [
            self.shown(guild, ruled_id)
            for (guild_id, ruled_id), rules in self._rules.items()
            if guild_id == guild.guild_id and rules
        ]

    def of(self, guild: Guild, ruled_id: str) -> Json:
        """
        What is ruled about one command (or all).

        Raises:
            ApiError: 10066, nothing is.
        """
        if not self._rules.get((guild.guild_id, ruled_id)):
            raise refusal(10066)
        return self.shown(guild, ruled_id)

    def shown(self, guild: Guild, ruled_id: str) -> Json:
        """The rules about one command (or all), as the API shows them."""
        rules = self._rules.get((guild.guild_id, ruled_id), {})
        return {
            "id": ruled_id,
            "application_id": self._world.bot["id"],
            "guild_id": guild.guild_id,
            "permissions": [
                {"id": target_id, "type": int(target), "permission": is_allowed}
                for (target, target_id), is_allowed in rules.items()
            ],
        }

    def why_forbidden(self, command: Json, user: Json, channel: Json) -> str | None:
        """
        Why somebody may not use a command in a server's channel; None where they may.

        A command's own rules come first; where it has none, its default permissions and then the application's hold.

        Source: Discord's "Application Commands", "Permissions".
        """
        held = self._world.permissions(user["id"], channel)
        if Permission.USE_APPLICATION_COMMANDS not in held:
            return "you may not use commands here"
        if Permission.ADMINISTRATOR in held:
            return None
        guild = self._world.guilds[channel["guild_id"]]
        own = self._rules.get((guild.guild_id, command["id"]), {})
        general = self._rules.get((guild.guild_id, self._world.bot["id"]), {})
        in_channel = _first(_in_channel(own, guild, channel), _in_channel(general, guild, channel))
        if in_channel is False:
            return "this server does not let it be used in this channel"
        roles = guild.members[user["id"]]["roles"]
        by_own = _by_person(own, guild, user["id"], roles)
        if by_own is not None:
            return None if by_own else "this server does not let you use it"
        if command["default_member_permissions"] is not None:
            needed = Permission(int(command["default_member_permissions"]))
            if not needed or needed not in held:
                return "you do not have the permission"
        is_denied = _by_person(general, guild, user["id"], roles) is False
        return "this server does not let you use it" if is_denied else None


def _in_channel(rules: Rules, guild: Guild, channel: Json) -> bool | None:
    """A thread is where its parent is."""
    place_id = channel.get("parent_id") or channel["id"]
    everywhere = str(int(guild.guild_id) - 1)
    return _first(rules.get((Target.CHANNEL, place_id)), rules.get((Target.CHANNEL, everywhere)))


def _by_person(rules: Rules, guild: Guild, user_id: str, role_ids: list[str]) -> bool | None:
    """The member's own rule, then any of their roles that allows, or else denies, then everyone's."""
    by_roles = [rules[Target.ROLE, role_id] for role_id in role_ids if (Target.ROLE, role_id) in rules]
    return _first(
        rules.get((Target.USER, user_id)),
        any(by_roles) if by_roles else None,
        rules.get((Target.ROLE, guild.guild_id)),
    )


def _first(*answers: bool | None) -> bool | None:
    return next((answer for answer in answers if answer is not None), None)
