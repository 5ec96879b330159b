"""Who shares a call with whom where LoRAs are drawn with; `ticks` holds the U-Net between two ticks."""

import queue

import pytest
from in_memory import EMOJI, holding
from peft.tuners.tuners_utils import BaseTunerLayer

from engine import GenerationRequest, GenerationResult, InvalidRequest
from engine.devices import choose_device
from engine.drawing import Drawing
from engine.executor import Executor
from engine.loading import load
from engine.lora import adapters as adapters_module
from engine.lora.loras import Base, Loras
from engine.models import find_model

BASE = Base("Emoji", 192, 192)
WAIT_S = 30


@pytest.fixture
def model():
    """A model of each test's own, in which LoRAs come and go."""
    return load(find_model("emoji"), choose_device("cpu", "float32"))


@pytest.fixture(scope="module")
def loras(tmp_path_factory, save_lora):
    folder = tmp_path_factory.mktemp("loras")
    for seed, name in enumerate("abc"):
        save_lora(folder / f"{name}.safetensors", seed=seed, unet=r".*to_q", text=r".*q_proj")
    return Loras([folder])


@pytest.fixture
def submit(model, ticks, loras):
    """A function that submits a drawing of a prompt to an executor, and gives what the drawing's asker hears."""
    executor = Executor(lambda: holding(model), 16)
    executor.start()

    def submit(prompt: str, **values) -> queue.SimpleQueue:
        values = {"width": 64, "height": 64, "num_inference_steps": 9, "guidance_scale": 1.0, "seed": 1, **values}
        request = GenerationRequest(prompt=prompt, **values).completed(EMOJI.card)
        heard: queue.SimpleQueue = queue.SimpleQueue()
        prompts = [picture.prompt for picture in request.pictures]
        drawing = Drawing(request=request, source=EMOJI, post=heard.put, loras=loras.choose(prompts, BASE))
        executor.submit(drawing)
        return heard

    yield submit
    ticks.remove()
    executor.close(finish=False)
    executor.ended.result(timeout=WAIT_S)


def end(heard: queue.SimpleQueue):
    while not isinstance(event := heard.get(timeout=WAIT_S), GenerationResult | Exception):
        pass
    return event


def active(model) -> set[str]:
    layers = [module for module in model.unet.modules() if isinstance(module, BaseTunerLayer)]
    return {name for layer in layers for name in layer.active_adapters}


def loaded(model) -> int:
    [count] = {len(module.lora_A) for module in model.unet.modules() if isinstance(module, BaseTunerLayer)} or {0}
    return count


def test_pictures_with_the_same_loras_and_weights_share_calls(submit, ticks):
    submit("<lora:a:1><lora:b:0.5> a cat")
    assert ticks.begun() == 1
    submit("a whale <lora:b:0.5><lora:a:1>", guidance_scale=5.0)
    assert ticks.next() == 3


def test_pictures_that_differ_in_the_text_encoders_weight_alone_share_calls(submit, ticks):
    submit("<lora:a:0.2:1> a cat")
    assert ticks.begun() == 1
    submit("<lora:a:0.7:1> a cat")
    assert ticks.next() == 2


@pytest.mark.parametrize("other", ["a cat", "<lora:b:1> a cat", "<lora:a:0.5> a cat", "<lora:a:1><lora:b:1> a cat"])
def test_pictures_with_other_loras_or_weights_take_turns(submit, ticks, other):
    submit("<lora:a:1> a cat")
    ticks.begun()
    submit(other, guidance_scale=5.0)
    assert [ticks.next() for _ in range(4)] == [1, 2, 1, 2]


def test_in_each_call_only_its_own_loras_are_active(submit, ticks, model):
    submit("<lora:a:1><lora:b:1> a cat")
    ticks.begun()
    both = active(model)
    submit("a cat", guidance_scale=5.0)
    names = [active(model) for _ in range(4) if ticks.next()]
    assert len(both) == 2
    assert names == [both, set(), both, set()]


def test_loras_that_nobody_draws_with_leave_and_those_of_pictures_under_way_stay(submit, ticks, model, monkeypatch):
    monkeypatch.setattr(adapters_module, "MAX_KEPT", 1)
    long = submit("<lora:a:1> a cat")
    ticks.begun()
    for name in "bc":
        submit(f"<lora:{name}:1> a cat", num_inference_steps=1)
    ticks.next()
    ticks.free()
    assert isinstance(end(long), GenerationResult)
    assert isinstance(end(submit("<lora:a:1> a cat")), GenerationResult)
    assert loaded(model) == 1


def test_a_lora_that_does_not_fit_fails_its_request_alone(submit, ticks, loras, monkeypatch):
    good = submit("<lora:a:1> a cat")
    ticks.begun()
    file = loras.find("b")[0].path
    content = file.read_bytes()
    file.write_bytes(content.replace(b"mid_block", b"mad_block"))
    bad = submit("<lora:b:1> a cat")
    ticks.free()
    failure = end(bad)
    file.write_bytes(content)
    assert isinstance(failure, InvalidRequest)
    assert str(failure) == "LoRA 'b' was made for another model and does not fit Emoji"
    assert isinstance(end(good), GenerationResult)
