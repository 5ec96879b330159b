"""What filters and floor would say to a text, without anybody being charged, counted or written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.moderation.encoded import encoded
from bot.moderation.telling import test_text
from bot.wording import worded

if TYPE_CHECKING:
    from bot.client import Client
    from bot.moderation.filters import Filters


def tried(client: Client, filters: Filters, typed: str, locale: str) -> str:
    """
    What would be encoded of a prompt as it is typed, and what would come of it. Runs in a worker thread.

    Raises:
        InvalidRequest, Refused: nothing could be drawn of it.
    """
    request, _ = worded(typed, {}, client.card, otherwise={})
    complete = client.engine.complete(request)
    read = encoded(client.engine.readings(complete))
    is_below = client.filters.floor.refuses(complete)
    return test_text(read.prompts, read.negative, filters.search(read), is_below=is_below, locale=locale)
