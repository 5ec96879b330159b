"""Everything that a Discord is made of, wired together once."""

from collections.abc import Mapping

from bot.playground import wire
from bot.playground.access import Access
from bot.playground.attachments import Attachments
from bot.playground.callbacks import Callbacks
from bot.playground.clock import Clock
from bot.playground.commands import Commands
from bot.playground.errors import Json
from bot.playground.faults import Faults
from bot.playground.feed import Feed
from bot.playground.gateway import Gateway
from bot.playground.integrations import Integrations
from bot.playground.interactions import Interactions
from bot.playground.limits import Limits
from bot.playground.membership import Membership
from bot.playground.messages import Messages
from bot.playground.permissions import Permission
from bot.playground.ratelimits import RateLimits
from bot.playground.world import Guild, World


class Service:
    """A Discord without its sockets: the parts, each knowing only those it needs."""

    def __init__(self, token: str, limits: Limits) -> None:
        self.token = token
        self.limits = limits
        self.clock = Clock()
        self.feed = Feed()
        self.faults = Faults()
        self.world = World(self.clock, self.feed)
        self.attachments = Attachments(self.clock)
        self.messages = Messages(self.world, self.clock, self.feed, self.attachments, limits)
        self.interactions = Interactions(self.world, self.messages, self.clock, self.feed, limits)
        self.access = Access(self.world)
        self.callbacks = Callbacks(self.world, self.messages, self.interactions, self.access)
        self.integrations = Integrations(self.world, self.feed)
        self.commands = Commands(self.world, self.clock, self.feed, self.integrations)
        self.membership = Membership(self.world, self.clock, self.feed)
        self.gateway = Gateway(self.world, self.feed, limits, token)
        self.rate_limits = RateLimits(self.clock, limits)

    def settle(self, origin: str) -> None:
        """Learn the address that everything is reached under."""
        self.messages.origin = origin
        self.gateway.url = origin.replace("http", "ws", 1) + "/gateway"

    def info(self) -> Mapping[str, object]:
        """Who and what is here, for the page."""
        world = self.world
        guild = next(iter(world.guilds.values()))
        people = [user for user in world.users.values() if user["id"] in world.locales and user is not world.owner]
        rooms = [channel for channel in world.channels.values() if channel["type"] != wire.DM]
        return {
            "token": self.token,
            "app_id": world.bot["id"],
            "guild_id": guild.guild_id,
            "guild": guild.name,
            "users": [user["username"] for user in (*people, world.owner)],
            "channels": [channel["name"] for channel in rooms] + ["@dm"],
            "connected": self.gateway.is_connected,
            "bot": {"id": world.bot["id"], "username": world.bot["username"]},
            "servers": [self._server(each) for each in world.guilds.values()],
            "people": [self._person(user, guild) for user in world.users.values()],
            "rooms": [self._room(channel) for channel in rooms],
            "roles": [
                {key: role[key] for key in ("id", "name", "color", "managed")} | {"guild_id": each.guild_id}
                for each in world.guilds.values()
                for role in each.roles.values()
            ],
        }

    def _server(self, guild: Guild) -> Json:
        """With what each member is there: roles, and until when they are timed out."""
        return {
            "id": guild.guild_id,
            "name": guild.name,
            "owner_id": guild.owner_id,
            "has_bot": self.world.bot["id"] in guild.members,
            "banned": sorted(guild.bans),
            "members": {
                user_id: {
                    "roles": member["roles"],
                    "moderator": Permission.MANAGE_MESSAGES in self.world.permissions_with(guild, user_id),
                    "timed_out_until": member["communication_disabled_until"]
                    if self.world.is_timed_out(member)
                    else None,
                }
                for user_id, member in guild.members.items()
            },
        }

    def _person(self, user: Json, guild: Guild) -> Json:
        """Their colour is that of the first server."""
        return {
            "id": user["id"],
            "username": user["username"],
            "display_name": user["global_name"] or user["username"],
            "bot": user["bot"],
            "moderator": self.world.is_moderator(user["id"]) and not user["bot"],
            "color": _color(guild, user["id"]),
            "dm": next((dm["id"] for dm in self.world.channels.values() if _is_dm_with(dm, user)), None),
        }

    def _room(self, channel: Json) -> Json:
        keys = ("id", "name", "type", "guild_id", "topic", "parent_id", "permission_overwrites", "rate_limit_per_user")
        seers = [user_id for user_id in self.world.users if self.world.permissions(user_id, channel)]
        return {key: channel.get(key) for key in keys} | {"nsfw": self.world.is_nsfw(channel), "seen_by": seers}


def _is_dm_with(channel: Json, user: Json) -> bool:
    return bool(channel["type"] == wire.DM and channel["recipients"][0]["id"] == user["id"])


def _color(guild: Guild, user_id: str) -> int:
    role_ids = guild.members[user_id]["roles"] if user_id in guild.members else []
    return max((guild.roles[role_id]["color"] for role_id in role_ids), default=0)
