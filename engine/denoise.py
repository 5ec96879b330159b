"""One tick: gather -> U-Net -> guidance -> scheduler step -> scatter."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from engine.besides import besides
from engine.errors import InvalidRequest
from engine.guidance import guide
from engine.latents import draw_noise
from engine.schedulers import build_scheduler
from engine.texts.lengths import with_one_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from engine.besides import Besides
    from engine.conditioning import Conditioning
    from engine.loading import LoadedModel
    from engine.request import CompleteRequest
    from engine.texts.encoder import Encoded


@dataclass(slots=True, kw_only=True, eq=False)
class Trajectory:
    """One picture on its way from noise: nobody else's picture changes it."""

    conditioning: Conditioning
    guidance_scale: float
    guidance_rescale: float
    steps: int
    """As people count them."""
    scheduler: Any
    step_arguments: dict[str, Any]
    """What this scheduler's `step` takes besides: the picture's generator, where it draws noise."""
    timesteps: Tensor
    """float32 `[calls]` on the model's device, for the U-Net; the scheduler keeps its own on the CPU."""
    latents: Tensor
    """float32 `[1, c, h, w]` on the model's device."""
    besides: Besides
    calls_done: int = 0
    """U-Net calls, of which second-order solvers make more than steps."""

    @property
    def calls(self) -> int:
        """U-Net calls from noise to picture."""
        return len(self.timesteps)

    @property
    def told(self) -> Encoded:
        """`[rows, n, d]`: what the rows of the next call are told. Calls are spread evenly over the steps."""
        return self.conditioning.at(self.calls_done * self.steps // self.calls)

    @property
    def is_finished(self) -> bool:
        """Whether only the decoding is left."""
        return self.calls_done == self.calls

    @property
    def timestep(self) -> Tensor:
        """The timestep of the next call, as the scheduler has it: its own dtype, `[]`, on the CPU."""
        timestep: Tensor = self.scheduler.timesteps[self.calls_done]
        return timestep

    @property
    def scaled_latents(self) -> Tensor:
        """What the U-Net sees at the next call: float32 `[1, c, h, w]`, of an inpainting model with its canvas."""
        latents: Tensor = self.scheduler.scale_model_input(self.latents, self.timestep)
        canvas = self.besides.canvas
        return latents if canvas is None else torch.cat([latents, canvas], dim=1)


def begin(model: LoadedModel, request: CompleteRequest, index: int, conditioning: Conditioning) -> Trajectory:
    """
    Picture `index` of the request, before its first step. Runs on the engine's thread.

    Raises:
        InvalidRequest: with the model's config the scheduler does not take so few, or so many, steps.
    """
    scheduler = build_scheduler(request.scheduler, model.scheduler_config)
    steps = request.num_inference_steps
    try:
        scheduler.set_timesteps(steps, device="cpu")
    except ValueError as error:
        sentence = (
            f"num_inference_steps must be a number that scheduler {request.scheduler} of this model takes, got {steps}"
        )
        raise InvalidRequest("scheduler_steps", sentence, scheduler=request.scheduler, steps=steps) from error
    if hasattr(scheduler, "set_begin_index"):
        # Otherwise the scheduler looks its timestep up, which on CUDA waits for the device.
        scheduler.set_begin_index(0)
    generator = torch.Generator("cpu").manual_seed(request.seeds[index])
    height, width = request.height // model.vae_scale_factor, request.width // model.vae_scale_factor
    noise = draw_noise(generator, model.latent_channels, height, width)
    takes_generator = "generator" in inspect.signature(scheduler.step).parameters
    return Trajectory(
        conditioning=conditioning,
        # Operands are composed by guidance, which at 1 adds them as they are.
        guidance_scale=1.0 if model.variant else max(1.0, request.guidance_scale),
        guidance_rescale=model.guidance_rescale,
        steps=steps,
        scheduler=scheduler,
        step_arguments={"generator": generator} if takes_generator else {},
        timesteps=scheduler.timesteps.to(device=model.device, dtype=torch.float32),
        latents=(noise * scheduler.init_noise_sigma).to(model.device),
        besides=besides(model, request, generator),
    )


def predict(model: LoadedModel, trajectories: Sequence[Trajectory]) -> list[Tensor]:
    """
    What the U-Net sees in each picture at its own timestep, all of one size, in one call.

    Their prompts' lengths must go together (`going_together`), or the call is needlessly long.

    Changes no trajectory, so that it can be called again with fewer of them.

    Returns:
        float32 `[1, c, h, w]` each, guided, on the model's device.
    """
    scaled = [each.scaled_latents for each in trajectories]
    told = [each.told for each in trajectories]
    embeds = with_one_length([each.embeds for each in told])
    rows = [len(each) for each in embeds]
    latents = torch.cat([latents.expand(n, -1, -1, -1) for latents, n in zip(scaled, rows, strict=True)])
    timesteps = torch.cat(
        [each.timesteps[each.calls_done].expand(n) for each, n in zip(trajectories, rows, strict=True)]
    )
    noise_pred = model.unet(
        latents.to(model.dtype),
        timesteps,
        encoder_hidden_states=torch.cat(embeds),
        timestep_cond=_guidances(trajectories, rows, model.dtype),
        added_cond_kwargs=_added(trajectories, told),
        return_dict=False,
    )[0]
    return [
        guide(part, each.guidance_scale, each.conditioning.weights, each.guidance_rescale)
        for part, each in zip(noise_pred.split(rows), trajectories, strict=True)
    ]


def _guidances(trajectories: Sequence[Trajectory], rows: Sequence[int], dtype: torch.dtype) -> Tensor | None:
    """The guidance that each row is told, of a U-Net that imitates it."""
    told = [(each.besides.guidance, n) for each, n in zip(trajectories, rows, strict=True)]
    guidances = [guidance.expand(n, -1) for guidance, n in told if guidance is not None]
    return torch.cat(guidances).to(dtype) if guidances else None


def _added(trajectories: Sequence[Trajectory], told: Sequence[Encoded]) -> dict[str, Tensor] | None:
    """What each row of SDXL's U-Net is told besides: the text as a whole, and the picture's sizes."""
    both = [(text.pooled, each.besides.time_ids) for text, each in zip(told, trajectories, strict=True)]
    rows = [
        (pooled, sizes.expand(len(pooled), -1)) for pooled, sizes in both if pooled is not None and sizes is not None
    ]
    if not rows:
        return None
    return {"text_embeds": torch.cat([row[0] for row in rows]), "time_ids": torch.cat([row[1] for row in rows])}


def advance(trajectory: Trajectory, noise_pred: Tensor) -> None:
    """Let the picture's own scheduler take one step with the U-Net's prediction, `[1, c, h, w]`."""
    trajectory.latents = trajectory.scheduler.step(
        noise_pred, trajectory.timestep, trajectory.latents, **trajectory.step_arguments, return_dict=False
    )[0]
    trajectory.calls_done += 1
