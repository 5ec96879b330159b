"""The fair line where there are several models: who is drawn next, and with which. Pure: no engine, no Discord."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.line import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterator


class Turns:
    """
    Requests in the fair line, grouped by their models, so that these are not loaded anew for every picture.

    Models that fit into memory beside those that are drawn with join them; among their requests the line decides alone.
    Where one does not fit, the turn of the others ends when none of their requests waits, or when, since it was first
    waited for, `most_requests` of them have begun or `most_wait_s` have passed. Then it comes once what runs has made
    room: of several, the one that has been waited for longest. So a model waits no more turns than there are others.

    Args:
        fit_together: whether models may be in memory at the same time; one alone always may.
    """

    def __init__(
        self,
        fit_together: Callable[[Collection[str]], bool],
        *,
        most_requests: int,
        most_wait_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._fit_together = fit_together
        self._most_requests = most_requests
        self._most_wait_s = most_wait_s
        self._clock = clock
        self._line = Line()
        self._models: dict[int, str] = {}
        """Of all that wait, in the order in which they came."""
        self._current: set[str] = set()
        """The models whose turn it is."""
        self._began_at = clock()
        self._begun = 0
        """Requests that have begun in this turn, since another model is waited for."""
        self._kept_waiting: dict[str, float] = {}
        """The other models that are waited for, the longest first, and since when."""
        self._places: dict[int, int] | None = None

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._line

    def add(self, request_id: int, user_id: int, model: str, *, front: bool = False) -> None:
        """Let a request wait, as `Line.add`."""
        self._line.add(request_id, user_id, front=front)
        self._models[request_id] = model
        self._places = None

    def remove(self, request_id: int) -> None:
        """Take a request out wherever it stands, if it waits."""
        if self._line.remove(request_id):
            del self._models[request_id]
            self._places = None

    def peek(self, excluding: Container[int] = (), *, in_use: Collection[str] = ()) -> int | None:
        """
        The request whose turn it is, left where it is; None where nobody's is before something that runs has ended.

        Args:
            excluding: members who are passed over, and keep their turn.
            in_use: the models that are being drawn with.
        """
        return self._line.peek(excluding, accepts=self._is_next) if self._turn(in_use) else None

    def next(self, excluding: Container[int] = (), *, in_use: Collection[str] = ()) -> int | None:
        """Take out what `peek` gives."""
        if not self._turn(in_use):
            return None
        request_id = self._line.next(excluding, accepts=self._is_next)
        if request_id is not None:
            del self._models[request_id]
            self._begun += bool(self._kept_waiting)
            self._places = None
        return request_id

    def place_of(self, request_id: int) -> int:
        """
        The request's place if nobody else came and the turns ended by their requests alone: 1 is next.

        Raises:
            KeyError: it does not wait.
        """
        if len(set(self._models.values())) <= 1:
            return self._line.place_of(request_id)
        if self._places is None:
            self._places = {waiting: place for place, waiting in enumerate(self._order(), start=1)}
        return self._places[request_id]

    def _is_next(self, request_id: int) -> bool:
        return self._models[request_id] in self._current

    def _turn(self, in_use: Collection[str]) -> bool:
        """Bring the turn up to date; False where it is over, but what runs leaves the next model no room."""
        waited_for = dict.fromkeys(self._models.values())
        self._current &= {*in_use, *waited_for}
        if not self._current:
            self._begin()
        self._join(waited_for)
        if not self._kept_waiting or not self._is_over(waited_for):
            return True
        model = next(iter(self._kept_waiting))
        if in_use and not self._fit_together({*in_use, model}):
            return False
        self._current = {*in_use, model}
        self._begin()
        self._join(waited_for)
        return True

    def _begin(self) -> None:
        self._began_at = self._clock()
        self._begun = 0

    def _join(self, waited_for: Collection[str]) -> None:
        """Let models join that fit beside the others; the rest is kept waiting."""
        now = self._clock()
        for model in [*self._kept_waiting, *waited_for]:
            if model in waited_for and model not in self._current and self._fit_together({*self._current, model}):
                self._current.add(model)
        still = {model: since for model, since in self._kept_waiting.items() if model in waited_for}
        self._kept_waiting = {model: still[model] for model in still if model not in self._current}
        for model in waited_for:
            if model not in self._current:
                self._kept_waiting.setdefault(model, now)
        if not self._kept_waiting:
            self._begun = 0

    def _is_over(self, waited_for: Collection[str]) -> bool:
        since = max(self._began_at, next(iter(self._kept_waiting.values())))
        return (
            self._current.isdisjoint(waited_for)
            or self._begun >= self._most_requests
            or self._clock() - since >= self._most_wait_s
        )

    def _order(self) -> Iterator[int]:
        """In which order the requests would begin if each ended at once."""
        now = self._clock()
        ahead = Turns(
            self._fit_together,
            most_requests=self._most_requests,
            most_wait_s=self._most_wait_s,
            clock=lambda: now,
        )
        ahead._line = self._line.copy()
        ahead._models = dict(self._models)
        ahead._current = set(self._current)
        ahead._began_at, ahead._begun = self._began_at, self._begun
        ahead._kept_waiting = dict(self._kept_waiting)
        while (request_id := ahead.next()) is not None:
            yield request_id
