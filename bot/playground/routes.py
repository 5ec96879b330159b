"""Discord's REST routes, as far as a drawing bot needs them: what each does and answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.playground import wire
from bot.playground.attachments import Upload
from bot.playground.errors import ApiError, Json, invalid, refusal
from bot.playground.letter import Message
from bot.playground.permissions import Permission
from bot.playground.service import Service
from bot.playground.world import Guild

Answer = Json | list[Json] | None
MAX_HISTORY, DEFAULT_HISTORY = 100, 50


@dataclass(frozen=True, slots=True)
class Call:
    """A request after its token, its size and its form were found to be right."""

    match: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    files: Mapping[str, Upload]


Handler = Callable[[Call], Answer]


class Routes:
    """One method per route; each raises ApiError where Discord refuses."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._world = service.world
        self._messages = service.messages
        self._access = service.access
        self._callbacks = service.callbacks

    def table(self) -> list[tuple[str, str, Handler]]:
        """Method, path under the API's base, and what answers; literal paths before patterns."""
        webhook, message = "/webhooks/{app}/{token}", "/channels/{channel}/messages/{message}"
        commands, guild_commands = "/applications/{app}/commands", "/applications/{app}/guilds/{guild}/commands"
        return [
            ("GET", "/gateway", lambda _: {"url": self._service.gateway.url}),
            ("GET", "/gateway/bot", self.gateway_bot),
            ("GET", "/oauth2/applications/@me", self.application),
            ("GET", "/applications/@me", self.application),
            ("GET", commands, self.list_commands),
            ("PUT", commands, self.put_commands),
            ("GET", guild_commands, self.list_commands),
            ("PUT", guild_commands, self.put_commands),
            ("GET", f"{guild_commands}/permissions", self.all_command_rules),
            ("GET", f"{guild_commands}/{{command}}/permissions", self.command_rules),
            ("PUT", f"{guild_commands}/{{command}}/permissions", self.put_command_rules),
            ("GET", "/users/@me", self.me),
            ("GET", "/users/@me/guilds", self.my_guilds),
            ("DELETE", "/users/@me/guilds/{guild}", self.leave),
            ("POST", "/users/@me/channels", lambda call: self._world.open_dm(str(call.body["recipient_id"]))),
            ("GET", "/users/{user}", self.user),
            ("GET", "/guilds/{guild}", lambda call: wire.guild_object(self._access.guild(call.match["guild"]))),
            ("GET", "/guilds/{guild}/channels", self.guild_channels),
            ("GET", "/guilds/{guild}/roles", self.guild_roles),
            ("GET", "/guilds/{guild}/members/{user}", self.member),
            ("GET", "/channels/{channel}", lambda call: self._access.channel(call.match["channel"])),
            ("PATCH", "/channels/{channel}", self.modify_channel),
            ("POST", "/channels/{channel}/typing", self.typing),
            ("GET", "/channels/{channel}/messages", self.history),
            ("POST", "/channels/{channel}/messages", self.post_message),
            ("POST", "/channels/{channel}/messages/bulk-delete", self.delete_messages),
            ("GET", message, self.read_message),
            ("PATCH", message, self.edit_message),
            ("DELETE", message, self.delete_message),
            ("POST", "/interactions/{interaction}/{token}/callback", self.answer_interaction),
            ("POST", webhook, self.follow_up),
            ("GET", f"{webhook}/messages/{{message}}", self.read_own),
            ("PATCH", f"{webhook}/messages/{{message}}", self.edit_own),
            ("DELETE", f"{webhook}/messages/{{message}}", self.delete_own),
        ]

    def gateway_bot(self, _call: Call) -> Answer:
        """Where the gateway is and how many shards the bot should start."""
        starts = {"total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1}
        shards = self._service.limits.shards
        return {"url": self._service.gateway.url, "shards": shards, "session_start_limit": starts}

    def application(self, _call: Call) -> Answer:
        """The bot's application, owned by the server's owner."""
        nothing = ("icon", "team", "type", "interactions_endpoint_url", "role_connections_verification_url")
        return {
            "id": self._world.bot["id"],
            "name": self._world.bot["username"],
            "description": "",
            "summary": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": 0,
            "flags_new": "0",
            "hook": True,
            "owner": self._world.owner,
            "redirect_uris": [],
            "eligible_oauth2_scopes": [],
            "explicit_content_filter": 0,
            "integration_types_config": {"0": {}, "1": {}},
            "approximate_guild_count": len(self._world.guilds),
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            **dict.fromkeys(nothing),
        }

    def me(self, _call: Call) -> Answer:
        """The bot's own user."""
        return self._world.bot | {"email": None, "locale": "en-US", "verified": True, "mfa_enabled": False}

    def my_guilds(self, _call: Call) -> Answer:
        """The servers that the bot is in."""
        everything = str(int(Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES))
        return [
            {
                "id": guild.guild_id,
                "name": guild.name,
                "icon": None,
                "banner": None,
                "owner": False,
                "permissions": everything,
                "features": [],
                "approximate_member_count": len(guild.members),
                "approximate_presence_count": 0,
            }
            for guild in self._world.guilds.values()
            if self._world.bot["id"] in guild.members
        ]

    def leave(self, call: Call) -> Answer:
        """The bot leaves a server."""
        self._world.remove_bot(self._access.guild(call.match["guild"]))
        return None

    def user(self, call: Call) -> Answer:
        """Any user."""
        user = self._world.users.get(call.match["user"])
        if user is None:
            raise refusal(10013)
        return user

    def guild_channels(self, call: Call) -> Answer:
        """A server's channels, without threads."""
        channels = self._world.channels_of(self._access.guild(call.match["guild"]))
        return [channel for channel in channels if channel["type"] in wire.TOP_LEVEL]

    def guild_roles(self, call: Call) -> Answer:
        """A server's roles."""
        return list(self._access.guild(call.match["guild"]).roles.values())

    def member(self, call: Call) -> Answer:
        """A member of a server."""
        member = self._access.guild(call.match["guild"]).members.get(call.match["user"])
        if member is None:
            raise refusal(10007)
        return member

    def list_commands(self, call: Call) -> Answer:
        """The bot's commands."""
        with_localizations = call.query.get("with_localizations", "").lower() in ("1", "true")
        return self._service.commands.listed(self._command_home(call), with_localizations=with_localizations)

    def put_commands(self, call: Call) -> Answer:
        """Replace all of the bot's commands."""
        return self._service.commands.replace(call.body, self._command_home(call))

    def all_command_rules(self, call: Call) -> Answer:
        """What a server's Integrations page rules about the bot's commands."""
        self._command_home(call)
        return self._service.integrations.listed(self._access.guild(call.match["guild"]))

    def command_rules(self, call: Call) -> Answer:
        """What it rules about one command, or by the application's id about all that have no rules of their own."""
        return self._service.integrations.of(self._ruling_guild(call), call.match["command"])

    def put_command_rules(self, call: Call) -> Answer:
        """Refuse: that is for people who manage the server, and no bot's token may do it."""
        self._ruling_guild(call)
        raise refusal(20001)

    def _ruling_guild(self, call: Call) -> Guild:
        self._command_home(call)
        guild = self._access.guild(call.match["guild"])
        if call.match["command"] != self._world.bot["id"]:
            self._service.commands.in_server(call.match["command"], guild.guild_id)
        return guild

    def _command_home(self, call: Call) -> str | None:
        if call.match["app"] != self._world.bot["id"]:
            raise refusal(50001)
        return self._access.guild(call.match["guild"]).guild_id if "guild" in call.match else None

    def modify_channel(self, call: Call) -> Answer:
        """Archive, open, lock or unlock a thread."""
        return self._access.modify_thread(call.match["channel"], call.body)

    def typing(self, call: Call) -> Answer:
        """Show for ten seconds that the bot is typing."""
        channel = self._access.writable(call.match["channel"], has_files=False, is_reply=False)
        self._service.feed.tell("typing", channel_id=channel["id"], user=self._world.bot["username"])
        return None

    def history(self, call: Call) -> Answer:
        """A channel's messages, newest first; empty where the bot may not read the past."""
        channel = self._access.channel(call.match["channel"])
        limit = int(call.query.get("limit", DEFAULT_HISTORY))
        if not 1 <= limit <= MAX_HISTORY:
            raise invalid("limit", "int value should be between 1 and 100.", "NUMBER_TYPE_MAX")
        may_read = Permission.READ_MESSAGE_HISTORY in self._world.permissions(self._world.bot["id"], channel)
        standing = self._messages.in_channel(channel["id"]) if may_read else []
        public = [message for message in standing if not message.reader_id]
        return [self._messages.shown(message) for message in _page(public, call.query, limit)]

    def post_message(self, call: Call) -> Answer:
        """Write a message as the bot."""
        body = call.body or {}
        channel = self._access.writable(
            call.match["channel"], has_files=bool(call.files), is_reply=bool(body.get("message_reference"))
        )
        message = self._messages.write(
            channel,
            body,
            call.files,
            author=self._world.bot,
            size_limit_bytes=self._service.limits.size_limit_bytes,
        )
        return self._messages.shown(message)

    def read_message(self, call: Call) -> Answer:
        """One message."""
        channel = self._access.history(call.match["channel"])
        return self._messages.shown(self._messages.get(channel["id"], call.match["message"]))

    def edit_message(self, call: Call) -> Answer:
        """Edit one of the bot's own messages."""
        channel = self._access.channel(call.match["channel"])
        message = self._messages.get(channel["id"], call.match["message"])
        if message.author is not self._world.bot:
            raise refusal(50005)
        self._access.check_editable(channel)
        size_limit_bytes = self._service.limits.size_limit_bytes
        self._messages.edit(message, call.body, call.files, size_limit_bytes=size_limit_bytes)
        return self._messages.shown(message)

    def delete_message(self, call: Call) -> Answer:
        """Delete a message."""
        channel = self._access.channel(call.match["channel"])
        message = self._messages.get(channel["id"], call.match["message"])
        self._access.check_may_delete(channel, message.author)
        self._messages.delete(message)
        return None

    def delete_messages(self, call: Call) -> Answer:
        """Delete 2 to 100 messages of the last two weeks at once; those that are gone already do not matter."""
        channel = self._access.channel(call.match["channel"])
        message_ids = call.body["messages"]
        if not 2 <= len(message_ids) <= MAX_HISTORY:  # noqa: PLR2004  Discord's limit
            raise invalid("messages", "Must be between 2 and 100 in length.")
        self._access.check_may_manage_messages(channel)
        self._messages.delete_many(channel, message_ids)
        return None

    def answer_interaction(self, call: Call) -> Answer:
        """Answer an interaction for the first time; a body comes back only where it is asked for."""
        answer = self._callbacks.answer(call.match["interaction"], call.match["token"], call.body, call.files)
        return answer if call.query.get("with_response", "").lower() in ("1", "true") else None

    def follow_up(self, call: Call) -> Answer:
        """Send a further message by an interaction's token."""
        self._check_app(call)
        return self._callbacks.follow_up(call.match["token"], call.body, call.files)

    def read_own(self, call: Call) -> Answer:
        """One of the messages that answered an interaction."""
        self._check_app(call)
        return self._callbacks.read(call.match["token"], call.match["message"])

    def edit_own(self, call: Call) -> Answer:
        """Edit one of the messages that answered an interaction."""
        self._check_app(call)
        return self._callbacks.edit(call.match["token"], call.match["message"], call.body, call.files)

    def delete_own(self, call: Call) -> Answer:
        """Delete one of the messages that answered an interaction."""
        self._check_app(call)
        self._callbacks.delete(call.match["token"], call.match["message"])
        return None

    def _check_app(self, call: Call) -> None:
        if call.match["app"] != self._world.bot["id"]:
            raise refusal(10015)


def not_found(_call: Call) -> Answer:
    """Answer for every path that is no route here."""
    raise ApiError(404, 0, "404: Not Found")


def _page(messages: list[Message], query: Mapping[str, str], limit: int) -> list[Message]:
    """Newest first: those around, before or after an id, or the newest."""
    if "around" in query:
        around = int(query["around"])
        earlier = sum(int(message.message_id) < around for message in messages)
        first = max(0, earlier - limit // 2)
        return messages[first : first + limit][::-1]
    if "after" in query:
        later = [message for message in messages if int(message.message_id) > int(query["after"])]
        return later[:limit][::-1]
    if "before" in query:
        messages = [message for message in messages if int(message.message_id) < int(query["before"])]
    return messages[::-1][:limit]
