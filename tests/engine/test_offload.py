import asyncio

import diffusers
import numpy as np
import pytest
import torch
from live_bytes import Live
from torch._subclasses.fake_tensor import FakeTensorMode

from engine import Engine, GenerationRequest, find_model
from engine.devices import Device, choose_device
from engine.footprint import parts_of
from engine.latents import decode
from engine.offload import Stage, load_within, room_of, slice_layers

CPU = torch.device("cpu")
META = torch.device("meta")


@pytest.fixture(scope="module")
def low_model():
    return load_within(find_model("emoji"), choose_device("cpu", "float32", "low"))


@pytest.fixture(scope="module")
def low():
    """A loaded engine at the level `low`."""
    engine = Engine.open("emoji", device="cpu", dtype="float32", memory="low")
    engine.start()
    asyncio.run(engine.ready())
    yield engine
    asyncio.run(engine.close())


def asked(prompt, **fields):
    return GenerationRequest(prompt=prompt, seed=7, num_inference_steps=4, **fields)


async def pictures(engine, *requests):
    results = await asyncio.gather(*map(engine.generate, requests))
    return [np.asarray(picture.image).astype(int) for result in results for picture in result.pictures]


REQUESTS = (
    asked("a red heart", guidance_scale=5.0),
    asked("<lora:pixel:0.8>a whale", guidance_scale=4.0),
    asked("a ghost", guidance_scale=1.0, num_images=2),
    asked("a cat face AND a strawberry"),
)


async def test_pictures_at_low_memory_are_those_at_normal(engine, low):
    normal, sparing = await pictures(engine, *REQUESTS), await pictures(low, *REQUESTS)
    assert len(normal) == 5
    for one, other in zip(normal, sparing, strict=True):
        assert np.abs(one - other).max() <= 1


async def test_a_picture_above_the_models_own_size_differs_by_little_where_tiles_meet(engine, low):
    [normal] = await pictures(engine, asked("a red heart", width=256, height=192))
    [sparing] = await pictures(low, asked("a red heart", width=256, height=192))
    assert normal.shape == sparing.shape == (192, 256, 3)
    assert np.abs(normal - sparing).mean() < 4


@pytest.mark.parametrize(("width", "is_tiled"), [(64, False), (128, False), (136, True)])
def test_only_pictures_above_the_models_own_size_are_decoded_in_tiles(low_model, width, is_tiled):
    calls = []
    handle = low_model.vae.decoder.register_forward_pre_hook(lambda _, args: calls.append(args[0].shape))
    with torch.inference_mode():
        decode(low_model, [torch.zeros(1, 4, 16, width // 8)])
    handle.remove()
    assert (len(calls) > 1) == is_tiled


def test_pictures_are_decoded_one_at_a_time(low_model):
    calls = []
    handle = low_model.vae.decoder.register_forward_pre_hook(lambda _, args: calls.append(len(args[0])))
    with torch.inference_mode():
        assert len(decode(low_model, [torch.zeros(1, 4, 16, 16)] * 3)) == 3
    handle.remove()
    assert calls == [1, 1, 1]


def test_a_unet_call_of_eight_rows_takes_little_more_than_half_at_low_memory():
    unet_of_sd15 = {"cross_attention_dim": 768, "attention_head_dim": 8}
    peaks = []
    for is_low in (False, True):
        with FakeTensorMode(allow_non_fake_inputs=True), torch.inference_mode():
            unet = diffusers.UNet2DConditionModel.from_config(unet_of_sd15).eval()
            if is_low:
                slice_layers(unet, CPU)
            with Live() as live:
                unet(torch.empty(8, 4, 64, 64), torch.empty(8), encoder_hidden_states=torch.empty(8, 77, 768))
        peaks.append(live.peak)
    assert peaks[1] < 0.6 * peaks[0]


def test_the_room_at_low_memory_knows_of_the_tiles(model, low_model):
    small = Device(CPU, torch.float32, (), "low")
    assert room_of(low_model, small)._footprint.tile_px == 128


@pytest.fixture
def staged():
    """The bundled model on a stage, and where each part was sent last; all stay where they can work."""
    model = load_within(find_model("emoji"), choose_device("cpu", "float32"))
    parts = parts_of(model)
    at = dict.fromkeys(parts, CPU)
    for name, part in parts.items():
        part.to = lambda device, name=name: at.update({name: device})
    Stage(parts, META)
    return model, at


def test_only_the_part_that_works_is_on_the_device(staged):
    model, at = staged
    with torch.inference_mode():
        embeds = model.text_encoder(torch.zeros(1, 77, dtype=torch.long))[0]
        assert at == {"text_encoder": META, "unet": CPU, "vae": CPU}
        for _ in range(2):
            model.unet(torch.zeros(1, 4, 16, 16), torch.zeros(1), encoder_hidden_states=embeds)
            assert at == {"text_encoder": CPU, "unet": META, "vae": CPU}
        decode(model, [torch.zeros(1, 4, 16, 16)])
        assert at == {"text_encoder": CPU, "unet": CPU, "vae": META}


def test_what_came_to_the_device_without_its_part_leaves_with_the_others(staged):
    model, at = staged
    at["unet"] = META  # as the layers of a LoRA do
    with torch.inference_mode():
        model.text_encoder(torch.zeros(1, 77, dtype=torch.long))
    assert at == {"text_encoder": META, "unet": CPU, "vae": CPU}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
async def test_pictures_with_parts_that_come_and_go_are_those_at_normal():
    drawn = []
    for memory in ("normal", "lowest"):
        async with Engine.open("emoji", device="cuda", dtype="float32", memory=memory) as engine:
            drawn.append(await pictures(engine, *REQUESTS))
    for one, other in zip(*drawn, strict=True):
        assert np.abs(one - other).max() <= 1
