"""Models that are run whole draw in the engine what their own pipelines draw, a step at a time beside the others."""

import asyncio
import threading
from contextlib import aclosing

import diffusers
import madeloras
import numpy as np
import pytest
import tinycheckers
import tinywholes
import torch

from engine import (
    DrawingFailed,
    Engine,
    EngineClosed,
    GenerationRequest,
    GenerationResult,
    InvalidModel,
    InvalidRequest,
    Loading,
    Progress,
)
from engine.whole import WholePicture

PLENTY = 2**40
WAIT_S = 30
VALUES = {"num_inference_steps": 3, "width": 64, "height": 64}
CASES = [
    ("a red heart", {}),
    ("a blue cat", {"num_inference_steps": 5, "guidance_scale": 2.0}),
    ("a red heart", {"guidance_scale": 1.0, "width": 96}),
]
NEGATIVE = ("sd3", "pixart", "qwen")


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    tinywholes.save_sd3(folder / "sd3")
    tinywholes.save_flux(folder / "flux")
    tinywholes.save_flux(folder / "schnell", guidance_embeds=False)
    tinywholes.save_pixart(folder / "pixart")
    tinywholes.save_qwen(folder / "qwen")
    tinywholes.save_pixart(folder / "broken", sample_size=8)
    return folder


@pytest.fixture
def opened(models_dir):
    """A function that gives an engine for the bundled model and these."""
    options = {"device": "cpu", "dtype": "float32", "models_dir": models_dir, "model_memory_bytes": PLENTY}
    return lambda **values: Engine.open("emoji", **options | values)


@pytest.fixture(scope="module")
def reference(models_dir):
    """A function that draws as AutoPipelineForText2Image does."""
    pipelines = {}

    def draw(name: str, prompt: str, seed: int = 7, **values) -> np.ndarray:
        if name not in pipelines:
            absent = {"text_encoder_3": None, "tokenizer_3": None} if name == "sd3" else {}
            pipelines[name] = diffusers.AutoPipelineForText2Image.from_pretrained(models_dir / name, **absent)
            pipelines[name].set_progress_bar_config(disable=True)
        if name == "qwen":
            # Without a negative prompt it does not guide; 4 is its default guidance.
            scale = values.pop("guidance_scale", 4.0)
            values = {"true_cfg_scale": scale, **({"negative_prompt": ""} if scale > 1 else {}), **values}
        generator = torch.Generator("cpu").manual_seed(seed)
        return np.asarray(pipelines[name](prompt, generator=generator, **VALUES | values).images[0])

    return draw


class Steps(list):
    """The pictures that took a step, in order; `errors` are raised first."""

    def __init__(self):
        super().__init__()
        self.errors = []
        self._has_begun = threading.Event()

    def take(self, picture: WholePicture) -> None:
        self.append(picture)
        self._has_begun.set()
        if self.errors:
            raise self.errors.pop(0)

    async def begun(self) -> None:
        """Wait for the first one."""
        assert await asyncio.to_thread(self._has_begun.wait, WAIT_S)


@pytest.fixture
def steps(monkeypatch):
    taken = Steps()
    step = WholePicture.step
    monkeypatch.setattr(WholePicture, "step", lambda picture: (taken.take(picture), step(picture)))
    return taken


def ask(model: str | None, prompt: str = "a red heart", **values) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, model=model, **{"seed": 7, **VALUES, **values})


def arrays(result: GenerationResult) -> list[np.ndarray]:
    return [np.asarray(picture.image) for picture in result.pictures]


def whole_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "engine-whole"]


async def failure(engine: Engine, request: GenerationRequest) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each test says which
        await engine.generate(request)
    return caught.value


@pytest.mark.parametrize("name", ["sd3", "flux", "schnell", "pixart", "qwen"])
async def test_a_picture_is_the_pipelines_own(opened, reference, name):
    async with opened() as engine:
        for prompt, values in CASES:
            [picture] = arrays(await engine.generate(ask(name, prompt, **values)))
            assert (picture == reference(name, prompt, **values)).all()


@pytest.mark.parametrize("name", NEGATIVE)
async def test_the_negative_prompt_is_the_pipelines_own(opened, reference, name):
    async with opened() as engine:
        [picture] = arrays(await engine.generate(ask(name, negative_prompt="green")))
    assert (picture == reference(name, "a red heart", negative_prompt="green")).all()
    assert (picture != reference(name, "a red heart")).any()


async def test_a_configured_safety_checker_looks_at_its_pictures(opened, tmp_path, reference):
    tinycheckers.save_checker(tmp_path, tinycheckers.STRICT)
    async with opened(safety_checker=tmp_path) as engine:
        result = await engine.generate(ask("sd3"))
    assert (result.has_safety_checker, result.pictures[0].flagged) == (True, True)
    assert (arrays(result)[0] == reference("sd3", "a red heart")).all()


async def test_it_may_be_the_only_model(models_dir, reference):
    async with Engine.open(models_dir / "sd3", device="cpu", dtype="float32") as engine:
        [picture] = arrays(await engine.generate(ask(None)))
    assert (picture == reference("sd3", "a red heart")).all()


async def test_each_picture_of_a_request_has_the_next_seed(opened, reference):
    async with opened() as engine:
        pictures = arrays(await engine.generate(ask("sd3", num_images=3)))
    for number, picture in enumerate(pictures):
        assert (picture == reference("sd3", "a red heart", seed=7 + number)).all()


async def test_every_step_is_told(opened):
    async with opened() as engine, aclosing(engine.stream(ask("flux", num_inference_steps=4))) as events:
        told = [event async for event in events]
    assert [event.step for event in told if isinstance(event, Progress)] == [1, 2, 3, 4]
    assert isinstance(told[0], Loading)
    result = told[-1]
    assert (result.model, result.has_safety_checker, result.pictures[0].flagged) == ("flux", False, False)
    assert result.request.scheduler == "default"


async def test_one_picture_of_a_model_is_drawn_at_a_time(opened, reference, steps):
    async with opened() as engine:
        results = await asyncio.gather(*(engine.generate(ask("sd3", seed=seed)) for seed in (7, 8, 9)))
    for seed, result in zip((7, 8, 9), results, strict=True):
        assert (arrays(result)[0] == reference("sd3", "a red heart", seed=seed)).all()
    first_seen = list(dict.fromkeys(steps))
    assert steps == [picture for picture in first_seen for _ in range(4)]


async def test_another_model_draws_between_its_steps(opened):
    async with opened() as engine:
        async with aclosing(engine.stream(ask("sd3", num_inference_steps=100))) as events:
            async for event in events:
                if isinstance(event, Progress):
                    break
            result = await engine.generate(ask("emoji"))
            progress = await anext(events)
        assert result.pictures
        assert isinstance(progress, Progress)
        assert progress.step < 100


async def test_two_such_models_take_turns(opened, reference):
    async with opened() as engine:
        results = await asyncio.gather(*(engine.generate(ask(name)) for name in ("sd3", "flux")))
    for name, result in zip(("sd3", "flux"), results, strict=True):
        assert (arrays(result)[0] == reference(name, "a red heart")).all()


async def test_a_cancelled_picture_takes_no_further_step_and_the_next_one_is_as_ever(opened, reference, steps):
    async with opened() as engine:
        async with aclosing(engine.stream(ask("sd3", num_inference_steps=150))) as events:
            async for event in events:
                if isinstance(event, Progress):
                    break
        [picture] = arrays(await engine.generate(ask("sd3")))
        assert not whole_threads()
    assert (picture == reference("sd3", "a red heart")).all()
    assert steps.count(steps[0]) < 150


async def test_what_its_pictures_took_makes_up_the_busy_time(opened):
    async with opened() as engine:
        result, _ = await asyncio.gather(engine.generate(ask("sd3", num_images=2)), broken_off(engine, ask("flux")))
    took_s = sum(picture.gpu_s for picture in result.pictures)
    assert engine.dropped_s > 0
    assert took_s + engine.dropped_s == pytest.approx(engine.busy_s, rel=0.01)


async def broken_off(engine, request) -> None:
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, Progress):
                return


async def test_whoever_waits_behind_a_cancelled_picture_is_drawn(opened, steps):
    async with opened() as engine:
        waiting = asyncio.create_task(engine.generate(ask("sd3", num_images=2, num_inference_steps=150)))
        behind = asyncio.create_task(engine.generate(ask("sd3")))
        await steps.begun()
        waiting.cancel()
        assert (await behind).pictures


async def test_a_pipeline_that_fails_fails_its_request_alone(opened, reference):
    async with opened() as engine:
        error, result, other = await asyncio.gather(
            failure(engine, ask("broken")), engine.generate(ask("sd3")), engine.generate(ask("emoji"))
        )
        assert isinstance(error, DrawingFailed)
        assert "Invalid sample size" in str(error)
        assert other.pictures
        assert (arrays(result)[0] == reference("sd3", "a red heart")).all()
        assert isinstance(await failure(engine, ask("broken")), DrawingFailed)


async def test_where_the_memory_is_short_idle_models_leave_and_the_picture_begins_again(opened, reference, steps):
    steps.errors.append(torch.OutOfMemoryError("out of memory"))
    async with opened() as engine:
        [picture] = arrays(await engine.generate(ask("sd3")))
    assert (picture == reference("sd3", "a red heart")).all()
    assert len(set(steps)) == 2


async def test_a_size_that_was_too_much_is_not_tried_again(models_dir, steps):
    steps.errors.append(torch.OutOfMemoryError("out of memory"))
    async with Engine.open(models_dir / "sd3", device="cpu", dtype="float32") as engine:
        assert (await failure(engine, ask(None, width=256, height=256))).rule == "out_of_memory"
        error = await failure(engine, ask(None, width=256, height=256))
        assert isinstance(error, InvalidRequest)
        assert error.rule == "size_memory"


async def test_closing_finishes_a_picture_that_has_begun(opened, steps):
    engine = opened()
    engine.start()
    request = asyncio.create_task(engine.generate(ask("sd3", num_inference_steps=20)))
    await steps.begun()
    await engine.close(finish=True)
    assert len((await request).pictures) == 1


async def test_closing_at_once_gives_pictures_back(opened, steps):
    engine = opened()
    engine.start()
    request = asyncio.create_task(failure(engine, ask("sd3", num_images=2, num_inference_steps=150)))
    await steps.begun()
    await engine.close(finish=False)
    assert isinstance(await request, EngineClosed)
    assert not whole_threads()


@pytest.mark.parametrize(
    ("model", "values", "rules"),
    [
        ("sd3", {"scheduler": "ddim"}, ["unheeded_sampler"]),
        ("sd3", {"clip_skip": 2, "max_embeddings_multiples": 3}, ["unheeded_clip_skip", "unheeded_chunks"]),
        ("flux", {"negative_prompt": "green"}, ["unheeded_negative"]),
        ("schnell", {"guidance_scale": 5.0}, ["unheeded_guidance"]),
        ("sd3", {"prompt": "a (red:1.4) heart AND a [cat]"}, ["notation_plain"]),
        ("sd3", {"prompt": "a heart <lora:nothing:0.8>"}, ["lora_plain"]),
        ("sd3", {"prompt": "a heart"}, []),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
async def test_what_a_model_does_not_heed_is_said(opened, model, values, rules):
    async with opened() as engine:
        result = await engine.generate(ask(model, **{"prompt": "a heart", **values}))
    assert [note.rule for note in result.notes] == rules


async def test_a_prompt_is_read_as_it_is_typed(opened, reference):
    prompt = "a (red:1.4) heart AND [a|b]"
    async with opened() as engine:
        [picture] = arrays(await engine.generate(ask("sd3", prompt)))
        [without] = arrays(await engine.generate(ask("sd3", "a heart <lora:nothing:0.8>")))
    assert (picture == reference("sd3", prompt)).all()
    assert (without == reference("sd3", "a heart")).all()


@pytest.mark.parametrize(("name", "room"), [("sd3", 75), ("pixart", 119)])
async def test_the_end_of_a_prompt_for_which_there_is_no_room_is_said(opened, name, room):
    words = "a " * 150
    async with opened() as engine:
        fits = await engine.generate(ask(name, "a " * room))
        cut = await engine.generate(ask(name, words))
    assert fits.cut_prompt == ""
    assert cut.cut_prompt.split() == words.split()[room:]


async def test_a_lora_is_refused(opened, models_dir, networks):
    (models_dir / "loras").mkdir(exist_ok=True)
    madeloras.save_lora(networks, models_dir / "loras" / "pixel.safetensors")
    async with opened() as engine:
        error = await failure(engine, ask("sd3", "a heart <lora:pixel:0.8>"))
    assert isinstance(error, InvalidRequest)
    assert error.rule == "lora_whole"


async def test_permutations_and_wildcards_are_written_out(opened, reference):
    async with opened() as engine:
        pictures = arrays(await engine.generate(ask("sd3", "a {red|blue} heart")))
    for picture, colour in zip(pictures, ("red", "blue"), strict=True):
        assert (picture == reference("sd3", f"a {colour} heart")).all()


async def test_weights_that_are_missing_are_refused(tmp_path):
    folder = tinywholes.save_sd3(tmp_path / "sd3")
    config = folder / "transformer" / "config.json"
    config.write_text(config.read_text().replace('"qk_norm": null', '"qk_norm": "rms_norm"'))
    with pytest.raises(InvalidModel, match="lacks"):
        async with Engine.open(folder, device="cpu", dtype="float32"):
            pass


async def test_a_class_that_is_no_network_is_refused(tmp_path):
    folder = tinywholes.save_sd3(tmp_path / "sd3")
    index = folder / "model_index.json"
    index.write_text(index.read_text().replace("SD3Transformer2DModel", "AutoTokenizer"))
    with pytest.raises(InvalidModel, match="has no network AutoTokenizer"):
        async with Engine.open(folder, device="cpu", dtype="float32"):
            pass


async def test_float16_is_drawn_in_bfloat16(models_dir):
    async with Engine.open(models_dir / "flux", device="cpu", dtype="float16") as engine:
        assert (await engine.generate(ask(None))).pictures
