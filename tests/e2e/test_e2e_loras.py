"""LoRAs from the option's first letter to the picture, and what is refused on the way."""

import diffusers
import pytest
import pytest_asyncio
from bot_process import SOURCE, opened_playground
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import save_file

UNET = SOURCE / "engine" / "emoji" / "unet"
WORDS = "pixel art, 8-bit"
TYPED = f"a cat, {WORDS} <lora:pixel:0.8>"
IN_MESSAGE = r"**a cat, pixel art, 8-bit \<lora\:pixel\:0.8\>**"


def save_lora(file, unet, *, metadata=None):
    """A LoRA with random weights for a U-Net, built with PEFT."""
    config = LoraConfig(r=2, target_modules=["to_k", "to_v"], init_lora_weights=False)
    inject_adapter_in_model(config, unet, "made")
    tensors = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet, adapter_name="made"))
    tensors = {f"unet.{name}": value.detach().half().contiguous() for name, value in tensors.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata=metadata)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    """What an operator keeps: a LoRA for the bundled model, and one for SDXL."""
    folder = tmp_path_factory.mktemp("models")
    told = {"modelspec.title": "Pixel Art", "modelspec.trigger_phrase": WORDS}
    save_lora(
        folder / "loras" / "pixel.safetensors", diffusers.UNet2DConditionModel.from_pretrained(UNET), metadata=told
    )
    grand = diffusers.UNet2DConditionModel(
        block_out_channels=(32,),
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        cross_attention_dim=2048,
        layers_per_block=1,
    )
    save_lora(folder / "loras" / "grand.safetensors", grand)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def studio(new_bot, new_room, models_dir):
    """A bot whose operator keeps LoRAs, and a member's room with it."""
    async with opened_playground() as playground, new_bot(playground, MODELS_DIR=str(models_dir)) as bot:
        await bot.start()
        yield bot, new_room(playground)


async def test_a_lora_is_found_while_it_is_typed_and_drawn_with_as_the_message_and_edit_say(studio):
    bot, room = studio
    typed = {"prompt": "a cat", "lora": "art"}
    completed = await room.playground.autocomplete("imagine", "lora", typed, user=room.user, channel=room.channel)
    assert completed["choices"] == [{"name": "Pixel Art (pixel)", "value": "pixel"}]
    answer = await room.imagine("a cat", lora=completed["choices"][0]["value"], steps=2)
    assert answer["message"]["content"].startswith(IN_MESSAGE)
    message = await room.finished(answer["message"]["id"])
    assert message["content"].startswith(IN_MESSAGE)
    (row,) = await bot.ended_rows("user_id = ?", int(room.user_id))
    assert (row["prompt"], row["state"]) == (TYPED, "done")
    fields = (await room.click(message, "edit"))["modal"]["components"]
    assert fields[0]["component"]["value"] == TYPED


async def test_a_lora_for_another_model_is_neither_offered_nor_drawn_nor_charged(studio):
    bot, room = studio
    before = len(bot.rows())
    completed = await room.playground.autocomplete(
        "imagine", "lora", {"lora": "grand"}, user=room.user, channel=room.channel
    )
    assert completed["choices"] == []
    answer = await room.imagine("a cat", lora="grand", steps=2)
    assert answer["ephemeral"]
    assert "made for Stable Diffusion XL and does not fit Emoji" in answer["message"]["content"]
    assert len(bot.rows()) == before


async def test_models_tells_what_can_be_used_and_what_cannot(studio):
    _, room = studio
    answer = await room.command("models")
    assert answer["ephemeral"]
    lines = answer["message"]["content"].split("\n")
    assert [line for line in lines if line.startswith("**")] == [
        "**Emoji** · `emoji`",
        "**grand**",
        "**Pixel Art** · `pixel`",
        "**sketch**",
        "**gold**",
    ]
    assert [("does not fit Emoji" in line, WORDS in line) for line in lines if line.startswith("-#")] == [
        (False, False), (True, False), (False, True), (False, False), (False, False),
    ]  # fmt: skip
