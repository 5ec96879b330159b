"""A gate: a model that reads English only is given no words in other letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.admission import Gate, Refused
from bot.policy import is_foreign
from engine.prompt import TAG

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.store.requests import Ask
    from engine import CompleteRequest, Engine


class EnglishOnly(Gate):
    """Keeps from such models what was typed just now; what has been drawn before can be drawn again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def check(self, _connection: Connection, ask: Ask, *, now: float) -> Ask:  # noqa: ARG002 - as every gate
        """
        Let a request pass that its model can read.

        Raises:
            Refused: most of it is in other letters.
        """
        card = self._engine.card_of(ask.model)
        if ask.is_typed and card.english_only and is_foreign(_words(ask.request)):
            raise Refused("prompt-not-english", title=card.title)
        return ask


def _words(request: CompleteRequest) -> str:
    """What the text encoder reads of all pictures' prompts, without the names of files."""
    return TAG.sub("", "\n".join(picture.prompt for picture in request.pictures))
