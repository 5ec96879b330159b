from dataclasses import replace

from bot_at_desk import CARD
from desk import command_payload, press_payload

EPHEMERAL = 64


async def show_help(world):
    return (await world.answer(command_payload("help"))).body["data"]


async def test_help_says_what_is_drawn_what_is_left_and_the_licence(world):
    data = await show_help(world)
    assert data["flags"] == EPHEMERAL
    assert data["content"].split("\n") == [
        "I draw with the model **Emoji**. It knows emoji only.",
        "You have 60 of 60 pictures left today.",
        "The model's licence is MIT; what it asks holds for every picture.",
        "Type /imagine and what you want to see, or press an example:",
    ]


async def test_help_has_three_examples_to_press(world):
    buttons = [button for row in (await show_help(world))["components"] for button in row["components"]]
    assert [(button["label"], button["custom_id"]) for button in buttons] == [
        ("a red heart", "example:0"),
        ("a cat", "example:1"),
        ("a strawberry", "example:2"),
        ("Read the licence", "licence:0"),
    ]


async def test_an_example_that_is_too_long_for_a_button_is_clipped(world):
    world.client.card = replace(CARD, examples=("heart " * 30,))
    row, _ = (await show_help(world))["components"]
    assert len(row["components"][0]["label"]) == 80


async def test_a_model_that_draws_anything_without_examples_or_licence_needs_fewer_words(world):
    world.client.card = replace(CARD, draws="", examples=(), licence="")
    data = await show_help(world)
    assert data["content"].split("\n") == [
        "I draw with the model **Emoji**.",
        "You have 60 of 60 pictures left today.",
        "Type /imagine and what you want to see.",
    ]
    assert [button["custom_id"] for row in data["components"] for button in row["components"]] == ["licence:0"]


async def test_help_names_the_words_that_the_model_answers_to(world):
    world.client.card = replace(CARD, trigger_words=("catgirl", "cat_ears"))
    assert "The model answers to: catgirl, cat\\_ears." in (await show_help(world))["content"]


async def test_help_says_what_an_openrail_licence_forbids(world):
    world.client.card = replace(CARD, licence="CreativeML OpenRAIL-M")
    content = (await show_help(world))["content"]
    assert "The model's licence is CreativeML OpenRAIL-M" in content
    assert "to exploit or harm minors" in content
    assert len(content) <= 2000


async def test_the_text_of_the_licence_is_given_as_it_lies_in_the_models_folder(world):
    call = await world.answer(press_payload("licence:0"))
    assert call.body["data"]["flags"] == EPHEMERAL
    assert set(call.files) == {"LICENSE-emojibase.txt", "LICENSE-fluent-emoji.txt"}
    assert call.files["LICENSE-emojibase.txt"].startswith(b"MIT License")


async def test_a_model_without_the_text_of_its_licence_offers_none(world, monkeypatch):
    monkeypatch.setattr("bot.commands.help.licence_files", lambda _: ())
    buttons = [button for row in (await show_help(world))["components"] for button in row["components"]]
    assert [button["custom_id"] for button in buttons] == ["example:0", "example:1", "example:2"]
    said = (await world.answer(press_payload("licence:0"))).body["data"]["content"]
    assert said == "Emoji came without the text of its licence."
