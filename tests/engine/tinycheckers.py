"""diffusers' own safety checker at tiny size: above every cosine it flags nothing, below every cosine everything."""

from pathlib import Path

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPImageProcessor

STRICT, LENIENT = -2.0, 2.0


def checker(threshold: float) -> StableDiffusionSafetyChecker:
    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        vision_config={**tiny, "image_size": 32, "patch_size": 8, "projection_dim": 8},
        text_config={**tiny, "vocab_size": 10},
        projection_dim=8,
    )
    network = StableDiffusionSafetyChecker(config).eval()
    torch.nn.init.constant_(network.concept_embeds_weights, threshold)
    return network


def processor() -> CLIPImageProcessor:
    return CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def save_checker(folder: Path, threshold: float) -> Path:
    """As a model has it: two folders beside each other."""
    checker(threshold).save_pretrained(folder / "safety_checker")
    processor().save_pretrained(folder / "feature_extractor")
    return folder
