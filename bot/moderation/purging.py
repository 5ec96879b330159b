"""Deletes all of a member's messages since a time, one after another, also over restarts."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import discord
import structlog

from bot.admission import Refused
from bot.locales import catalogue
from bot.moderation import acts
from bot.store import purges
from bot.undeliverable import OUT_OF_REACH, is_passing

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.client import Client
    from bot.store.purges import Purge
    from bot.store.requests import RequestRow

log = structlog.stdlib.get_logger(__name__)

TELL_EVERY_S = 3.0
TRY_AGAIN_S = 30.0


class Purges:
    """
    What is confirmed is done, by the next process where this one dies; discord.py keeps Discord's rate limits.

    Whoever asked sees how far it is for as long as Discord lets an answer be edited.
    """

    def __init__(self, client: Client, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._clock = clock
        self._answers: dict[int, discord.Interaction[Client]] = {}
        self._confirmed = asyncio.Event()

    def begin(self, purge: Purge, answer: discord.Interaction[Client]) -> None:
        """Do what was confirmed, and say in this answer how far it is."""
        self._answers[purge.id] = answer
        self._confirmed.set()

    async def run(self) -> None:
        """Do what is confirmed, for ever; first what an earlier process left."""
        await self._client.wait_until_ready()
        while True:
            self._confirmed.clear()
            try:
                await self.work_off()
            except OUT_OF_REACH as error:
                log.warning("purge_postponed", error=str(error))
                await asyncio.sleep(TRY_AGAIN_S)
            else:
                await self._confirmed.wait()

    async def work_off(self) -> None:
        """
        Do everything that is confirmed now.

        Raises:
            discord.HTTPException, aiohttp.ClientError, OSError: Discord is out of reach; what is left is left.
        """
        async with self._client.database.reading() as connection:
            unended = await purges.unended(connection)
        for purge in unended:
            await self._purge(purge)

    async def _purge(self, purge: Purge) -> None:
        async with self._client.database.reading() as connection:
            rows = await purges.doomed(connection, purge)
        unreachable, told_at = 0, self._clock()
        for done, row in enumerate(rows, start=1):
            unreachable += not await self._remove(row)
            if self._clock() - told_at >= TELL_EVERY_S:
                told_at = self._clock()
                await self._tell(purge, "purge-progress", done=done, count=len(rows))
        async with self._client.database.transaction(patient=True) as connection:
            await purges.end(connection, purge.id, now=self._clock())
        log.info("purge_done", purge_id=purge.id, deleted=len(rows) - unreachable, unreachable=unreachable)
        await self._tell(purge, "purge-done", count=len(rows) - unreachable, unreachable=unreachable)
        self._answers.pop(purge.id, None)

    async def _remove(self, row: RequestRow) -> bool:
        """Whether the message is gone; False where Discord does not let the bot delete it."""
        await self._client.studio.withdrawals.withdraw_message(row.id)
        try:
            await acts.remove_message(self._client, row)
        except Refused:
            return False
        except discord.HTTPException as error:
            if is_passing(error):
                raise
            log.warning("purge_rejected", request_id=row.id, error=str(error))
            return False
        return True

    async def _tell(self, purge: Purge, key: str, **values: int) -> None:
        """Say how far it is; nobody hears of it once the answer can no longer be edited."""
        answer = self._answers.get(purge.id)
        if answer is None:
            return
        try:
            sentence = catalogue(answer.locale.value).say(key, **values)
            await answer.edit_original_response(content=sentence, view=None)
        except OUT_OF_REACH as error:
            log.info("purge_untold", purge_id=purge.id, error=str(error))
            del self._answers[purge.id]
