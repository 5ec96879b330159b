"""What the bot may do where: each function raises what Discord would answer."""

from bot.playground import wire
from bot.playground.errors import Json, refusal
from bot.playground.permissions import Permission
from bot.playground.world import Guild, World


class Access:
    """The bot's own rights, asked before every request by bot token."""

    def __init__(self, world: World) -> None:
        self._world = world

    def guild(self, guild_id: str) -> Guild:
        """
        A server that the bot is in.

        Raises:
            ApiError: 10004 or 50001.
        """
        guild = self._world.guilds.get(guild_id)
        if guild is None:
            raise refusal(10004)
        if self._world.bot["id"] not in guild.members:
            raise refusal(50001)
        return guild

    def channel(self, channel_id: str) -> Json:
        """
        A channel that the bot sees.

        Raises:
            ApiError: 10003 or 50001.
        """
        channel = self._world.channels.get(channel_id)
        if channel is None:
            raise refusal(10003)
        self._require(channel, Permission.VIEW_CHANNEL)
        return channel

    def history(self, channel_id: str) -> Json:
        """
        A channel whose past the bot may read.

        Raises:
            ApiError: 10003 or 50001.
        """
        channel = self.channel(channel_id)
        self._require(channel, Permission.READ_MESSAGE_HISTORY)
        return channel

    def writable(self, channel_id: str, *, has_files: bool, is_reply: bool) -> Json:
        """
        A channel that the bot may write into; an archived thread is opened by writing, a locked one is not.

        Raises:
            ApiError: 10003, 50001, 50007, 50013, 50024, 50083, 160002 or 160005.
        """
        channel = self.channel(channel_id)
        if channel["type"] == wire.FORUM:
            raise refusal(50024)
        if channel["type"] == wire.DM and channel["recipients"][0]["id"] in self._world.closed_dms:
            raise refusal(50007)
        permissions = self._world.permissions(self._world.bot["id"], channel)
        is_thread = channel["type"] == wire.PUBLIC_THREAD
        needed = Permission.SEND_MESSAGES_IN_THREADS if is_thread else Permission.SEND_MESSAGES
        if needed not in permissions or (has_files and Permission.ATTACH_FILES not in permissions):
            raise refusal(50013)
        if is_reply and Permission.READ_MESSAGE_HISTORY not in permissions:
            raise refusal(160002)
        self.open_thread(channel)
        return channel

    def open_thread(self, channel: Json) -> None:
        """
        Open an archived thread, as writing into it does.

        Raises:
            ApiError: 50083 or 160005, it is locked.
        """
        if channel["type"] != wire.PUBLIC_THREAD:
            return
        metadata = channel["thread_metadata"]
        if metadata["locked"] and not self._may_manage_threads(channel):
            raise refusal(50083 if metadata["archived"] else 160005)
        if metadata["archived"]:
            self._world.set_thread(channel, archived=False)

    def check_editable(self, channel: Json) -> None:
        """
        Raise where nothing may be edited: an archived thread must be opened first.

        Raises:
            ApiError: 50083 or 160005.
        """
        if channel["type"] != wire.PUBLIC_THREAD:
            return
        if channel["thread_metadata"]["archived"]:
            raise refusal(50083)
        if channel["thread_metadata"]["locked"] and not self._may_manage_threads(channel):
            raise refusal(160005)

    def check_may_delete(self, channel: Json, author: Json) -> None:
        """
        Raise where the bot may not delete a message of this author.

        Raises:
            ApiError: 50013 or 50083.
        """
        if author["id"] != self._world.bot["id"]:
            self.check_may_manage_messages(channel)
        metadata = channel.get("thread_metadata") or {}
        if metadata.get("archived") and metadata["locked"]:
            raise refusal(50083)

    def check_may_manage_messages(self, channel: Json) -> None:
        """
        Raise where the bot may not delete others' messages.

        Raises:
            ApiError: 50013.
        """
        if channel["type"] == wire.DM:
            raise refusal(50013)
        self._require(channel, Permission.MANAGE_MESSAGES, code=50013)

    def modify_thread(self, channel_id: str, body: Json) -> Json:
        """
        Archive, open, lock or unlock a thread.

        Raises:
            ApiError: 10003, 50001, 50013 or 50024.
        """
        channel = self.channel(channel_id)
        if channel["type"] != wire.PUBLIC_THREAD:
            raise refusal(50024)
        only_opens = set(body) == {"archived"} and body["archived"] is False
        if not (only_opens and not channel["thread_metadata"]["locked"]):
            self._require(channel, Permission.MANAGE_THREADS, code=50013)
        self._world.set_thread(channel, archived=body.get("archived"), locked=body.get("locked"))
        return channel

    def _may_manage_threads(self, channel: Json) -> bool:
        return Permission.MANAGE_THREADS in self._world.permissions(self._world.bot["id"], channel)

    def _require(self, channel: Json, permission: Permission, *, code: int = 50001) -> None:
        if permission not in self._world.permissions(self._world.bot["id"], channel):
            raise refusal(code)
