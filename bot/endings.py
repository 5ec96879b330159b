"""How a request ends: its pictures or its sentence shown, the ledger settled, its owner pinged; each exactly once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot import replies
from bot.moderation.standins import stand_in
from bot.replies import Drawn, Upload
from bot.store import flagged as stored_flags
from bot.store import licences, messages, outcomes, requests
from bot.undeliverable import AccessLost, DeliveryError, MessageGone, TooLarge, TooOld, Unsure
from engine import png

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.admission import Admission
    from bot.database import Database
    from bot.delivery import Delivery
    from bot.files import Files
    from bot.moderation.flagging import Flagging, Judged
    from bot.prices import Prices
    from bot.replies import Reply
    from bot.store.flagged import FlaggedRow
    from bot.store.requests import FinalState, RequestRow
    from engine import ModelCard, Picture, Progress

log = structlog.stdlib.get_logger(__name__)

PING_AFTER_S = 60.0
"""An edit notifies nobody: who waited longer than this is told by one short message."""
DISCORD_REQUEST_BYTES = 24 * 1024 * 1024
"""Discord takes 25 MiB a request; the rest is for the message itself."""
SMALLEST_FILE_BYTES = 4 * 1024


class Endings:
    """
    The last steps of every request, in an order that a crash may interrupt anywhere.

    With pictures: note that they are about to be shown, show them, settle the row. Without: settle (and so refund)
    first, then say why. Either way the next start finds what is left to do.
    """

    def __init__(
        self,
        *,
        database: Database,
        admission: Admission,
        delivery: Delivery,
        prices: Prices,
        flagging: Flagging,
        files: Files,
        keep_pictures_s: float,
        cards: Callable[[str], ModelCard],
        usual_model: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._admission = admission
        self._delivery = delivery
        self._prices = prices
        self._flagging = flagging
        self._files = files
        self._keep_pictures_s = keep_pictures_s
        self._cards = cards
        self._usual_model = usual_model
        self._clock = clock

    async def deliver(
        self,
        row: RequestRow,
        pictures: Sequence[Picture],
        *,
        state: FinalState,
        reason: str | None,
        progress: Progress | None,
    ) -> None:
        """Show the pictures, or what takes the place of flagged ones, and charge the others; without any, say why."""
        if not pictures:
            await self.without_pictures(row, state, reason or "failed-unexpected")
            return
        card = self._cards(row.model)
        judged = await self._flagging.judge(row, pictures, card)
        spent_s = sum(picture.gpu_s for picture in pictures)
        self._prices.learn(row.request, spent_s, pictures=len(pictures))
        async with self._database.transaction(patient=True) as connection:
            if not await outcomes.mark_delivering(connection, row.id, now=self._clock()):
                return  # withdrawn meanwhile, by whoever tells so
            flagged = await stored_flags.replace(connection, row.id, judged.flags)
            is_told = await licences.has_been_told(connection, user_id=row.user_id, licence=card.licence)
        allowance = await self._admission.allowance_beside(row)
        drawn = Drawn(
            uploads=(),
            seeds=tuple(picture.seed for picture in judged.pictures),
            flagged=flagged,
            licence="" if is_told else card.licence,
            cut_prompt=progress.cut_prompt if progress else "",
            cut_negative_prompt=progress.cut_negative_prompt if progress else "",
            notes=(*row.wording_notes, *(progress.notes if progress else ())),
            model=None if row.model == self._usual_model else card.title,
            model_before=await self._model_before(row),
            seconds=min(judged.charged_s, row.estimated_s),
            left_today=allowance.left_with(row, charged=judged.charged),
            reason=reason,
        )
        try:
            row = await self._show(row, judged, drawn, card)
        except MessageGone:
            await self._settle(row, "cancelled", "message-gone", is_told=True)
            await self._files.drop([row.id])
        except AccessLost:
            await self.without_pictures(row, "failed", "failed-access")
        except TooLarge:
            await self.without_pictures(row, "failed", "failed-too-large")
        except Unsure:
            await self.without_pictures(row, "failed", "failed-unsure")
        except DeliveryError:
            log.exception("delivery_rejected", request_id=row.id, error_id=row.short_id)
            await self.without_pictures(row, "failed", "failed-unexpected")
        else:
            waited_s = self._clock() - row.created_at
            await self._delivered(
                row,
                state,
                reason,
                shown=len(judged.pictures),
                charged_s=judged.charged_s,
                spent_s=spent_s,
                flagged=flagged,
                waited_s=waited_s,
            )

    async def without_pictures(self, row: RequestRow, state: FinalState, reason: str) -> None:
        """Refund a request, then let its waiting message say why."""
        if await self._settle(row, state, reason):
            log.info("request_ended", request_id=row.id, state=state, reason=reason)
            await self.tell(row, reason)

    async def tell(self, row: RequestRow, reason: str) -> None:
        """Say in the waiting message how a request ended without pictures, or where that is closed, privately."""
        try:
            await self._put(row, replies.ended(row, reason))
        except AccessLost:
            await self._tell_by_dm(row)
        except DeliveryError as error:
            log.info("ending_not_shown", request_id=row.id, error=repr(error))
        async with self._database.transaction(patient=True) as connection:
            await messages.mark_told(connection, row.id, now=self._clock())

    async def confirm_delivered(self, row: RequestRow, *, shown: int, waited_s: float) -> None:
        """
        Settle a request whose pictures an earlier process had shown, `waited_s` after its waiting message.

        What they took is forgotten, so each is charged its part of what was reserved.
        """
        async with self._database.reading() as connection:
            flagged = await stored_flags.of_request(connection, row.id)
        await self._delivered(
            row,
            "done" if row.reason is None else "cancelled",
            row.reason,
            shown=shown,
            charged_s=row.estimated_s * (shown - len(flagged)) / row.num_images,
            flagged=flagged,
            waited_s=waited_s,
        )

    async def ping(self, row: RequestRow) -> None:
        """Send the one ping whose intent the row holds, and note it."""
        await self._delivery.ping(row)
        async with self._database.transaction(patient=True) as connection:
            await messages.mark_pinged(connection, row.id, now=self._clock())

    async def _delivered(
        self,
        row: RequestRow,
        state: FinalState,
        reason: str | None,
        *,
        shown: int,
        charged_s: float,
        flagged: Sequence[FlaggedRow],
        waited_s: float,
        spent_s: float = 0.0,
    ) -> None:
        charged = shown - len(flagged)
        withheld = sum(each.way == "stand-in" for each in flagged)
        if state == "done" and withheld == shown:
            state, reason = "failed", "failed-flagged"
        is_late = waited_s > PING_AFTER_S and withheld < shown
        is_settled = await self._settle(
            row,
            state,
            reason,
            charged=charged,
            charged_s=charged_s,
            spent_s=spent_s,
            flagged=len(flagged),
            ping=is_late,
            is_told=True,
            licence=self._cards(row.model).licence,
        )
        if not is_settled:
            return
        log.info("request_done", request_id=row.id, state=state, pictures=charged, flagged=len(flagged), gpu_s=spent_s)
        if is_late:
            await self.ping(row)

    async def _show(self, row: RequestRow, judged: Judged, drawn: Drawn, card: ModelCard) -> RequestRow:
        """Files that are too large for Discord become smaller ones, until they fit or are not worth it."""
        limit_bytes = min(row.attachment_limit, DISCORD_REQUEST_BYTES // len(judged.pictures))
        while True:
            uploads = await asyncio.to_thread(_uploads, row, card, judged, limit_bytes)
            try:
                row = await self._put(row, replies.finished(row, replace(drawn, uploads=uploads), card))
            except TooLarge:
                limit_bytes = max(len(upload.data) for upload in uploads) // 2
                if limit_bytes < SMALLEST_FILE_BYTES:
                    raise
            else:
                await self._keep(row, uploads)
                return row

    async def _keep(self, row: RequestRow, uploads: Sequence[Upload]) -> None:
        """Keep what was shown, where the operator wants that; a disk that is full takes nothing from anybody."""
        if not self._keep_pictures_s:
            return
        keep_until = self._clock() + self._keep_pictures_s
        try:
            for upload in uploads:
                await self._files.put(upload.data, kind="result", request_id=row.id, keep_until=keep_until)
        except OSError as error:
            log.warning("pictures_not_kept", request_id=row.id, error=str(error))

    async def _model_before(self, row: RequestRow) -> str | None:
        """The model of the request that this one repeats or changes, where that was another."""
        if row.parent_id is None:
            return None
        async with self._database.reading() as connection:
            parent = await requests.fetch(connection, row.parent_id)
        return parent.model if parent is not None and parent.model != row.model else None

    async def _put(self, row: RequestRow, reply: Reply) -> RequestRow:
        """
        Show a reply in the waiting message, or where Discord takes no more edits of it, in one that answers it.

        Once a new message was intended, the waiting message is not edited again: the new one may stand there.
        """
        if row.anew_intended_at is None:
            try:
                await self._delivery.show(row, reply)
            except TooOld:
                log.info("message_too_old", request_id=row.id)
            else:
                return row
        return await self._put_anew(row, reply)

    async def _put_anew(self, row: RequestRow, reply: Reply) -> RequestRow:
        """Answer the waiting message; that this is intended is written down before, and which message it is, after."""
        async with self._database.transaction(patient=True) as connection:
            is_first = await messages.intend_anew(connection, row.id, now=self._clock())
            row = await requests.fetch(connection, row.id) or row
        message_id = await self._delivery.answer(row, reply, is_first=is_first)
        async with self._database.transaction(patient=True) as connection:
            await messages.mark_answered(connection, row.id, message_id=message_id)
        return replace(row, message_id=message_id, anew_intended_at=None)

    async def _tell_by_dm(self, row: RequestRow) -> None:
        async with self._database.transaction(patient=True) as connection:
            is_first = await messages.intend_dm(connection, row.id, now=self._clock())
        await self._delivery.tell_by_dm(row, replies.access_lost(row), is_first=is_first)

    async def _settle(
        self,
        row: RequestRow,
        state: FinalState,
        reason: str | None,
        *,
        charged: int = 0,
        charged_s: float = 0.0,
        spent_s: float = 0.0,
        flagged: int = 0,
        ping: bool = False,
        is_told: bool = False,
        licence: str = "",
    ) -> bool:
        now = self._clock()
        async with self._database.transaction(patient=True) as connection:
            ended = await outcomes.end(
                connection,
                row.id,
                state=state,
                reason=reason,
                charged=charged,
                charged_s=charged_s,
                spent_s=spent_s,
                flagged=flagged,
                now=now,
                ping=ping,
            )
            if is_told:
                await messages.mark_told(connection, row.id, now=now)
            if licence:
                await licences.mark_told(connection, user_id=row.user_id, licence=licence, now=now)
        return ended


def _uploads(row: RequestRow, card: ModelCard, judged: Judged, limit_bytes: int) -> tuple[Upload, ...]:
    """
    Encode the pictures, and stand-ins for those that are withheld. Takes milliseconds each: call it in a worker thread.

    Raises:
        TooLarge: no file with the whole request in it is as small as that.
    """
    uploads = []
    for picture in judged.pictures:
        way = judged.way if picture.flagged else "show"
        try:
            data, extension = (
                (stand_in(picture.image), "png")
                if way == "stand-in"
                else png.shrink(picture, row.request, card, limit_bytes=limit_bytes)
            )
        except ValueError as error:
            raise TooLarge from error
        filename = replies.file_name(row, picture.index, extension, is_spoiler=way == "spoiler")
        words = replies.stand_in_text if way == "stand-in" else replies.alt_text
        uploads.append(Upload(filename=filename, data=data, description=words(row, picture.index)))
    return tuple(uploads)
