import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.benchmark.arrivals import Latency, mixed_requests, one_at_a_time, poisson_arrivals
from engine.files.bounds import Bounds
from engine.models import find_model

CARD = find_model("emoji").card


def test_requests_are_the_same_ones_each_time_and_no_two_alike():
    requests = mixed_requests(40, CARD)
    assert requests == mixed_requests(40, CARD)
    assert len({(each.prompt, each.num_inference_steps, each.scheduler, each.seed) for each in requests}) == 40
    assert requests != mixed_requests(40, CARD, seed=2)


@pytest.mark.parametrize("field", ["prompt", "negative_prompt", "scheduler", "guidance_scale", "num_images", "owner"])
def test_requests_differ_in(field):
    assert len({getattr(each, field) for each in mixed_requests(40, CARD)}) > 1


def test_steps_are_from_ten_to_fifty_or_as_told():
    steps = [each.num_inference_steps for each in mixed_requests(100, CARD)]
    assert min(steps) >= 10
    assert max(steps) <= 50
    assert len(set(steps)) > 20
    assert {each.num_inference_steps for each in mixed_requests(9, CARD, steps=3)} == {3}


def test_sizes_are_the_models_own_or_as_told():
    assert {(each.width, each.height) for each in mixed_requests(9, CARD)} == {(128, 128)}
    assert {(each.width, each.height) for each in mixed_requests(9, CARD, size=(64, 192))} == {(64, 192)}


def test_requests_keep_to_the_bounds_of_the_models_card():
    bounds = Bounds(steps=(20, 30), guidance=(3, 6), schedulers=("ddim", "euler"))
    requests = mixed_requests(40, replace(CARD, bounds=bounds, scheduler="ddim", steps=25, guidance=4.0))
    assert {each.scheduler for each in requests} == {"ddim", "euler"}
    for each in requests:
        assert 20 <= each.num_inference_steps <= 30
        assert 3 <= each.guidance_scale <= 6


def test_a_model_that_needs_few_steps_is_asked_for_those():
    card = replace(CARD, variant="Turbo", steps=2, guidance=1.0)
    requests = mixed_requests(9, card)
    assert {(each.num_inference_steps, each.guidance_scale, each.scheduler) for each in requests} == {
        (2, 1.0, card.scheduler)
    }


def test_arrivals_begin_at_once_and_come_as_fast_as_told_on_average():
    arrivals = poisson_arrivals(5000, 4.0)
    assert arrivals[0] == 0
    assert all(earlier <= later for earlier, later in itertools.pairwise(arrivals))
    assert arrivals[-1] / 4999 == pytest.approx(1 / 4.0, rel=0.05)


def test_gaps_between_arrivals_vary_as_those_of_independent_members_do():
    gaps = [later - earlier for earlier, later in itertools.pairwise(poisson_arrivals(5000, 4.0))]
    assert sum(gap > 1 / 4.0 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.03)  # 1 / e


def test_one_at_a_time_each_waits_for_those_before_it():
    assert one_at_a_time((0.0, 1.0, 10.0), (3.0, 4.0, 2.0)) == (3.0, 6.0, 2.0)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 10)), min_size=1))
def test_nobody_waits_less_than_their_own_picture_takes(served):
    arrivals = tuple(itertools.accumulate(gap for gap, _ in served))
    seconds = tuple(took for _, took in served)
    for waited, took in zip(one_at_a_time(arrivals, seconds), seconds, strict=True):
        assert waited >= took - 1e-9


@pytest.mark.parametrize(
    ("seconds", "p95", "p99"),
    [([5.0], 5.0, 5.0), ([2.0, 1.0], 2.0, 2.0), ([*map(float, range(1, 101))], 95.0, 99.0)],
    ids=["one", "two", "a hundred"],
)
def test_percentiles_are_figures_that_were_measured(seconds, p95, p99):
    latency = Latency.of(seconds)
    assert (latency.p95, latency.p99) == (p95, p99)
    assert latency.mean == pytest.approx(sum(seconds) / len(seconds))
