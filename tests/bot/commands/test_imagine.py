import pytest
from desk import ANN_ID, command_payload

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
    ],
    ids=["prompt", "steps", "seed", "guidance", "width", "images", "sampler", "aspect-width", "aspect", "type"],
)
async def test_what_another_client_sends_against_the_rules_gets_a_sentence(world, options, sentence):
    data = await imagine(world, **{"prompt": "a red heart", **options})
    assert data["content"].startswith(sentence)
    assert data["flags"] == EPHEMERAL
    assert not world.accepted.calls


async def test_a_command_without_its_required_option_gets_a_sentence(world):
    assert "older version of this command" in (await imagine(world))["content"]
