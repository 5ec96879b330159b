import json
from pathlib import Path

import diffusers
import pytest

from engine.schedulers import SCHEDULERS, build_scheduler, keeps_zero_snr, scheduler_title

CONFIG = json.loads(
    Path(__file__).parents[2].joinpath("engine", "emoji", "scheduler", "scheduler_config.json").read_text()
)
NAMED = [name for name in SCHEDULERS if name != "default"]
SETTINGS = ("use_karras_sigmas", "algorithm_type")


@pytest.mark.parametrize("name", NAMED)
def test_a_name_builds_its_diffusers_class(name):
    assert type(build_scheduler(name, CONFIG)) is getattr(diffusers, SCHEDULERS[name].class_name)


@pytest.mark.parametrize("class_name", ["PNDMScheduler", "EulerDiscreteScheduler", "KDPM2DiscreteScheduler"])
def test_default_builds_the_models_own_class(class_name):
    scheduler = build_scheduler("default", {**CONFIG, "_class_name": class_name})
    assert type(scheduler) is getattr(diffusers, class_name)


def test_default_keeps_the_models_own_settings():
    config = {**CONFIG, "_class_name": "DPMSolverMultistepScheduler", "use_karras_sigmas": True, "solver_order": 3}
    scheduler = build_scheduler("default", config)
    assert (scheduler.config.use_karras_sigmas, scheduler.config.solver_order) == (True, 3)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_models_prediction_type_reaches_every_scheduler(name):
    assert build_scheduler(name, CONFIG).config.prediction_type == "v_prediction"


@pytest.mark.parametrize("config_says", [{}, {"clip_sample": True}, {"clip_sample": False}], ids=str)
@pytest.mark.parametrize("name", ["ddim", "ddpm", "lcm"])
def test_latents_are_never_clipped(name, config_says):
    config = {key: value for key, value in CONFIG.items() if key != "clip_sample"} | config_says
    assert build_scheduler(name, config).config.clip_sample is False


FLAWLESS = {"prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_name_keeps_what_a_model_was_trained_with_or_is_known_not_to(name):
    config = {**CONFIG, "_class_name": "DDIMScheduler", **FLAWLESS}
    scheduler = build_scheduler(name, config)
    assert (scheduler.config.prediction_type, scheduler.config.timestep_spacing) == ("v_prediction", "trailing")
    assert bool(scheduler.alphas_cumprod[-1] < 1e-6) is keeps_zero_snr(name, config)
    assert keeps_zero_snr(name, CONFIG)


@pytest.mark.parametrize("name", ["euler", "dpmpp_2m", "heun", "unipc", "lms", "deis"])
def test_a_name_without_karras_has_none_whatever_the_model_says(name):
    config = {**CONFIG, "use_karras_sigmas": True, "algorithm_type": "sde-dpmsolver++"}
    assert build_scheduler(name, config).config.use_karras_sigmas is False


@pytest.mark.parametrize("algorithm_type", ["sde-dpmsolver++", "dpmsolver", "data_prediction"])
def test_deis_takes_nothing_from_a_model_whose_own_algorithm_is_another(algorithm_type):
    assert build_scheduler("deis", {**CONFIG, "algorithm_type": algorithm_type}).config.algorithm_type == "deis"


@pytest.mark.parametrize("name", ["euler_karras", "dpmpp_2m_karras", "dpmpp_2m_sde_karras"])
def test_a_karras_name_has_karras_sigmas_whatever_the_model_says(name):
    scheduler = build_scheduler(name, {**CONFIG, "use_exponential_sigmas": True})
    assert scheduler.config.use_karras_sigmas is True


def test_two_pictures_never_share_a_scheduler():
    assert build_scheduler("pndm", CONFIG) is not build_scheduler("pndm", CONFIG)


@pytest.mark.parametrize("name", NAMED)
def test_the_models_own_scheduler_goes_by_the_title_that_people_know(name):
    own = {**CONFIG, **SCHEDULERS[name].settings, "_class_name": SCHEDULERS[name].class_name}
    assert scheduler_title("default", own) == scheduler_title(name, CONFIG) == SCHEDULERS[name].title


def test_a_title_needs_no_settings_that_diffusers_assumes():
    assert scheduler_title("default", {"_class_name": "DPMSolverMultistepScheduler"}) == "DPM++ 2M"


def test_an_own_scheduler_without_a_title_goes_by_its_class_name():
    assert scheduler_title("default", {"_class_name": "KDPM2DiscreteScheduler"}) == "KDPM2Discrete"
