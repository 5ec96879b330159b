"""What a request will take of the device, known before it is spent, from what earlier requests took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.store.requests import RequestRow
    from engine import CompleteRequest, ModelCard

FIRST_PICTURE_S = 3.0
"""What a model's own picture (its size, its steps, with guidance) is taken to need before any was drawn."""
FIXED_STEPS = 5
"""Encoding the texts, decoding and checking are at first taken to need as much as so many row-steps."""
MEMORY = 0.9
"""How much an observation still counts after the next one: the last ten make up two thirds."""
PRIOR_WEIGHT = 0.1
"""What was thought before counts as one tenth of an observation at each of these ends, however much is known."""
PRIOR_AT = (10, 200)
OUTLIER = 4.0
"""An observation counts as at most so many times what was expected, or as so small a part: one slip is not a trend."""
TWO_CALLS_A_STEP = frozenset({"heun"})
LEARNED_FROM = 200
"""Requests of earlier, of which a start learns."""


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of a picture: some that every picture takes, and some for each row-step."""

    fixed_s: float
    step_s: float

    def at(self, row_steps: float) -> float:
        """Seconds of a picture of so many steps times rows."""
        return self.fixed_s + self.step_s * row_steps

    def scaled(self, factor: float) -> Line:
        """For pictures of so many times the pixels."""
        return Line(self.fixed_s * factor, self.step_s * factor)


class Fit:
    """
    The line through what pictures of one model and size took: least squares of relative errors, old ones fading.

    Where all had the same steps, what was thought before decides how the line is inclined, but not how high it lies.
    """

    def __init__(self, prior: Line) -> None:
        self.line = prior
        self._prior = prior
        self._sums: tuple[float, ...] = (0.0,) * 5
        self._ratios = 0.0
        self._count = 0.0

    def learn(self, row_steps: float, seconds: float) -> None:
        """Note what a picture took."""
        if self._count:
            expected = self.line.at(row_steps)
            seconds = min(max(seconds, expected / OUTLIER), expected * OUTLIER)
        thought = self._prior.at(row_steps)
        self._count = MEMORY * self._count + 1
        self._ratios = MEMORY * self._ratios + seconds / thought
        fresh = _sums(row_steps, seconds, 1 / thought**2)
        self._sums = tuple(MEMORY * old + new for old, new in zip(self._sums, fresh, strict=True))
        self.line = self._solved(self._prior.scaled(self._ratios / self._count))

    def _solved(self, prior: Line) -> Line:
        ends = [_sums(x, prior.at(x), PRIOR_WEIGHT / self._prior.at(x) ** 2) for x in PRIOR_AT]
        w, wx, wy, wxx, wxy = map(sum, zip(self._sums, *ends, strict=True))
        step_s = (w * wxy - wx * wy) / (w * wxx - wx * wx)
        fixed_s = (wy - step_s * wx) / w
        if fixed_s < 0:
            return Line(0.0, wxy / wxx)
        return Line(wy / w, 0.0) if step_s < 0 else Line(fixed_s, step_s)


class Prices:
    """
    Seconds of the device for each request. Its answers are better the more it has learned; it is never without one.

    Args:
        rows_of: the U-Net rows of each picture.
        card_of: the card of a model.
    """

    def __init__(
        self, *, rows_of: Callable[[CompleteRequest], Sequence[int]], card_of: Callable[[str], ModelCard]
    ) -> None:
        self._rows_of = rows_of
        self._card_of = card_of
        self._fits: dict[tuple[str, int], Fit] = {}

    def estimate(self, request: CompleteRequest) -> float:
        """Seconds of the device that all pictures of a request will take together."""
        line = self._line(*_key(request))
        return sum(line.at(row_steps) for row_steps in self._row_steps(request))

    def learn(self, request: CompleteRequest, spent_s: float, *, pictures: int) -> None:
        """Note what so many pictures of a request took together."""
        if pictures < 1 or spent_s <= 0:
            return
        key, row_steps = _key(request), self._row_steps(request)
        if key not in self._fits:
            self._fits[key] = Fit(self._line(*key))
        self._fits[key].learn(sum(row_steps) / len(row_steps), spent_s / pictures)

    def relearn(self, rows: Iterable[RequestRow]) -> None:
        """Learn what is known from earlier, oldest first; what this version does not draw any more teaches nothing."""
        for row in rows:
            try:
                self.learn(row.request, row.spent_s, pictures=row.charged + row.flagged)
            except InvalidRequest:
                continue

    def _row_steps(self, request: CompleteRequest) -> list[int]:
        calls = request.num_inference_steps * (2 if request.scheduler in TWO_CALLS_A_STEP else 1)
        return [rows * calls for rows in self._rows_of(request)]

    def _line(self, model: str, pixels: int) -> Line:
        """What is known of this size, else of the nearest one, else what a picture takes at first."""
        # A copy, since estimates are made in worker threads, too.
        known = {size: fit.line for (of, size), fit in tuple(self._fits.items()) if of == model}
        if known:
            nearest = min(known, key=lambda size: abs(math.log(size / pixels)))
            return known[nearest].scaled(pixels / nearest)
        card = self._card_of(model)
        step_s = FIRST_PICTURE_S / (2 * card.steps + FIXED_STEPS)
        return Line(FIXED_STEPS * step_s, step_s).scaled(pixels / (card.width * card.height))


def _key(request: CompleteRequest) -> tuple[str, int]:
    return request.model or "", request.width * request.height


def _sums(x: float, y: float, weight: float) -> tuple[float, ...]:
    return weight, weight * x, weight * y, weight * x * x, weight * x * y
