"""Pure: when requests will be ready, found by letting the line and the batch run ahead of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.feeding import Held, passed_over
from engine.batcher import Batcher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.store.requests import RequestRow
    from bot.turns import Turns

MOST_FORESEEN = 60
"""Requests whose pictures are followed one by one; those behind are ready when the seconds before them are spent."""
UNKNOWN_S = 0.1
"""Seconds of GPU for one step of a million pixels, where nothing has been measured yet."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a request still takes."""

    request_id: int
    user_id: int
    weight: float
    model: str
    cost: float
    """Estimated seconds of GPU of all its pictures, finished ones among them."""
    rows: tuple[int, ...]
    """U-Net rows of each picture."""
    steps: int
    done: float = 0.0
    """Of all its steps, from 0 to 1."""
    begun: int = 0
    finished: int = 0
    """Pictures."""

    def pictures(self) -> list[_Ahead]:
        """Its unfinished pictures; what is done of them was done in their order, as far as they have begun."""
        cost = self.cost / len(self.rows)
        steps_done = max(0.0, self.done * len(self.rows) - self.finished)
        ahead = []
        for index in range(self.finished, len(self.rows)):
            share = steps_done / max(1, self.begun - self.finished) if index < self.begun else 0.0
            left = max(1, round(self.steps * (1 - min(1.0, share))))
            ahead.append(_Ahead(self, self.rows[index], cost, cost / self.steps, left, has_begun=index < self.begun))
        return ahead


@dataclass(eq=False, slots=True)
class _Ahead:
    """A picture of the near future, as the batcher sees it."""

    work: Work
    rows: int
    cost: float
    step_s: float
    steps_left: int
    has_begun: bool = False

    @property
    def owner(self) -> int:
        return self.work.user_id

    @property
    def weight(self) -> float:
        return self.work.weight

    @property
    def key(self) -> None:
        """Sizes take turns, and so each takes a step in the time that all of them take for one."""

    @property
    def is_followed(self) -> bool:
        """Their next request comes in the same moment."""
        return False

    @property
    def is_ending(self) -> bool:
        return self.steps_left == 1


def cost_of(row: RequestRow) -> float:
    """Estimated seconds of GPU of a request, guessed where nothing was known when it was admitted."""
    guess = UNKNOWN_S * row.num_images * row.num_inference_steps * row.width * row.height / 10**6
    return row.estimated_s or guess


def ready_in(running: Sequence[Work], turns: Turns, work_of: Callable[[int], Work], max_rows: int) -> dict[int, float]:
    """
    In how many seconds of GPU each request will be ready, if nobody else came.

    Args:
        running: what the engine has, in the order in which it was given.
        turns: what waits; used up.
    """
    ahead = _Future(running, turns, work_of, max_rows)
    ahead.run()
    return ahead.ready


class _Future:
    """The line, the batch and the clock as they will be."""

    def __init__(self, running: Sequence[Work], turns: Turns, work_of: Callable[[int], Work], max_rows: int) -> None:
        self._turns = turns
        self._work_of = work_of
        self._max_rows = max_rows
        self._batcher: Batcher[_Ahead] = Batcher(max_rows)
        self._left: dict[Work, list[_Ahead]] = {}
        self._now = 0.0
        self._fed = 0
        self.ready: dict[int, float] = {}
        for work in running:
            self._give(work)

    def run(self) -> None:
        """Until nothing is left."""
        while True:
            self._feed()
            self._batcher.deal()
            stepping = self._batcher.next_batch()
            if not stepping:
                break
            self._step(stepping)
        for request_id in self._turns:
            self._now += self._work_of(request_id).cost
            self.ready[request_id] = self._now

    def _give(self, work: Work) -> None:
        pictures = work.pictures()
        self._left[work] = pictures
        for picture in pictures:
            self._batcher.add(picture)
        if not pictures:
            self._end(work)

    def _feed(self) -> None:
        while self._fed < MOST_FORESEEN:
            held = [
                Held(
                    work.user_id, sum(each.rows for each in left), sum(each.rows for each in left if not each.has_begun)
                )
                for work, left in self._left.items()
            ]
            in_use = {work.model for work in self._left}
            request_id = self._turns.next(passed_over(held, self._max_rows), in_use=in_use)
            if request_id is None:
                return
            self._fed += 1
            self._give(self._work_of(request_id))

    def _step(self, stepping: Sequence[_Ahead]) -> None:
        """As many steps as nothing changes in."""
        steps = max(1, min(picture.steps_left for picture in stepping) - 1)
        self._now += steps * sum(picture.step_s for picture in stepping)
        for picture in stepping:
            picture.has_begun = True
            picture.steps_left -= steps
            if picture.steps_left <= 0:
                self._batcher.remove(picture)
                self._left[picture.work].remove(picture)
                if not self._left[picture.work]:
                    self._end(picture.work)

    def _end(self, work: Work) -> None:
        del self._left[work]
        self.ready[work.request_id] = self._now
