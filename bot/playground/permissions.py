"""Who may do what in a channel: roles, then the channel's overwrites."""

from collections.abc import Iterable, Mapping
from enum import IntFlag
from typing import Any

from bot.playground.errors import Json


class Permission(IntFlag):
    """Discord's permission bits, as far as the playground knows them."""

    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    MANAGE_ROLES = 1 << 28
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38
    MODERATE_MEMBERS = 1 << 40


P = Permission
EVERYONE = (
    P.VIEW_CHANNEL | P.SEND_MESSAGES | P.EMBED_LINKS | P.ATTACH_FILES | P.READ_MESSAGE_HISTORY | P.ADD_REACTIONS
    | P.USE_EXTERNAL_EMOJIS | P.USE_APPLICATION_COMMANDS | P.CREATE_PUBLIC_THREADS | P.SEND_MESSAGES_IN_THREADS
)  # fmt: skip
MODERATOR = (
    EVERYONE | P.MANAGE_GUILD | P.MANAGE_MESSAGES | P.MANAGE_THREADS | P.KICK_MEMBERS | P.BAN_MEMBERS
    | P.MODERATE_MEMBERS
)  # fmt: skip
TIMED_OUT = P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY
IN_DM = EVERYONE | P.MENTION_EVERYONE
NONE = Permission(0)
EVERYTHING = Permission(sum(Permission))


def permissions_in(
    roles: Mapping[str, Json],
    member: Json,
    overwrites: Iterable[Json],
    *,
    guild_id: str,
    is_owner: bool,
    is_timed_out: bool,
) -> Permission:
    """
    What a member may do where `overwrites` apply.

    Source: Discord's "Permissions", "Permission Overwrites".
    """
    held = Permission(int(roles[guild_id]["permissions"]))
    for role_id in member["roles"]:
        held |= Permission(int(roles[role_id]["permissions"]))
    if is_owner or Permission.ADMINISTRATOR in held:
        return EVERYTHING
    by_id: dict[str, Any] = {overwrite["id"]: overwrite for overwrite in overwrites}
    for layer in ([guild_id], member["roles"], [member["user"]["id"]]):
        applying = [by_id[key] for key in layer if key in by_id]
        for overwrite in applying:
            held &= ~Permission(int(overwrite["deny"]))
        for overwrite in applying:
            held |= Permission(int(overwrite["allow"]))
    if Permission.VIEW_CHANNEL not in held:
        return NONE
    return held & TIMED_OUT if is_timed_out else held
