from dataclasses import replace

from bot_at_desk import CARD
from desk import command_payload

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
    ]


async def test_an_example_that_is_too_long_for_a_button_is_clipped(world):
    world.client.card = replace(CARD, examples=("heart " * 30,))
    (row,) = (await show_help(world))["components"]
    assert len(row["components"][0]["label"]) == 80


async def test_a_model_that_draws_anything_without_examples_or_licence_needs_fewer_words(world):
    world.client.card = replace(CARD, draws="", examples=(), licence="")
    data = await show_help(world)
    assert data["content"].split("\n") == [
        "I draw with the model **Emoji**.",
        "You have 60 of 60 pictures left today.",
        "Type /imagine and what you want to see.",
    ]
    assert data["components"] == []


async def test_help_names_the_words_that_the_model_answers_to(world):
    world.client.card = replace(CARD, trigger_words=("catgirl", "cat_ears"))
    assert "The model answers to: catgirl, cat\\_ears." in (await show_help(world))["content"]
