"""What a member filled into a command's options, checked as Discord's client checks it."""

import base64
import binascii
from typing import Any

from bot.playground.attachments import Attachments, Upload, with_addresses
from bot.playground.commands import leaf_of
from bot.playground.errors import Json, NotPossible
from bot.playground.resolved import Resolved

STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = 3, 4, 5, 6, 7, 8, 9, 10, 11
MAX_TEXT, MAX_NUMBER = 6000, 2**53


class Options:
    """Fills in options for one member in one channel."""

    def __init__(self, attachments: Attachments, origin: str, channel: Json, resolved: Resolved) -> None:
        self._attachments = attachments
        self._origin = origin
        self._channel = channel
        self._resolved = resolved

    def filled(self, command: Json, path: list[str], values: Json) -> Json:
        """
        The data of the interaction that running a command makes.

        Raises:
            NotPossible: what the client would not let through: a missing option, a value out of range.
        """
        along, leaf = leaf_of(command, path)
        options = {option["name"]: option for option in leaf.get("options") or []}
        if unknown := set(values) - set(options):
            raise NotPossible(f"/{command['name']} has no option {', '.join(sorted(unknown))}")
        sent = []
        for name, option in options.items():
            if name in values:
                sent.append({"name": name, "type": option["type"], "value": self._checked(option, values[name])})
            elif option.get("required"):
                raise NotPossible(f"{name}: this option is required")
        return self._data(command, along, sent)

    def focused(self, command: Json, path: list[str], values: Json, focused: str) -> Json:
        """
        The data of the interaction that asks for choices: values stand as typed, unchecked.

        Raises:
            NotPossible: there is no such option.
        """
        along, leaf = leaf_of(command, path)
        sent = [
            {"name": option["name"], "type": option["type"], "value": values.get(option["name"], "")}
            | ({"focused": True} if option["name"] == focused else {})
            for option in leaf.get("options") or []
            if option["name"] in values or option["name"] == focused
        ]
        if not any(option.get("focused") for option in sent):
            raise NotPossible(f"/{command['name']} has no option {focused}")
        return self._data(command, along, sent)

    def _data(self, command: Json, along: list[Json], options: list[Json]) -> Json:
        for node in reversed(along):
            options = [{"name": node["name"], "type": node["type"], "options": options}]
        data: Json = {"id": command["id"], "name": command["name"], "type": command["type"], "options": options}
        if "guild_id" in command:
            data["guild_id"] = command["guild_id"]
        return data | ({"resolved": self._resolved.data} if self._resolved.data else {})

    def _checked(self, option: Json, value: Any) -> Any:
        kind, name = option["type"], option["name"]
        if kind == STRING:
            value = _text(option, value)
        elif kind in (INTEGER, NUMBER):
            value = _number(option, value)
        elif kind == BOOLEAN and not isinstance(value, bool):
            raise NotPossible(f"{name}: must be true or false, got {value!r}")
        elif kind in (USER, CHANNEL, ROLE, MENTIONABLE):
            value = self._found(kind, str(value))
        elif kind == ATTACHMENT:
            value = self._uploaded(name, value)
        choices = option.get("choices") or []
        if choices and value not in [choice["value"] for choice in choices]:
            raise NotPossible(f"{name}: not one of {', '.join(choice['name'] for choice in choices)}")
        return value

    def _found(self, kind: int, who: str) -> str:
        if kind == CHANNEL:
            return self._resolved.channel(who)
        if kind == ROLE:
            return self._resolved.role(who)
        return self._resolved.user(who) if kind == USER else self._resolved.mentionable(who)

    def _uploaded(self, name: str, value: Any) -> str:
        try:
            upload = Upload(value["filename"], base64.b64decode(value["b64"], validate=True))
        except (TypeError, KeyError, binascii.Error) as exc:
            raise NotPossible(f"{name}: must be a file with filename and b64") from exc
        attachment = self._attachments.keep(self._channel["id"], upload, is_option=True)
        self._resolved.note("attachments", attachment["id"], with_addresses(attachment, self._origin))
        return str(attachment["id"])


def _text(option: Json, value: Any) -> str:
    text = str(value)
    if not text and option.get("required"):
        raise NotPossible(f"{option['name']}: this option is required")
    least, most = option.get("min_length", 0), option.get("max_length", MAX_TEXT)
    if not least <= len(text) <= most:
        raise NotPossible(f"{option['name']}: must be between {least} and {most} long, got {len(text)}")
    return text


def _number(option: Json, value: Any) -> float:
    try:
        number = int(str(value)) if option["type"] == INTEGER else float(value)
    except (TypeError, ValueError) as exc:
        raise NotPossible(f"{option['name']}: must be a number, got {value!r}") from exc
    least, most = option.get("min_value", -MAX_NUMBER), option.get("max_value", MAX_NUMBER)
    if not least <= number <= most:
        raise NotPossible(f"{option['name']}: must be between {least} and {most}, got {number}")
    return number
