import dataclasses

import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor

from engine.safety import is_flagged


def checker(threshold: float) -> StableDiffusionSafetyChecker:
    """diffusers' own checker at tiny size: above every cosine it flags nothing, below every cosine everything."""
    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        vision_config={**tiny, "image_size": 32, "patch_size": 8, "projection_dim": 8},
        text_config={**tiny, "vocab_size": 10},
        projection_dim=8,
    )
    network = StableDiffusionSafetyChecker(config).eval()
    torch.nn.init.constant_(network.concept_embeds_weights, threshold)
    return network


def checked_model(model, threshold: float):
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return dataclasses.replace(model, safety_checker=checker(threshold), feature_extractor=processor)


@pytest.fixture
def pixels():
    return torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(0)) * 2 - 1


IMAGE = Image.new("RGB", (64, 64), "red")


@pytest.mark.parametrize(("threshold", "expected"), [(-2.0, True), (2.0, False)], ids=["unsafe", "safe"])
def test_the_models_checker_decides(model, pixels, threshold, expected):
    assert is_flagged(checked_model(model, threshold), pixels, IMAGE) is expected


def test_a_flagged_picture_is_not_blackened(model, pixels):
    before = pixels.clone()
    is_flagged(checked_model(model, -2.0), pixels, IMAGE)
    assert torch.equal(pixels, before)


def test_a_model_without_a_checker_flags_nothing(model, pixels):
    assert is_flagged(model, pixels, IMAGE) is False
