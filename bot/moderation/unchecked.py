"""A gate: where a model may draw at whose pictures no safety checker looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.admission import Gate, Refused

if TYPE_CHECKING:
    from aiosqlite import Connection

    from bot.store.requests import Ask
    from engine import Engine


class UncheckedModels(Gate):
    """Keeps such models to age-restricted channels; direct messages are none."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def check(self, _connection: Connection, ask: Ask, *, now: float) -> Ask:  # noqa: ARG002 - as every gate
        """
        Let a request pass whose pictures will be looked at, or may be shown unseen.

        Raises:
            Refused: neither is so.
        """
        if not ask.is_age_restricted and self._engine.has_unchecked(ask.model):
            raise Refused("model-unchecked", title=self._engine.card_of(ask.model).title)
        return ask
