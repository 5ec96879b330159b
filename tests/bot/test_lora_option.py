"""The option `lora`: what is offered while it is typed, and what becomes of the prompt."""

import threading
from pathlib import Path

import pytest
import structlog
from bot_at_desk import bot_at_desk
from desk import command_payload, interaction_payload
from lora_files import XL_WIDTH, save_lora

from bot.loras import choices_for
from engine.lora.lorafile import LoraFile

AUTOCOMPLETE, CHOICES = 4, 8
EPHEMERAL = 64


@pytest.fixture
def models_dir(tmp_path):
    save_lora(tmp_path, "pixel_v2", title="Pixel Art", words="pixel art, 8-bit")
    save_lora(tmp_path, "gold", title="All in Gold")
    save_lora(tmp_path, "grand", width=XL_WIDTH, title="Pixel Grand")
    (tmp_path / "loras" / "broken.safetensors").write_bytes(b"broken")
    return tmp_path


@pytest.fixture
async def world(tmp_path, monkeypatch, models_dir):
    async with bot_at_desk(tmp_path, monkeypatch, models_dir=models_dir) as world:
        yield world


def typing(text, option="lora", **more):
    options = [
        {"name": "prompt", "type": 3, "value": "a cat"},
        {"name": option, "type": 3, "value": text, "focused": True},
    ]
    data = {"id": "50", "name": "imagine", "type": 1, "options": options}
    return interaction_payload(AUTOCOMPLETE, data, **more)


async def offered(world, text, **more):
    answer = (await world.answer(typing(text, **more))).body
    assert answer["type"] == CHOICES
    return [(choice["name"], choice["value"]) for choice in answer["data"]["choices"]]


async def imagined(world, prompt, lora):
    options = [{"name": "prompt", "type": 3, "value": prompt}, {"name": "lora", "type": 3, "value": lora}]
    return (await world.answer(command_payload("imagine", options))).body["data"]


def file(name, title=""):
    return LoraFile(path=Path(f"{name}.safetensors"), version=(1, 1), title=title or name)


# autocomplete


async def test_what_fits_the_model_is_offered_by_title_and_file_name(world):
    gold, pixel, bundled = ("All in Gold (gold)", "gold"), ("Pixel Art (pixel_v2)", "pixel_v2"), ("pixel", "pixel")
    assert await offered(world, "") == [gold, bundled, pixel, ("sketch", "sketch")]
    assert await offered(world, "PIX") == [bundled, pixel]
    assert await offered(world, "v2") == [("Pixel Art (pixel_v2)", "pixel_v2")]
    assert await offered(world, "nothing like it") == []


async def test_a_file_that_comes_later_is_offered_too(world, models_dir):
    save_lora(models_dir, "pixel_v3")
    assert ("pixel_v3", "pixel_v3") in await offered(world, "pixel")


async def test_files_are_looked_at_beside_the_event_loop(world, monkeypatch):
    threads = []
    loras = world.client.engine.find_source(None).loras
    listing = loras.all
    monkeypatch.setattr(loras, "all", lambda: threads.append(threading.current_thread()) or listing())
    await offered(world, "")
    assert threads != [threading.main_thread()]


async def test_a_fault_while_typing_is_logged_and_offers_nothing(world, monkeypatch):
    def fail():
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(world.client.engine.find_source(None).loras, "all", fail)
    with structlog.testing.capture_logs() as logs:
        assert await offered(world, "pix") == []
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["interaction_broke"]


async def test_where_nothing_is_drawn_nothing_is_offered(world):
    assert await offered(world, "pix", guild_id=8) == []


async def test_the_prompt_never_autocompletes(world):
    (imagine,) = [command for command in world.desk.commands if command["name"] == "imagine"]
    assert [option["name"] for option in imagine["options"] if option.get("autocomplete")] == [
        "aspect",
        "model",
        "lora",
    ]


def test_what_begins_so_goes_before_words_and_words_before_parts():
    files = [file("a-ink"), file("shrink"), file("b", "Ink"), file("ink_wash"), file("c", "pink"), file("d_ink")]
    names = [choice.value for choice in choices_for("ink", files)]
    assert names == ["b", "ink_wash", "a-ink", "d_ink", "c", "shrink"]


def test_choices_are_no_more_and_no_longer_than_discord_takes():
    files = [file(f"{number:02}{'n' * 90}", "title " * 40) for number in range(30)] + [file("x" * 101), file("é" * 100)]
    choices = choices_for("", files)
    assert len(choices) == 25
    assert all(1 <= len(choice.name) <= 100 and len(choice.value) <= 100 for choice in choices)


# the command


async def test_tag_and_trigger_words_stand_in_the_prompt_as_typed(world):
    await imagined(world, "a cat --seed 7", "pixel_v2")
    ((request, _, _),) = world.accepted.calls
    (wording,) = world.accepted.wordings
    assert request.prompt == "a cat, pixel art, 8-bit <lora:pixel_v2:0.8>"
    assert request.seed == 7
    assert wording.typed_prompt == f"{request.prompt} --seed 7"
    assert wording.notes == ()


async def test_what_is_added_behind_the_end_of_what_is_shown_is_told(world):
    await imagined(world, "a cat, " * 60, "pixel_v2")
    (wording,) = world.accepted.wordings
    assert [note.facts for note in wording.notes] == [{"text": "<lora:pixel_v2:0.8>, pixel art, 8-bit"}]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("pixel_", "I know no LoRA pixel\\_. Nearest: pixel\\_v2."),
        ("goldd", "I know no LoRA goldd. Nearest: gold."),
        ("Pixel Art", "I know no LoRA Pixel Art. Nearest: pixel\\_v2."),
        ("**zzz**", "I know no LoRA \\*\\*zzz\\*\\* that could be used here."),
        ("../../etc/passwd", "I know no LoRA ../../etc/passwd that could be used here.".replace("/", "\\/")),
    ],
    ids=["part", "mistyped", "title", "nothing like it", "path"],
)
async def test_a_value_that_is_no_name_is_one_sentence_with_near_matches(world, typed, sentence):
    answer = await imagined(world, "a cat", typed)
    assert (answer["content"], answer["flags"]) == (sentence, EPHEMERAL)
    assert world.accepted.calls == []
