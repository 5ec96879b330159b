"""What is to be shown of a request's pictures where some of them were flagged, and what is kept for an appeal."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.moderation.standins import way_of
from bot.store import server_settings
from bot.store.flagged import Flag
from engine import png

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.database import Database
    from bot.files import Files
    from bot.store.requests import RequestRow
    from bot.store.server_settings import Flagged
    from engine import ModelCard, Picture

log = structlog.stdlib.get_logger(__name__)

KEPT_S = 72 * 60 * 60.0
"""How long moderators can still be asked about a picture that was withheld."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A request's pictures in their order, and what becomes of those that were flagged."""

    pictures: tuple[Picture, ...]
    way: Flagged
    flags: tuple[Flag, ...]

    @property
    def charged(self) -> int:
        """How many are charged: none that was flagged."""
        return len(self.pictures) - len(self.flags)

    @property
    def charged_s(self) -> float:
        """The seconds of GPU that those took."""
        return sum(picture.gpu_s for picture in self.pictures if not picture.flagged)


class Flagging:
    """Decides how flagged pictures are shown."""

    def __init__(
        self,
        *,
        database: Database,
        files: Files,
        is_age_restricted: Callable[[RequestRow], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._files = files
        self._is_age_restricted = is_age_restricted
        self._clock = clock

    async def judge(self, row: RequestRow, pictures: Sequence[Picture], card: ModelCard) -> Judged:
        """What is to be shown; the originals of what is withheld in a server are kept for its moderators."""
        async with self._database.reading() as connection:
            settings = await server_settings.read(connection, row.guild_id)
        way = way_of(settings.flagged, is_age_restricted=self._is_age_restricted(row))
        ordered = tuple(sorted(pictures, key=lambda picture: picture.index))
        can_appeal = way == "stand-in" and row.guild_id is not None
        flags = [
            await self._kept(row, picture, card) if can_appeal else Flag(position=picture.index, way=way)
            for picture in ordered
            if picture.flagged
        ]
        return Judged(pictures=ordered, way=way, flags=tuple(flags))

    async def _kept(self, row: RequestRow, picture: Picture, card: ModelCard) -> Flag:
        """The flag of a picture whose original is kept, unless that cannot be."""
        keep_until = self._clock() + KEPT_S
        try:
            data, extension = await asyncio.to_thread(
                png.shrink, picture, row.request, card, limit_bytes=row.attachment_limit
            )
            sha256 = await self._files.put(data, kind="flagged", request_id=row.id, keep_until=keep_until)
        except (OSError, ValueError) as error:
            log.warning("original_not_kept", request_id=row.id, error=str(error))
            return Flag(position=picture.index, way="stand-in")
        return Flag(position=picture.index, way="stand-in", sha256=sha256, extension=extension)
