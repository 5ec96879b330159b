"""Several models in one engine: real ones, tiny, loaded and let go by the engine's own thread."""

import asyncio
import gc
import queue
import shutil
import threading
import weakref

import numpy as np
import pytest
import torch
from in_memory import EMOJI

from engine import (
    Engine,
    EngineClosed,
    GenerationRequest,
    GenerationResult,
    InvalidModel,
    InvalidRequest,
    Loading,
    OutOfMemory,
)
from engine.denoise import begin, predict
from engine.files.catalogue import Catalogue
from engine.loading import load
from engine.sources import Sources

NAMES = ("emoji", "tiny", "other")
PLENTY = 2**40
ONE = 1
"""Bytes: every model is larger, and has the memory to itself."""
WAIT_S = 30


def ask(model: str | None, seed: int = 7, **values) -> GenerationRequest:
    values = {"prompt": "a red heart", "num_inference_steps": 3, "width": 64, "height": 64, **values}
    return GenerationRequest(model=model, seed=seed, scheduler="ddim", **values)


def array(result: GenerationResult) -> np.ndarray:
    return np.stack([np.asarray(picture.image) for picture in result.pictures])


@pytest.fixture
def opened(models_dir):
    """A function that gives an engine for the models of the folder."""
    return lambda **options: Engine.open(**{"device": "cpu", "dtype": "float32", "models_dir": models_dir, **options})


@pytest.fixture(scope="module")
def alone(models_dir):
    """What an engine draws that has only this one model."""

    async def draw(name):
        folder = "emoji" if name == "emoji" else models_dir / name
        async with Engine.open(folder, device="cpu", dtype="float32") as engine:
            return array(await engine.generate(ask(None)))

    return {name: asyncio.run(draw(name)) for name in NAMES}


@pytest.fixture
def loads(monkeypatch):
    """The names of the models that are loaded, in order; `errors` are raised first, `gone` are those that have left."""

    class Loads(list):
        def __init__(self):
            super().__init__()
            self.errors = {}
            self.models = {}
            self.gone = queue.SimpleQueue()

    made = Loads()

    def spied(folder, device):
        name = folder.path.name
        made.append(name)
        if made.errors.get(name):
            raise made.errors[name].pop(0)
        model = load(folder, device)
        made.models.setdefault(name, []).append(weakref.ref(model.unet))
        weakref.finalize(model.unet, made.gone.put, name)
        return model

    monkeypatch.setattr("engine.offload.load", spied)
    return made


@pytest.mark.parametrize("budget", [PLENTY, ONE], ids=["all in memory", "one in memory"])
async def test_interleaved_requests_give_the_pictures_that_each_model_draws_alone(opened, alone, budget):
    # With room for one picture at a time: of how many share a call the last bit may depend.
    async with opened(model_memory_bytes=budget, max_rows=2) as engine:
        asked = [name for _ in range(3) for name in NAMES]
        results = await asyncio.gather(*(engine.generate(ask(name)) for name in asked))
    for name, result in zip(asked, results, strict=True):
        assert np.array_equal(array(result), alone[name])


async def test_models_in_memory_take_turns_with_their_ticks(opened, alone):
    async with opened(model_memory_bytes=PLENTY, max_rows=16) as engine:
        results = await asyncio.gather(*(engine.generate(ask(name)) for name in (*NAMES, *NAMES)))
    for name, result in zip((*NAMES, *NAMES), results, strict=True):
        assert np.abs(array(result).astype(int) - alone[name]).max() <= 1


async def test_models_that_fit_are_loaded_once(opened, loads):
    async with opened(model_memory_bytes=PLENTY) as engine:
        for name in (*NAMES, *NAMES):
            await engine.generate(ask(name))
    assert loads == list(NAMES)


async def test_the_least_recently_used_model_leaves(opened, loads):
    tiny = opened().find_source("tiny")
    # Loaded networks also hold what no file has, such as the positions of tokens.
    async with opened(model_memory_bytes=int(4.02 * (EMOJI.weights + tiny.weights))) as engine:
        for name in ("tiny", "emoji", "other", "emoji", "tiny"):
            await engine.generate(ask(name))
    assert loads == ["emoji", "tiny", "other", "tiny"]


async def test_a_model_that_has_left_is_gone_from_the_memory(opened, loads):
    async with opened(model_memory_bytes=ONE) as engine:
        await engine.generate(ask("tiny"))
        await engine.generate(ask("other"))
        gc.collect()
        assert [reference() for name in ("emoji", "tiny") for reference in loads.models[name]] == [None, None]


async def test_the_result_says_which_model_drew_and_the_request_names_it(opened):
    async with opened() as engine:
        result = await engine.generate(ask("tiny"))
        own = await engine.generate(ask(None))
    assert (result.model, result.request.model) == ("Tiny", "tiny")
    assert (own.model, own.request.model) == ("Emoji", "emoji")


async def test_what_is_left_open_comes_from_the_models_own_card(opened):
    engine = opened()
    complete = engine.complete(GenerationRequest(prompt="a", model="tiny"))
    assert (complete.num_inference_steps, complete.guidance_scale, complete.width) == (3, 2, 64)


async def test_a_stream_says_that_the_model_is_being_loaded(opened):
    async with opened() as engine:
        events = [event async for event in engine.stream(ask("tiny"))]
        again = [event async for event in engine.stream(ask("tiny"))]
    assert events[0] == Loading(model="Tiny")
    assert not any(isinstance(event, Loading) for event in again)


@pytest.mark.parametrize(
    "name",
    ["nowhere", "", ".", "..", "../models", "/etc", "tiny/../tiny", "./tiny", "org/name", "a\0b", "x" * 300],
    ids=repr,
)
async def test_a_name_that_is_no_models_is_refused(opened, name):
    engine = opened()
    with pytest.raises(InvalidRequest):
        await engine.generate(ask(name))
    await engine.close()


async def test_a_broken_folder_among_good_ones_fails_its_own_requests_alone(opened, tmp_path, models_dir, alone):
    for name in ("tiny", "other"):
        shutil.copytree(models_dir / name, tmp_path / name)
    config = tmp_path / "other" / "unet" / "config.json"
    config.write_text(config.read_text().replace("CrossAttnUpBlock2D", "NoSuchBlock"))
    async with opened(models_dir=tmp_path) as engine:
        asked = [engine.generate(ask(name)) for name in ("tiny", "other", "emoji", "other")]
        good, bad, own, bad_too = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(bad, InvalidModel)
        assert isinstance(bad_too, InvalidModel)
        assert np.array_equal(array(good), alone["tiny"])
        assert np.array_equal(array(own), alone["emoji"])


async def test_a_failed_load_is_tried_again_for_the_next_request(opened, loads, alone):
    loads.errors = {"tiny": [InvalidModel("model_broken", "torn", file="x", reason="torn")]}
    async with opened() as engine:
        with pytest.raises(InvalidModel, match="torn"):
            await engine.generate(ask("tiny"))
        assert np.array_equal(array(await engine.generate(ask("tiny"))), alone["tiny"])


async def test_where_memory_runs_out_while_loading_the_others_leave_and_it_is_tried_once_more(opened, loads, alone):
    loads.errors = {"tiny": [torch.OutOfMemoryError("CUDA out of memory")]}
    async with opened(model_memory_bytes=PLENTY) as engine:
        assert np.array_equal(array(await engine.generate(ask("tiny"))), alone["tiny"])
        assert np.array_equal(array(await engine.generate(ask("emoji"))), alone["emoji"])
    assert loads == ["emoji", "tiny", "tiny", "emoji"]


async def test_a_model_that_does_not_fit_even_alone_fails_its_requests(opened, loads, alone):
    loads.errors = {"tiny": [torch.OutOfMemoryError("CUDA out of memory")] * 2}
    async with opened(model_memory_bytes=PLENTY) as engine:
        with pytest.raises(OutOfMemory, match="the model does not fit"):
            await engine.generate(ask("tiny"))
        assert np.array_equal(array(await engine.generate(ask("emoji"))), alone["emoji"])


async def test_where_memory_runs_out_while_drawing_models_that_nobody_uses_leave(opened, loads, alone, monkeypatch):
    def short_of_memory(model, trajectories):
        if loads.models["emoji"][0]() is not None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return predict(model, trajectories)

    async with opened(model_memory_bytes=PLENTY) as engine:
        monkeypatch.setattr("engine.residents.predict", short_of_memory)
        assert np.array_equal(array(await engine.generate(ask("tiny"))), alone["tiny"])


class Held:
    """Holds every loading of a model but the first until `go`."""

    def __init__(self, monkeypatch):
        self.has_begun = threading.Event()
        self._may_go = threading.Event()
        self._count = 0
        monkeypatch.setattr("engine.offload.load", self._load)

    def _load(self, folder, device):
        self._count += 1
        if self._count > 1:
            self.has_begun.set()
            assert self._may_go.wait(WAIT_S)
        return load(folder, device)

    async def begun(self):
        assert await asyncio.to_thread(self.has_begun.wait, WAIT_S)

    def go(self):
        self._may_go.set()


async def test_a_request_that_is_cancelled_while_its_model_is_loaded_is_never_begun(opened, monkeypatch, alone):
    held = Held(monkeypatch)
    calls = []
    async with opened() as engine:
        drawing = asyncio.create_task(engine.generate(ask("tiny", seed=1)))
        await held.begun()
        drawing.cancel()
        await asyncio.wait([drawing])
        monkeypatch.setattr("engine.loop.begin", begin_noting(calls))
        held.go()
        assert np.array_equal(array(await engine.generate(ask("tiny"))), alone["tiny"])
    assert calls == [7]


def begin_noting(calls):
    def noting(model, request, index, conditioning):
        calls.append(request.seed)
        return begin(model, request, index, conditioning)

    return noting


@pytest.mark.parametrize("finish", [True, False])
async def test_closing_while_a_model_is_loaded_gives_its_requests_back(opened, monkeypatch, finish):
    held = Held(monkeypatch)
    engine = opened()
    engine.start()
    drawing = asyncio.create_task(engine.generate(ask("tiny")))
    await held.begun()
    closing = asyncio.create_task(engine.close(finish=finish))
    await asyncio.sleep(0)
    held.go()
    await closing
    with pytest.raises(EngineClosed):
        await drawing


async def test_models_that_nobody_uses_leave_after_a_while_and_come_back(opened, loads, alone):
    async with opened(idle_unload_s=0.01) as engine:
        assert np.array_equal(array(await engine.generate(ask("tiny"))), alone["tiny"])
        gone = {await asyncio.to_thread(loads.gone.get, timeout=WAIT_S) for _ in range(2)}
        assert gone == {"emoji", "tiny"}
        assert np.array_equal(array(await engine.generate(ask("emoji"))), alone["emoji"])


async def test_one_model_has_one_place_in_memory_whatever_it_is_called(models_dir):
    catalogue = Catalogue(EMOJI.folder, models_dir)
    sources = Sources(EMOJI, catalogue.find, given="/models/emoji")
    assert {sources.find(name) for name in (None, "emoji", "Emoji", "EMOJI", "/models/emoji")} == {EMOJI}
    assert len({sources.find(name) for name in ("TINY", "Tiny", "tiny")}) == 1
    assert sources.find("TINY").name == "tiny"


async def test_models_that_fit_together_are_said_to(opened):
    async with opened() as engine:
        for name in NAMES:
            await asyncio.to_thread(engine.find_source, name)
        sizes = {name: 4 * engine.find_source(name).weights for name in NAMES}
    async with opened(model_memory_bytes=sizes["emoji"] + sizes["tiny"]) as engine:
        assert engine.fit_together(["tiny"])
        assert not engine.fit_together(["emoji", "tiny"])  # nothing has asked for it yet
        engine.find_source("tiny")
        engine.find_source("other")
        assert engine.fit_together(["emoji", "tiny"])
        assert not engine.fit_together(NAMES)


def test_the_weights_are_counted_from_the_headers():
    parts = ("unet", "vae", "text_encoder")
    files = [file for part in parts for file in (EMOJI.folder.path / part).glob("*.safetensors")]
    assert EMOJI.weights * 2 == pytest.approx(sum(file.stat().st_size for file in files), rel=0.01)


async def test_a_model_whose_files_have_changed_is_loaded_anew(opened, tmp_path, models_dir):
    shutil.copytree(models_dir / "tiny", tmp_path / "tiny")
    async with opened(models_dir=tmp_path) as engine:
        before = await engine.generate(ask("tiny"))
        (tmp_path / "tiny" / "model.toml").write_text('title = "Newer"\nsize = 64\n')
        after = await engine.generate(ask("tiny"))
    assert (before.model, after.model) == ("Tiny", "Newer")
