"""A whole line as somebody types it into the message box, read as Discord's picker would have filled it in."""

import re
from typing import Any

from bot.playground.commands import GROUP, SUBCOMMAND, leaf_of
from bot.playground.errors import Json, NotPossible
from bot.playground.options import BOOLEAN, CHANNEL, ROLE, USER

PREFIXES = {USER: "@", CHANNEL: "#", ROLE: "@"}


def path_of(line: str, command: Json) -> tuple[list[str], str]:
    """
    The path of the command on a line, and the text after it.

    Args:
        line: begins with the slash and the command's name.
    """
    path, node, rest = [command["name"]], command, line[1:].strip()[len(command["name"]) :].strip()
    while inside := [each for each in node.get("options") or [] if each["type"] in (SUBCOMMAND, GROUP)]:
        word = rest.split(maxsplit=1)[0] if rest else ""
        found = [option for option in inside if option["name"] == word]
        if not found:
            break
        node, rest = found[0], rest[len(word) :].strip()
        path.append(word)
    return path, rest


def values_of(command: Json, path: list[str], rest: str) -> Json:
    """
    The options on a line: `name:value` pairs where it begins with one, else all of it is the first required option.

    Raises:
        NotPossible: text after a command that needs none, or a path that leads nowhere.
    """
    _, leaf = leaf_of(command, path[1:])
    options = {option["name"]: option for option in leaf.get("options") or []}
    if not rest:
        return {}
    names = "|".join(re.escape(name) for name in options)
    if names and re.match(rf"(?:{names}):", rest):
        pairs = re.split(rf"(?:^|\s+)({names}):", rest)[1:]
        return {name: _value(options[name], text.strip()) for name, text in zip(pairs[::2], pairs[1::2], strict=True)}
    required = [option for option in options.values() if option.get("required")]
    if not required:
        raise NotPossible(f"/{' '.join(path)} takes no text; its options are written as name:value")
    return {required[0]["name"]: _value(required[0], rest)}


def _value(option: Json, text: str) -> Any:
    for choice in option.get("choices") or []:
        if text.casefold() in (choice["name"].casefold(), str(choice["value"]).casefold()):
            return choice["value"]
    if option["type"] == BOOLEAN and text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    return text.removeprefix(PREFIXES.get(option["type"], ""))
