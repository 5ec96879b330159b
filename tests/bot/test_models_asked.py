"""Which model draws: asked for by option or at the prompt's end, offered while typed, kept by buttons."""

import shutil
from dataclasses import replace

import pytest
from bot_at_desk import bot_at_desk
from desk import ANN_ID, command_payload, form_payload, press_payload
from rows import row

from bot.accept import accept
from bot.forms import model_of
from bot.offers import choices_for, usable_among
from bot.store import audit, outcomes, requests
from engine.files.card import ModelCard
from engine.files.catalogue import Listed
from engine.models import find_model
from engine.notation.aspects import ASPECTS

EMOJI = find_model("emoji").path
EPHEMERAL = 64


@pytest.fixture
def models_dir(tmp_path):
    """A folder with a model that is the bundled one but for its card."""
    folder = tmp_path / "models" / "twin"
    folder.mkdir(parents=True)
    shutil.copy(EMOJI / "model_index.json", folder)
    for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler"):
        (folder / part).symlink_to(EMOJI / part)
    (folder / "model.toml").write_text('title = "Twin Peaks"\nsteps = 9\nsize = "256x256"\nenglish_only = false\n')
    return folder.parent


@pytest.fixture
async def world(tmp_path, monkeypatch, models_dir):
    async with bot_at_desk(tmp_path, monkeypatch, models_dir=models_dir, unchecked_models="anywhere") as world:
        yield world


async def imagine(world, **options):
    given = [{"type": 3, "name": name, "value": value} for name, value in options.items()]
    return (await world.answer(command_payload("imagine", given))).body["data"]


async def offered(world, typed, option="model", **before):
    options = [{"type": 3, "name": name, "value": value} for name, value in before.items()]
    payload = command_payload("imagine", [*options, {"type": 3, "name": option, "value": typed, "focused": True}])
    answer = await world.answer({**payload, "type": 4})
    return [(choice["name"], choice["value"]) for choice in answer.body["data"]["choices"]]


@pytest.mark.parametrize(
    "options",
    [{"model": "twin"}, {"model": "Twin Peaks"}, {"prompt": "a cat --model twin"}, {"prompt": "a cat --model TWIN"}],
    ids=["by name", "by title", "at the prompt's end", "in any case"],
)
async def test_a_model_is_asked_for(world, options):
    await imagine(world, **{"prompt": "a cat", **options})
    request = world.accepted.calls[0][0]
    assert (request.prompt, request.model) == ("a cat", "twin")
    assert world.accepted.wordings[0].notes == ()


async def test_without_one_the_usual_model_draws(world):
    await imagine(world, prompt="a cat")
    assert world.accepted.calls[0][0].model == "emoji"


async def test_the_option_holds_against_the_prompts_end_and_that_is_noted(world):
    await imagine(world, prompt="a cat --model twin", model="emoji")
    assert world.accepted.calls[0][0].model == "emoji"
    assert [note.rule for note in world.accepted.wordings[0].notes] == ["option_overruled"]


async def test_an_aspect_has_the_size_of_the_model_that_was_asked_for(world):
    await imagine(world, prompt="a cat", model="twin", aspect="square")
    assert world.accepted.calls[0][0].width == 256


@pytest.mark.parametrize(
    ("before", "pixels"),
    [({}, "128×128"), ({"model": "twin"}, "256×256"), ({"prompt": "a cat --model twin"}, "256×256")],
    ids=["the usual model", "by option", "at the prompt's end"],
)
async def test_aspects_are_offered_with_their_pixels_with_the_model_that_was_asked_for(world, before, pixels):
    choices = await offered(world, "", option="aspect", **before)
    assert [value for _, value in choices] == list(ASPECTS)
    assert choices[0] == (f"square 1:1 · {pixels}", "square")


async def test_an_aspect_is_found_by_its_name_and_its_ratio(world):
    wide = [("wide 16:9 · 168×96", "wide")]
    assert await offered(world, "WI", option="aspect") == wide
    assert await offered(world, "16:9", option="aspect") == wide


async def test_an_aspect_may_be_any_ratio(world):
    await imagine(world, prompt="a cat", aspect="4:3")
    request = world.accepted.calls[0][0]
    assert (request.width, request.height) == (144, 112)


async def test_models_are_offered_by_name_and_title(world):
    everything = [("Emoji · Stable Diffusion 1.x", "emoji"), ("Twin Peaks (twin) · Stable Diffusion 1.x", "twin")]
    assert await offered(world, "") == everything
    assert await offered(world, "peak") == everything[1:]
    assert await offered(world, "flux") == []


def listed(name, **card):
    return Listed(name=name, title=name, card=ModelCard(title=name, width=64, height=64, **card))


@pytest.mark.parametrize(
    ("models", "is_open", "names"),
    [
        pytest.param([listed("a"), Listed(name="b", title="b", fault="torn")], False, ["a"], id="whole ones"),
        pytest.param([listed("a"), listed("c", nsfw=True)], False, ["a"], id="none for adults"),
        pytest.param([listed("a"), listed("c", nsfw=True)], True, ["a", "c"], id="those for adults"),
        pytest.param([listed("a"), listed("x" * 101)], False, ["a"], id="a name that Discord takes"),
    ],
)
def test_only_models_that_may_draw_here_are_offered(models, is_open, names):
    assert [model.name for model in usable_among(models, is_open=is_open, may_be_unchecked=True)] == names


@pytest.mark.parametrize(("may", "names"), [(False, ["a"]), (True, ["a", "b"])], ids=["kept", "anywhere"])
def test_models_without_a_safety_checker_are_offered_only_where_they_may_draw(may, names):
    models = [listed("a"), replace(listed("b"), is_unchecked=True)]
    assert [model.name for model in usable_among(models, is_open=True, may_be_unchecked=may)] == names


def test_where_there_is_only_one_model_nothing_is_offered():
    assert choices_for("", [listed("a")]) == []


def test_no_more_are_offered_than_discord_shows():
    models = [listed(f"{number:03}" + "x" * 90, draws="") for number in range(40)]
    choices = choices_for("", models)
    assert len(choices) == 25
    assert all(len(choice.name) <= 100 for choice in choices)


@pytest.mark.parametrize("act", ["reroll", "again"])
async def test_a_button_keeps_the_model(world, act):
    drawn = await world.row(model="twin")
    await world.answer(press_payload(f"{act}:{drawn.id}"))
    assert world.accepted.calls[0][0].model == "twin"


async def test_the_form_keeps_the_model(world):
    drawn = await world.row(model="twin")
    fields = {"prompt": "a dog", "negative_prompt": "", "steps": "20", "guidance": "5", "seed": "7"}
    await world.answer(form_payload(f"edit-form:{drawn.id}", fields))
    assert world.accepted.calls[0][0].model == "twin"


@pytest.mark.parametrize(
    ("typed", "edited", "model"),
    [
        (None, "a dog", "twin"),
        (None, "a dog --model other", "other"),
        ("a cat --model twin", "a dog --model twin", "twin"),
        ("a cat --model twin", "a dog", None),
        ("a cat --model overruled", "a dog --model overruled", "twin"),
    ],
    ids=["untouched", "added", "kept", "removed", "overruled before"],
)
def test_what_a_form_says_of_the_model(typed, edited, model):
    assert model_of(row(prompt="a cat", typed_prompt=typed, model="twin"), edited) == model


async def test_a_model_that_is_gone_is_said_in_one_sentence_and_nothing_is_charged(world, monkeypatch):
    monkeypatch.setattr("bot.buttons.accept", accept)
    drawn = await world.row(model="gone")
    async with world.database.transaction() as connection:
        await outcomes.end(connection, drawn.id, state="done", reason=None, charged=1, flagged=0, now=1.0)
    answer = await world.answer(press_payload(f"reroll:{drawn.id}"))
    assert answer.body["data"]["content"].startswith("I know no model gone.")
    assert answer.body["data"]["flags"] == EPHEMERAL
    async with world.database.reading() as connection:
        assert await requests.unfinished(connection) == []


async def test_what_is_refused_to_a_form_can_be_corrected(world, monkeypatch):
    monkeypatch.setattr("bot.forms.accept", accept)
    drawn = await world.row()
    fields = {"prompt": "a dog --model gone", "negative_prompt": "", "steps": "20", "guidance": "5", "seed": "7"}
    for prompt, sentence in [
        ("a dog --model gone", "I know no model gone. Try emoji, twin, or see /models."),
        ("一只猫", "Emoji reads English only"),
    ]:
        answer = await world.answer(form_payload(f"edit-form:{drawn.id}", {**fields, "prompt": prompt}))
        assert sentence in answer.body["data"]["content"]
        assert answer.body["data"]["components"][0]["components"][0]["label"] == "Correct it"


async def test_what_is_below_the_floor_is_so_also_in_a_language_that_the_model_does_not_read(world, monkeypatch):
    monkeypatch.setattr("bot.commands.imagine.accept", accept)
    assert "that is final" in (await imagine(world, prompt="裸体的小女孩"))["content"]
    assert "Emoji reads English only" in (await imagine(world, prompt="小女孩"))["content"]
    async with world.database.reading() as connection:
        counts = [
            await audit.count_since(connection, user_id=ANN_ID, action=action, since=0.0)
            for action in ("floor-hit", "refused")
        ]
    assert counts == [1, 2]


async def test_help_tells_of_other_models(world):
    data = (await world.answer(command_payload("help"))).body["data"]
    assert "\nAnother model is here, too: /models lists them" in data["content"]
