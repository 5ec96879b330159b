"""A model with a safety checker: what it flags never reaches Discord."""

import asyncio
import json

import pytest_asyncio
import torch
from bot_process import opened_playground
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPImageProcessor


def add_strict_checker(model_folder):
    """Give a model diffusers' own checker, at tiny size and below every cosine: it flags everything."""
    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        vision_config={**tiny, "image_size": 32, "patch_size": 8, "projection_dim": 8},
        text_config={**tiny, "vocab_size": 10},
        projection_dim=8,
    )
    checker = StableDiffusionSafetyChecker(config)
    torch.nn.init.constant_(checker.concept_embeds_weights, -2.0)
    checker.save_pretrained(model_folder / "safety_checker")
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor.save_pretrained(model_folder / "feature_extractor")
    index = json.loads((model_folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    (model_folder / "model_index.json").write_text(json.dumps(index))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def flagged(new_bot, new_room, module_model_copy):
    """A request whose two pictures were flagged: its room, its message, its row."""
    await asyncio.to_thread(add_strict_checker, module_model_copy)
    async with opened_playground() as playground, new_bot(playground, MODEL=str(module_model_copy)) as bot:
        await bot.start()
        room = new_room(playground)
        answer = await room.imagine(steps=1, images=2)
        message = await room.saying("Nothing was charged.", answer["message"]["id"])
        [row] = await bot.ended_rows("1")
        yield room, message, row


async def test_flagged_pictures_are_withheld_and_that_is_said(flagged):
    _, message, _ = flagged
    assert message["attachments"] == []
    assert "All 2 pictures were withheld by the safety checker. Nothing was charged." in message["content"]


async def test_flagged_pictures_are_never_uploaded(flagged):
    room, _, _ = flagged
    assert [request.files for request in room.playground.requests if request.files] == []


async def test_flagged_pictures_are_refunded_and_counted(flagged):
    _, _, row = flagged
    assert (row["state"], row["charged"], row["flagged"]) == ("failed", 0, 2)
