"""The bot's commands: Discord's rules for them, and who sees which where."""

import copy
import re
from collections.abc import Iterator

from bot.playground import wire
from bot.playground.clock import Clock
from bot.playground.errors import Json, NotPossible, invalid, refusal
from bot.playground.feed import Feed
from bot.playground.integrations import Integrations
from bot.playground.world import World

CHAT_INPUT, MESSAGE_MENU = 1, 3
SUBCOMMAND, GROUP = 1, 2
MAX_COMMANDS, MAX_MENUS, MAX_OPTIONS, MAX_CHOICES = 100, 15, 25, 25
MAX_MENU_NAME, MAX_DESCRIPTION, MAX_CHOICE, MAX_TOTAL = 32, 100, 100, 8000
NAME = re.compile(r"[-_'\w]{1,32}")
LOCALIZED = ("name_localizations", "description_localizations")


class Commands:
    """Registered commands by id; a command keeps its id as long as its name and type stay."""

    def __init__(self, world: World, clock: Clock, feed: Feed, integrations: Integrations) -> None:
        self._world = world
        self._clock = clock
        self._feed = feed
        self._integrations = integrations
        self._by_id: dict[str, Json] = {}

    def listed(self, guild_id: str | None = None, *, with_localizations: bool = True) -> list[Json]:
        """The global commands, or one server's own."""
        commands = [command for command in self._by_id.values() if command.get("guild_id") == guild_id]
        return commands if with_localizations else [_without_localizations(command) for command in commands]

    def replace(self, commands: list[Json], guild_id: str | None = None) -> list[Json]:
        """
        Register these and forget all others (of the server).

        Raises:
            ApiError: a rule is broken; then nothing changes.
        """
        check_commands(commands)
        known = {(command["type"], command["name"]): command["id"] for command in self.listed(guild_id)}
        stored = []
        for command in commands:
            key = (command.get("type") or CHAT_INPUT, command["name"])
            stored.append(self._stored(command, known.get(key) or self._clock.snowflake(), guild_id))
        others = {key: command for key, command in self._by_id.items() if command.get("guild_id") != guild_id}
        self._by_id = others | {command["id"]: command for command in stored}
        self._feed.tell("commands")
        return stored

    def _stored(self, command: Json, command_id: str, guild_id: str | None) -> Json:
        permissions = command.get("default_member_permissions")
        stored = copy.deepcopy(command) | {
            "id": command_id,
            "application_id": self._world.bot["id"],
            "version": self._clock.snowflake(),
            "type": command.get("type") or CHAT_INPUT,
            "description": command.get("description") or "",
            "default_member_permissions": None if permissions is None else str(permissions),
            "nsfw": bool(command.get("nsfw")),
            "contexts": command.get("contexts"),
            "integration_types": command.get("integration_types") or [0],
            "dm_permission": command.get("dm_permission", True),
        }
        return stored | ({"guild_id": guild_id} if guild_id else {})

    def named(self, name: str, guild_id: str) -> Json:
        """
        The command with this name or id, of whatever kind, that a server has.

        Raises:
            NotPossible: there is none.
        """
        for command in [*self.listed(), *self.listed(guild_id)]:
            if name in (command["name"], command["id"]):
                return command
        raise NotPossible(f"there is no command {name}")

    def in_server(self, command_id: str, guild_id: str) -> None:
        """
        Raise where a server has no such command.

        Raises:
            ApiError: 10063.
        """
        command = self._by_id.get(command_id)
        if command is None or command.get("guild_id", guild_id) != guild_id:
            raise refusal(10063)

    def seen_by(self, user: Json, channel: Json) -> list[Json]:
        """All commands of this place, each with `hidden`: why this user does not see it here, or None."""
        commands = [*self.listed(), *(self.listed(channel["guild_id"]) if "guild_id" in channel else [])]
        return [command | {"hidden": self.why_hidden(command, user, channel)} for command in commands]

    def find(self, path: list[str], user: Json, channel: Json, *, kind: int = CHAT_INPUT) -> Json:
        """
        The command that this user runs here.

        Args:
            path: its name, then those of group and sub command.
            kind: a slash command, or one of a message's menu.

        Raises:
            NotPossible: there is none, or Discord does not show it to them.
        """
        shown = f"/{path[0]}" if kind == CHAT_INPUT else path[0]
        for command in self.seen_by(user, channel):
            if command["name"] == path[0] and command["type"] == kind:
                if command["hidden"]:
                    raise NotPossible(f"{shown} is not visible: {command['hidden']}")
                return command
        raise NotPossible(f"there is no command {shown}")

    def why_hidden(self, command: Json, user: Json, channel: Json) -> str | None:
        """Why Discord does not show a command to somebody in a channel; None where it does."""
        is_dm = channel["type"] == wire.DM
        contexts = command["contexts"]
        if contexts is not None and int(is_dm) not in contexts:
            return "it works elsewhere only" if is_dm else "it works in direct messages only"
        if contexts is None and is_dm and not command["dm_permission"]:
            return "it works in servers only"
        if command["nsfw"] and not self._world.is_nsfw(channel):
            return "it is age-restricted and this channel is not"
        return None if is_dm else self._integrations.why_forbidden(command, user, channel)


def leaf_of(command: Json, path: list[str]) -> tuple[list[Json], Json]:
    """
    The groups and sub commands along a path, and the node whose options are filled in.

    Args:
        path: the names after the command's own.

    Raises:
        NotPossible: the path leads nowhere, or stops before a sub command.
    """
    node, along = command, []
    for name in path:
        inside = [option for option in node.get("options") or [] if option["type"] in (SUBCOMMAND, GROUP)]
        found = [option for option in inside if option["name"] == name]
        if not found:
            raise NotPossible(f"/{command['name']} has no sub command {name}")
        node = found[0]
        along.append(node)
    if any(option["type"] in (SUBCOMMAND, GROUP) for option in node.get("options") or []):
        names = ", ".join(option["name"] for option in node["options"])
        raise NotPossible(f"/{' '.join([command['name'], *path])} needs a sub command: {names}")
    return along, node


def check_commands(commands: list[Json]) -> None:
    """
    Raise where the set of commands breaks one of Discord's rules.

    Raises:
        ApiError: 50035 pointing at the field, or 30032.
    """
    kinds = [(command.get("type") or CHAT_INPUT, command["name"]) for command in commands]
    for kind, most in ((1, MAX_COMMANDS), (2, MAX_MENUS), (3, MAX_MENUS)):
        if sum(each == kind for each, _ in kinds) > most:
            raise refusal(30032)
    for index, (command, key) in enumerate(zip(commands, kinds, strict=True)):
        if kinds.index(key) != index:
            raise invalid(str(index), "Application command names must be unique", "APPLICATION_COMMANDS_DUPLICATE_NAME")
        if key[0] == CHAT_INPUT:
            _check_named(str(index), command)
            _check_options(str(index), command.get("options") or [])
        elif not all(1 <= len(name) <= MAX_MENU_NAME for name in _names(command)):
            raise invalid(f"{index}.name", "Must be between 1 and 32 in length.")
        if _text_length(command) > MAX_TOTAL:
            raise invalid(str(index), "Command exceeds maximum size (8000)", "APPLICATION_COMMAND_TOO_LARGE")


def _check_named(path: str, thing: Json) -> None:
    if not all(NAME.fullmatch(name) and name == name.lower() for name in _names(thing)):
        raise invalid(f"{path}.name", "Command name is invalid", "APPLICATION_COMMAND_INVALID_NAME")
    descriptions = [thing.get("description") or "", *(thing.get("description_localizations") or {}).values()]
    if not all(1 <= len(description) <= MAX_DESCRIPTION for description in descriptions):
        raise invalid(f"{path}.description", "Must be between 1 and 100 in length.")


def _names(thing: Json) -> list[str]:
    return [thing["name"], *(thing.get("name_localizations") or {}).values()]


def _check_options(path: str, options: list[Json]) -> None:
    if len(options) > MAX_OPTIONS:
        raise invalid(f"{path}.options", "Must be 25 or fewer in length.")
    names = [option["name"] for option in options]
    required = [bool(option.get("required")) for option in options]
    for index, option in enumerate(options):
        here = f"{path}.options.{index}"
        _check_named(here, option)
        if names.index(option["name"]) != index:
            raise invalid(here, "Option names must be unique", "APPLICATION_COMMAND_OPTIONS_DUPLICATE_NAME")
        if required[index] and not all(required[:index]):
            message = "Required options must be placed before non-required options"
            raise invalid(here, message, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID")
        choices = option.get("choices") or []
        if len(choices) > MAX_CHOICES:
            raise invalid(f"{here}.choices", "Must be 25 or fewer in length.")
        for number, choice in enumerate(choices):
            if not 1 <= len(choice["name"]) <= MAX_CHOICE or len(str(choice["value"])) > MAX_CHOICE:
                raise invalid(f"{here}.choices.{number}", "Must be between 1 and 100 in length.")
        _check_options(here, option.get("options") or [])


def _text_length(node: Json) -> int:
    """Discord's size of a command: names, descriptions and values of it and of everything inside."""

    def longest(key: str) -> int:
        return max(map(len, [node.get(key) or "", *(node.get(f"{key}_localizations") or {}).values()]))

    choices = sum(len(choice["name"]) + len(str(choice["value"])) for choice in node.get("choices") or [])
    inside = sum(_text_length(option) for option in node.get("options") or [])
    return longest("name") + longest("description") + choices + inside


def _without_localizations(node: Json) -> Json:
    def fields() -> Iterator[tuple[str, object]]:
        for key, value in node.items():
            if key in ("options", "choices"):
                yield key, [_without_localizations(each) for each in value or []]
            elif key not in LOCALIZED:
                yield key, value

    return dict(fields())
