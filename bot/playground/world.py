"""Servers, members, roles and channels: who and what exists, and who may do what where."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from bot.playground import wire
from bot.playground.clock import Clock
from bot.playground.errors import Json, NotPossible, refusal
from bot.playground.feed import Dispatch, Feed, Intent
from bot.playground.permissions import EVERYONE, IN_DM, MODERATOR, NONE, Permission, permissions_in

BOT_COLOR, MODERATOR_COLOR = 0x5865F2, 0x2ECC71
MAX_SLOW_MODE_S = 21_600


@dataclass(slots=True)
class Guild:
    """A server; its @everyone role has its own id."""

    guild_id: str
    name: str
    owner_id: str
    joined_at: str
    locale: str = "en-US"
    roles: dict[str, Json] = field(default_factory=dict)
    members: dict[str, Json] = field(default_factory=dict)
    bans: set[str] = field(default_factory=set)


class World:
    """
    Everything that exists, by id; every change is told to the gateway and the page.

    The bot is a member of a server exactly as long as it may see it.
    """

    def __init__(self, clock: Clock, feed: Feed) -> None:
        self._clock = clock
        self._feed = feed
        self.users: dict[str, Json] = {}
        self.locales: dict[str, str] = {}
        self.closed_dms: set[str] = set()
        self.guilds: dict[str, Guild] = {}
        self.channels: dict[str, Json] = {}
        self.bot = self._add_user("imagine", is_bot=True)
        self.owner = self._add_user("oda")
        self.locales[self.owner["id"]] = "en-US"

    def _add_user(self, username: str, *, is_bot: bool = False) -> Json:
        user = wire.user_object(self._clock.snowflake(), username, is_bot=is_bot)
        self.users[user["id"]] = user
        return user

    def find_user(self, who: str) -> Json:
        """
        The user with this name or id.

        Raises:
            NotPossible: there is none.
        """
        for user in self.users.values():
            if who in (user["username"], user["id"]):
                return user
        raise NotPossible(f"there is no user {who}")

    def find_channel(self, where: str, user: Json) -> Json:
        """
        The channel with this name or id; `@dm` is the user's direct messages with the bot.

        Raises:
            NotPossible: there is none.
        """
        if where == "@dm":
            return self.open_dm(user["id"])
        for channel in self.channels.values():
            if where == channel["id"] or where == channel.get("name"):
                return channel
        raise NotPossible(f"there is no channel {where}")

    def guild_named(self, where: str) -> Guild:
        """
        The server with this name or id.

        Raises:
            NotPossible: there is none.
        """
        for guild in self.guilds.values():
            if where in (guild.name, guild.guild_id):
                return guild
        raise NotPossible(f"there is no server {where}")

    def role_named(self, guild: Guild, which: str) -> Json:
        """
        A server's role with this name or id.

        Raises:
            NotPossible: there is none.
        """
        for role in guild.roles.values():
            if which in (role["name"], role["id"]):
                return role
        raise NotPossible(f"there is no role {which}")

    def guild_of(self, channel: Json) -> Guild | None:
        """The server that a channel belongs to; None for direct messages."""
        return self.guilds[channel["guild_id"]] if "guild_id" in channel else None

    def permissions(self, user_id: str, channel: Json) -> Permission:
        """What a user may do in a channel; a thread counts as its parent, nothing for who is no member."""
        guild = self.guild_of(channel)
        if guild is None:
            return IN_DM
        ruling = self.channels[channel["parent_id"]] if channel["type"] == wire.PUBLIC_THREAD else channel
        return self.permissions_with(guild, user_id, ruling["permission_overwrites"])

    def permissions_with(self, guild: Guild, user_id: str, overwrites: Iterable[Json] = ()) -> Permission:
        """What a user may do in a server where these overwrites apply; nothing for who is no member."""
        member = guild.members.get(user_id)
        if member is None:
            return Permission(0)
        return permissions_in(
            guild.roles,
            member,
            overwrites,
            guild_id=guild.guild_id,
            is_owner=guild.owner_id == user_id,
            is_timed_out=self.is_timed_out(member),
        )

    def is_timed_out(self, member: Json) -> bool:
        """Whether a member may only read for now."""
        until = member["communication_disabled_until"]
        return until is not None and datetime.fromisoformat(until).timestamp() > self._clock.now()

    def is_moderator(self, user_id: str) -> bool:
        """Whether somebody may manage messages in any server."""
        return any(Permission.MANAGE_MESSAGES in self.permissions_with(each, user_id) for each in self.guilds.values())

    def is_nsfw(self, channel: Json) -> bool:
        """Whether a channel is age-restricted; a thread is what its parent is."""
        if channel["type"] == wire.PUBLIC_THREAD:
            return self.is_nsfw(self.channels[channel["parent_id"]])
        return bool(channel.get("nsfw"))

    def add_guild(
        self, name: str, members: Iterable[str] = (), *, channels: Iterable[str] = (), locale: str = "en-US"
    ) -> Guild:
        """A new server with existing users as members, which the bot joins at once."""
        guild_id = self._clock.snowflake()
        guild = Guild(guild_id, name, self.owner["id"], self._clock.iso(), locale)
        guild.roles[guild_id] = wire.role_object(guild_id, "@everyone", EVERYONE, position=0, color=0, bot_id=None)
        self.guilds[guild_id] = guild
        for username in (self.owner["username"], *members):
            self.join(guild, self.find_user(username))
        for channel in channels:
            self.add_channel(guild, channel)
        self.invite_bot(guild)
        return guild

    def invite_bot(self, guild: Guild) -> None:
        """
        Let the bot join (again): it gets a role of its own and hears of the server.

        Raises:
            NotPossible: it is there already.
        """
        if self.bot["id"] in guild.members:
            raise NotPossible(f"the bot is in {guild.name} already")
        role = self.add_role(guild, self.bot["username"], EVERYONE, color=BOT_COLOR, bot_id=self.bot["id"])
        guild.joined_at = self._clock.iso()
        self.join(guild, self.bot, (role["id"],))
        joined = self.guild_create(guild, guild.members.values())
        del joined["unavailable"]  # said of servers that come back; without it, it is a new one
        self._announce("GUILD_CREATE", joined, guild.guild_id)

    def guild_create(self, guild: Guild, members: Iterable[Json]) -> Json:
        """A server as the gateway shows it."""
        return wire.guild_create(guild, self.channels_of(guild), list(members))

    def channels_of(self, guild: Guild) -> list[Json]:
        """A server's channels and threads."""
        return [channel for channel in self.channels.values() if channel.get("guild_id") == guild.guild_id]

    def join(self, guild: Guild, user: Json, role_ids: Iterable[str] = ()) -> Json:
        """Make a user a member."""
        member = wire.member_object(user, list(role_ids), self._clock.iso())
        guild.members[user["id"]] = member
        event = member | {"guild_id": guild.guild_id}
        self._announce("GUILD_MEMBER_ADD", event, guild.guild_id, Intent.GUILD_MEMBERS)
        return member

    def add_person(self, username: str, guild: Guild, *, is_moderator: bool = False, locale: str = "en-US") -> Json:
        """A new person, member of `guild`; a moderator gets the role Moderators."""
        user = self._add_user(username)
        self.locales[user["id"]] = locale
        role_ids = [role["id"] for role in guild.roles.values() if role["name"] == "Moderators"] if is_moderator else []
        if is_moderator and not role_ids:
            role_ids = [self.add_role(guild, "Moderators", MODERATOR, color=MODERATOR_COLOR)["id"]]
        self.join(guild, user, role_ids)
        return user

    def add_role(
        self, guild: Guild, name: str, permissions: Permission, *, color: int = 0, bot_id: str | None = None
    ) -> Json:
        """A new role above all others."""
        role = wire.role_object(
            self._clock.snowflake(), name, permissions, position=len(guild.roles), color=color, bot_id=bot_id
        )
        guild.roles[role["id"]] = role
        self._announce("GUILD_ROLE_CREATE", {"guild_id": guild.guild_id, "role": role}, guild.guild_id)
        return role

    def add_channel(
        self, guild: Guild, name: str, *, nsfw: bool = False, topic: str | None = None, is_forum: bool = False
    ) -> Json:
        """A new text channel (or forum) at the end."""
        position = sum(channel["type"] in wire.TOP_LEVEL for channel in self.channels_of(guild))
        make = wire.forum_channel if is_forum else wire.text_channel
        channel = make(self._clock.snowflake(), guild.guild_id, name, position=position, nsfw=nsfw, topic=topic)
        self.channels[channel["id"]] = channel
        self._announce("CHANNEL_CREATE", channel, guild.guild_id)
        return channel

    def add_thread(self, parent: Json, name: str) -> Json:
        """
        A new public thread, open and unlocked; in a forum it is a post.

        Raises:
            NotPossible: threads stand in channels and forums only.
        """
        if parent["type"] not in wire.TOP_LEVEL:
            raise NotPossible("threads stand in channels and forums only")
        thread = wire.thread_channel(
            self._clock.snowflake(), parent, name, owner_id=self.owner["id"], created_at=self._clock.iso()
        )
        self.channels[thread["id"]] = thread
        self._announce("THREAD_CREATE", thread | {"newly_created": True}, thread["guild_id"])
        return thread

    def set_thread(self, thread: Json, *, archived: bool | None = None, locked: bool | None = None) -> None:
        """Open, archive, lock or unlock a thread."""
        metadata = thread["thread_metadata"]
        if archived is not None:
            metadata["archived"] = archived
            metadata["archive_timestamp"] = self._clock.iso()
        if locked is not None:
            metadata["locked"] = locked
        self._announce("THREAD_UPDATE", thread, thread["guild_id"])

    def set_slow_mode(self, channel: Json, seconds: int) -> None:
        """
        Let members write only every so many seconds; 0 is off.

        Raises:
            NotPossible: it is longer than Discord's six hours, or no channel of a server.
        """
        if "guild_id" not in channel or not 0 <= seconds <= MAX_SLOW_MODE_S:
            raise NotPossible(f"a server's channel is slow by 0 to {MAX_SLOW_MODE_S} seconds, got {seconds}")
        channel["rate_limit_per_user"] = seconds
        name = "THREAD_UPDATE" if channel["type"] == wire.PUBLIC_THREAD else "CHANNEL_UPDATE"
        self._announce(name, channel, channel["guild_id"])

    def overwrite(self, channel: Json, target_id: str, *, allow: Permission = NONE, deny: Permission = NONE) -> None:
        """
        Set a channel's overwrite for one role or member; allowing and denying nothing removes it.

        Raises:
            NotPossible: it is a thread or no channel of a server.
        """
        if channel["type"] not in wire.TOP_LEVEL:
            raise NotPossible("only a server's channels and forums have permissions of their own")
        others = [overwrite for overwrite in channel["permission_overwrites"] if overwrite["id"] != target_id]
        new = {"id": target_id, "type": int(target_id in self.users), "allow": str(int(allow)), "deny": str(int(deny))}
        channel["permission_overwrites"] = [*others, new] if allow or deny else others
        self._announce("CHANNEL_UPDATE", channel, channel["guild_id"])

    def delete_channel(self, channel: Json) -> None:
        """Delete a channel with its threads, or one thread."""
        for thread in [each for each in self.channels.values() if each.get("parent_id") == channel["id"]]:
            self.delete_channel(thread)
        del self.channels[channel["id"]]
        name = "THREAD_DELETE" if channel["type"] == wire.PUBLIC_THREAD else "CHANNEL_DELETE"
        self._announce(name, channel, channel["guild_id"])

    def remove_bot(self, guild: Guild) -> None:
        """
        The bot leaves, or is thrown out: the same to it. The role that was made for it goes with it.

        Raises:
            NotPossible: it is not there.
        """
        member = guild.members.pop(self.bot["id"], None)
        if member is None:
            raise NotPossible(f"the bot is not in {guild.name}")
        for role_id in [role_id for role_id in member["roles"] if guild.roles[role_id]["managed"]]:
            del guild.roles[role_id]
        self._announce("GUILD_DELETE", {"id": guild.guild_id}, guild.guild_id)

    def open_dm(self, user_id: str) -> Json:
        """
        The bot's direct messages with a user, opened where they are not yet.

        Raises:
            ApiError: 10013, there is no such user.
        """
        user = self.users.get(user_id)
        if user is None:
            raise refusal(10013)
        for channel in self.channels.values():
            if channel["type"] == wire.DM and channel["recipients"][0]["id"] == user_id:
                return channel
        channel = wire.dm_channel(self._clock.snowflake(), user)
        self.channels[channel["id"]] = channel
        self._announce("CHANNEL_CREATE", channel, None)
        return channel

    def _announce(self, name: str, data: Json, guild_id: str | None, intent: Intent = Intent.GUILDS) -> None:
        self._feed.dispatch(Dispatch(name, data, guild_id, intent))
        self._feed.tell("world")
