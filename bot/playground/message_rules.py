"""What Discord accepts as a message: lengths, counts, sizes, and who it pings."""

import re
from collections.abc import Mapping
from enum import IntFlag

from bot.playground.attachments import Upload
from bot.playground.components import check_components
from bot.playground.errors import Json, invalid, refusal
from bot.playground.world import Guild

MAX_CONTENT, MAX_ATTACHMENTS, MAX_EMBEDS, MAX_EMBED_TOTAL, MAX_ALT_TEXT, MAX_NONCE = 2000, 10, 10, 6000, 1024, 25


class Flag(IntFlag):
    """Discord's message flags, as far as the playground knows them."""

    SUPPRESS_EMBEDS = 1 << 2
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    IS_COMPONENTS_V2 = 1 << 15


SETTABLE = Flag.SUPPRESS_EMBEDS | Flag.SUPPRESS_NOTIFICATIONS | Flag.IS_COMPONENTS_V2


def check_message(body: Json, files: Mapping[str, Upload], *, kept: int, is_v2: bool, size_limit_bytes: int) -> None:
    """
    Raise where a message breaks one of Discord's limits.

    Args:
        kept: attachments that an edited message keeps, besides `files`.

    Raises:
        ApiError: 50035 pointing at the field, or 40005 for a file that is too large.
    """
    if len(body.get("content") or "") > MAX_CONTENT:
        raise invalid("content", "Must be 2000 or fewer in length.")
    if len(str(body.get("nonce") or "")) > MAX_NONCE:
        raise invalid("nonce", "Must be 25 or fewer in length.")
    check_embeds(body.get("embeds") or [])
    if kept + len(files) > MAX_ATTACHMENTS:
        raise invalid("attachments", "Must be 10 or fewer in length.")
    for index, attachment in enumerate(body.get("attachments") or []):
        if len(attachment.get("description") or "") > MAX_ALT_TEXT:
            raise invalid(f"attachments.{index}.description", "Must be 1024 or fewer in length.")
    if any(len(upload.data) > size_limit_bytes for upload in files.values()):
        raise refusal(40005)
    if is_v2 and (body.get("content") or body.get("embeds")):
        message = "The 'content' and 'embeds' fields cannot be used when using MessageFlags.IS_COMPONENTS_V2"
        raise invalid("content", message, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2")
    check_components(body.get("components") or [], is_v2=is_v2)


def check_embeds(embeds: list[Json]) -> None:
    """
    Raise where embeds break a limit.

    Raises:
        ApiError: 50035, pointing at the embed's field.
    """
    if len(embeds) > MAX_EMBEDS:
        raise invalid("embeds", "Must be 10 or fewer in length.")
    total = 0
    for index, embed in enumerate(embeds):
        fields = embed.get("fields") or []
        if len(fields) > 25:  # noqa: PLR2004  Discord's limit
            raise invalid(f"embeds.{index}.fields", "Must be 25 or fewer in length.")
        texts = [
            ("title", embed.get("title"), 256),
            ("description", embed.get("description"), 4096),
            ("footer.text", (embed.get("footer") or {}).get("text"), 2048),
            ("author.name", (embed.get("author") or {}).get("name"), 256),
        ]
        for number, field in enumerate(fields):
            texts += [(f"fields.{number}.name", field["name"], 256), (f"fields.{number}.value", field["value"], 1024)]
            if not field["name"].strip() or not field["value"].strip():
                raise invalid(f"embeds.{index}.fields.{number}", "This field is required", "BASE_TYPE_REQUIRED")
        for key, text, most in texts:
            if len(text or "") > most:
                raise invalid(f"embeds.{index}.{key}", f"Must be {most} or fewer in length.")
            total += len(text or "")
    if total > MAX_EMBED_TOTAL:
        raise invalid("embeds", "Embed size exceeds maximum size of 6000", "MAX_EMBED_SIZE_EXCEEDED")


def pinged(body: Json, content: str, users: Mapping[str, Json], guild: Guild | None) -> tuple[list[Json], list[str]]:
    """
    The users and the role ids that a message pings, after its `allowed_mentions`.

    Source: Discord's "Allowed Mentions Object".
    """
    allowed = body.get("allowed_mentions")
    user_ids = list(dict.fromkeys(re.findall(r"<@!?(\d+)>", content)))
    role_ids = list(dict.fromkeys(re.findall(r"<@&(\d+)>", content)))
    if allowed is not None:
        parsed = allowed.get("parse") or []
        if "users" not in parsed:
            user_ids = [user_id for user_id in user_ids if user_id in map(str, allowed.get("users") or [])]
        if "roles" not in parsed:
            role_ids = [role_id for role_id in role_ids if role_id in map(str, allowed.get("roles") or [])]
    roles = guild.roles if guild else {}
    return [users[user_id] for user_id in user_ids if user_id in users], [role for role in role_ids if role in roles]
