import copy
import dataclasses

import pytest
import torch

from engine import GenerationRequest, InvalidRequest
from engine.conditioning import TextEncoder
from engine.denoise import advance, begin, predict
from engine.devices import choose_device
from engine.guidance import guide
from engine.latents import draw_noise, to_image
from engine.loading import load
from engine.models import find_model
from engine.reading import read

CARD = find_model("emoji").card


def trajectory(model, scheduler: str = "ddim", **values):
    values = {"prompt": "a red heart", "width": 64, "height": 128, "num_inference_steps": 3, "seed": 7, **values}
    request = GenerationRequest(scheduler=scheduler, **values).completed(CARD)
    return begin(model, request, 0, TextEncoder(model).encode(read(request, 0)))


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


def test_a_picture_begins_with_its_seeds_noise(model):
    expected = torch.randn((1, 4, 16, 8), generator=torch.Generator("cpu").manual_seed(7))
    assert torch.equal(trajectory(model).latents, expected)


def test_noise_is_scaled_to_the_schedulers_first_sigma(model):
    begun = trajectory(model, "euler")
    assert begun.latents.std() > 2


@pytest.mark.parametrize(("scheduler", "takes"), [("euler_a", True), ("ddpm", True), ("pndm", False), ("heun", False)])
def test_only_schedulers_that_draw_noise_get_the_generator(model, scheduler, takes):
    assert ("generator" in trajectory(model, scheduler).step_arguments) is takes


@pytest.mark.parametrize("scheduler", ["pndm", "heun", "dpmpp_2m_karras", "unipc", "lcm"])
def test_predicting_changes_nothing(model, scheduler):
    begun = trajectory(model, scheduler)
    first = predict(model, [begun])[0]
    assert torch.equal(predict(model, [begun])[0], first)


def test_every_picture_is_seen_at_its_own_timestep(model):
    early, late = trajectory(model), trajectory(model)
    advance(late, predict(model, [late])[0])
    together = predict(model, [early, late])
    alone = predict(model, [early]) + predict(model, [late])
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(together, alone, strict=True))
    assert not torch.allclose(together[0], together[1], atol=1e-2)


@pytest.mark.parametrize(
    ("scheduler", "config", "steps"),
    [("pndm", {"skip_prk_steps": False}, 1), ("ddim", {"num_train_timesteps": 10}, 20)],
    ids=["too few", "too many"],
)
def test_a_number_of_steps_that_the_models_config_does_not_allow_is_refused_by_name(model, scheduler, config, steps):
    changed = dataclasses.replace(model, scheduler_config={**model.scheduler_config, **config})
    sentence = f"num_inference_steps must be a number that scheduler {scheduler} of this model takes, got {steps}"
    with pytest.raises(InvalidRequest, match=sentence):
        trajectory(changed, scheduler, num_inference_steps=steps)


def test_a_picture_is_finished_after_its_last_call(model):
    begun = trajectory(model, "heun")
    while not begun.is_finished:
        advance(begun, predict(model, [begun])[0])
    assert begun.calls_done == begun.calls == 5


def test_a_step_of_one_picture_leaves_the_others_alone(model):
    mine, yours = trajectory(model), trajectory(model)
    before = copy.deepcopy(yours.latents)
    advance(mine, predict(model, [mine, yours])[0])
    assert torch.equal(yours.latents, before)


def test_without_guidance_a_picture_is_one_row(model):
    assert [len(trajectory(model, guidance_scale=scale).told.embeds) for scale in (0.0, 1.0, 1.5)] == [1, 1, 2]


def test_latents_stay_float32_where_the_model_is_not():
    half = load(find_model("emoji"), choose_device("cpu", "bfloat16"))
    begun = trajectory(half)
    noise_pred = predict(half, [begun])[0]
    advance(begun, noise_pred)
    assert (noise_pred.dtype, begun.latents.dtype, begun.told.embeds.dtype) == (
        torch.float32,
        torch.float32,
        torch.bfloat16,
    )


def test_guidance_goes_from_the_one_prediction_through_the_other():
    noise_pred = torch.stack([torch.zeros(4, 2, 2), torch.ones(4, 2, 2)])
    assert torch.equal(guide(noise_pred, 7.5), torch.full((1, 4, 2, 2), 7.5))


def test_a_prediction_without_guidance_does_not_keep_the_batch():
    noise_pred = torch.zeros(1, 4, 2, 2)
    assert guide(noise_pred, 1.0).data_ptr() != noise_pred.data_ptr()


@pytest.mark.parametrize("seed", [0, 2**32, 2**53 - 1])
def test_the_same_seed_is_the_same_noise(seed):
    one, other = (draw_noise(torch.Generator("cpu").manual_seed(seed), 4, 8, 8) for _ in range(2))
    assert torch.equal(one, other)


def test_pixels_beyond_the_range_are_the_darkest_and_the_brightest():
    pixels = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0]).expand(1, 3, 1, 5)
    assert [to_image(pixels).getpixel((x, 0))[0] for x in range(5)] == [0, 0, 128, 255, 255]


def test_operands_of_and_are_added_by_their_weights():
    uncond, one, other = torch.zeros(4, 2, 2), torch.ones(4, 2, 2), torch.full((4, 2, 2), 10.0)
    guided = guide(torch.stack([uncond, one, other]), 2.0, (1.0, -0.5))
    assert torch.equal(guided, torch.full((1, 4, 2, 2), 2.0 * 1 - 2.0 * 0.5 * 10))


def test_two_halves_of_the_same_are_the_whole(model):
    halves = trajectory(model, prompt="a red heart :0.5 AND a red heart :0.5", guidance_scale=5.0)
    whole = trajectory(model, prompt="a red heart", guidance_scale=5.0)
    assert torch.allclose(predict(model, [halves])[0], predict(model, [whole])[0], atol=1e-4)


@pytest.mark.parametrize(
    ("scheduler", "steps"),
    [
        ("ddim", [0, 1, 2, 3]),
        ("pndm", [0, 0, 1, 2, 3]),
        ("heun", [0, 0, 1, 1, 2, 2, 3]),
    ],
)
def test_what_is_attended_to_follows_the_steps_that_people_count(model, scheduler, steps):
    begun = trajectory(model, scheduler, prompt="[a|b|c|d]", num_inference_steps=4)
    seen = []
    while not begun.is_finished:
        seen.append(
            next(step for step in range(4) if torch.equal(begun.told.embeds, begun.conditioning.at(step).embeds))
        )
        advance(begun, predict(model, [begun])[0])
    assert seen == steps
