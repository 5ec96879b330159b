"""Messages: written, edited, deleted, and shown as Discord's API shows them."""

from collections.abc import Iterable, Mapping

from bot.playground.attachments import Attachments, Upload
from bot.playground.clock import Clock
from bot.playground.components import as_stored
from bot.playground.errors import Json, invalid, refusal
from bot.playground.feed import Dispatch, Feed, Intent
from bot.playground.letter import NO_FLAGS, Cause, Message, rendered
from bot.playground.limits import Limits
from bot.playground.message_rules import SETTABLE, Flag, check_message, pinged
from bot.playground.world import World

PLAIN, REPLY, COMMAND, MENU_COMMAND = 0, 19, 20, 23
OLD_MESSAGE_S = 3600.0
BULK_DELETE_S = 14 * 86_400.0
NONCE_LIFE_S = 300.0
RETRY_OLD_EDIT_S = 0.2


class Messages:
    """All messages by id, in the order in which they were written."""

    def __init__(self, world: World, clock: Clock, feed: Feed, attachments: Attachments, limits: Limits) -> None:
        self._world = world
        self._clock = clock
        self._feed = feed
        self._attachments = attachments
        self._limits = limits
        self.by_id: dict[str, Message] = {}
        self.origin = ""

    def get(self, channel_id: str, message_id: str) -> Message:
        """
        The message that stands in a channel for everybody.

        Raises:
            ApiError: 10008, also for an ephemeral one, which a bot token does not see.
        """
        message = self.by_id.get(message_id)
        if message is None or message.channel_id != channel_id or message.reader_id:
            raise refusal(10008)
        return message

    def in_channel(self, channel_id: str) -> list[Message]:
        """A channel's messages, oldest first."""
        return [message for message in self.by_id.values() if message.channel_id == channel_id]

    def slow_for(self, channel: Json, author: Json) -> float:
        """Seconds until a channel's slow mode lets this author write again."""
        written = [message.created_at for message in self.in_channel(channel["id"]) if message.author is author]
        every_s: int = channel.get("rate_limit_per_user", 0)
        return every_s - (self._clock.now() - max(written, default=0.0))

    def write(
        self,
        channel: Json,
        body: Json,
        files: Mapping[str, Upload],
        *,
        author: Json,
        size_limit_bytes: int,
        cause: Cause | None = None,
        more_flags: Flag = NO_FLAGS,
        reply_to: str | None = None,
    ) -> Message:
        """
        Write a message into a channel; one with the nonce of a recent one and `enforce_nonce` is that one.

        Raises:
            ApiError: a limit is broken, or there is nothing in it.
        """
        flags = Flag(body.get("flags") or 0) & SETTABLE | more_flags
        is_v2 = Flag.IS_COMPONENTS_V2 in flags
        check_message(body, files, kept=0, is_v2=is_v2, size_limit_bytes=size_limit_bytes)
        nonce = body.get("nonce")
        if body.get("enforce_nonce") and (same := self._with_nonce(channel["id"], author, nonce)):
            return same
        reference = self._reference(channel, body, reply_to)
        message = Message(
            message_id=self._clock.snowflake(),
            channel_id=channel["id"],
            guild_id=channel.get("guild_id"),
            author=author,
            created_at=self._clock.now(),
            type=REPLY if reference else _type_for(cause),
            flags=flags,
            cause=cause,
            reference=reference,
            nonce=nonce,
        )
        if Flag.LOADING not in flags:
            _check_not_empty(message, body, len(files))
        self._fill(message, body, self._stored(message, body, files))
        self.by_id[message.message_id] = message
        channel["last_message_id"] = message.message_id
        self._tell("MESSAGE_CREATE", message)
        return message

    def edit(self, message: Message, body: Json, files: Mapping[str, Upload], *, size_limit_bytes: int) -> None:
        """
        Edit a message: what `body` does not name stays.

        Raises:
            ApiError: a limit is broken, nothing would be left, or the message is over an hour old and edited too often.
        """
        was_v2 = Flag.IS_COMPONENTS_V2 in message.flags
        flags = Flag(body.get("flags") or 0) & SETTABLE
        if was_v2 and body.get("flags") is not None and Flag.IS_COMPONENTS_V2 not in flags:
            raise invalid("flags", "IS_COMPONENTS_V2 cannot be removed", "MESSAGE_FLAGS_INVALID")
        is_v2 = was_v2 or Flag.IS_COMPONENTS_V2 in flags
        kept, uploads = list(message.attachments), dict(files)
        if body.get("attachments") is not None:
            named = {str(attachment["id"]) for attachment in body["attachments"]}
            kept = [attachment for attachment in kept if attachment["id"] in named]
            uploads = {key: upload for key, upload in files.items() if key in named}
        check_message(body, uploads, kept=len(kept), is_v2=is_v2, size_limit_bytes=size_limit_bytes)
        _check_not_empty(message, body, len(kept) + len(uploads))
        self._count_old_edit(message)
        message.flags = (message.flags | flags) & ~Flag.LOADING
        self._fill(message, body, kept + self._stored(message, body, uploads))
        message.edited_at = self._clock.now()
        self._tell("MESSAGE_UPDATE", message)

    def delete(self, message: Message) -> None:
        """Delete a message for everybody."""
        del self.by_id[message.message_id]
        if not message.reader_id:
            data = {"id": message.message_id, "channel_id": message.channel_id}
            if message.guild_id:
                data["guild_id"] = message.guild_id
            self._feed.dispatch(Dispatch("MESSAGE_DELETE", data, message.guild_id, _intent(message)))
        self._tell_page_gone(message)

    def delete_many(self, channel: Json, message_ids: Iterable[str]) -> None:
        """
        Delete messages of a server's channel at once, of which the bot hears in one event.

        Raises:
            ApiError: 50034, one is older than two weeks.
        """
        standing = [self.by_id[each] for each in message_ids if each in self.by_id]
        doomed = [message for message in standing if message.channel_id == channel["id"] and not message.reader_id]
        if any(self._clock.now() - message.created_at > BULK_DELETE_S for message in doomed):
            raise refusal(50034)
        ids = [message.message_id for message in doomed]
        for message in doomed:
            del self.by_id[message.message_id]
            self._tell_page_gone(message)
        if ids:
            data = {"ids": ids, "channel_id": channel["id"], "guild_id": channel["guild_id"]}
            self._feed.dispatch(Dispatch("MESSAGE_DELETE_BULK", data, channel["guild_id"], Intent.GUILD_MESSAGES))

    def dismiss(self, message: Message) -> None:
        """Take an ephemeral message out of its reader's sight, which no bot hears of."""
        message.is_dismissed = True
        self._tell_page_gone(message)

    def forget_channel(self, channel_id: str) -> None:
        """Drop what stood in a channel that was deleted."""
        self.by_id = {key: message for key, message in self.by_id.items() if message.channel_id != channel_id}

    def shown(self, message: Message, *, origin: str | None = None, is_referenced: bool = False) -> Json:
        """
        A message as the API shows it.

        Args:
            origin: what addresses begin with; the playground's own by default.
            is_referenced: shown inside a reply, where no further reference is resolved.
        """
        body = rendered(message, self.origin if origin is None else origin)
        if message.cause:
            body |= {"application_id": self._world.bot["id"], "webhook_id": self._world.bot["id"]}
        if message.reference and not is_referenced:
            answered = self.by_id.get(message.reference["message_id"])
            body["referenced_message"] = self.shown(answered, is_referenced=True) if answered else None
        return body

    def for_page(self, message: Message) -> Json:
        """A message as the page gets it: with addresses on the page's origin, the command, and who alone sees it."""
        reader_id = message.reader_id
        return self.shown(message, origin="") | {
            "cmd": message.cause.command if message.cause else None,
            "for": self._world.users[reader_id]["username"] if reader_id else None,
        }

    def _fill(self, message: Message, body: Json, attachments: list[Json]) -> None:
        message.attachments = attachments
        if "embeds" in body:
            message.embeds = [{"type": "rich"} | embed for embed in body["embeds"] or []]
        if "components" in body:
            message.components = as_stored(body["components"] or [])
        if "content" in body:
            message.content = body["content"] or ""
        if "content" in body or "allowed_mentions" in body:
            guild = self._world.guilds.get(message.guild_id or "")
            message.mentions, message.mention_roles = pinged(body, message.content, self._world.users, guild)
        self._mention_answered_author(message, body.get("allowed_mentions"))

    def _mention_answered_author(self, message: Message, allowed: Json | None) -> None:
        answered = self.by_id.get(message.reference["message_id"]) if message.reference and not message.cause else None
        is_allowed = allowed is None or allowed.get("replied_user", False)
        if answered and is_allowed and answered.author not in (message.author, *message.mentions):
            message.mentions = [*message.mentions, answered.author]

    def _stored(self, message: Message, body: Json, files: Mapping[str, Upload]) -> list[Json]:
        named = {str(attachment.get("id")): attachment for attachment in body.get("attachments") or []}
        stored = []
        for key, upload in files.items():
            facts = named.get(key, {})
            renamed = Upload(facts.get("filename") or upload.filename, upload.data)
            stored.append(self._attachments.keep(message.channel_id, renamed, description=facts.get("description")))
        return stored

    def _reference(self, channel: Json, body: Json, reply_to: str | None) -> Json | None:
        asked = body.get("message_reference") or {}
        message_id = str(asked.get("message_id") or reply_to or "")
        if not message_id:
            return None
        answered = self.by_id.get(message_id)
        if answered is None or answered.channel_id != channel["id"]:
            if asked and asked.get("fail_if_not_exists", True):
                raise invalid("message_reference", "Unknown message", "REPLIES_UNKNOWN_MESSAGE")
            return None
        reference = {"type": 0, "channel_id": channel["id"], "message_id": message_id}
        return reference | ({"guild_id": channel["guild_id"]} if "guild_id" in channel else {})

    def _with_nonce(self, channel_id: str, author: Json, nonce: str | int | None) -> Message | None:
        for message in self.in_channel(channel_id):
            is_recent = self._clock.now() - message.created_at < NONCE_LIFE_S
            if nonce is not None and message.nonce == nonce and message.author is author and is_recent:
                return message
        return None

    def _count_old_edit(self, message: Message) -> None:
        if self._limits.old_edits is None or self._clock.now() - message.created_at < OLD_MESSAGE_S:
            return
        if message.edits_when_old >= self._limits.old_edits:
            raise refusal(30046, retry_after=RETRY_OLD_EDIT_S, **{"global": False})
        message.edits_when_old += 1

    def _tell(self, name: str, message: Message) -> None:
        if not message.reader_id:
            member = {}
            guild = self._world.guilds.get(message.guild_id or "")
            if guild and message.author["id"] in guild.members and not message.cause:
                author = guild.members[message.author["id"]]
                member = {"member": {key: value for key, value in author.items() if key != "user"}}
            data = self.shown(message) | ({"guild_id": message.guild_id} if message.guild_id else {}) | member
            self._feed.dispatch(Dispatch(name, data, message.guild_id, _intent(message)))
        shown = self.for_page(message)
        facts = {"channel_id": message.channel_id, "id": message.message_id, "for": shown["for"], "message": shown}
        self._feed.tell(name.lower(), **facts)

    def _tell_page_gone(self, message: Message) -> None:
        facts = {"channel_id": message.channel_id, "id": message.message_id, "for": self.for_page(message)["for"]}
        self._feed.tell("message_delete", **facts)


def _type_for(cause: Cause | None) -> int:
    if cause is None or cause.command is None:
        return PLAIN
    return MENU_COMMAND if "target_message_id" in cause.metadata else COMMAND


def _intent(message: Message) -> Intent:
    return Intent.GUILD_MESSAGES if message.guild_id else Intent.DIRECT_MESSAGES


def _check_not_empty(message: Message, body: Json, attachment_count: int) -> None:
    left = (body.get(key, getattr(message, key)) for key in ("content", "embeds", "components"))
    if not any(left) and not attachment_count:
        raise refusal(50006)
