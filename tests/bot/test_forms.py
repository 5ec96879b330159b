from dataclasses import replace

import pytest
from bot_at_desk import CARD
from desk import BEN_ID, form_payload, press_payload
from hypothesis import given
from hypothesis import strategies as st
from rows import row

from bot.forms import FaultyForm, Typed, edit_form, typed_of, wanted
from bot.wording import Wording

EPHEMERAL = 64
GOOD = {"prompt": "a blue heart", "negative_prompt": "", "steps": "30", "guidance": "7.5", "seed": "4181"}


def typed(**changes):
    return Typed(**{**GOOD, **changes})


# what the form means


def want(asked, given):
    return wanted(asked, given, CARD, "en-US")[0]


def test_a_form_changes_what_it_shows_and_keeps_the_rest():
    asked = row(num_images=4, scheduler="dpmpp_2m", width=192)
    request = want(asked, typed())
    assert (request.prompt, request.num_inference_steps, request.guidance_scale, request.seed) == (
        "a blue heart",
        30,
        7.5,
        4181,
    )
    assert (request.num_images, request.scheduler, request.width, request.height) == (4, "dpmpp_2m", 192, 128)


def test_what_a_form_shows_is_what_it_means():
    asked = row(guidance_scale=7.25, seed=2**53 - 1)
    assert replace(want(asked, typed_of(asked)).completed(CARD), model="emoji") == asked.request


@given(
    st.floats(min_value=0, max_value=50),
    st.integers(min_value=0, max_value=2**53 - 1),
)
def test_numbers_survive_the_form(guidance_scale, seed):
    asked = row(guidance_scale=guidance_scale, seed=seed)
    request = want(asked, typed_of(asked))
    assert (request.guidance_scale, request.seed) == (guidance_scale, seed)


def test_empty_numbers_are_left_to_the_model():
    request = want(row(), typed(steps=" ", guidance="", seed=""))
    assert (request.num_inference_steps, request.guidance_scale) == (None, None)


@pytest.mark.parametrize("seed", ["", "-1"], ids=["empty", "minus-one"])
def test_a_seed_that_is_left_out_is_drawn(seed):
    seeds = {want(row(), typed(seed=seed)).seed for _ in range(3)}
    assert len(seeds) == 3


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"steps": "999"}, ["steps must be from 1 to 150, got 999."]),
        ({"steps": "20.5"}, ["steps must be a whole number, got 20.5."]),
        ({"guidance": "seven"}, ["guidance must be a number, got seven."]),
        ({"guidance": "7,5"}, ["guidance must be a number, got 7,5."]),
        ({"guidance": "nan"}, ["guidance must be a number, got nan."]),
        ({"seed": "-2"}, ["seed must be from 0 to 9007199254740991, got -2."]),
        ({"prompt": "  "}, ["The prompt is empty: say what to draw."]),
        (
            {"prompt": "", "steps": "0", "guidance": "51", "seed": "x"},
            [
                "The prompt is empty: say what to draw.",
                "steps must be from 1 to 150, got 0.",
                "guidance must be from 0 to 50, got 51.",
                "seed must be a whole number, got x.",
            ],
        ),
    ],
    ids=["steps", "half-step", "word", "comma", "nan", "seed", "prompt", "all"],
)
def test_every_faulty_field_has_its_sentence(changes, sentences):
    with pytest.raises(FaultyForm) as caught:
        want(row(), typed(**changes))
    assert list(caught.value.sentences) == sentences


def test_what_does_not_go_with_the_rest_of_the_request_is_a_fault_of_its_field():
    with pytest.raises(FaultyForm) as caught:
        want(row(scheduler="lcm"), typed(steps="51"))
    assert caught.value.sentences == ("The sampler LCM takes 1 to 50 steps, got 51.",)


# how the form looks


async def test_a_form_fits_discords_limits():
    form = edit_form(5, typed(prompt="x" * 4000), "en-US").to_dict()
    assert len(form["title"]) <= 45
    assert len(form["components"]) == 5
    assert all(label["type"] == 18 and len(label["label"]) <= 45 for label in form["components"])
    assert all(len(label.get("description", "")) <= 100 for label in form["components"])
    assert all(label["component"]["max_length"] <= 4000 for label in form["components"])


async def test_only_the_prompt_is_required():
    form = edit_form(5, typed(), "en-US").to_dict()
    assert [label["component"]["required"] for label in form["components"]] == [True, False, False, False, False]


async def test_discord_py_keeps_no_form():
    assert edit_form(5, typed(), "en-US").is_finished()


# faults, and back into the form


async def submit(world, values, **more):
    asked = await world.row()
    return (await world.answer(form_payload(f"edit-form:{asked.id}", values, **more))).body


async def test_a_good_form_is_the_submitters_own_request(world):
    await submit(world, GOOD, user_id=BEN_ID)
    ((request, kind, parent_id),) = world.accepted.calls
    assert (request.prompt, request.owner, kind, parent_id) == ("a blue heart", str(BEN_ID), "edit", 1)


async def test_a_faulty_form_is_answered_to_its_member_alone_line_by_line(world):
    body = await submit(world, {**GOOD, "steps": "0", "seed": "x"})
    assert body["data"]["flags"] == EPHEMERAL
    assert body["data"]["content"].split("\n") == [
        "This cannot be drawn yet:",
        "• steps must be from 1 to 150, got 0.",
        "• seed must be a whole number, got x.",
    ]
    assert not world.accepted.calls


async def test_correct_it_opens_the_form_with_what_was_typed(world):
    faulty = {**GOOD, "steps": "0", "prompt": "a green heart"}
    body = await submit(world, faulty)
    (button,) = body["data"]["components"][0]["components"]
    form = (await world.answer(press_payload(button["custom_id"], interaction_id=6))).body["data"]
    assert form["custom_id"] == "edit-form:1"
    assert {
        label["component"]["custom_id"]: label["component"].get("value", "") for label in form["components"]
    } == faulty


async def test_correct_it_after_a_restart_says_what_to_do(world):
    body = (await world.answer(press_payload("correct:4711"))).body
    assert body["data"]["content"] == "What you typed is no longer here. Press Edit under the picture again."


async def test_a_form_in_discords_older_layout_is_read_too(world):
    asked = await world.row()
    payload = form_payload(f"edit-form:{asked.id}", {})
    payload["data"]["components"] = [
        {"type": 1, "id": number, "components": [{"type": 4, "id": 10 + number, "custom_id": key, "value": value}]}
        for number, (key, value) in enumerate(GOOD.items())
    ]
    await world.answer(payload)
    assert world.accepted.calls[0][0].prompt == "a blue heart"


# options at the prompt's end


def with_options(prompt, **changes):
    """A row whose prompt was typed so, as it is kept."""
    return row(typed_prompt=prompt, prompt=prompt.partition(" --")[0], **changes)


def test_a_form_shows_the_prompt_as_it_was_typed():
    assert typed_of(with_options("a cat --ar 16:9")).prompt == "a cat --ar 16:9"


def test_what_a_form_with_options_shows_is_what_it_means():
    asked = with_options("a cat --ar 16:9 --steps 30 --seed 7 --no blur", seed=7, num_inference_steps=30,
        negative_prompt="blur", width=168, height=96)  # fmt: skip
    request, wording = wanted(asked, typed_of(asked), CARD, "en-US")
    assert replace(request.completed(CARD), model="emoji") == asked.request
    assert wording == Wording("a cat --ar 16:9 --steps 30 --seed 7 --no blur")


def test_an_option_that_was_changed_in_the_prompt_holds_against_fields_that_were_not():
    asked = with_options("a cat --steps 30", num_inference_steps=30)
    changed = replace(typed_of(asked), prompt="a cat --steps 40 --ar 16:9")
    request, wording = wanted(asked, changed, CARD, "en-US")
    assert (request.prompt, request.num_inference_steps, request.width, request.height) == ("a cat", 40, 168, 96)
    assert wording == Wording("a cat --steps 40 --ar 16:9")


def test_a_field_that_was_changed_holds_against_an_option_and_that_is_noted():
    asked = with_options("a cat --steps 30", num_inference_steps=30)
    request, wording = wanted(asked, replace(typed_of(asked), steps="20"), CARD, "en-US")
    assert request.num_inference_steps == 20
    assert [note.facts for note in wording.notes] == [{"option": "steps", "value": "30", "used": "20"}]


def test_a_field_that_was_emptied_leaves_the_option_to_hold():
    asked = with_options("a cat --steps 30", num_inference_steps=40)
    request, wording = wanted(asked, replace(typed_of(asked), steps=""), CARD, "en-US")
    assert (request.num_inference_steps, wording.notes) == (30, ())


def test_an_aspect_that_was_taken_out_of_the_prompt_leaves_the_size_to_the_model():
    asked = with_options("a cat --ar 16:9", width=168, height=96)
    assert want(asked, replace(typed_of(asked), prompt="a cat")).completed(CARD).width == CARD.width


OTHER = replace(CARD, title="Other", steps=8, guidance=2.0, width=192, height=192, negative_prompt="blur")


def edited_for_other(asked, **changes):
    changed = replace(typed_of(asked), **changes)
    return wanted(asked, changed, OTHER, "en-US", before=CARD)[0].completed(OTHER)


def test_for_another_model_its_own_defaults_hold_where_nothing_was_asked():
    asked = row(num_inference_steps=CARD.steps, guidance_scale=CARD.guidance, width=CARD.width, height=CARD.height)
    request = edited_for_other(asked)
    assert (request.num_inference_steps, request.guidance_scale, request.width, request.height) == (8, 2.0, 192, 192)
    assert request.negative_prompt == "blur"


def test_for_another_model_what_was_asked_still_holds():
    asked = row(num_inference_steps=33, guidance_scale=CARD.guidance, width=CARD.width, height=192)
    request = edited_for_other(asked, guidance="3")
    assert (request.num_inference_steps, request.guidance_scale) == (33, 3.0)
    assert (request.width, request.height) == (CARD.width, 192)


def test_an_option_that_cannot_be_read_is_a_fault():
    with pytest.raises(FaultyForm) as caught:
        want(row(), typed(prompt="a cat --steps many"))
    assert caught.value.sentences == ("steps must be a whole number, got many.",)


# what is kept


@pytest.mark.parametrize("typed", ["", '""'])
def test_a_negative_prompt_that_was_emptied_is_not_filled_in_again(typed):
    asked = row(negative_prompt="blur")
    request = want(asked, replace(typed_of(asked), negative_prompt=typed))
    assert typed_of(asked).negative_prompt == "blur"
    assert not request.completed(replace(CARD, negative_prompt="blur")).negative_prompt
