"""What moderators of a server do to its members: remove, ban, time out, roles given and taken."""

from datetime import UTC, datetime, timedelta

from bot.playground.clock import Clock
from bot.playground.errors import Json, NotPossible
from bot.playground.feed import Dispatch, Feed, Intent
from bot.playground.permissions import NONE, Permission
from bot.playground.world import Guild, World

MAX_TIME_OUT_S = 28 * 86_400.0


class Membership:
    """Every change reaches the bot as Discord's would: without the privileged intent it hears of bans only."""

    def __init__(self, world: World, clock: Clock, feed: Feed) -> None:
        self._world = world
        self._clock = clock
        self._feed = feed

    def remove(self, guild: Guild, user: Json) -> None:
        """
        Throw a member out, or let them leave: the same to the bot.

        Raises:
            NotPossible: they are no member, or own the server.
        """
        self._member(guild, user)
        if user["id"] == guild.owner_id:
            raise NotPossible("the owner cannot be removed")
        del guild.members[user["id"]]
        self._tell("GUILD_MEMBER_REMOVE", {"guild_id": guild.guild_id, "user": user}, guild, Intent.GUILD_MEMBERS)

    def ban(self, guild: Guild, user: Json) -> None:
        """
        Throw a person out and keep them out, also one who has left before.

        Raises:
            NotPossible: they own the server.
        """
        if user["id"] in guild.members:
            self.remove(guild, user)
        guild.bans.add(user["id"])
        self._tell("GUILD_BAN_ADD", {"guild_id": guild.guild_id, "user": user}, guild, Intent.GUILD_MODERATION)

    def unban(self, guild: Guild, user: Json) -> None:
        """Let a banned person join again, which they have yet to do."""
        guild.bans.discard(user["id"])
        self._tell("GUILD_BAN_REMOVE", {"guild_id": guild.guild_id, "user": user}, guild, Intent.GUILD_MODERATION)

    def rejoin(self, guild: Guild, user: Json) -> None:
        """
        Let a person come (back), without the roles that they had.

        Raises:
            NotPossible: they are banned, or a member already.
        """
        if user["id"] in guild.bans:
            raise NotPossible(f"{user['username']} is banned from {guild.name}")
        if user["id"] in guild.members:
            raise NotPossible(f"{user['username']} is a member of {guild.name} already")
        self._world.join(guild, user)

    def time_out(self, guild: Guild, user: Json, seconds: float) -> None:
        """
        Let a member write and use commands only after so many seconds; 0 ends a time-out.

        Raises:
            NotPossible: they are no member or own the server, or it is longer than Discord's 28 days.
        """
        member = self._member(guild, user)
        if not 0 <= seconds <= MAX_TIME_OUT_S:
            raise NotPossible(f"a time-out lasts between 0 and {MAX_TIME_OUT_S:.0f} seconds, got {seconds}")
        if user["id"] == guild.owner_id:
            raise NotPossible("the owner cannot be timed out")
        until = datetime.fromtimestamp(self._clock.now(), UTC) + timedelta(seconds=seconds)
        member["communication_disabled_until"] = until.isoformat() if seconds else None
        self._tell_member(guild, member)

    def give_role(self, guild: Guild, user: Json, role: Json) -> None:
        """
        Give a member a role.

        Raises:
            NotPossible: they are no member, or the role is nobody's to give.
        """
        member = self._member(guild, user)
        if role["managed"] or role["id"] == guild.guild_id:
            raise NotPossible(f"the role {role['name']} cannot be given")
        if role["id"] not in member["roles"]:
            member["roles"] = [*member["roles"], role["id"]]
        self._tell_member(guild, member)

    def take_role(self, guild: Guild, user: Json, role: Json) -> None:
        """
        Take a role from a member.

        Raises:
            NotPossible: they are no member, or the role is nobody's to take.
        """
        member = self._member(guild, user)
        if role["managed"] or role["id"] == guild.guild_id:
            raise NotPossible(f"the role {role['name']} cannot be taken")
        member["roles"] = [role_id for role_id in member["roles"] if role_id != role["id"]]
        self._tell_member(guild, member)

    def change_role(self, guild: Guild, role: Json, *, allow: Permission = NONE, deny: Permission = NONE) -> None:
        """Give permissions to a role and take others away, in the whole server."""
        role["permissions"] = str(int((Permission(int(role["permissions"])) | allow) & ~deny))
        self._tell("GUILD_ROLE_UPDATE", {"guild_id": guild.guild_id, "role": role}, guild, Intent.GUILDS)

    def _member(self, guild: Guild, user: Json) -> Json:
        member = guild.members.get(user["id"])
        if member is None:
            raise NotPossible(f"{user['username']} is no member of {guild.name}")
        return member

    def _tell_member(self, guild: Guild, member: Json) -> None:
        """Of its own roles a bot hears in any case."""
        intent = Intent.GUILDS if member["user"]["bot"] else Intent.GUILD_MEMBERS
        self._tell("GUILD_MEMBER_UPDATE", member | {"guild_id": guild.guild_id}, guild, intent)

    def _tell(self, name: str, data: Json, guild: Guild, intent: Intent) -> None:
        self._feed.dispatch(Dispatch(name, data, guild.guild_id, intent))
        self._feed.tell("world")
