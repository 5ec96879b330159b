"""One opened engine and one diffusers pipeline for all: a model is loaded once; a U-Net that can be held."""

import asyncio
import json
import queue
import shutil
import signal
import threading
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

import diffusers
import madeloras
import numpy as np
import pytest
import torch
import transformers

from engine import Engine, GenerationRequest, find_model
from engine.devices import choose_device
from engine.loading import load

EMOJI = Path(str(files("engine"))) / "emoji"
WAIT_S = 30


@pytest.fixture(scope="session")
def engine():
    """A loaded engine that takes requests from any event loop, one after the other."""
    engine = Engine.open("emoji", device="cpu", dtype="float32", max_rows=32)
    engine.start()
    # While diffusers loads a model, whatever another thread makes may land on no device at all.
    asyncio.run(engine.ready())
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="session")
def model():
    """The bundled model without an engine."""
    return load(find_model("emoji"), choose_device("cpu", "float32"))


@pytest.fixture(scope="session")
def reference():
    """A function from a request (of one picture) to what diffusers' own pipeline draws for it, as an array."""
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(EMOJI).to(dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    config = json.loads((EMOJI / "scheduler" / "scheduler_config.json").read_text())

    @cache
    def draw(request: GenerationRequest, class_name: str, settings: tuple) -> np.ndarray:
        pipeline.scheduler = getattr(diffusers, class_name).from_config(config, **dict(settings))
        picture = pipeline(
            request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.width,
            height=request.height,
            num_inference_steps=request.num_inference_steps,
            guidance_scale=request.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(request.seed),
        ).images[0]
        return np.asarray(picture).astype(int)

    return draw


@pytest.fixture(scope="session")
def networks():
    """The bundled model's U-Net and text encoder, to build LoRAs on, which nothing draws with."""
    unet = diffusers.UNet2DConditionModel.from_pretrained(EMOJI / "unet", torch_dtype=torch.float32)
    return {"unet": unet, "text_encoder": transformers.CLIPTextModel.from_pretrained(EMOJI / "text_encoder")}


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory):
    """A folder with two models whose U-Nets are tiny and random: `tiny` and `other`."""
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("tiny", "other")):
        shutil.copytree(EMOJI, folder / name, ignore=shutil.ignore_patterns("unet", "*.py", "train", "evaluate"))
        (folder / name / "model.toml").write_text(f'title = "{name.title()}"\nsize = 64\nsteps = 3\nguidance = 2\n')
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            diffusers.UNet2DConditionModel(
                sample_size=8,
                block_out_channels=(32, 64),
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
                cross_attention_dim=192,
                attention_head_dim=8,
                norm_num_groups=16,
                layers_per_block=1,
            ).save_pretrained(folder / name / "unet")
    return folder


@pytest.fixture(scope="session")
def save_lora(networks):
    """A function that writes a LoRA with random weights for the bundled model: `madeloras.save_lora`."""
    return partial(madeloras.save_lora, networks)


class Ticks:
    """Holds every U-Net call until `go`, and keeps count of rows."""

    def __init__(self, unet) -> None:
        self.is_held = True
        self.rows: list[int] = []
        self.faults: list = []
        self._begun: queue.SimpleQueue = queue.SimpleQueue()
        self._go = threading.Semaphore(0)
        self._handle = unet.register_forward_pre_hook(self._hook, with_kwargs=True)

    def _hook(self, _, args, kwargs):
        self.rows.append(len(args[0]))
        self._begun.put(len(args[0]))
        if self.is_held:
            assert self._go.acquire(timeout=WAIT_S)
        for fault in self.faults:
            fault(args[0], kwargs["encoder_hidden_states"])

    def begun(self) -> int:
        """Wait until a call begins; its rows."""
        return self._begun.get(timeout=WAIT_S)

    def go(self) -> None:
        """Let one call go on."""
        self._go.release()

    def next(self) -> int:
        """Let a call go on and wait for the one after it; its rows."""
        self.go()
        return self.begun()

    def free(self) -> None:
        """Let all calls go on from here."""
        self.is_held = False
        self._go.release()

    def remove(self) -> None:
        self.free()
        self._handle.remove()


@pytest.fixture
def ticks(model):
    ticks = Ticks(model.unet)
    yield ticks
    ticks.remove()


@pytest.fixture
def heeded_ctrl_c():
    """SIGINT as a terminal's programs have it: a shell's background jobs, as CI's may be, are started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
