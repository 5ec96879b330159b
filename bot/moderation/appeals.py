"""A member asks the moderators about a picture that was withheld, once; what a moderator then says is final."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import discord
import structlog

from bot import replies, views
from bot.admission import Refused
from bot.answers import acknowledge, in_time, privately
from bot.delivery import NO_PINGS
from bot.files import FileGone
from bot.locales import DEFAULT_LOCALE, catalogue
from bot.markdown import MAX_MESSAGE_CHARACTERS
from bot.moderation.rights import may_moderate
from bot.moderation.standins import stand_in_of_file
from bot.store import audit, requests, server_settings
from bot.store import flagged as stored
from bot.store.audit import Deed
from bot.undeliverable import OUT_OF_REACH, DeliveryError

if TYPE_CHECKING:
    from bot.client import Client
    from bot.store.flagged import Decision, FlaggedRow
    from bot.store.requests import RequestRow

log = structlog.stdlib.get_logger(__name__)


async def appeal(interaction: discord.Interaction[Client], flagged_id: int) -> None:
    """Ask the moderators about a picture of the presser's own."""
    client = interaction.client
    row, flag = await _found(client, flagged_id)
    if row.user_id != interaction.user.id:
        raise Refused("appeal-not-yours")
    async with client.database.reading() as connection:
        settings = await server_settings.read(connection, row.guild_id)
    if settings.log_channel_id is None:
        raise Refused("appeal-no-log")
    if flag.decided_at is not None:
        raise Refused("appeal-decided")
    async with client.database.transaction() as connection:
        if not await stored.claim(connection, flag.id, now=time.time()):
            raise Refused("appeal-again")
    await in_time(interaction, _post(client, row, flag, settings.log_channel_id))
    await privately(interaction, catalogue(interaction.locale.value).say("appeal-sent"))


async def approve(interaction: discord.Interaction[Client], flagged_id: int) -> None:
    """The moderators say that it was a false alarm: the original takes the place of its stand-in."""
    await _decide(interaction, flagged_id, "approved")


async def uphold(interaction: discord.Interaction[Client], flagged_id: int) -> None:
    """The moderators agree with the safety checker."""
    await _decide(interaction, flagged_id, "upheld")


async def _post(client: Client, row: RequestRow, flag: FlaggedRow, channel_id: int) -> None:
    """
    Put the question into the moderators' log.

    Raises:
        Refused: that takes no message now; the member may ask again.
    """
    assert row.guild_id is not None  # noqa: S101 - narrows the type: only servers have such a log
    original = await _original(client, flag)
    is_open = client.delivery.is_now_age_restricted(channel_id) is True
    card_id = await client.moderator_log.post(
        row.guild_id,
        _card(row, flag, is_open=is_open, is_kept=original is not None),
        view=views.under_appeal(flag.id, row.id, DEFAULT_LOCALE),
        files=[] if original is None else [await _shown_to_moderators(row, flag, original, is_open=is_open)],
        nonce=f"appeal-{flag.id}",
    )
    async with client.database.transaction(patient=True) as connection:
        if card_id is None:
            await stored.release(connection, flag.id)
        else:
            await stored.mark_posted(connection, flag.id, card_id=card_id)
            await audit.append(connection, _deed(row, flag, "appeal", actor_id=row.user_id), now=time.time())
    if card_id is None:
        raise Refused("appeal-not-posted")


async def _decide(interaction: discord.Interaction[Client], flagged_id: int, decision: Decision) -> None:
    client = interaction.client
    row, flag = await _found(client, flagged_id)
    async with client.database.reading() as connection:
        settings = await server_settings.read(connection, row.guild_id)
    if interaction.guild_id != row.guild_id or not await may_moderate(interaction, settings):
        raise Refused("appeal-not-moderator")
    await acknowledge(interaction)
    now = time.time()
    async with client.database.transaction() as connection:
        if await stored.decide(connection, flag.id, decision, now=now):
            deed = _deed(row, flag, f"appeal-{decision}", actor_id=interaction.user.id)
            await audit.append(connection, deed, now=now)
        elif (decided := await stored.fetch(connection, flag.id)) is None or decided.decision != decision:
            raise Refused("appeal-decided")
    original = await _original(client, flag) if decision == "approved" else None
    outcome = f"{decision}-expired" if decision == "approved" and original is None else decision
    is_said = await _say(client, row, flag, outcome, original)
    await _close_card(interaction, decision)
    words = f"appeal-done-{outcome}" if is_said else "appeal-done-unsaid"
    await privately(interaction, catalogue(interaction.locale.value).say(words))


async def _say(client: Client, row: RequestRow, flag: FlaggedRow, outcome: str, original: bytes | None) -> bool:
    """Let the request's message say what the moderators say, by the bot's token; whether it could be changed."""
    async with client.database.reading() as connection:
        flagged = await stored.of_request(connection, row.id)
    channel = client.get_partial_messageable(row.channel_id, guild_id=row.guild_id)

    async def amend() -> None:
        message = await channel.get_partial_message(row.message_id or 0).fetch()
        stem = replies.file_name(row, flag.position, "")
        await message.edit(
            content=_with_line(message.content, replies.of_appeal(row, flag.position, outcome)),
            attachments=[
                discord.File(io.BytesIO(original), f"{stem}{flag.extension}", description=each.description)
                if original is not None and each.filename.startswith(stem)
                else each
                for each in message.attachments
            ],
            view=views.under_finished(row, flagged),
            allowed_mentions=NO_PINGS,
        )

    try:
        async with client.amending:
            await client.delivery.opening(row, amend)
    except (DeliveryError, *OUT_OF_REACH) as error:
        log.warning("appeal_not_shown", request_id=row.id, error=str(error))
        return False
    return True


def _with_line(content: str, line: str) -> str:
    """The message with a line above its last one, once, if it fits."""
    *lines, last = content.split("\n")
    longer = "\n".join([*lines, line, last])
    return content if line in lines or len(longer) > MAX_MESSAGE_CHARACTERS else longer


async def _close_card(interaction: discord.Interaction[Client], decision: Decision) -> None:
    """Say in the moderators' log who decided; nothing is left to press there."""
    line = catalogue(DEFAULT_LOCALE).say(f"appeal-card-{decision}", member=replies.member(interaction.user.id))
    before = interaction.message.content if interaction.message else ""
    try:
        await interaction.edit_original_response(content=f"{before}\n{line}", view=None, allowed_mentions=NO_PINGS)
    except OUT_OF_REACH as error:
        log.info("card_not_closed", error=str(error))


def _card(row: RequestRow, flag: FlaggedRow, *, is_open: bool, is_kept: bool) -> str:
    """What the moderators read; the words of the request stand behind a button alone, and go with the request."""
    say = catalogue(DEFAULT_LOCALE).say
    text = say(
        "appeal-card",
        id=row.short_id,
        position=flag.position + 1,
        count=row.num_images,
        member=replies.member(row.user_id),
        url=replies.message_url(row),
    )
    if not is_kept:
        return f"{text}\n{say('appeal-card-expired')}"
    return text if is_open else f"{text}\n{say('appeal-card-stand-in')}"


async def _shown_to_moderators(row: RequestRow, flag: FlaggedRow, original: bytes, *, is_open: bool) -> discord.File:
    """The original behind a spoiler, but in channels that are not age-restricted no more than its stand-in."""
    if is_open:
        name = replies.file_name(row, flag.position, flag.extension or "", is_spoiler=True)
        return discord.File(io.BytesIO(original), name)
    coarse = await stand_in_of_file(original)
    return discord.File(io.BytesIO(coarse), replies.file_name(row, flag.position, "png"))


async def _original(client: Client, flag: FlaggedRow) -> bytes | None:
    """The original's file; None where it is no longer kept."""
    if flag.sha256 is None:
        return None
    try:
        return await client.files.read(flag.sha256)
    except FileGone:
        return None


async def _found(client: Client, flagged_id: int) -> tuple[RequestRow, FlaggedRow]:
    async with client.database.reading() as connection:
        flag = await stored.fetch(connection, flagged_id)
        row = await requests.fetch(connection, flag.request_id) if flag is not None else None
    if flag is None or row is None:
        raise Refused("request-unknown")
    return row, flag


def _deed(row: RequestRow, flag: FlaggedRow, action: str, *, actor_id: int) -> Deed:
    return Deed(
        action=action,
        guild_id=row.guild_id,
        actor_id=actor_id,
        user_id=row.user_id,
        request_id=row.id,
        facts={"position": flag.position + 1},
    )
