import pytest
from desk import ANN_ID, command_payload

from bot.wording import Wording

EPHEMERAL = 64


async def imagine(world, **options):
    kinds = {str: 3, int: 4, float: 10}
    given = [{"type": kinds[type(value)], "name": name, "value": value} for name, value in options.items()]
    return (await world.answer(command_payload("imagine", given))).body["data"]


async def test_a_prompt_alone_is_accepted_as_the_members_own(world):
    await imagine(world, prompt="a red heart")
    ((request, kind, parent_id),) = world.accepted.calls
    assert (request.prompt, request.owner, request.num_images, kind, parent_id) == (
        "a red heart",
        str(ANN_ID),
        1,
        "imagine",
        None,
    )


async def test_every_option_arrives(world):
    await imagine(
        world, prompt="a cat", images=4, negative_prompt="blur", seed=7, steps=30, guidance=7.5, sampler="euler_a",
        width=192, height=128,
    )  # fmt: skip
    request = world.accepted.calls[0][0]
    assert (request.num_images, request.negative_prompt, request.seed) == (4, "blur", 7)
    assert (request.num_inference_steps, request.guidance_scale, request.scheduler) == (30, 7.5, "euler_a")
    assert (request.width, request.height) == (192, 128)


async def test_options_at_the_prompts_end_arrive_and_the_prompt_is_kept_as_typed(world):
    prompt = "a castle --ar 16:9 —seed 7 --steps 30 --cfg 8 --sampler DPM++ 2M Karras --n 2 --no blur, noise"
    await imagine(world, prompt=prompt)
    request = world.accepted.calls[0][0]
    assert (request.prompt, request.negative_prompt, request.num_images) == ("a castle", "blur, noise", 2)
    assert (request.width, request.height, request.seed) == (168, 96, 7)
    assert (request.num_inference_steps, request.guidance_scale, request.scheduler) == (30, 8.0, "dpmpp_2m_karras")
    assert world.accepted.wordings == [Wording(prompt)]


@pytest.mark.parametrize(
    ("options", "overruled"),
    [
        ({"steps": 20}, [("steps", "30", "20")]),
        ({"steps": 30}, []),
        ({"aspect": "square"}, [("aspect", "16:9", "128×128")]),
        ({"aspect": "wide"}, []),
        ({"height": 192}, [("aspect", "16:9", "192")]),
        ({"seed": -1}, [("seed", "7", "-1")]),
        ({"images": 1}, [("images", "2", "1")]),
    ],
    ids=lambda value: "-".join(map(str, *value.items())) if isinstance(value, dict) else "",
)
async def test_an_option_of_the_command_holds_against_the_prompts_end_and_that_is_noted(world, options, overruled):
    await imagine(world, prompt="a castle --ar 16:9 --seed 7 --steps 30 --n 2", **options)
    notes = world.accepted.wordings[0].notes
    assert [tuple(note.facts[name] for name in ("option", "value", "used")) for note in notes] == overruled


async def test_an_unknown_option_at_the_prompts_end_is_noted(world):
    await imagine(world, prompt="a castle --stile raw")
    assert [note.rule for note in world.accepted.wordings[0].notes] == ["option_unknown"]


async def test_the_model_that_draws_may_be_named_at_the_prompts_end(world):
    await imagine(world, prompt="a castle --model emoji")
    assert world.accepted.calls[0][0].prompt == "a castle"


async def test_six_thousand_characters_arrive(world):
    await imagine(world, prompt="x" * 6000)
    assert len(world.accepted.calls[0][0].prompt) == 6000


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"prompt": " "}, "The prompt is empty"),
        ({"steps": 151}, "steps must be from 1 to 150, got 151."),
        ({"seed": 2**53}, "seed must be from 0 to"),
        ({"guidance": 51.5}, "guidance must be from 0 to 50, got 51.5."),
        ({"width": 500}, "width and height must be multiples of 8"),
        ({"images": 9}, "9 pictures are too many for one message; at most 4."),
        ({"sampler": "magic"}, "sampler magic is unknown"),
        ({"aspect": "wide", "width": 128}, "aspect already says width and height"),
        ({"aspect": "panorama"}, "aspect panorama is unknown"),
        ({"steps": "twenty"}, "steps must be a whole number."),
        ({"prompt": "x --steps 151"}, "steps must be from 1 to 150, got 151."),
        ({"prompt": "x --steps many"}, "steps must be a whole number, got many."),
        ({"prompt": "x --cfg much"}, "guidance must be a number, got much."),
        ({"prompt": "x --n 9"}, "9 pictures are too many for one message; at most 4."),
        ({"prompt": "x --ar 99:1"}, "aspect must be from 1:32 to 32:1, got 99\\:1."),
        ({"prompt": "x --ar 16:9 --w 64"}, "aspect already says width and height"),
        ({"prompt": "x --sampler magic"}, "sampler magic is unknown"),
        ({"prompt": "x --model flux"}, "I know no model flux."),
        ({"prompt": "--ar 16:9"}, "The prompt is empty"),
    ],
    ids=lambda value: "-".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else "",
)
async def test_what_another_client_sends_against_the_rules_gets_a_sentence(world, options, sentence):
    data = await imagine(world, **{"prompt": "a red heart", **options})
    assert data["content"].startswith(sentence)
    assert data["flags"] == EPHEMERAL
    assert not world.accepted.calls


async def test_a_command_without_its_required_option_gets_a_sentence(world):
    assert "older version of this command" in (await imagine(world))["content"]


@pytest.mark.parametrize(("options", "meant"), [({}, None), ({"negative_prompt": '""'}, "")], ids=["none", "empty"])
async def test_two_quotes_are_an_empty_negative_prompt(world, options, meant):
    await imagine(world, prompt="a cat", **options)
    assert world.accepted.calls[0][0].negative_prompt == meant
