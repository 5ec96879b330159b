"""What a safety checker flags: withheld, behind a spoiler, asked about, and shown once moderators say so."""

import asyncio
import io
import json

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
import torch
from bot_process import opened_playground
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from room import custom_id, labels
from transformers import CLIPConfig, CLIPImageProcessor


def save_strict_checker(folder):
    """diffusers' own checker, at tiny size and below every cosine: it flags everything."""
    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        vision_config={**tiny, "image_size": 32, "patch_size": 8, "projection_dim": 8},
        text_config={**tiny, "vocab_size": 10},
        projection_dim=8,
    )
    checker = StableDiffusionSafetyChecker(config)
    torch.nn.init.constant_(checker.concept_embeds_weights, -2.0)
    checker.save_pretrained(folder / "safety_checker")
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor.save_pretrained(folder / "feature_extractor")


def add_strict_checker(model_folder):
    """Give a model a checker of its own."""
    save_strict_checker(model_folder)
    index = json.loads((model_folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    (model_folder / "model_index.json").write_text(json.dumps(index))


async def coarse(playground, message):
    """Of each picture of 128x128 in a message, whether it has one colour in each square of 8x8."""
    found = []
    async with aiohttp.ClientSession() as session:
        for attachment in message["attachments"]:
            async with session.get(playground.url + attachment["url"]) as response:
                image = Image.open(io.BytesIO(await response.read())).convert("RGB")
            squares = np.asarray(image).reshape(16, 8, 16, 8, 3)
            found.append(bool((squares == squares[:, :1, :, :1]).all()))
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(new_bot, module_model_copy):
    """A bot whose model brings a checker that flags everything, in a server with a moderators' log."""
    await asyncio.to_thread(add_strict_checker, module_model_copy)
    async with opened_playground() as playground, new_bot(playground, MODEL=str(module_model_copy)) as bot:
        await bot.start()
        playground.add_channel("log", nsfw=True)
        bot.execute(
            "INSERT INTO server_settings (guild_id, log_channel_id) VALUES (?, ?)",
            int(playground.info()["guild_id"]),
            int(playground.channel_id("log")),
        )
        yield playground, bot


@pytest.fixture
def room(strict, new_room):
    return new_room(strict[0])


@pytest.fixture
def moderator(strict, numbers):
    name = f"mod{next(numbers)}"
    strict[0].add_member(name, is_moderator=True)
    return name


async def card_of(playground, message, moderator):
    """The card in the moderators' log that is about this message."""
    return await playground.wait_for(
        lambda: next(
            (each for each in playground.messages(user=moderator, channel="log") if message["id"] in each["content"]),
            None,
        )
    )


async def test_flagged_pictures_never_reach_discord_and_stand_ins_take_their_places(strict, room):
    message = await room.draw(steps=1, images=2)
    assert "2 of 2 pictures were withheld by the safety checker and not charged" in message["content"]
    assert [each["filename"][-6:] for each in message["attachments"]] == ["-1.png", "-2.png"]
    assert await coarse(strict[0], message) == [True, True]
    uploads = [request.files for request in strict[0].requests if request.files]
    assert [len(files) for files in uploads] == [2]  # these, and nothing else, have ever reached Discord
    [row] = await strict[1].ended_rows("channel_id = ?", int(room.channel_id))
    assert (row["state"], row["reason"], row["charged"], row["flagged"]) == ("failed", "failed-flagged", 0, 2)


async def test_moderators_approve_one_and_uphold_the_other(strict, room, moderator):
    playground, bot = strict
    message = await room.draw(steps=1, images=2)
    first, second = [each for each in labels(message) if each.startswith("Ask a moderator")]
    assert (first, second) == ("Ask a moderator about picture 1", "Ask a moderator about picture 2")
    asking = [button["custom_id"] for row in message["components"] for button in row["components"]][3:]

    await playground.click(message["id"], asking[1], user=room.user)
    card = await card_of(playground, message, moderator)
    assert [each["filename"].startswith("SPOILER_") for each in card["attachments"]] == [True]
    await playground.click(card["id"], custom_id(card, "approve"), user=moderator)
    shown = await room.saying("A moderator looked at picture 2 and approved it.", message["id"])
    assert [each["filename"][-6:] for each in shown["attachments"]] == ["-1.png", "-2.png"]
    assert await coarse(playground, shown) == [True, False]
    assert [each for each in labels(shown) if each.startswith("Ask")] == ["Ask a moderator about picture 1"]

    await bot.stop()  # what can be pressed outlives the process
    await bot.start()
    await playground.click(message["id"], asking[0], user=room.user)
    card = await playground.wait_for(
        lambda: next(
            (
                each
                for each in playground.messages(user=moderator, channel="log")
                if message["id"] in each["content"] and "picture 1 of 2" in each["content"]
            ),
            None,
        )
    )
    await playground.click(card["id"], custom_id(card, "uphold"), user=moderator)
    upheld = await room.saying("A moderator looked at picture 1 and agrees with the safety checker.", message["id"])
    assert [each for each in labels(upheld) if each.startswith("Ask")] == []
    assert moderator not in upheld["content"]
    assert playground.user_id(moderator) not in upheld["content"]


async def test_in_an_age_restricted_channel_they_are_behind_spoilers(strict, room):
    strict[0].add_channel("adults", nsfw=True)
    answer = await strict[0].command("imagine", {"prompt": "a cat", "steps": 1}, user=room.user, channel="adults")
    message = await strict[0].wait_for(
        lambda: next(
            (
                each
                for each in strict[0].messages(user=room.user, channel="adults")
                if each["id"] == answer["message"]["id"] and each["attachments"]
            ),
            None,
        ),
        150.0,
    )
    [attachment] = message["attachments"]
    assert attachment["filename"].startswith("SPOILER_imagine-")
    assert "is behind a spoiler" in message["content"]
    [row] = await strict[1].ended_rows("channel_id = ?", int(strict[0].channel_id("adults")))
    assert (row["state"], row["charged"], row["flagged"]) == ("done", 0, 1)


# a model without a checker, and one of the operator's


async def test_a_model_without_a_checker_is_refused_outside_unless_the_operator_keeps_one(
    own_bot, own_room, model_copy, tmp_path
):
    await own_bot.start(MODEL=str(model_copy))
    refused = await own_room.imagine(steps=1)
    assert refused["message"]["content"].startswith("Emoji has no safety checker, so it draws in age-restricted")
    assert own_bot.rows() == []
    await own_bot.stop()
    await asyncio.to_thread(save_strict_checker, tmp_path / "checker")
    await own_bot.start(MODEL=str(model_copy), SAFETY_CHECKER=str(tmp_path / "checker"))
    message = await own_room.draw(steps=1)
    assert "1 of 1 pictures was withheld by the safety checker" in message["content"]
    assert labels(message)[-1] == "Ask a moderator"


async def test_the_licence_is_agreed_to_first_and_then_the_request_goes_on_by_itself(own_bot, own_room):
    await own_bot.start(REQUIRE_AGREE="1")
    question = (await own_room.imagine("a blue cat", steps=1))["message"]
    assert "is under the licence MIT" in question["content"]
    answer = await own_room.click(question, "agree")
    message = await own_room.finished(answer["message"]["id"])
    assert message["content"].startswith("**a blue cat**")
    assert "is under the licence MIT" in message["content"]
    again = await own_room.draw("a red cat", steps=1)
    assert "licence" not in again["content"]
