"""diffusers' own pipeline, one request at a time: what a benchmark compares with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import diffusers
import torch
import transformers

from engine.files.folder import invalid
from engine.schedulers import build_scheduler

if TYPE_CHECKING:
    from engine.devices import Device
    from engine.models import ModelFolder
    from engine.request import CompleteRequest


class Reference:
    """
    A model as diffusers draws with it: its parts come from the same folder, and draw on the same device.

    Raises:
        InvalidModel: the model is a single file.
        OSError, ValueError: diffusers cannot open the folder.
    """

    def __init__(self, folder: ModelFolder, device: Device) -> None:
        if not folder.path.is_dir():
            raise invalid("model_foreign", folder.path, "is a single file: diffusers is measured with folders only")
        for library in (diffusers, transformers):
            library.utils.logging.set_verbosity_error()
            library.utils.logging.disable_progress_bar()
        self._scheduler_config = folder.scheduler_config
        pipeline = diffusers.DiffusionPipeline.from_pretrained(folder.path, local_files_only=True)
        self._pipeline = pipeline.to(device.device, device.dtype)
        self._pipeline.set_progress_bar_config(disable=True)

    def seconds(self, request: CompleteRequest) -> float:
        """How long it takes to draw the request's pictures, all in one call."""
        began = time.perf_counter()
        self._pipeline.scheduler = build_scheduler(request.scheduler, self._scheduler_config)
        self._pipeline(
            request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.width,
            height=request.height,
            num_inference_steps=request.num_inference_steps,
            guidance_scale=request.guidance_scale,
            num_images_per_prompt=request.num_images,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in request.seeds],
        )
        return time.perf_counter() - began
