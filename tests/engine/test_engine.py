import asyncio
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from in_memory import EMOJI

from engine import (
    Engine,
    EngineClosed,
    GenerationRequest,
    GenerationResult,
    InvalidDevice,
    InvalidModel,
    InvalidRequest,
    Picture,
    Progress,
    find_model,
)

HEART = GenerationRequest(prompt="a red heart", seed=7, num_inference_steps=3, width=64, height=64, scheduler="ddim")
SEVERAL = GenerationRequest(prompt="a whale", seed=2**53 - 3, num_inference_steps=4, num_images=3, width=64, height=64)
LONG = GenerationRequest(prompt="a", num_inference_steps=150, num_images=4)


@pytest.fixture
def loads_fast(monkeypatch, model):
    """Engines that are opened get the model that the session has loaded."""
    monkeypatch.setattr("engine.offload.load", lambda folder, device: model)


async def begun(ticks) -> None:
    """Wait until a U-Net call begins, which is then held."""
    await asyncio.to_thread(ticks.begun)


def test_importing_the_engine_imports_no_torch():
    code = (
        "import sys, engine; engine.Engine; print({'torch', 'diffusers', 'transformers', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_weights_are_applied_as_the_card_says_or_else_as_the_engine_is_told(tmp_path):
    request = replace(HEART, prompt="(a red heart:1.6) [on blue]", num_inference_steps=2)
    copied = Path(shutil.copytree(find_model("emoji").path, tmp_path / "copy"))

    async def drawn(**options):
        async with Engine.open(copied, device="cpu", **options) as engine:
            return (await engine.generate(request)).pictures[0].image.tobytes()

    usual, plain = await drawn(), await drawn(weighting="none")
    assert usual == await drawn(weighting="lpw") != plain
    with (copied / "model.toml").open("a") as card:
        card.write('weighting = "none"\n')
    assert await drawn(weighting="lpw") == plain


def test_an_unknown_weighting_is_refused():
    with pytest.raises(ValueError, match="weighting must be one of auto, lpw, a1111, none, got 'mine'"):
        Engine.open(weighting="mine")


async def test_a_result_says_what_was_used(engine):
    result = await engine.generate(HEART)
    used = result.request
    card = engine.card
    assert (used.num_inference_steps, used.guidance_scale, used.scheduler) == (3, card.guidance, "ddim")
    assert result.seeds == (7,)
    assert (result.model, result.has_safety_checker, result.cut_prompt) == ("Emoji", False, "")


async def test_pictures_come_in_the_order_of_their_seeds(engine):
    result = await engine.generate(SEVERAL)
    assert [(picture.index, picture.seed) for picture in result.pictures] == [
        (index, 2**53 - 3 + index) for index in range(3)
    ]


async def test_a_picture_has_the_size_that_was_asked_for(engine):
    result = await engine.generate(GenerationRequest(prompt="a", width=64, height=128, num_inference_steps=1))
    assert result.pictures[0].image.size == (64, 128)


async def test_the_same_request_is_the_same_picture(engine):
    one, other = [await engine.generate(HEART) for _ in range(2)]
    assert np.array_equal(np.asarray(one.pictures[0].image), np.asarray(other.pictures[0].image))


async def test_a_stream_ends_with_the_result(engine):
    events = [event async for event in engine.stream(SEVERAL)]
    assert isinstance(events[-1], GenerationResult)
    assert events[-1].pictures == tuple(event for event in events if isinstance(event, Picture))
    assert any(isinstance(event, Progress) for event in events)


async def test_a_prompt_that_does_not_fit_is_cut_and_said_so(engine):
    request = GenerationRequest(prompt="heart " * 640 + "whale", num_inference_steps=1, width=64, height=64)
    assert (await engine.generate(request)).cut_prompt.endswith("whale")


def small(prompt: str, **values) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, num_inference_steps=2, width=64, height=64, seed=7, **values)


def array(picture) -> np.ndarray:
    return np.asarray(picture.image).astype(int)


async def test_each_permutation_is_the_picture_that_it_is_alone(engine):
    result = await engine.generate(small("a {red|blue} heart", num_images=2))
    assert result.seeds == (7, 8, 7, 8)
    assert [each.prompt for each in result.request.pictures] == ["a red heart"] * 2 + ["a blue heart"] * 2
    for index, picture in enumerate(result.pictures):
        alone = await engine.generate(result.request.of_picture(index))
        assert np.abs(array(picture) - array(alone.pictures[0])).max() <= 1
    assert np.abs(array(result.pictures[0]) - array(result.pictures[2])).max() > 1


async def test_more_permutations_than_pictures_are_refused(engine):
    with pytest.raises(InvalidRequest, match="make 9 prompts of this one, the most here is 8"):
        await engine.generate(small("{a|b|c} {d|e|f}", num_images=2))


async def test_more_operands_than_rows_are_refused(engine):
    with pytest.raises(InvalidRequest, match="at most 31 parts joined by AND here, got 32"):
        await engine.generate(small(" AND ".join(["a"] * 32)))


@pytest.mark.parametrize(
    ("prompt", "values", "rows"),
    [
        ("a cat", {}, (2,)),
        ("a cat", {"guidance_scale": 1.0}, (1,)),
        ("a cat", {"num_images": 3}, (2, 2, 2)),
        ("a cat AND a dog AND a hat", {}, (4,)),
        ("a cat AND a dog", {"guidance_scale": 1.0}, (3,)),
        ("{a cat|a cat AND a dog}", {}, (2, 3)),
    ],
    ids=["guidance", "no guidance", "three", "and", "and, no guidance", "permutations"],
)
def test_each_picture_takes_a_row_for_each_operand_and_one_for_what_is_drawn_away_from(prompt, values, rows):
    engine = Engine.open(device="cpu")
    assert engine.rows_of(engine.complete(small(prompt, **values))) == rows


def test_a_model_without_guidance_draws_a_picture_in_one_row(tmp_path):
    (fast := tmp_path / "fast").mkdir()
    for part in EMOJI.folder.path.iterdir():
        (fast / part.name).symlink_to(part)
    (fast / "model.toml").unlink()
    (fast / "model.toml").write_text('variant = "turbo"')
    engine = Engine.open(device="cpu", models_dir=tmp_path)
    assert engine.rows_of(engine.complete(small("a cat", model="fast"))) == (1,)


async def test_composed_pictures_share_calls_with_plain_ones(engine):
    requests = [small("a heart AND a cat :0.5"), small("a [red:blue:1] heart"), small("a heart")]
    together = await asyncio.gather(*map(engine.generate, requests))
    for request, result in zip(requests, together, strict=True):
        alone = await engine.generate(request)
        assert np.abs(array(result.pictures[0]) - array(alone.pictures[0])).max() <= 1


async def test_what_the_notations_did_is_told_with_progress_and_result(engine):
    events = [event async for event in engine.stream(small("a (heart:99) __nowhere__ <lora:nowhere:1>"))]
    rules = {"weight_clamped", "wildcard_unknown", "lora_unknown"}
    assert {note.rule for note in events[0].notes} == {note.rule for note in events[-1].notes} == rules


async def test_wildcards_are_drawn_by_the_pictures_own_seed(loads_fast, tmp_path):
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards" / "thing.txt").write_text("heart\ncat\nwhale\ndog\n")
    engine = Engine.open(device="cpu", models_dir=tmp_path)
    several = engine.complete(small("a __thing__", num_images=8))
    assert len({each.prompt for each in several.pictures}) > 1
    for each in several.pictures:
        alone = engine.complete(GenerationRequest(prompt="a __thing__", seed=each.seed))
        assert alone.pictures[0].prompt == each.prompt


async def test_what_the_card_cannot_complete_is_refused(engine):
    with pytest.raises(InvalidRequest):
        await engine.generate(GenerationRequest(prompt="a", scheduler="lcm", num_inference_steps=60))


async def test_many_at_once_share_calls(loads_fast, ticks):
    async with Engine.open(device="cpu", max_rows=16) as engine:
        drawings = [asyncio.create_task(engine.generate(HEART)) for _ in range(8)]
        await begun(ticks)
        ticks.free()
        await asyncio.gather(*drawings)
    assert max(ticks.rows) == 16
    assert sum(ticks.rows) == 8 * 2 * 3


async def test_cancelling_whoever_waits_drops_the_pictures(loads_fast, ticks):
    async with Engine.open(device="cpu") as engine:
        drawing = asyncio.create_task(engine.generate(LONG))
        await begun(ticks)
        drawing.cancel()
        await asyncio.wait([drawing])
        assert drawing.cancelled()
        ticks.free()
        await engine.generate(HEART)
    assert ticks.rows == [8, 2, 2, 2]


async def test_closing_a_stream_drops_the_pictures(loads_fast, ticks):
    async with Engine.open(device="cpu") as engine:
        stream = engine.stream(LONG)
        ticks.go()
        await anext(stream)
        await begun(ticks)
        await begun(ticks)
        await stream.aclose()
        ticks.free()
        await engine.generate(HEART)
    assert ticks.rows == [8, 8, 2, 2, 2]


async def test_requests_may_be_made_before_the_model_is_loaded(loads_fast):
    engine = Engine.open(device="cpu")
    drawing = asyncio.create_task(engine.generate(HEART))
    engine.start()
    await engine.ready()
    assert isinstance(await drawing, GenerationResult)
    await engine.close()


def test_the_card_is_known_before_the_model_is_loaded():
    assert Engine.open().card.title == "Emoji"


def test_a_model_that_is_not_there_is_refused_when_opened(tmp_path):
    with pytest.raises(InvalidModel):
        Engine.open(tmp_path / "nothing")


def test_a_batch_that_holds_no_picture_is_refused_when_opened():
    with pytest.raises(ValueError, match="max_rows must be at least 2, got 1"):
        Engine.open(max_rows=1)


async def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InvalidDevice):
        async with Engine.open(device="abacus"):
            pass


async def test_a_request_to_an_engine_without_a_device_hears_why():
    engine = Engine.open(device="abacus")
    with pytest.raises(InvalidDevice):
        await engine.generate(HEART)
    await engine.close()


async def test_whoever_stops_waiting_for_the_model_does_not_stop_the_others(monkeypatch, model):
    may_load = threading.Event()
    monkeypatch.setattr("engine.offload.load", lambda folder, device: may_load.wait(30) and model)
    engine = Engine.open(device="cpu")
    engine.start()
    impatient = asyncio.create_task(engine.ready())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    may_load.set()
    await engine.ready()
    assert isinstance(await engine.generate(HEART), GenerationResult)
    await engine.close()


async def test_a_closed_engine_takes_no_requests(loads_fast):
    async with Engine.open(device="cpu") as engine:
        pass
    with pytest.raises(EngineClosed):
        await engine.generate(HEART)


async def test_a_closed_engine_cannot_be_opened_again(loads_fast):
    async with Engine.open(device="cpu") as engine:
        pass
    with pytest.raises(EngineClosed):
        async with engine:
            pass


def test_a_mistyped_device_is_refused_without_loading_the_libraries():
    script = (
        "import asyncio, sys\nfrom engine import Engine, InvalidDevice\n"
        "async def main():\n async with Engine.open(device='tpu'): pass\n"
        "try: asyncio.run(main())\nexcept InvalidDevice: print({'torch', 'diffusers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_closing_gives_waiting_requests_back(loads_fast, ticks):
    engine = Engine.open(device="cpu", max_rows=2)
    drawings = [asyncio.create_task(engine.generate(HEART)) for _ in range(3)]
    await begun(ticks)
    asyncio.get_running_loop().call_soon(ticks.free)
    await engine.close()
    results = await asyncio.gather(*drawings, return_exceptions=True)
    assert [type(result) for result in results] == [GenerationResult, EngineClosed, EngineClosed]


async def test_an_engine_that_was_never_started_can_be_closed():
    await Engine.open().close()


async def test_leaving_with_an_exception_gives_running_pictures_back(loads_fast, ticks):
    async def leave():
        async with Engine.open(device="cpu") as engine:
            drawings.append(asyncio.create_task(engine.generate(LONG)))
            await begun(ticks)
            asyncio.get_running_loop().call_soon(ticks.free)
            raise ZeroDivisionError

    drawings = []
    with pytest.raises(ZeroDivisionError):
        await leave()
    with pytest.raises(EngineClosed):
        await drawings[0]
    assert ticks.rows == [8]


def test_an_engine_says_what_each_picture_is_told_before_anything_is_loaded():
    engine = Engine.open(device="cpu")
    readings = engine.readings(engine.complete(small("a {(r)(ed)|blue} heart", negative_prompt="blur")))
    texts = ["".join(span.text for span in each.prompt.subprompts[0].schedule[0][1].sections[0]) for each in readings]
    assert texts == ["a red heart", "a blue heart"]
