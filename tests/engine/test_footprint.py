"""The estimate against the bytes of live tensors in a real call, traced on fake tensors: shapes, but no numbers."""

from types import SimpleNamespace

import diffusers
import pytest
import torch
from live_bytes import Live
from torch._subclasses.fake_tensor import FakeTensorMode

from engine.footprint import FLOAT32_PICTURES, UNET_TENSORS, VAE_TENSORS, Footprint, capacity_of, footprint_of

MIB = 2**20
UNETS = {
    "1.5": {"cross_attention_dim": 768, "attention_head_dim": 8},
    "XL": {
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": [1, 1, 1],  # of 1, 2 and 10, which hold the same one after the other
        "attention_head_dim": [5, 10, 20],
        "cross_attention_dim": 2048,
    },
}
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "latent_channels": 4,
    "layers_per_block": 2,
}


def peak(make, call):
    with FakeTensorMode(allow_non_fake_inputs=True), torch.inference_mode():
        network = make().eval()
        with Live() as live:
            call(network)
    return live.peak


@pytest.mark.parametrize("rows", [2, 8])
@pytest.mark.parametrize("family", UNETS)
def test_a_unet_never_takes_less_than_is_estimated_and_never_three_times_as_much(family, rows):
    config = UNETS[family]

    def call(unet):
        embeds = torch.empty(rows, 77, config["cross_attention_dim"])
        unet(torch.empty(rows, 4, 96, 64), torch.empty(rows), encoder_hidden_states=embeds)

    measured = peak(lambda: diffusers.UNet2DConditionModel.from_config(config), call)
    estimated = rows * 96 * 64 * UNET_TENSORS * 320 * 4
    assert estimated <= measured < 3 * estimated


@pytest.mark.parametrize("side", [64, 128])
def test_a_decoder_takes_what_is_estimated(side):
    measured = peak(
        lambda: diffusers.AutoencoderKL.from_config(VAE), lambda vae: vae.decode(torch.empty(1, 4, side, side))
    )
    estimated = (8 * side) ** 2 * VAE_TENSORS * 128 * 4
    assert estimated <= measured < 1.02 * estimated


def footprint(**changes):
    figures = {
        "unet_bytes": 1000 * MIB,
        "vae_bytes": 100 * MIB,
        "others_bytes": 500 * MIB,
        "row_bytes": UNET_TENSORS * 320 * 2,
        "pixel_bytes": VAE_TENSORS * 128 * 2,
        "cell_px": 8,
    }
    return Footprint(**figures | changes)


def pictures(width, height):
    return FLOAT32_PICTURES * 3 * 4 * width * height


def test_weights_and_the_larger_of_drawing_and_decoding_must_fit_together():
    decoding = 512 * 512 * 6 * 128 * 2 + pictures(512, 512)
    assert footprint().of(512, 512, 2) == 1600 * MIB + decoding


def test_many_rows_take_more_than_the_decoder():
    drawing = 32 * 64 * 64 * 12 * 320 * 2
    assert footprint().of(512, 512, 32) == 1600 * MIB + drawing


def test_tiles_bound_what_the_decoder_takes():
    assert footprint(tile_px=512).of(512, 512, 2) == footprint().of(512, 512, 2)
    drawing = 2 * 256 * 256 * 12 * 320 * 2
    assert footprint(tile_px=512).of(2048, 2048, 2) == 1600 * MIB + drawing


def test_a_strip_is_decoded_in_narrow_tiles():
    decoding = 64 * 512 * 6 * 128 * 2 + pictures(64, 2048)
    assert footprint(tile_px=512).of(64, 2048, 1) == 1600 * MIB + decoding


def test_offloaded_parts_need_not_fit_together():
    drawing = 2 * 64 * 64 * 12 * 320 * 2
    decoding = 512 * 512 * 6 * 128 * 2 + pictures(512, 512)
    assert footprint(is_offloaded=True).of(512, 512, 2) == max(1000 * MIB + drawing, 100 * MIB + decoding)


def test_the_bundled_models_footprint_is_read_from_its_parts(model):
    found = footprint_of(model, is_offloaded=False)
    assert found.unet_bytes == sum(each.numel() * 4 for each in model.unet.parameters())
    assert found.others_bytes == sum(each.numel() * 4 for each in model.text_encoder.parameters())
    assert found.row_bytes == 12 * 4 * model.unet.config.block_out_channels[0]
    assert (found.cell_px, found.tile_px, found.is_offloaded) == (8, None, False)


def test_the_cpus_memory_is_the_machines_or_the_containers(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr("engine.footprint.CGROUP_LIMITS", (limit,))
    whole = capacity_of(torch.device("cpu"))
    limit.write_text("max\n")
    assert capacity_of(torch.device("cpu")) == whole
    limit.write_text("1048576\n")
    assert capacity_of(torch.device("cpu")) == MIB


def test_a_cards_memory_is_all_that_it_has(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=8 * 2**30))
    assert capacity_of(torch.device("cuda", 0)) == 8 * 2**30
