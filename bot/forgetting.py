"""`python -m bot forget USER_ID`: erases a member's data without Discord, also beside a running bot."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bot.database import Database
from bot.erasing import erase_member
from bot.files import Files

if TYPE_CHECKING:
    from bot.erasing import Erased
    from bot.settings import Settings


async def forget(settings: Settings, user_id: int, *, with_messages: bool) -> Erased:
    """
    Erase a member's data.

    What needs Discord is done by the bot that runs, or else by its next start.

    Raises:
        DatabaseError: the database does not exist, or has another version.
    """
    async with Database.beside(settings.database_path) as database:
        async with database.transaction(patient=True) as connection:
            erased = await erase_member(connection, user_id, with_messages=with_messages, now=time.time())
        files = Files(settings.data_dir, database, most_bytes=settings.most_disk_bytes)
        await files.unlink(erased.files)
    return erased
