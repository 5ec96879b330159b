"""Everything that a Discord is made of, wired together once."""

from collections.abc import Mapping

from bot.playground import wire
from bot.playground.access import Access
from bot.playground.attachments import Attachments
from bot.playground.callbacks import Callbacks
from bot.playground.clock import Clock
from bot.playground.commands import Commands
from bot.playground.faults import Faults
from bot.playground.feed import Feed
from bot.playground.gateway import Gateway
from bot.playground.interactions import Interactions
from bot.playground.limits import Limits
from bot.playground.messages import Messages
from bot.playground.ratelimits import RateLimits
from bot.playground.world import World


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
        self.commands = Commands(self.world, self.clock, self.feed)
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
        people = [user for user in world.users.values() if user["id"] in world.locales]
        rooms = [channel for channel in world.channels.values() if channel["type"] != wire.DM]
        colors = {user_id: _color(guild.roles, member) for user_id, member in guild.members.items()}
        roles = [role for each in world.guilds.values() for role in each.roles.values()]
        return {
            "token": self.token,
            "app_id": world.bot["id"],
            "guild_id": guild.guild_id,
            "guild": guild.name,
            "users": [user["username"] for user in people],
            "channels": [channel["name"] for channel in rooms] + ["@dm"],
            "connected": self.gateway.is_connected,
            "bot": {"id": world.bot["id"], "username": world.bot["username"]},
            "people": [
                {
                    "id": user["id"],
                    "username": user["username"],
                    "display_name": user["global_name"] or user["username"],
                    "bot": user["bot"],
                    "moderator": world.is_moderator(user["id"]) and not user["bot"],
                    "color": colors.get(user["id"], 0),
                }
                for user in world.users.values()
            ],
            "rooms": [
                {key: channel.get(key) for key in ("id", "name", "type", "guild_id", "topic", "parent_id")}
                | {"nsfw": world.is_nsfw(channel)}
                for channel in rooms
            ],
            "roles": [{key: role[key] for key in ("id", "name", "color")} for role in roles],
        }


def _color(roles: Mapping[str, Mapping[str, int]], member: Mapping[str, list[str]]) -> int:
    return max((roles[role_id]["color"] for role_id in member["roles"]), default=0)
