"""A device that is behind what it is told, played by hand: its marks are numbers, reached when the test says so."""

import time
from contextlib import suppress

import pytest
import torch

from engine.meter import Account, Meter, Totals, watch_of


class HandWatch:
    """A device whose time passes when the test lets it, and which has reached its marks up to `reached`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reached = float("inf")

    def mark(self) -> float:
        return self.now

    def seconds(self, start: float, end: float, *, wait: bool) -> float | None:
        if wait:
            self.reached = max(self.reached, end)
        return end - start if end <= self.reached else None


@pytest.fixture
def watch():
    return HandWatch()


@pytest.fixture
def totals():
    return Totals()


@pytest.fixture
def meter(watch, totals):
    return Meter(watch, totals)


def work(meter, watch, seconds, shares):
    meter.begin()
    with meter.sharing(shares):
        watch.now += seconds


def test_work_is_shared_in_proportion(meter, watch, totals):
    one, other = Account(), Account()
    work(meter, watch, 9, {one: 1, other: 2})
    assert (one.gpu_s, other.gpu_s, totals.busy_s) == (3, 6, 9)


def test_what_lies_between_two_ticks_is_not_busy(meter, watch, totals):
    account = Account()
    work(meter, watch, 1, {account: 1})
    watch.now += 100
    work(meter, watch, 2, {account: 1})
    assert (account.gpu_s, totals.busy_s) == (3, 3)


def test_what_lies_between_two_pieces_belongs_to_the_later_one(meter, watch, totals):
    one, other = Account(), Account()
    meter.begin()
    with meter.sharing({one: 1}):
        watch.now += 1
    watch.now += 2
    with meter.sharing({other: 1}):
        watch.now += 4
    assert (meter.spent_s(one), meter.spent_s(other), totals.busy_s) == (1, 6, 7)


def test_a_device_that_is_behind_is_not_waited_for(meter, watch, totals):
    account, watch.reached = Account(), 0
    work(meter, watch, 5, {account: 1})
    assert (account.gpu_s, totals.busy_s) == (0, 0)
    watch.reached = 5
    work(meter, watch, 1, {account: 1})
    assert (account.gpu_s, totals.busy_s) == (5, 5)


def test_a_finished_picture_is_waited_for(meter, watch):
    account, watch.reached = Account(), 0
    work(meter, watch, 5, {account: 1})
    assert meter.spent_s(account) == 5


@pytest.mark.parametrize("is_behind", [False, True], ids=["at-once", "later"])
def test_what_a_dropped_picture_took_is_known_as_dropped(meter, watch, totals, is_behind):
    goes, stays = Account(), Account()
    watch.reached = 0 if is_behind else float("inf")
    work(meter, watch, 4, {goes: 1, stays: 1})
    meter.drop(goes)
    meter.drop(goes)
    work(meter, watch, 2, {stays: 1})
    assert meter.spent_s(stays) == 4
    assert totals.dropped_s == goes.gpu_s == 2


def test_a_try_for_which_memory_did_not_suffice_is_nobodys(meter, watch, totals):
    short, other = Account(), Account()
    meter.begin()
    with meter.sharing({short: 1, other: 1}) as wasted:
        watch.now += 4
        wasted.add(short)
    assert (meter.spent_s(short), meter.spent_s(other), totals.dropped_s) == (0, 2, 2)


def test_work_that_fails_is_measured_too(meter, watch, totals):
    account = Account()
    meter.begin()
    with suppress(RuntimeError), meter.sharing({account: 1}):
        watch.now += 3
        raise RuntimeError
    work(meter, watch, 1, {account: 1})
    assert (account.gpu_s, totals.busy_s) == (4, 4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_card_is_measured_by_its_own_work_and_not_by_the_calls():
    device = torch.device("cuda")
    totals, account = Totals(), Account()
    meter = Meter(watch_of(device), totals)
    matrix = torch.rand(4096, 4096, device=device)
    for _ in range(2):  # the first time libraries are loaded
        torch.cuda.synchronize()
        before_s, began_at = totals.busy_s, time.perf_counter()
        meter.begin()
        with meter.sharing({account: 1}):
            for _ in range(100):
                matrix = matrix @ matrix / 4096
        spent_s = meter.spent_s(account)
        passed_s = time.perf_counter() - began_at
    assert spent_s == totals.busy_s
    assert totals.busy_s - before_s == pytest.approx(passed_s, rel=0.1)
