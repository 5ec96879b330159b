"""Erases what people wrote, at their wish or in time, and what belongs to servers that the bot has left."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.chores import Chore
from bot.store import erasing, left_servers
from bot.store import files as stored_files
from bot.undeliverable import OUT_OF_REACH, is_passing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import discord
    from aiosqlite import Connection

    from bot.database import Database
    from bot.endings import Endings
    from bot.files import Files
    from bot.studio import Studio

log = structlog.stdlib.get_logger(__name__)

SETTLE_EVERY_S = 30.0
SWEEP_EVERY_S = 60 * 60.0
LEFT_KEPT_S = 30 * 24 * 60 * 60.0
"""How long a server's data stays after the bot has left it."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of one member."""

    requests: int
    """Requests that had words."""
    withdrawn: int
    """Those of them that waited or were being drawn."""
    messages: int
    """Messages that will be deleted."""
    files: frozenset[str]
    """Kept pictures that nothing names any more, perhaps."""


async def erase_member(connection: Connection, user_id: int, *, with_messages: bool, now: float) -> Erased:
    """
    Withdraw what a member has waiting, and erase all words and kept pictures, in one transaction.

    What they were charged and who is blocked stays. A running bot finds out by itself (`Eraser`): its messages, and
    what it holds in memory.
    """
    withdrawn = await erasing.withdraw_all(connection, user_id=user_id, now=now)
    messages = await erasing.doom_messages(connection, user_id=user_id) if with_messages else 0
    await erasing.erase_reports(connection, user_id=user_id)
    request_ids = await erasing.request_ids(connection, user_id=user_id)
    return Erased(
        requests=len(await erasing.erase_words(connection, user_id=user_id, now=now)),
        withdrawn=withdrawn,
        messages=messages,
        files=frozenset(await stored_files.remove_of_requests(connection, request_ids)),
    )


class Eraser:
    """
    Carries out what was written down to be erased: by this process or another, now or before a restart.

    Everything that is to be done stands in the database until it is done.
    """

    def __init__(
        self,
        *,
        database: Database,
        files: Files,
        studio: Studio,
        endings: Endings,
        forget_prompts_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._files = files
        self._studio = studio
        self._endings = endings
        self._forget_prompts_s = forget_prompts_s
        self._clock = clock
        self._woken = asyncio.Event()

    def speak_through(self, client: discord.Client) -> None:
        """Use this connection; called once, since the client holds this."""
        self._client = client

    async def erase(self, user_id: int, *, with_messages: bool) -> Erased:
        """Erase a member's data; messages go as fast as Discord takes that."""
        async with self._database.transaction(patient=True) as connection:
            erased = await erase_member(connection, user_id, with_messages=with_messages, now=self._clock())
        await self._files.unlink(erased.files)
        log.info("member_erased", requests=erased.requests, withdrawn=erased.withdrawn, messages=erased.messages)
        self._woken.set()
        return erased

    async def note_left(self, guild_id: int) -> None:
        """The bot is in this server no more."""
        async with self._database.transaction(patient=True) as connection:
            await left_servers.note_left(connection, guild_id, now=self._clock())

    async def note_present(self, guild_ids: Collection[int]) -> None:
        """The bot is in these servers (again)."""
        async with self._database.transaction(patient=True) as connection:
            await left_servers.note_present(connection, guild_ids)

    async def note_others_left(self, guild_ids: Collection[int]) -> None:
        """The bot is in no servers but these: it may have left some while it did not run."""
        async with self._database.transaction(patient=True) as connection:
            for guild_id in (await left_servers.known(connection)).difference(guild_ids):
                await left_servers.note_left(connection, guild_id, now=self._clock())

    @property
    def chores(self) -> tuple[Chore, ...]:
        """What is to be done now and again."""
        return (Chore(self.settle, SETTLE_EVERY_S, self._woken), Chore(self.sweep, SWEEP_EVERY_S))

    async def settle(self) -> None:
        """Stop what was withdrawn, let its messages say so, and delete the messages that are to be deleted."""
        async with self._database.reading() as connection:
            withdrawn = await erasing.withdrawn_untold(connection)
        await self._studio.drop([row.id for row in withdrawn])
        for row in withdrawn:
            await self._endings.tell(row, erasing.ERASED)
        while (doomed := await self._next_doomed()) is not None:
            if not await self._delete(doomed):
                return
            async with self._database.transaction(patient=True) as connection:
                await erasing.strike_doomed(connection, doomed.message_id)

    async def sweep(self) -> None:
        """Erase old prompts, where the operator wants that, and what belongs to servers that were left long ago."""
        now = self._clock()
        if self._forget_prompts_s:
            async with self._database.transaction(patient=True) as connection:
                before = now - self._forget_prompts_s
                erased = await erasing.erase_words(connection, ended_before=before, now=now)
                struck = await stored_files.remove_of_requests(connection, erased)  # each picture holds its prompt
            await self._files.unlink(struck)
        async with self._database.reading() as connection:
            due = await left_servers.due(connection, left_before=now - LEFT_KEPT_S)
        for guild_id in due:
            async with self._database.transaction(patient=True) as connection:
                files = await left_servers.files_of(connection, guild_id)
                await left_servers.remove(connection, guild_id)
            await self._files.unlink(files)
            log.info("left_server_removed", guild_id=guild_id)

    async def _next_doomed(self) -> erasing.Doomed | None:
        async with self._database.reading() as connection:
            return await erasing.next_doomed(connection)

    async def _delete(self, doomed: erasing.Doomed) -> bool:
        """Whether there is nothing more to be done about a message: it is gone, or the bot may not delete it."""
        message = self._client.get_partial_messageable(doomed.channel_id).get_partial_message(doomed.message_id)
        try:
            await message.delete()
        except OUT_OF_REACH as error:
            log.info("message_not_deleted", message_id=doomed.message_id, error=str(error))
            return not is_passing(error)
        return True
