"""One opened engine and one diffusers pipeline for all: a model is loaded once; a U-Net that can be held."""

import asyncio
import json
import queue
import threading
from functools import cache
from importlib.resources import files
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
import transformers
from diffusers.utils import recurse_remove_peft_layers
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import save_file

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


UNET_TARGETS = r".*(to_q|to_k|to_v|to_out\.0|proj_in|proj_out|net\.0\.proj|net\.2|conv1|time_emb_proj)"
TEXT_TARGETS = r".*(q_proj|k_proj|v_proj|out_proj|fc1|fc2)"


@pytest.fixture(scope="session")
def save_lora(networks):
    """A function that writes a LoRA with random weights, as diffusers writes it or as kohya's trainer does."""

    def adapter(part: str, targets: str, seed: int, rank: int, alpha: float) -> dict[str, torch.Tensor]:
        network = networks[part]
        config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, init_lora_weights=False)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            inject_adapter_in_model(config, network, "made")
        tensors = get_peft_model_state_dict(network, adapter_name="made")
        # Large enough to be seen in every picture, small enough not to burst the U-Net.
        tensors = {key: (0.2 * value).detach().half().contiguous().clone() for key, value in tensors.items()}
        recurse_remove_peft_layers(network)
        del network.peft_config
        return tensors

    def save(
        file: Path, *, form="diffusers", seed=1, rank=4, alpha=4.0, unet=UNET_TARGETS, text=TEXT_TARGETS, metadata=None
    ) -> Path:
        parts = {"unet": unet, "text_encoder": text}
        made = {part: adapter(part, targets, seed, rank, alpha) for part, targets in parts.items() if targets}
        file.parent.mkdir(parents=True, exist_ok=True)
        if form == "kohya":
            tensors = {}
            for part, start in (("unet", "lora_unet_"), ("text_encoder", "lora_te_text_model_")):
                for key, value in made.get(part, {}).items():
                    name, _, end = key.rpartition(".lora_")
                    layer = start + name.replace(".", "_")
                    tensors[f"{layer}.lora_{'down' if end[0] == 'A' else 'up'}.weight"] = value
                    tensors[f"{layer}.alpha"] = torch.tensor(float(alpha))
            save_file(tensors, file, metadata=metadata)
        else:
            configs = [LoraConfig(r=rank, lora_alpha=alpha, target_modules=each).to_dict() for each in parts.values()]
            diffusers.StableDiffusionPipeline.save_lora_weights(
                file.parent,
                unet_lora_layers=made.get("unet"),
                text_encoder_lora_layers=made.get("text_encoder"),
                weight_name=file.name,
                unet_lora_adapter_metadata=configs[0] if unet else None,
                text_encoder_lora_adapter_metadata=configs[1] if text else None,
            )
        return file

    return save


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
