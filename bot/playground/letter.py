"""One message as it is kept, and as Discord's API shows it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.playground.attachments import with_addresses
from bot.playground.components import walk
from bot.playground.errors import Json
from bot.playground.message_rules import Flag

NO_FLAGS = Flag(0)


@dataclass(frozen=True, slots=True)
class Cause:
    """The interaction that a message answers; `command` as typed, without the slash."""

    user: Json
    metadata: Json
    command: str | None


@dataclass(slots=True)
class Message:
    """A message as stored; `reader_id` is the one person who sees an ephemeral one."""

    message_id: str
    channel_id: str
    guild_id: str | None
    author: Json
    created_at: float
    type: int
    flags: Flag
    cause: Cause | None
    reference: Json | None
    nonce: str | int | None
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    mentions: list[Json] = field(default_factory=list)
    mention_roles: list[str] = field(default_factory=list)
    edited_at: float | None = None
    edits_when_old: int = 0
    is_dismissed: bool = False

    @property
    def reader_id(self) -> str | None:
        """Who alone sees it; None where everybody in the channel does."""
        return self.cause.user["id"] if self.cause and Flag.EPHEMERAL in self.flags else None

    def is_seen_by(self, user_id: str) -> bool:
        """Whether it stands in this user's channel."""
        return not self.is_dismissed and self.reader_id in (None, user_id)


def rendered(message: Message, origin: str) -> Json:
    """
    A message as the API shows it: attachments that embeds or components use are not listed again.

    Args:
        origin: what addresses begin with.
    """
    attachments = [with_addresses(attachment, origin) for attachment in message.attachments]
    by_name = {f"attachment://{attachment['filename']}": attachment for attachment in attachments}
    used: set[str] = set()
    embeds, components = copy.deepcopy(message.embeds), copy.deepcopy(message.components)
    for embed in embeds:
        for key in ("image", "thumbnail"):
            _resolve(embed.get(key), by_name, used, is_component=False)
    for _, component in walk(components):
        for media in (component.get("media"), component.get("file")):
            _resolve(media, by_name, used, is_component=True)
        for item in component.get("items") or []:
            _resolve(item.get("media"), by_name, used, is_component=True)
    maybe = {
        "nonce": message.nonce,
        "interaction_metadata": message.cause.metadata if message.cause else None,
        "message_reference": message.reference,
    }
    return {
        "id": message.message_id,
        "type": message.type,
        "channel_id": message.channel_id,
        "author": message.author,
        "content": message.content,
        "timestamp": _iso(message.created_at),
        "edited_timestamp": None if message.edited_at is None else _iso(message.edited_at),
        "tts": False,
        "mention_everyone": False,
        "mentions": message.mentions,
        "mention_roles": message.mention_roles,
        "pinned": False,
        "embeds": embeds,
        "components": components,
        "flags": int(message.flags),
        "attachments": [attachment for attachment in attachments if attachment["id"] not in used],
        **{key: value for key, value in maybe.items() if value is not None},
    }


def _resolve(media: Json | None, by_name: Mapping[str, Json], used: set[str], *, is_component: bool) -> None:
    attachment = by_name.get((media or {}).get("url", ""))
    if media is None or attachment is None:
        return
    used.add(attachment["id"])
    media |= {key: attachment[key] for key in ("url", "proxy_url", "width", "height") if key in attachment}
    if is_component:
        media |= {"id": attachment["id"], "attachment_id": attachment["id"], "content_type": attachment["content_type"]}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
