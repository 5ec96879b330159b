"""What requests are thought to take comes near to what they take, whatever the machine and the mix of sizes."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from road import CARD
from rows import row

from bot.prices import FIRST_PICTURE_S, Prices
from engine import CompleteRequest, Variant
from engine.reading import read_all

PLAIN = {
    "prompt": "a cat",
    "width": 128,
    "height": 128,
    "num_inference_steps": 20,
    "guidance_scale": 5.0,
    "seed": 7,
    "scheduler": "default",
    "model": "emoji",
}
SIZES = (64, 128, 256, 512)


def request(**changes) -> CompleteRequest:
    return CompleteRequest(**PLAIN | changes)


def rows_of(request):
    return tuple(reading.rows for reading in read_all(request))


@pytest.fixture
def prices():
    return new_prices()


def new_prices() -> Prices:
    return Prices(rows_of=rows_of, card_of=lambda _: CARD)


def truth(request, speed: float) -> float:
    """A machine whose time grows somewhat faster than the pixels, as attention's does."""
    share = request.width * request.height / 128**2
    return sum(
        speed * (0.2 * share + 0.01 * share**1.2 * rows * request.num_inference_steps) for rows in rows_of(request)
    )


def test_before_anything_is_known_a_models_own_picture_has_a_price(prices):
    assert prices.estimate(request()) == pytest.approx(FIRST_PICTURE_S)


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        ({"num_images": 4}, 4),
        (
            {
                "prompt": "a {red|blue} cat",
                "num_images": 2,
                "variants": (Variant("a red cat", 7), Variant("a blue cat", 7)),
            },
            2,
        ),
        ({"width": 256}, 2),
    ],
    ids=["pictures", "expanded", "pixels"],
)
def test_the_price_goes_with_pictures_and_pixels(prices, change, factor):
    assert prices.estimate(request(**change)) == pytest.approx(factor * prices.estimate(request()))


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({}, {"guidance_scale": 1.0}),
        ({"prompt": "a cat AND a dog"}, {}),
        ({"num_inference_steps": 21}, {}),
        ({"scheduler": "heun"}, {}),
    ],
    ids=["guidance", "composed", "steps", "two-calls"],
)
def test_more_rows_and_more_steps_cost_more(prices, more, less):
    assert prices.estimate(request(**more)) > prices.estimate(request(**less))


@pytest.mark.parametrize("speed", [0.01, 1, 100], ids=["fast", "middling", "slow"])
def test_the_estimate_converges(prices, speed):
    asked = request(num_images=2)
    for _ in range(20):
        prices.learn(asked, truth(asked, speed), pictures=2)
    assert prices.estimate(asked) == pytest.approx(truth(asked, speed), rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_mixed_sizes_and_steps_converge(prices, seed):
    dice = random.Random(seed)

    def any_request():
        size, steps = dice.choice(SIZES), dice.randint(5, 60)
        return request(width=size, height=size, num_inference_steps=steps, guidance_scale=dice.choice([1.0, 5.0]))

    for _ in range(100):
        asked = any_request()
        prices.learn(asked, truth(asked, 7), pictures=1)
    for _ in range(100):
        asked = any_request()
        assert prices.estimate(asked) == pytest.approx(truth(asked, 7), rel=0.1)


def test_company_that_changes_what_pictures_take_is_averaged(prices):
    dice = random.Random(7)
    asked = request()
    for _ in range(50):
        prices.learn(asked, truth(asked, 1) * math.exp(dice.gauss(0, 0.2)), pictures=1)
    assert prices.estimate(asked) == pytest.approx(truth(asked, 1), rel=0.2)


def test_a_size_that_was_never_drawn_is_priced_by_the_nearest(prices):
    for _ in range(20):
        prices.learn(request(), 8.0, pictures=1)
        prices.learn(request(width=64, height=64), 1.0, pictures=1)
    assert prices.estimate(request(width=256)) == pytest.approx(16, rel=0.05)


def test_models_have_prices_of_their_own(prices):
    prices.learn(request(), 80.0, pictures=1)
    assert prices.estimate(request(model="other")) == pytest.approx(FIRST_PICTURE_S)


def test_one_slip_moves_the_price_only_a_little(prices):
    for _ in range(20):
        prices.learn(request(), 2.0, pictures=1)
    prices.learn(request(), 2000.0, pictures=1)
    assert prices.estimate(request()) < 4


def test_a_machine_that_becomes_slower_is_followed(prices):
    for seconds in [1.0] * 20 + [30.0] * 40:
        prices.learn(request(), seconds, pictures=1)
    assert prices.estimate(request()) == pytest.approx(30, rel=0.1)


@given(st.lists(st.tuples(st.sampled_from(SIZES), st.integers(1, 150), st.floats(1e-6, 1e6)), max_size=40))
def test_a_price_is_always_a_positive_number(learned):
    prices = new_prices()
    for size, steps, seconds in learned:
        prices.learn(request(width=size, height=size, num_inference_steps=steps), seconds, pictures=1)
    for steps in (1, 150):
        assert 0 < prices.estimate(request(num_inference_steps=steps)) < math.inf


def test_rows_of_earlier_teach_the_price(prices):
    earlier = row(state="done", charged=1, flagged=1, charged_s=3.0, spent_s=16.0)
    outdated = row(state="done", charged=1, spent_s=8.0, scheduler="gone")
    prices.relearn([outdated, *[earlier] * 20])
    assert prices.estimate(request()) == pytest.approx(8, rel=0.02)


def test_nothing_is_learned_from_what_took_nothing(prices):
    prices.learn(request(), 0.0, pictures=1)
    prices.learn(request(), 5.0, pictures=0)
    assert prices.estimate(request()) == pytest.approx(FIRST_PICTURE_S)
