"""Scheduler names, what people call them, and one fresh diffusers scheduler per picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}
"""Said even where it is the default, since the model's own config may say otherwise and a name must tell the truth."""
_KARRAS = {**_PLAIN, "use_karras_sigmas": True}
_DPMPP_2M = {"algorithm_type": "dpmsolver++", "solver_order": 2}
_DPMPP_2M_SDE = {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}


@dataclass(frozen=True, slots=True)
class SchedulerName:
    """A diffusers class with the settings that a name adds to the model's own scheduler config."""

    class_name: str
    title: str
    """What AUTOMATIC1111's web UI calls it, which is what people know."""
    settings: Mapping[str, Any] = field(default_factory=dict)


SCHEDULERS: Mapping[str, SchedulerName] = {
    "default": SchedulerName("", "the model's own"),
    "pndm": SchedulerName("PNDMScheduler", "PLMS"),
    "ddim": SchedulerName("DDIMScheduler", "DDIM"),
    "lms": SchedulerName("LMSDiscreteScheduler", "LMS", _PLAIN),
    "deis": SchedulerName("DEISMultistepScheduler", "DEIS", {"algorithm_type": "deis", **_PLAIN}),
    "euler": SchedulerName("EulerDiscreteScheduler", "Euler", _PLAIN),
    "euler_karras": SchedulerName("EulerDiscreteScheduler", "Euler Karras", _KARRAS),
    "euler_a": SchedulerName("EulerAncestralDiscreteScheduler", "Euler a"),
    "dpmpp_2m": SchedulerName("DPMSolverMultistepScheduler", "DPM++ 2M", {**_DPMPP_2M, **_PLAIN}),
    "dpmpp_2m_karras": SchedulerName("DPMSolverMultistepScheduler", "DPM++ 2M Karras", {**_DPMPP_2M, **_KARRAS}),
    "dpmpp_2m_sde_karras": SchedulerName(
        "DPMSolverMultistepScheduler", "DPM++ 2M SDE Karras", {**_DPMPP_2M_SDE, **_KARRAS}
    ),
    "unipc": SchedulerName("UniPCMultistepScheduler", "UniPC", _PLAIN),
    "heun": SchedulerName("HeunDiscreteScheduler", "Heun", _PLAIN),
    "ddpm": SchedulerName("DDPMScheduler", "DDPM"),
    "lcm": SchedulerName("LCMScheduler", "LCM"),
}
"""In the order in which people see them."""

NOT_FROM_PURE_NOISE = frozenset(
    {"PNDMScheduler", "LMSDiscreteScheduler", "DEISMultistepScheduler", "HeunDiscreteScheduler"}
)
"""Classes that know no zero terminal signal-to-noise ratio: arXiv 2305.08891, section 3.1."""

_UNSAID = {**_PLAIN, **_DPMPP_2M}
"""What diffusers assumes for the settings above where a config does not name them."""


def scheduler_title(name: str, config: Mapping[str, Any]) -> str:
    """
    What people call the scheduler `name`; for `default`, what they call the one of the model's own config.

    A scheduler of the model's own that has no name here goes by its class name.
    """
    if name != "default":
        return SCHEDULERS[name].title
    class_name = str(config["_class_name"])
    for known in SCHEDULERS.values():
        says = {key: config.get(key, _UNSAID[key]) for key in known.settings}
        if known.class_name == class_name and says == known.settings:
            return known.title
    return class_name.removesuffix("Scheduler")


def keeps_zero_snr(name: str, config: Mapping[str, Any]) -> bool:
    """Whether the scheduler `name` begins at pure noise, if the model's own config says so."""
    class_name = SCHEDULERS[name].class_name or str(config["_class_name"])
    return not config.get("rescale_betas_zero_snr") or class_name not in NOT_FROM_PURE_NOISE


def build_scheduler(name: str, config: Mapping[str, Any]) -> Any:
    """
    A fresh diffusers scheduler from the model's own config and what `name` adds to it.

    As in `StableDiffusionPipeline`, `clip_sample` is false whatever the config says: clipped latents turn colours over.
    """
    import diffusers

    settings = SCHEDULERS[name].settings
    scheduler_class = getattr(diffusers, SCHEDULERS[name].class_name or config["_class_name"])
    return scheduler_class.from_config({**config, "clip_sample": False, **settings})
