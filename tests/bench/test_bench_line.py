"""10,000 waiting requests: how long the line takes for each decision, and that nothing of it stays."""

import random
import time

import pytest

from bot.turns import Turns
from engine.batcher import Batcher

WAITING = 10_000


class Timer:
    def __init__(self):
        self.ms = {}

    def __call__(self, what, do, *args, **options):
        began = time.perf_counter()
        result = do(*args, **options)
        self.ms.setdefault(what, []).append(1000 * (time.perf_counter() - began))
        return result


@pytest.mark.parametrize("members", [1, 500, WAITING], ids=["one-member", "500-members", "as-many-members"])
@pytest.mark.parametrize("models", [1, 3])
def test_decisions_with_10000_waiting(members, models, table, percentiles):
    dice, timer = random.Random(7), Timer()
    turns = Turns(lambda names: len(names) <= 1, most_requests=20, most_wait_s=60.0, clock=lambda: 0.0)
    for number in range(WAITING):
        cost = dice.choice([0.5, 1.0, 4.0])
        timer("add", turns.add, number, number % members, f"model {number % models}", cost=cost)
    for number in range(WAITING, WAITING + 300):
        timer("peek", turns.peek)
        timer("next", turns.next)
        timer("add", turns.add, number, number % members, f"model {number % models}", cost=1.0)
        waiting = dice.randrange(number - 5000, number)
        if waiting in turns:
            timer("place_of", turns.place_of, waiting)
            timer("change", turns.change, waiting, f"model {number % models}", cost=2.0)
            timer("remove", turns.remove, waiting)
    timer("clear", turns.remove, *list(turns))
    table(
        f"{WAITING} waiting requests of {members} members, {models} models",
        {what: percentiles(ms, " ms") for what, ms in timer.ms.items()},
    )
    assert len(turns) == turns.remembered == 0


class Place:
    rows, key, cost, weight, is_ending, is_followed = 2, 512, 1.0, 1.0, True, False

    def __init__(self, owner):
        self.owner = owner


def test_deals_with_10000_pictures_waiting(table, percentiles):
    timer, batcher = Timer(), Batcher(16)
    for number in range(WAITING):
        batcher.add(Place(number % 64))
    for _ in range(500):
        timer("deal", batcher.deal)
        for place in timer("next_batch", batcher.next_batch):
            timer("remove", batcher.remove, place)
    table("10000 pictures of 64 members in the engine", {what: percentiles(ms, " ms") for what, ms in timer.ms.items()})
    while batcher.waiting:
        batcher.deal()
        for place in batcher.active:
            batcher.remove(place)
    assert batcher.remembered == 0
