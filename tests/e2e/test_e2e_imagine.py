"""`/imagine` from the first answer to the pictures, as the members of a server see it."""

import asyncio
import io
import re
from itertools import pairwise

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image
from room import custom_ids, labels

from engine import png

NASTY = "**bold** <@1> @everyone [link](https://example.com) `code` <t:1:R> # title ||spoiler||"


async def file_of(room, attachment):
    """An attachment's bytes, as a member saves it."""
    async with aiohttp.ClientSession() as session, session.get(room.playground.url + attachment["url"]) as response:
        assert response.status == 200
        return await response.read()


def edits(room, answer):
    """The bot's edits of an interaction's message, in order."""
    return [
        request
        for request in room.playground.requests
        if request.method == "PATCH" and request.interaction_id == answer["id"]
    ]


async def test_the_first_answer_is_the_waiting_message_with_prompt_owner_and_short_id(room):
    answer = await room.imagine("a red heart", steps=2)
    content = answer["message"]["content"]
    assert (answer["kind"], answer["ephemeral"]) == (4, False)
    assert content.startswith("**a red heart**\n")
    assert "in line" in content
    assert re.search(rf"for <@{room.user_id}> · #[0-9A-Z]{{4}}", content)


async def test_the_first_answer_says_the_price_and_what_is_left(room):
    content = (await room.imagine("a red heart", images=2, steps=2))["message"]["content"]
    assert re.search(
        r"in line( · ready <t:\d+:R>| · any moment now)? · 2 pictures, about \d+ s · 58 of 60 pictures left today",
        content,
    )


async def test_quota_says_what_a_finished_request_cost(room):
    await room.draw()
    await room.draw()  # the first one's ledger is settled after its message shows the picture
    lines = (await room.command("quota"))["message"]["content"].splitlines()
    assert re.fullmatch(
        r"#\w+ · reserved 1 picture, \d+\.\d s · spent 1 picture, \d+\.\d s( · refunded \d+\.\d s)?", lines[-1]
    )


async def test_a_waiting_request_can_be_changed_explained_and_cancelled(room):
    answer = await room.imagine(steps=2)
    assert labels(answer["message"]) == ["Edit", "Why am I waiting?", "Cancel"]


async def test_pictures_appear_in_the_waiting_message(room):
    answer = await room.imagine(steps=2)
    message = await room.finished(answer["message"]["id"])
    assert [found["id"] for found in room.messages()] == [message["id"]]


async def test_a_finished_message_names_prompt_seed_and_what_differs(room):
    message = await room.draw("a red heart", seed=4181, steps=3, width=64, height=128, sampler="euler_a")
    first, second, *_ = message["content"].splitlines()
    assert first == "**a red heart**"
    assert second == "Seed `4181` · 3 steps · Euler a · 64×128"


async def test_a_finished_message_says_how_long_it_took_and_what_is_left_today(room):
    message = await room.draw()
    assert re.search(r"· 1 picture, \d+\.\d s · 59 pictures left today$", message["content"])


async def test_a_finished_message_has_its_buttons(room):
    assert labels(await room.draw()) == ["Reroll", "Edit", "Delete"]


async def test_a_seed_that_was_left_out_is_drawn_and_shown(room):
    message = await room.draw()
    assert re.search(r"^Seed `\d+`", message["content"], re.MULTILINE)


async def test_a_picture_has_its_prompt_as_alt_text(room):
    [picture] = (await room.draw("a red heart on a blue background"))["attachments"]
    assert picture["description"] == "a red heart on a blue background"


async def test_a_picture_is_named_after_its_request(room):
    message = await room.draw()
    short_id = re.search(r"#(\w+)", message["content"])[1]
    assert message["attachments"][0]["filename"] == f"imagine-{short_id}-1.png"


async def test_a_pictures_file_tells_what_it_takes_to_make_it_again(room):
    message = await room.draw("a cat", negative_prompt="a dog", seed=99, steps=3, guidance=2.5, sampler="ddim")
    request = png.read(await file_of(room, message["attachments"][0])).request
    assert (request.prompt, request.negative_prompt, request.seed) == ("a cat", "a dog", 99)
    assert (request.num_inference_steps, request.guidance_scale, request.scheduler) == (3, 2.5, "ddim")


async def test_a_pictures_file_names_no_member_server_or_channel(room):
    data = await file_of(room, (await room.draw())["attachments"][0])
    ids = (room.user_id, room.channel_id, room.user, room.playground.info()["guild_id"])
    assert not [id_ for id_ in ids if id_.encode() in data]


async def test_the_same_seed_gives_the_same_picture(room):
    first = await file_of(room, (await room.draw(seed=5, steps=3))["attachments"][0])
    second = await file_of(room, (await room.draw(seed=5, steps=3))["attachments"][0])
    assert Image.open(io.BytesIO(first)).tobytes() == Image.open(io.BytesIO(second)).tobytes()


async def test_nothing_pings_when_a_picture_is_ready_within_a_minute(room):
    await room.draw()
    assert [message["mentions"] for message in room.messages()] == [[]]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def slow(bot, shared_playground, new_room):
    """A request of six seconds or more, from its first answer to its end, with every text that its message has had."""
    room = new_room(shared_playground)
    shown = []
    with shared_playground.listening(shown.append):
        answer = await room.imagine("a slow heart", steps=120, images=2)
        await room.finished(answer["message"]["id"])
    texts = [event["message"]["content"] for event in shown if event.get("id") == answer["message"]["id"]]
    return room, answer, texts


async def test_progress_shows_step_bar_and_time(slow):
    _, _, texts = slow
    progress = [text for text in texts if "step" in text.splitlines()[1]]
    assert re.search(
        r"step \d+ of 120 · 0 of 2 pictures · (about \d+ s|any moment now)  ▰*▱*$", progress[0], re.MULTILINE
    )


async def test_progress_only_goes_on(slow):
    _, _, texts = slow
    steps = [int(step) for text in texts for step in re.findall(r"step (\d+) of 120", text)]
    assert len(steps) >= 2
    assert steps == sorted(steps)


async def test_progress_is_edited_at_most_every_two_seconds(slow):
    room, answer, _ = slow
    *progress, _pictures = edits(room, answer)
    assert [later.at - earlier.at for earlier, later in pairwise(progress) if later.at - earlier.at < 1.8] == []


async def test_progress_can_be_cancelled(slow):
    room, answer, _ = slow
    bodies = [request.body for request in edits(room, answer)[:-1]]
    assert {component["label"] for body in bodies for row in body["components"] for component in row["components"]} == {
        "Cancel"
    }


async def test_four_pictures_come_in_one_message_with_consecutive_seeds(room):
    message = await room.draw(images=4, seed=10)
    assert len(message["attachments"]) == 4
    assert "Seeds `10`–`13`" in message["content"]


async def test_four_pictures_are_told_apart_by_name_and_alt_text(room):
    pictures = (await room.draw("a cat", images=4))["attachments"]
    assert [picture["filename"].rsplit("-")[-1] for picture in pictures] == ["1.png", "2.png", "3.png", "4.png"]
    assert [picture["description"] for picture in pictures] == [f"a cat ({number} of 4)" for number in range(1, 5)]


async def test_each_of_four_pictures_can_be_made_again_from_its_file(room):
    message = await room.draw(images=4, seed=10)
    files = [await file_of(room, picture) for picture in message["attachments"]]
    assert [png.read(data).request.seed for data in files] == [10, 11, 12, 13]


async def test_each_permutation_is_a_picture_of_the_same_seed(room):
    message = await room.draw("a {red|blue} heart", seed=10)
    assert "Seed `10`" in message["content"]
    files = [await file_of(room, picture) for picture in message["attachments"]]
    assert [png.read(data).request.prompt for data in files] == ["a red heart", "a blue heart"]


async def test_each_permutation_is_charged_and_described_by_its_own_prompt(bot, room):
    message = await room.draw("a {red|blue} heart", seed=10)
    descriptions = [picture["description"] for picture in message["attachments"]]
    assert descriptions == ["a red heart (1 of 2)", "a blue heart (2 of 2)"]
    assert [row["charged"] for row in bot.rows("user_id = ?", int(room.user_id))] == [2]


async def test_options_at_the_prompts_end_are_echoed_and_kept_as_typed(room):
    prompt = "a red heart --ar 16:9 —seed 7 --cfg 8 --sampler Euler --no blur"
    message = await room.draw(prompt)
    first, used, without, *_ = message["content"].splitlines()
    assert first == "**a red heart**"
    assert used == "Seed `7` · 2 steps · guidance 8 · Euler · 168×96"
    assert without == "Without: blur"
    form = (await room.click(message, "edit"))["modal"]
    assert prompt in str(form)


async def test_what_was_not_done_as_typed_is_said(room):
    message = await room.draw("a red heart <lora:x:1> __pet__ --steps 30 --sead 7", steps=20)
    assert "The option --sead is unknown and was left out." in message["content"]
    assert "--steps 30 at the end of the prompt does not hold, since 20 was given beside it." in message["content"]
    assert "I know no LoRA x, so it was left out." in message["content"]
    assert "I know no wildcard pet, so it stays as typed." in message["content"]


async def test_a_prompt_of_6000_characters_is_drawn_and_what_was_cut_is_said(room):
    message = await room.draw("heart " * 1000)
    assert "The end of the prompt did not fit the model and was left out" in message["content"]


async def test_markdown_and_mentions_in_a_prompt_do_not_render(room):
    first_line = (await room.draw(NASTY))["content"].splitlines()[0]
    assert first_line.startswith(r"**\*\*bold\*\* \<\@1\> ")
    assert r"\[link\](https\:\/\/example.com)" in first_line


@pytest.mark.parametrize(
    "mention", ["<@{id}>", "@everyone", "@here", "<@&{id}>"], ids=["member", "all", "here", "role"]
)
async def test_a_mention_in_a_prompt_pings_nobody(room, other, mention):
    message = await room.draw(f"a heart for {mention.format(id=room.playground.user_id(other))}")
    assert (message["mentions"], message["mention_roles"], message["mention_everyone"]) == ([], [], False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"width": 500, "height": 512}, "width and height must be multiples of 8, got 500×512."),
        ({"aspect": "wide", "width": 64}, "aspect already says width and height"),
        ({"sampler": "lcm", "steps": 60}, "The sampler LCM takes 1 to 50 steps, got 60."),
        ({"prompt": "   "}, "The prompt is empty: say what to draw."),
        ({"seed": 2**53 - 1, "images": 2}, "seed must be at most"),
        ({"prompt": "画一只红色的猫 (8k:1.2)"}, "Emoji reads English only"),
        ({"prompt": "a heart --steps 999"}, "steps must be from 1 to 150, got 999."),
        ({"prompt": "{a|b|c} cat", "images": 2}, "6 pictures are too many for one message; at most 4."),
        ({"prompt": "{a|b|c|d|e} {f|g|h|i}"}, "make 20 pictures of this prompt, and 4 is the most here"),
        ({"prompt": " AND ".join("abcdefghijklmnopq")}, "at most 15 parts joined by AND here, got 17."),
    ],
    ids=[
        "size",
        "aspect-with-size",
        "lcm-steps",
        "blank-prompt",
        "last-seed",
        "not-english",
        "trailing-steps",
        "permutations-and-images",
        "permutations",
        "operands",
    ],
)
async def test_bad_input_is_answered_to_the_member_alone_with_the_rule(room, options, sentence):
    answer = await room.command("imagine", **{"prompt": "a red heart", **options})
    assert answer["ephemeral"]
    assert sentence in answer["message"]["content"]


async def test_bad_input_is_no_request(bot, room):
    await room.imagine(width=500)
    assert bot.rows("user_id = ?", int(room.user_id)) == []


async def test_an_aspect_is_of_the_models_own_area(room):
    [picture] = (await room.draw(aspect="wide"))["attachments"]
    assert picture["width"] > picture["height"]
    assert picture["width"] * picture["height"] <= 128 * 128


async def test_members_are_drawn_side_by_side(room, other):
    slow, quick = await asyncio.gather(room.imagine(steps=150), room.imagine(user=other, steps=2))
    await room.finished(quick["message"]["id"])
    assert not room.message(slow["message"]["id"])["attachments"]
    await room.click(slow["message"], "cancel")


async def test_an_example_of_help_is_drawn_when_it_is_pressed(room):
    help_message = (await room.command("help"))["message"]
    answer = await room.click(help_message, "example")
    assert answer["message"]["content"].startswith(f"**{labels(help_message)[0]}**")


async def test_help_says_what_the_model_draws_and_what_is_left(room):
    answer = await room.command("help")
    assert answer["ephemeral"]
    assert "emoji" in answer["message"]["content"]
    assert "60 of 60 pictures left today" in answer["message"]["content"]
    assert "MIT" in answer["message"]["content"]


async def test_history_shows_the_newest_first_with_a_link(room):
    message = await room.draw("a cat", seed=7)
    await room.draw("a dog")
    answer = await room.command("history")
    _, first, second = answer["message"]["content"].splitlines()
    assert answer["ephemeral"]
    assert "**a dog**" in first
    assert "**a cat** · Seed `7` · done" in second
    assert f"/{room.channel_id}/{message['id']}" in second


async def test_history_turns_its_page_in_place(room):
    answers = [await room.imagine(f"heart number {number}", steps=1) for number in range(6)]
    page = (await room.command("history"))["message"]
    turned = (await room.click(page, "history"))["message"]
    assert turned["id"] == page["id"]
    assert "heart number 0" in turned["content"]
    assert "heart number 1" not in turned["content"]
    for answer in answers:
        await room.finished(answer["message"]["id"])


async def test_make_again_in_history_draws_the_same_seed(room):
    await room.draw("a cat", seed=7)
    page = (await room.command("history"))["message"]
    again = await room.click(page, "again")
    assert "Seed `7`" in (await room.finished(again["message"]["id"]))["content"]


async def test_quota_says_what_is_left_and_what_waits(room):
    waiting = await room.imagine("a long wait", steps=150)
    answer = await room.command("quota")
    assert answer["ephemeral"]
    assert "59 of 60 pictures left today" in answer["message"]["content"]
    assert "**a long wait**" in answer["message"]["content"]
    await room.click(waiting["message"], "cancel")


async def test_custom_ids_hold_an_act_and_a_number_only(room):
    assert all(re.fullmatch(r"[a-z]+:\d+", each) for each in custom_ids(await room.draw()))
