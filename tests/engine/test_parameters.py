from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.files.card import ModelCard
from engine.parameters import read_parameters, write_parameters
from engine.request import CompleteRequest, GenerationRequest
from engine.schedulers import SCHEDULERS

CARD = ModelCard(title="Emoji", width=128, height=128, own_sampler="PLMS")
REQUEST = CompleteRequest(
    prompt="a red heart", width=128, height=64, num_inference_steps=20, guidance_scale=5.0, seed=7, scheduler="default"
)


def test_the_text_is_that_of_the_web_ui():
    assert write_parameters(REQUEST, CARD) == (
        "a red heart\nSteps: 20, Sampler: PLMS, CFG scale: 5, Seed: 7, Size: 128x64, Model: Emoji"
    )


def test_a_negative_prompt_has_its_own_line():
    request = CompleteRequest(
        prompt="a, b",
        negative_prompt="c",
        width=64,
        height=64,
        num_inference_steps=1,
        guidance_scale=7.25,
        seed=0,
        scheduler="euler_a",
    )
    assert write_parameters(request, CARD) == (
        "a, b\nNegative prompt: c\nSteps: 1, Sampler: Euler a, CFG scale: 7.25, Seed: 0, Size: 64x64, Model: Emoji"
    )


def test_a_title_with_commas_is_quoted():
    card = ModelCard(title='Cats, "dogs"', width=64, height=64)
    assert write_parameters(REQUEST, card).endswith(r'Model: "Cats, \"dogs\""')


PLAIN_PROMPTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=200).filter(
    lambda text: text.strip() and ":" not in text
)


REQUESTS = st.builds(
    CompleteRequest,
    prompt=PLAIN_PROMPTS,
    negative_prompt=PLAIN_PROMPTS | st.just(""),
    num_inference_steps=st.integers(1, 50),
    guidance_scale=st.floats(0, 50, allow_nan=False).map(lambda number: round(number, 6)),
    seed=st.integers(0, 2**53 - 1),
    scheduler=st.sampled_from([name for name in SCHEDULERS if name != "default"]),
    width=st.integers(8, 256).map(lambda cells: cells * 8),
    height=st.integers(8, 256).map(lambda cells: cells * 8),
    clip_skip=st.integers(1, 12),
)


@pytest.mark.parametrize(
    ("skips", "default", "written"), [(1, 1, False), (2, 1, True), (1, 2, True)], ids=["neither", "asked", "default"]
)
def test_clip_skip_is_written_where_it_is_not_the_same_for_everybody(skips, default, written):
    request = GenerationRequest(prompt="a", seed=1, clip_skip=skips).completed(CARD)
    text = write_parameters(request, replace(CARD, clip_skip=default))
    assert (f"Clip skip: {skips}" in text) is written


@given(REQUESTS)
def test_prompts_without_colons_come_back_from_the_text_alone(request):
    asked = {field.name: getattr(request, field.name) for field in fields(GenerationRequest)}
    asked |= {"prompt": request.prompt.strip(), "negative_prompt": request.negative_prompt.strip()}
    asked["clip_skip"] = request.clip_skip if request.clip_skip > 1 else None
    assert read_parameters(write_parameters(request, CARD)) == GenerationRequest(**asked)


def test_a_text_of_the_web_ui_is_read():
    text = (
        'a castle, "gothic", (night:1.2)\nby a lake\nNegative prompt: lowres, text\nblurry\n'
        "Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 3216321, Size: 512x768, "
        'Model hash: 6ce0161689, Model: v1-5, Hires prompt: "a, b: c", Version: v1.10.1'
    )
    assert read_parameters(text) == GenerationRequest(
        prompt='a castle, "gothic", (night:1.2)\nby a lake',
        negative_prompt="lowres, text\nblurry",
        num_inference_steps=25,
        scheduler="dpmpp_2m_karras",
        guidance_scale=7.5,
        seed=3216321,
        width=512,
        height=768,
    )


@pytest.mark.parametrize(
    ("entries", "scheduler"),
    [
        ("Sampler: DPM++ 2M Karras", "dpmpp_2m_karras"),
        ("Sampler: DPM++ 2M SDE, Schedule type: Karras", "dpmpp_2m_sde_karras"),
        ("Sampler: DPM++ 2M, Schedule type: Automatic", "dpmpp_2m"),
        ("Sampler: Euler a", "euler_a"),
        ("Sampler: Restart", None),
        ("Version: 1", None),
    ],
)
def test_samplers_are_read_as_old_and_new_web_uis_name_them(entries, scheduler):
    found = read_parameters(f"a cat\nSteps: 3, Seed: 1, {entries}")
    assert found is not None
    assert found.scheduler == scheduler


def test_a_last_line_with_few_entries_belongs_to_the_prompt():
    found = read_parameters("a cat\nmood: calm, light: soft")
    assert found is not None
    assert found.prompt == "a cat\nmood: calm, light: soft"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "Steps: 3, Seed: 1, Size: 64x64",
        "a cat\nSteps: many, Seed: 1, Size: 64x64",
        "a cat\nSteps: 900, Seed: 1, Size: 64x64",
        "a cat\nSteps: 3, Seed: 1, Size: 100x100",
        "a cat\nSteps: 3, Seed: 1, Size: big",
        "a cat\nSteps: 3, Seed: 99999999999999999999, Size: 64x64",
        "a" * 7000,
    ],
    ids=lambda text: text[:50] or "nothing",
)
def test_what_could_not_be_drawn_is_no_request(text):
    assert read_parameters(text) is None


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text):
    read_parameters(text)


@given(
    st.lists(st.sampled_from(["Steps", "Size", ": ", ", ", '"', "\\", "1", "x", "\n", "Negative prompt:"])).map("".join)
)
def test_any_text_that_looks_like_the_format_is_read_without_an_error(text):
    read_parameters(text)


def test_a_hostile_last_line_takes_no_time():
    assert read_parameters("a cat\n" + "a" * 1_000_000) is None
