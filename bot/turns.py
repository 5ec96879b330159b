"""The fair line where there are several models: who is drawn next, and with which. Pure: no engine, no Discord."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.line import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterator

MOST_FORESEEN = 200
"""Among more requests than that for several models, a place is that of the fair line alone."""


@dataclass(slots=True)
class _Turn:
    """The models whose turn it is, and what ends it."""

    began_at: float
    models: set[str] = field(default_factory=set)
    begun: int = 0
    """Requests that have begun in this turn, since another model is waited for."""
    kept_waiting: dict[str, float] = field(default_factory=dict)
    """The other models that are waited for, the longest first, and since when."""


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
        self._waiting: dict[str, dict[int, None]] = {}
        """The requests for each model, in the order in which they came."""
        self._turn = _Turn(clock())
        self._places: dict[int, int] | None = None

    def __len__(self) -> int:
        return len(self._line)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._line

    def __iter__(self) -> Iterator[int]:
        """The requests in the order of the fair line, as if there were one model."""
        return iter(self._line)

    def has_waiting(self, user_id: int) -> bool:
        """Whether anything of a member waits."""
        return self._line.has_waiting(user_id)

    @property
    def remembered(self) -> int:
        """How many members are held in memory, those who do not wait among them."""
        return self._line.remembered

    def add(
        self,
        request_id: int,
        user_id: int,
        model: str,
        *,
        cost: float = 1.0,
        weight: float = 1.0,
        front: bool = False,
    ) -> None:
        """Let a request wait, as `Line.add`."""
        self._line.add(request_id, user_id, cost=cost, weight=weight, front=front)
        self._note(request_id, model)

    def change(self, request_id: int, model: str, *, cost: float, weight: float = 1.0) -> None:
        """
        Let a request that waits be for another model, or cost something else, where it stands.

        Raises:
            KeyError: it does not wait.
        """
        self._line.change(request_id, cost=cost, weight=weight)
        self._unnote(request_id)
        self._note(request_id, model)

    def remove(self, *request_ids: int) -> None:
        """Take requests out wherever they stand, if they wait."""
        for request_id in self._line.remove(*request_ids):
            self._unnote(request_id)

    def peek(self, excluding: Container[int] = (), *, in_use: Collection[str] = ()) -> int | None:
        """
        The request whose turn it is, left where it is; None where nobody's is before something that runs has ended.

        Args:
            excluding: members who are passed over, and keep their turn.
            in_use: the models that are being drawn with.
        """
        return self._line.peek(excluding, accepts=self._accepts) if self._may_begin(in_use) else None

    def next(self, excluding: Container[int] = (), *, in_use: Collection[str] = ()) -> int | None:
        """Take out what `peek` gives."""
        if not self._may_begin(in_use):
            return None
        request_id = self._line.next(excluding, accepts=self._accepts)
        if request_id is not None:
            self._unnote(request_id)
            self._turn.begun += bool(self._turn.kept_waiting)
        return request_id

    def place_of(self, request_id: int) -> int:
        """
        The request's place if nobody else came and the turns ended by their requests alone: 1 is next.

        Raises:
            KeyError: it does not wait.
        """
        if len(self._waiting) <= 1 or len(self._line) > MOST_FORESEEN:
            return self._line.place_of(request_id)
        if self._places is None:
            ahead = self.copy()
            order = iter(ahead.next, None)
            self._places = {waiting: place for place, waiting in enumerate(order, start=1)}
        return self._places[request_id]

    def copy(self) -> Turns:
        """The same turns at this moment, at which they stand still."""
        now = self._clock()
        other = Turns(
            self._fit_together,
            most_requests=self._most_requests,
            most_wait_s=self._most_wait_s,
            clock=lambda: now,
        )
        other._line = self._line.copy()
        other._models = dict(self._models)
        other._waiting = {model: dict(waiting) for model, waiting in self._waiting.items()}
        other._turn = replace(self._turn, models=set(self._turn.models), kept_waiting=dict(self._turn.kept_waiting))
        return other

    def _note(self, request_id: int, model: str) -> None:
        self._models[request_id] = model
        self._waiting.setdefault(model, {})[request_id] = None
        self._places = None

    def _unnote(self, request_id: int) -> None:
        model = self._models.pop(request_id)
        del self._waiting[model][request_id]
        if not self._waiting[model]:
            del self._waiting[model]
        self._places = None

    @property
    def _accepts(self) -> Callable[[int], bool] | None:
        """Which requests may begin now; None: all."""
        if self._turn.models.issuperset(self._waiting):
            return None
        return lambda request_id: self._models[request_id] in self._turn.models

    def _may_begin(self, in_use: Collection[str]) -> bool:
        """Bring the turn up to date; False where it is over, but what runs leaves the next model no room."""
        waited_for = sorted(self._waiting, key=lambda model: next(iter(self._waiting[model])))
        self._turn.models &= {*in_use, *waited_for}
        if not self._turn.models:
            self._begin(set())
        self._join(waited_for)
        if not self._turn.kept_waiting or not self._is_over(waited_for):
            return True
        model = next(iter(self._turn.kept_waiting))
        if in_use and not self._fit_together({*in_use, model}):
            return False
        self._begin({*in_use, model})
        self._join(waited_for)
        return True

    def _begin(self, models: set[str]) -> None:
        self._turn = _Turn(self._clock(), models, kept_waiting=self._turn.kept_waiting)

    def _join(self, waited_for: Collection[str]) -> None:
        """Let models join that fit beside the others; the rest is kept waiting."""
        turn, now = self._turn, self._clock()
        for model in [*turn.kept_waiting, *waited_for]:
            if model in waited_for and model not in turn.models and self._fit_together({*turn.models, model}):
                turn.models.add(model)
        still = {model: since for model, since in turn.kept_waiting.items() if model in waited_for}
        turn.kept_waiting = {model: still[model] for model in still if model not in turn.models}
        for model in waited_for:
            if model not in turn.models:
                turn.kept_waiting.setdefault(model, now)
        if not turn.kept_waiting:
            turn.begun = 0

    def _is_over(self, waited_for: Collection[str]) -> bool:
        since = max(self._turn.began_at, next(iter(self._turn.kept_waiting.values())))
        return (
            self._turn.models.isdisjoint(waited_for)
            or self._turn.begun >= self._most_requests
            or self._clock() - since >= self._most_wait_s
        )
