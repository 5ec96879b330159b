"""Why Discord does not show a message: what its refusals mean, for now and for ever."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp
import discord

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_MESSAGE = 10003, 10004, 10008
MISSING_ACCESS, MISSING_PERMISSIONS, CANNOT_DM = 50001, 50013, 50007
ENTITY_TOO_LARGE, TOO_MANY_OLD_EDITS, ARCHIVED_THREAD = 40005, 30046, 50083
NO_REPLY_WITHOUT_HISTORY = 160002
"""Who may not read a channel's past may not answer its messages, but may write there."""
OUT_OF_REACH = (discord.HTTPException, aiohttp.ClientError, OSError)
"""Discord refuses, answers with an error, or does not answer; a TimeoutError is an OSError."""


class DeliveryError(Exception):
    """A message cannot be shown, and trying again will not help."""


class MessageGone(DeliveryError):
    """Somebody deleted the waiting message, or its channel or server: what was deleted stays deleted."""


class AccessLost(DeliveryError):
    """The channel stands, but the bot may no longer write there (or the thread is locked)."""


class TooLarge(DeliveryError):
    """Discord refuses the files for their size."""


class TooOld(DeliveryError):
    """Discord takes no more edits of the message: only a new one can say more."""


class Unsure(DeliveryError):
    """A new message may have been sent before, which nobody can tell: it is not sent again."""


class Rejected(DeliveryError):
    """Discord refuses the message as it is; the cause holds its code."""


def is_passing(error: Exception) -> bool:
    """Whether Discord may take the same message later; discord.py has tried several times by then."""
    if not isinstance(error, discord.HTTPException):
        return True
    return error.status == 429 or error.status >= 500  # noqa: PLR2004 - HTTP Too Many Requests, and the server's faults


def is_too_large(error: discord.HTTPException) -> bool:
    """Whether it is the files that Discord refuses."""
    return error.status == 413 or error.code == ENTITY_TOO_LARGE  # noqa: PLR2004 - HTTP Content Too Large


@contextmanager
def translated() -> Iterator[None]:
    """
    What Discord means for ever becomes what it means; other errors pass as they are.

    Raises:
        MessageGone, AccessLost, TooLarge, TooOld: as Discord's code says.
    """
    try:
        yield
    except discord.HTTPException as error:
        if error.code in (UNKNOWN_MESSAGE, UNKNOWN_CHANNEL, UNKNOWN_GUILD):
            raise MessageGone from error
        if error.code in (MISSING_ACCESS, MISSING_PERMISSIONS, CANNOT_DM) or error.status == 403:  # noqa: PLR2004
            raise AccessLost from error
        if is_too_large(error):
            raise TooLarge from error
        if error.code == TOO_MANY_OLD_EDITS:
            raise TooOld from error
        raise
