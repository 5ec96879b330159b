"""Users, roles, channels and servers in the form in which Discord's API shows them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.playground.errors import Json
from bot.playground.permissions import Permission

if TYPE_CHECKING:
    from bot.playground.world import Guild

TEXT, DM, PUBLIC_THREAD, FORUM = 0, 1, 11, 15
TOP_LEVEL = (TEXT, FORUM)
"""What stands in a server's list of channels; threads and posts stand under one of these."""


def user_object(user_id: str, username: str, *, is_bot: bool = False) -> Json:
    """A user; a person's display name is the username with a capital."""
    return {
        "id": user_id,
        "username": username,
        "global_name": None if is_bot else username.title(),
        "discriminator": "0000" if is_bot else "0",
        "avatar": None,
        "bot": is_bot,
        "system": False,
        "public_flags": 0,
        "flags": 0,
        "banner": None,
        "accent_color": None,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
    }


def role_object(
    role_id: str, name: str, permissions: Permission, *, position: int, color: int, bot_id: str | None
) -> Json:
    """A role; one with a `bot_id` is the role that Discord makes for a bot when it joins."""
    role: Json = {
        "id": role_id,
        "name": name,
        "permissions": str(int(permissions)),
        "position": position,
        "color": color,
        "colors": {"primary_color": color, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": bot_id is not None,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    return role | ({"tags": {"bot_id": bot_id}} if bot_id else {})


def member_object(user: Json, role_ids: Sequence[str], joined_at: str) -> Json:
    """A member of a server, with the user inside."""
    return {
        "user": user,
        "nick": None,
        "roles": list(role_ids),
        "joined_at": joined_at,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "avatar": None,
        "banner": None,
        "premium_since": None,
        "communication_disabled_until": None,
    }


def text_channel(channel_id: str, guild_id: str, name: str, *, position: int, nsfw: bool, topic: str | None) -> Json:
    """A text channel of a server."""
    return {
        "id": channel_id,
        "type": TEXT,
        "guild_id": guild_id,
        "name": name,
        "position": position,
        "nsfw": nsfw,
        "topic": topic,
        "parent_id": None,
        "permission_overwrites": [],
        "rate_limit_per_user": 0,
        "last_message_id": None,
        "flags": 0,
    }


def forum_channel(channel_id: str, guild_id: str, name: str, *, position: int, nsfw: bool, topic: str | None) -> Json:
    """A forum of a server: its posts are threads, and nothing else is written in it."""
    text = text_channel(channel_id, guild_id, name, position=position, nsfw=nsfw, topic=topic)
    return text | {
        "type": FORUM,
        "available_tags": [],
        "default_reaction_emoji": None,
        "default_sort_order": None,
        "default_forum_layout": 0,
    }


def thread_channel(thread_id: str, parent: Json, name: str, *, owner_id: str, created_at: str) -> Json:
    """A public thread under `parent`."""
    return {
        "id": thread_id,
        "type": PUBLIC_THREAD,
        "guild_id": parent["guild_id"],
        "parent_id": parent["id"],
        "name": name,
        "owner_id": owner_id,
        "thread_metadata": {
            "archived": False,
            "locked": False,
            "archive_timestamp": created_at,
            "auto_archive_duration": 1440,
            "create_timestamp": created_at,
        },
        "message_count": 0,
        "member_count": 1,
        "total_message_sent": 0,
        "rate_limit_per_user": 0,
        "last_message_id": None,
        "flags": 0,
    }


def dm_channel(channel_id: str, recipient: Json) -> Json:
    """The bot's direct messages with one person."""
    return {"id": channel_id, "type": DM, "recipients": [recipient], "last_message_id": None, "flags": 0}


def guild_object(guild: "Guild") -> Json:
    """A server as REST shows it."""
    nothing = (
        "icon", "description", "home_header", "splash", "discovery_splash", "banner", "application_id",
        "afk_channel_id", "system_channel_id", "widget_channel_id", "max_presences", "vanity_url_code",
        "rules_channel_id", "safety_alerts_channel_id", "public_updates_channel_id", "incidents_data",
    )  # fmt: skip
    zero = (
        "system_channel_flags", "verification_level", "default_message_notifications", "mfa_level",
        "explicit_content_filter", "premium_tier", "premium_subscription_count", "nsfw_level",
    )  # fmt: skip
    return {
        "id": guild.guild_id,
        "name": guild.name,
        "owner_id": guild.owner_id,
        "region": "deprecated",
        "roles": list(guild.roles.values()),
        "features": [],
        "emojis": [],
        "stickers": [],
        "afk_timeout": 300,
        "max_members": 500_000,
        "max_video_channel_users": 25,
        "max_stage_video_channel_users": 50,
        "preferred_locale": guild.locale,
        "premium_progress_bar_enabled": False,
        "widget_enabled": False,
        "nsfw": False,
        **dict.fromkeys(nothing),
        **dict.fromkeys(zero, 0),
    }


def guild_create(guild: "Guild", channels: Sequence[Json], members: Sequence[Json]) -> Json:
    """A server as the gateway shows it when the bot connects or joins."""
    return guild_object(guild) | {
        "joined_at": guild.joined_at,
        "large": False,
        "unavailable": False,
        "member_count": len(guild.members),
        "members": list(members),
        "channels": [channel for channel in channels if channel["type"] in TOP_LEVEL],
        "threads": [
            channel
            for channel in channels
            if channel["type"] == PUBLIC_THREAD and not channel["thread_metadata"]["archived"]
        ],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }
