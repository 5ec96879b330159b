"""
What the playground refuses.

    PlaygroundError         a sentence for the person (or test) that drives the playground
    ├── PortInUse           the port is taken
    └── NotPossible         Discord's own client would not let a member do this
    ApiError                an answer of Discord's REST API: a status, a code, a message
"""

from typing import Any

Json = dict[str, Any]

# Source: Discord's "Opcodes and Status Codes", JSON error codes. 30046 is a 429, as bots report it.
_REFUSALS: dict[int, tuple[int, str]] = {
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    10066: (404, "Unknown application command permissions"),
    20001: (403, "Bots cannot use this endpoint"),
    30032: (400, "Maximum number of application commands reached (100)."),
    30046: (429, "Maximum number of edits to messages older than 1 hour reached. Try again later"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40333: (403, "Cloudflare is blocking your request. Send a proper User-Agent."),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50024: (400, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50034: (400, "You can only bulk delete messages that are under 14 days old."),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    160002: (400, "Cannot reply without permission to read message history"),
    160005: (403, "Thread is locked"),
}


class PlaygroundError(Exception):
    """A sentence for the person (or test) that drives the playground."""


class PortInUse(PlaygroundError):
    """The port is taken."""


class NotPossible(PlaygroundError):
    """Discord's own client would not let a member do this."""


class ApiError(Exception):
    """An answer of Discord's REST API: a status, a code, a message."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(f"{status} (error code: {code}): {message}")
        self.status = status
        self.body: Json = {"message": message, "code": code, **more}


def refusal(code: int, **more: Any) -> ApiError:
    """The error that Discord answers with this code."""
    status, message = _REFUSALS[code]
    return ApiError(status, code, message, **more)


def invalid(path: str, message: str, code: str = "BASE_TYPE_BAD_LENGTH") -> ApiError:
    """A 50035 whose error tree points at one field; `path` is dotted, `embeds.0.title`."""
    tree: Json = {"_errors": [{"code": code, "message": message}]}
    for key in reversed(path.split(".")):
        tree = {key: tree}
    return ApiError(400, 50035, "Invalid Form Body", errors=tree)
