"""The line, its feeding and the batch, played tick by tick as the bot and the engine do; only the drawing is arithmetic."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field

from bot.feeding import Held, passed_over
from bot.readiness import Work, ready_in
from bot.turns import Turns
from engine.batcher import Batcher


@dataclass(eq=False)
class Played:
    """A request: what it is estimated to cost, and what its steps really take."""

    request_id: int
    owner: int
    pictures: int = 1
    rows: int = 2
    side: int = 512
    steps: int = 20
    estimated_s: float = 1.0
    real_s: float = 1.0
    weight: float = 1.0
    is_followed: bool = False
    left: list[Picture] = field(init=False)

    def __post_init__(self):
        self.left = [Picture(self) for _ in range(self.pictures)]


@dataclass(eq=False)
class Picture:
    request: Played
    steps_done: int = 0
    has_joined: bool = False

    @property
    def owner(self):
        return self.request.owner

    @property
    def rows(self):
        return self.request.rows

    @property
    def key(self):
        return self.request.side

    @property
    def cost(self):
        return self.request.estimated_s / self.request.pictures

    @property
    def weight(self):
        return self.request.weight

    @property
    def is_followed(self):
        return self.request.is_followed

    @property
    def step_s(self):
        return self.request.real_s / self.request.pictures / self.request.steps

    @property
    def is_ending(self):
        return self.steps_done == self.request.steps - 1


class PlayedLine:
    def __init__(self, max_rows=16):
        self.max_rows = max_rows
        self.now = 0.0
        self.turns = Turns(lambda _: True, most_requests=20, most_wait_s=60.0, clock=lambda: self.now)
        self.batcher = Batcher(max_rows)
        self.requests = {}
        self.running = []
        self.ended = {}
        self.waiting = Counter()
        self.joined = []
        """Every picture that has joined, in order."""
        self.held = Counter()
        """How many places each owner held in the last tick."""
        self.ids = itertools.count(1)

    def come(self, owner, **facts):
        request = Played(next(self.ids), owner, **facts)
        self.requests[request.request_id] = request
        self.waiting[owner] += 1
        self.turns.add(request.request_id, owner, "emoji", cost=request.estimated_s, weight=request.weight)
        return request

    def feed(self):
        while True:
            held = [
                Held(each.owner, len(each.left) * each.rows, sum(not one.has_joined for one in each.left) * each.rows)
                for each in self.running
            ]
            request_id = self.turns.next(passed_over(held, self.max_rows))
            if request_id is None:
                return
            request = self.requests[request_id]
            self.running.append(request)
            self.waiting[request.owner] -= 1
            request.is_followed = self.turns.has_waiting(request.owner)
            for picture in request.left:
                self.batcher.add(picture)

    def tick(self):
        """One step of one batch, after the bot has given the engine what it takes."""
        self.feed()
        self.batcher.deal()
        self.held = Counter(picture.owner for picture in self.batcher.active)
        for picture in self.batcher.active:
            if not picture.has_joined:
                picture.has_joined = True
                self.joined.append(picture)
        stepping = self.batcher.next_batch()
        self.now += sum(picture.step_s for picture in stepping)
        for picture in stepping:
            picture.steps_done += 1
            if picture.steps_done == picture.request.steps:
                self.batcher.remove(picture)
                picture.request.left.remove(picture)
                if not picture.request.left:
                    self.running.remove(picture.request)
                    self.ended[picture.request.request_id] = self.now
        return stepping

    def work_of(self, request):
        begun = [picture for picture in request.left if picture.has_joined]
        finished = request.pictures - len(request.left)
        steps_done = finished * request.steps + sum(picture.steps_done for picture in request.left)
        return Work(
            request_id=request.request_id,
            user_id=request.owner,
            weight=request.weight,
            model="emoji",
            cost=request.estimated_s,
            rows=(request.rows,) * request.pictures,
            steps=request.steps,
            done=steps_done / request.steps / request.pictures,
            begun=finished + len(begun),
            finished=finished,
        )

    def promises(self):
        """In how many seconds each request is promised to be ready."""
        running = [self.work_of(request) for request in self.running]
        return ready_in(
            running, self.turns.copy(), lambda request_id: self.work_of(self.requests[request_id]), self.max_rows
        )
