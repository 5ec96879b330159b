"""What waits to be drawn: in the line, or beside it where a server's line is paused or somebody changes a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.readiness import cost_of
from bot.store.pauses import EVERYWHERE
from bot.weights import weight_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.store.requests import RequestRow
    from bot.turns import Turns


class Waitlist:
    """
    Of every request that waits the row is here; its turn too, unless it is paused or held.

    Args:
        when_joined: called when there is one more whose turn may come.
    """

    def __init__(self, turns: Turns, *, weights: Mapping[int, float], when_joined: Callable[[], None]) -> None:
        self.turns = turns
        self.rows: dict[int, RequestRow] = {}
        self._weights = weights
        self._when_joined = when_joined
        self._paused: set[int] = set()
        """Servers whose moderators have paused the line."""
        self._held: set[int] = set()
        """Requests that were taken back from the engine, until something is done about them."""

    def add(self, row: RequestRow, *, front: bool = False) -> None:
        """Let a request wait; before its member's others where it is to be in front."""
        self.rows[row.id] = row
        self._join(row, front=front)

    def change(self, row: RequestRow) -> bool:
        """Let a request that waits be another from now on, in its place; False where it no longer waits."""
        if row.id not in self.rows:
            return False
        self.rows[row.id] = row
        if row.id in self.turns:
            self.turns.change(row.id, row.model, cost=cost_of(row), weight=weight_of(row, self._weights))
        return True

    def remove(self, *request_ids: int) -> None:
        """Let requests wait no more, if they do."""
        self.turns.remove(*request_ids)
        for request_id in request_ids:
            self.rows.pop(request_id, None)

    def in_order(self) -> list[RequestRow]:
        """What waits, in the order of the line; what is not in it comes last."""
        in_line = list(self.turns)
        parked = sorted(self.rows.keys() - set(in_line))
        return [self.rows[request_id] for request_id in (*in_line, *parked)]

    def is_paused(self, guild_id: int | None) -> bool:
        """Whether nothing of a server starts."""
        return guild_id in self._paused or EVERYWHERE in self._paused

    def pause(self, *guild_ids: int) -> None:
        """Let nothing of these servers be in the line, until `resume`."""
        self._paused.update(guild_ids)
        self.turns.remove(*(row.id for row in self.rows.values() if self.is_paused(row.guild_id)))

    def resume(self, guild_id: int) -> None:
        """Let what waits in a server join the line again, in the order in which it came."""
        self._paused.discard(guild_id)
        for request_id in sorted(self.rows):
            self._join(self.rows[request_id])

    def hold(self, *request_ids: int) -> None:
        """Let requests stay beside the line until `release`, whether they wait already or come back."""
        self._held.update(request_ids)

    def release(self, *request_ids: int) -> None:
        """Let those of the held requests that wait join the line, before their members' others."""
        self._held.difference_update(request_ids)
        for request_id in request_ids:
            if request_id in self.rows:
                self._join(self.rows[request_id], front=True)

    def _join(self, row: RequestRow, *, front: bool = False) -> None:
        if row.id in self.turns or row.id in self._held or self.is_paused(row.guild_id):
            return
        weight = weight_of(row, self._weights)
        self.turns.add(row.id, row.user_id, row.model, cost=cost_of(row), weight=weight, front=front)
        self._when_joined()
