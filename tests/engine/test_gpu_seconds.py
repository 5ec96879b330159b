"""What the pictures of the bundled model took makes up the engine's busy time, whoever shares the ticks."""

import asyncio
import time
from contextlib import aclosing

import pytest

from engine import DrawingFailed, Engine, GenerationRequest, Picture, Progress, residents
from engine.drawing import Drawing

VALUES = {"num_inference_steps": 6, "width": 128, "height": 128, "guidance_scale": 5.0}


async def opened() -> Engine:
    engine = Engine.open("emoji", device="cpu", dtype="float32")
    engine.start()
    await engine.ready()
    return engine


async def taken(engine, prompt, **values) -> list[float]:
    result = await engine.generate(GenerationRequest(prompt=prompt, **VALUES | values))
    return [picture.gpu_s for picture in result.pictures]


async def cancelled(engine, prompt) -> None:
    """A request that ends at the first of its finished pictures, while others are on their way."""
    request = GenerationRequest(prompt=prompt, **VALUES, num_images=16)
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, Picture):
                return


async def broken_off(engine, prompt) -> None:
    """A request that ends at its first steps."""
    async with aclosing(
        engine.stream(GenerationRequest(prompt=prompt, **VALUES | {"num_inference_steps": 150}))
    ) as events:
        async for event in events:
            if isinstance(event, Progress):
                return


@pytest.fixture
def networks_s(monkeypatch):
    """The seconds that the engine's thread spends in each network, measured by another clock."""
    spent = {"predict": 0.0, "decode": 0.0}

    def timed(name, call):
        def clocked(*arguments):
            began_at = time.monotonic()
            try:
                return call(*arguments)
            finally:
                spent[name] += time.monotonic() - began_at

        return clocked

    for name in spent:
        monkeypatch.setattr(residents, name, timed(name, getattr(residents, name)))
    return spent


@pytest.fixture
def finished(monkeypatch):
    """All pictures that are finished, also those that nobody waits for any more."""
    pictures = []
    finish = Drawing.finish_picture

    def note(drawing, picture):
        pictures.append(picture)
        finish(drawing, picture)

    monkeypatch.setattr(Drawing, "finish_picture", note)
    return pictures


async def test_the_pictures_of_all_requests_make_up_the_busy_time(finished, networks_s):
    engine = await opened()
    began_at = time.perf_counter()
    await asyncio.gather(
        taken(engine, "a red heart", num_images=3),
        taken(engine, "a cat face", guidance_scale=1.0, num_inference_steps=11),
        taken(engine, "a whale AND a blue hat", width=192, height=64),
        cancelled(engine, "a dog face"),
        taken(engine, "a green apple", scheduler="heun"),
        broken_off(engine, "a cloud"),
    )
    await engine.close()
    passed_s = time.perf_counter() - began_at
    delivered_s = sum(picture.gpu_s for picture in finished)
    assert delivered_s + engine.dropped_s == pytest.approx(engine.busy_s, rel=0.01)
    assert len(finished) > 3 + 1 + 1 + 1
    assert engine.dropped_s > 0
    assert sum(networks_s.values()) < engine.busy_s < passed_s


async def test_pictures_that_share_their_ticks_pay_by_their_rows():
    engine = await opened()
    (guided,), (free,) = await asyncio.gather(
        taken(engine, "a red heart", num_inference_steps=40),
        taken(engine, "a red heart", num_inference_steps=40, guidance_scale=1.0),
    )
    await engine.close()
    assert 1.5 < guided / free < 2.2


async def test_what_the_steps_of_a_cancelled_request_took_is_dropped():
    engine = await opened()
    await broken_off(engine, "a red heart")
    await engine.close()
    assert 0 < engine.dropped_s == pytest.approx(engine.busy_s, rel=0.01)


async def test_what_failed_is_dropped(monkeypatch):
    def fail(*_):
        raise RuntimeError

    engine = await opened()
    monkeypatch.setattr("engine.loop.to_image", fail)
    with pytest.raises(DrawingFailed):
        await engine.generate(GenerationRequest(prompt="a red heart", **VALUES))
    await engine.close()
    assert engine.dropped_s == pytest.approx(engine.busy_s, rel=0.01)
