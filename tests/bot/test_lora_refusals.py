"""LoRAs that are refused before admission, and so before anything is charged."""

import discord
import pytest
from bot_at_desk import bot_at_desk
from desk import command_payload
from lora_files import XL_WIDTH, save_lora

from bot.accept import accept
from bot.sentences import sentence
from engine import GenerationRequest, InvalidRequest


@pytest.fixture
async def world(tmp_path, monkeypatch):
    save_lora(tmp_path, "grand", width=XL_WIDTH)
    save_lora(tmp_path, "odd", width=100)
    (tmp_path / "loras" / "broken.safetensors").write_bytes(b"broken")
    for number in range(11):
        save_lora(tmp_path, f"l{number}")
    async with bot_at_desk(tmp_path, monkeypatch, models_dir=tmp_path) as world:
        yield world


def asked(world):
    return discord.Interaction(data=command_payload("imagine"), state=world.client._connection)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (
            "a cat <lora:grand:0.8>",
            "The LoRA grand was made for Stable Diffusion XL and does not fit Emoji (Stable Diffusion 1.x): leave it out, or choose another.",
        ),
        (
            "a cat <lora:odd:0.8>",
            "The LoRA odd was made for another model and does not fit Emoji: leave it out, or choose another.",
        ),
        (
            "a {cat|dog <lora:broken:0.8>}",
            "The LoRA broken cannot be used: its file is cut short or no safetensors file\\: 6 bytes hold no complete header.",
        ),
        (
            " ".join(f"<lora:l{number}:1>" for number in range(11)),
            "A prompt may name at most 10 LoRAs, got 11: leave some out.",
        ),
    ],
    ids=["misfit", "foreign", "broken", "many"],
)
@pytest.mark.parametrize("kind", ["imagine", "edit", "reroll", "again"])
async def test_a_lora_that_cannot_be_used_is_refused_before_anything_is_charged(world, kind, prompt, said):
    request = GenerationRequest(prompt=prompt)
    with pytest.raises(InvalidRequest) as refused:
        await accept(asked(world), request, kind=kind)
    assert sentence(refused.value, "en-US") == said
    async with world.database.reading() as connection:
        assert await (await connection.execute("SELECT id FROM requests")).fetchall() == []
