"""What is promised to who waits, against what becomes of it in the line and the batch."""

import random
from statistics import median

import pytest
from playedline import PlayedLine
from road import Clock
from rows import row

from bot.outlook import Outlook, Pace
from bot.readiness import cost_of
from bot.turns import Turns

SECONDS_OF_A_STEP = {256: 0.02, 512: 0.06, 768: 0.15}


def mixed(random, line, *, members, known_within=0.2):
    """A request of mixed size, whose seconds are known only so well."""
    side, steps, pictures = random.choice([256, 512, 768]), random.choice([10, 20, 30, 50]), random.randint(1, 4)
    rows = random.choice([1, 2])
    real_s = SECONDS_OF_A_STEP[side] * steps * pictures * rows / 2
    estimated_s = real_s * random.uniform(1 - known_within, 1 + known_within)
    facts = {"pictures": pictures, "rows": rows, "side": side, "steps": steps}
    return line.come(random.randrange(members), real_s=real_s, estimated_s=estimated_s, **facts)


def errors(line, promised):
    """How far the promises were off, as parts of the time that it took."""
    while line.tick():
        pass
    return [
        abs(promise_at + in_s - line.ended[request_id]) / (line.ended[request_id] - promise_at)
        for request_id, (promise_at, in_s) in promised.items()
    ]


@pytest.mark.parametrize("max_rows", [4, 16])
@pytest.mark.parametrize("members", [1, 5, 20])
@pytest.mark.parametrize("seed", range(4))
def test_with_20_requests_of_mixed_size_waiting_the_median_promise_is_less_than_30_percent_off(seed, members, max_rows):
    dice, line = random.Random(seed), PlayedLine(max_rows)
    for _ in range(28):
        mixed(dice, line, members=members)
    for _ in range(15):
        line.tick()
    promised = {request_id: (line.now, in_s) for request_id, in_s in line.promises().items()}
    assert median(errors(line, promised)) < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_the_first_promise_of_who_comes_to_20_that_wait_holds_though_others_come_later(seed):
    dice, line = random.Random(seed), PlayedLine()
    for _ in range(20):
        mixed(dice, line, members=12)
    promised = {}
    for _ in range(40):
        request = mixed(dice, line, members=12)
        promised[request.request_id] = (line.now, line.promises()[request.request_id])
        until = line.now + 2.0
        while line.now < until and line.tick():
            pass
    assert median(errors(line, promised)) < 0.3


def test_who_is_behind_many_is_promised_what_the_seconds_before_them_take():
    line = PlayedLine()
    for _ in range(300):
        line.come(1, real_s=2.0, estimated_s=2.0)
    promises = line.promises()
    assert len(promises) == 300
    assert promises[300] == pytest.approx(600.0, rel=0.05)


def test_what_is_nearly_done_is_promised_soon():
    line = PlayedLine()
    first = line.come(1, real_s=10.0, estimated_s=10.0, steps=20)
    for _ in range(18):
        line.tick()
    assert line.promises()[first.request_id] == pytest.approx(1.0)


# speed


def test_the_pace_is_measured_while_it_draws():
    pace = Pace()
    for second in range(60):
        pace.measure({1: (0.5 * second, 100.0)}, now=float(second))
    assert pace.rate == pytest.approx(0.5, rel=0.01)


def test_what_is_there_no_more_was_finished():
    pace = Pace()
    pace.measure({1: (0.0, 4.0)}, now=0.0)
    pace.measure({}, now=2.0)
    assert pace.rate == pytest.approx(1 + 0.3 * (2.0 - 1))


def test_a_time_without_work_is_no_measurement():
    pace = Pace()
    pace.measure({1: (0.0, 4.0)}, now=0.0)
    pace.measure({2: (1.0, 4.0)}, now=1000.0)
    assert pace.rate == 1.0


@pytest.fixture
def time():
    return Clock(1000.0)


@pytest.fixture
def outlook(time):
    return Outlook(max_rows=2, rows_of=lambda _: (2,), weights={}, clock=time)


def turns_of(*rows):
    turns = Turns(lambda _: True, most_requests=20, most_wait_s=60.0, clock=lambda: 0.0)
    for each in rows:
        turns.add(each.id, each.user_id, each.model, cost=cost_of(each))
    return turns


def test_a_promise_stays_as_it_was_told_while_it_is_about_right(outlook, time):
    rows = {number: row(id=number, estimated_s=30.0) for number in (1, 2)}
    turns = turns_of(*rows.values())
    assert outlook.ready_at(2, turns, rows, []) == pytest.approx(1060.0)
    time.now += 6.0
    assert outlook.ready_at(2, turns, rows, []) == pytest.approx(1060.0)


def test_a_promise_that_has_become_wrong_is_told_anew(outlook, time):
    rows = {number: row(id=number, estimated_s=30.0) for number in (1, 2)}
    outlook.ready_at(2, turns_of(*rows.values()), rows, [])
    time.now += 6.0
    assert outlook.ready_at(2, turns_of(rows[2]), rows, []) == pytest.approx(1036.0)


def test_what_is_unknown_is_guessed_by_pixels_and_steps():
    assert cost_of(row(estimated_s=3.0)) == 3.0
    assert cost_of(row(num_inference_steps=40)) == pytest.approx(2 * cost_of(row(num_inference_steps=20)))


def test_a_clock_that_is_set_back_tells_times_of_its_own(outlook, time):
    rows = {number: row(id=number, estimated_s=30.0) for number in (1, 2)}
    outlook.ready_at(2, turns_of(*rows.values()), rows, [])
    time.now -= 500.0
    assert outlook.ready_at(2, turns_of(*rows.values()), rows, []) == pytest.approx(560.0)


def test_where_thousands_wait_who_comes_is_told_what_holds_at_their_place(outlook):
    rows = {number: row(id=number, user_id=number, estimated_s=2.0) for number in range(1, 3001)}
    turns = turns_of(*rows.values())
    last = outlook.ready_at(3000, turns, rows, [])
    outlook._look = None  # which takes longer than a decision may
    rows[3001] = row(id=3001, user_id=3001, estimated_s=2.0)
    turns.add(3001, 3001, "emoji", cost=2.0)
    assert outlook.ready_at(3001, turns, rows, []) == pytest.approx(last + 2.0)
    assert outlook.ready_at(2999, turns, rows, []) == pytest.approx(last - 2.0)
