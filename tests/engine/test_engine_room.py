"""Sizes that the device has no memory for, as the engine's callers meet them."""

import asyncio

import pytest
import torch

import engine.offload
import engine.residents
from engine import Engine, GenerationRequest, InvalidRequest, OutOfMemory


def asked(width, height=128, **fields):
    return GenerationRequest(prompt="a whale", seed=7, num_inference_steps=1, width=width, height=height, **fields)


@pytest.fixture
def small_machine(monkeypatch):
    """A device for which 1024x1024 pictures of the bundled model are too large."""
    monkeypatch.setattr(engine.offload, "capacity_of", lambda _: 600 * 2**20)


async def test_before_the_model_is_loaded_every_size_passes(small_machine):
    opened = Engine.open("emoji", device="cpu", dtype="float32")
    opened.check_size(opened.complete(asked(2048, 2048)))
    await opened.close()


async def test_a_size_that_cannot_fit_is_refused_and_never_drawn(small_machine):
    async with Engine.open("emoji", device="cpu", dtype="float32") as opened:
        opened.check_size(opened.complete(asked(512, 512)))
        with pytest.raises(InvalidRequest, match="a picture of 1024x1024 does not fit the memory of cpu; the largest"):
            opened.check_size(opened.complete(asked(1024, 1024)))
        with pytest.raises(InvalidRequest) as caught:
            await opened.generate(asked(1024, 1024))
        assert caught.value.rule == "size_memory"


async def test_a_size_that_was_too_much_even_alone_is_refused_from_then_on(monkeypatch):
    async with Engine.open("emoji", device="cpu", dtype="float32") as opened:
        opened.check_size(opened.complete(asked(256)))
        decode = engine.residents.decode

        def too_large(model, latents):
            if latents[0].shape[-1] >= 32:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return decode(model, latents)

        monkeypatch.setattr("engine.residents.decode", too_large)
        with pytest.raises(OutOfMemory):
            await opened.generate(asked(256))
        with pytest.raises(InvalidRequest) as caught:
            opened.check_size(opened.complete(asked(256)))
        assert caught.value.facts["largest"] == "192×96"
        await opened.generate(asked(192, 96))


async def test_a_model_that_was_away_and_came_back_still_refuses_what_was_too_much(monkeypatch):
    async with Engine.open("emoji", device="cpu", dtype="float32", idle_unload_s=0.01) as opened:
        calls = []

        def too_large(model, latents):
            calls.append(model)
            raise torch.OutOfMemoryError("CUDA out of memory.")

        with monkeypatch.context() as patched:
            patched.setattr("engine.residents.decode", too_large)
            with pytest.raises(OutOfMemory):
                await opened.generate(asked(256))
        loaded = engine.offload.load
        monkeypatch.setattr(engine.offload, "load", lambda *arguments: calls.append(None) or loaded(*arguments))
        while None not in calls:
            await opened.generate(asked(64, 64))
            await asyncio.sleep(0.05)
        with pytest.raises(InvalidRequest, match="does not fit the memory of cpu"):
            opened.check_size(opened.complete(asked(256)))
