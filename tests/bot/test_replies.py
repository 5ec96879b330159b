from dataclasses import replace

import pytest
from bot_at_desk import CARD
from hypothesis import given
from hypothesis import strategies as st
from rows import row

from bot import replies
from bot.admission import Allowance, Refused
from bot.limits.allowance import Meter
from bot.limits.days import day_of
from bot.limits.rules import Decision
from bot.markdown import utf16_length
from bot.policy import Rules
from bot.replies import (
    Drawn,
    Ready,
    Upload,
    alt_text,
    ended,
    finished,
    left_today,
    place_in_line,
    running,
    seconds_text,
    waiting,
)
from bot.sentences import sentence
from bot.store.flagged import FlaggedRow
from engine import CompleteRequest, GenerationRequest, InvalidRequest, Progress, reading
from engine.notation.expansion import Wildcards, expand
from engine.notation.trailing import read_options
from engine.prompt import Note

UPLOAD = Upload(filename="imagine-1005-1.png", data=b"png", description="a red heart")


def drawn(**changes):
    values = {
        "uploads": (UPLOAD,),
        "seeds": (4181,),
        "flagged": (),
        "licence": "",
        "cut_prompt": "",
        "cut_negative_prompt": "",
        "notes": (),
        "model": None,
        "model_before": None,
        "seconds": 3.21,
        "left_today": 56,
        "reason": None,
    }
    return Drawn(**{**values, **changes})


def flagged(**changes):
    values = {"id": 3, "request_id": 5, "position": 0, "way": "stand-in", "sha256": "0" * 64, "extension": "png"}
    values |= dict.fromkeys(("appealed_at", "card_id", "decided_at", "decision"))
    return FlaggedRow(**{**values, **changes})


def progress(**changes):
    values = {"step": 12, "steps": 20, "pictures_done": 0, "num_images": 1, "seconds_per_step": 0.4}
    return Progress(**{**values, **changes})


def custom_ids(reply):
    return [item.custom_id for item in reply.view.children]


# waiting and running


async def test_a_waiting_message_says_what_for_whom_and_where_in_the_line():
    reply = waiting(row(), place=2, loading=None)
    assert reply.content == "**a red heart**\n2nd in line\n-# for <@1> · #1005"


async def test_a_waiting_message_says_the_price_and_what_is_left():
    reply = waiting(row(estimated_s=2.4, num_images=4), place=2, left="56 of 60 pictures left today", loading=None)
    assert reply.content.split("\n")[1] == "2nd in line · 4 pictures, about 2 s · 56 of 60 pictures left today"


async def test_the_smallest_price_is_a_second():
    assert "1 picture, about 1 s" in waiting(row(estimated_s=0.01), place=2, loading=None).content


@pytest.mark.parametrize(
    ("seconds_left", "text"),
    [(None, "56 of 60 pictures left today"), (99.9, "56 of 60 pictures and 99 s left today")],
    ids=["unlimited", "limited"],
)
def test_seconds_are_left_only_where_they_are_limited(seconds_left, text):
    rules = Rules(pictures_per_day=60, places_in_line=5, pixels=2**20, steps=150)
    day = day_of(0.0)
    allowance = Allowance(
        decision=Decision(rules=rules),
        pictures=(Meter(limit=60, used=4, day=day),),
        seconds=(Meter(limit=None if seconds_left is None else 100, used=100 - (seconds_left or 0), day=day),),
        places=(Meter(limit=5, used=1, day=day),),
    )
    assert left_today(allowance, "en-US") == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0.0"), (0.004, "0.1"), (3.21, "3.2")], ids=str)
def test_what_took_little_did_not_take_nothing(seconds, text):
    assert seconds_text(seconds) == text


async def test_a_waiting_message_says_that_the_model_is_loading():
    assert "loading model Emoji" in waiting(row(), place=1, loading="Emoji").content


@pytest.mark.parametrize(("place", "text"), [(None, "next in line"), (1, "next in line"), (2, "2nd in line")], ids=str)
def test_the_first_place_is_next(place, text):
    assert place_in_line(place, "en-US") == text


async def test_a_running_message_shows_step_time_and_bar():
    assert running(row(), progress()).content == (
        "**a red heart**\nstep 12 of 20 · about 3 s  ▰▰▰▰▰▰▱▱▱▱\n-# for <@1> · #1005"
    )


async def test_the_last_moment_needs_no_seconds():
    assert "any moment now" in running(row(), progress(step=20)).content


async def test_several_pictures_are_counted_while_they_are_drawn():
    assert "1 of 4 pictures" in running(row(num_images=4), progress(num_images=4, pictures_done=1)).content


async def test_what_waits_can_be_changed_explained_and_cancelled():
    assert custom_ids(waiting(row(), place=1, loading=None)) == ["change:5", "why:5", "cancel:5"]


async def test_what_is_drawn_can_be_cancelled():
    assert custom_ids(running(row(), progress())) == ["cancel:5"]


async def test_a_waiting_message_says_when_it_will_be_ready():
    assert "2nd in line · ready <t:99:R>" in waiting(row(), place=2, loading=None, ready=Ready(99.5, False)).content


async def test_a_time_that_has_passed_is_any_moment_now():
    assert "next in line · any moment now" in waiting(row(), place=1, loading=None, ready=Ready(99.5, True)).content


async def test_a_paused_line_has_no_place():
    text = waiting(row(), place=None, loading=None, is_paused=True).content
    assert "the line is paused by this server's moderators" in text
    assert "in line" not in text.replace("the line is", "")


# finished


async def test_a_finished_message_shows_only_the_seed_where_all_is_as_the_model_has_it():
    reply = finished(row(), drawn(), CARD)
    assert (
        reply.content == "**a red heart**\nSeed `4181`\n-# for <@1> · #1005 · 1 picture, 3.2 s · 56 pictures left today"
    )
    assert reply.uploads == (UPLOAD,)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"num_inference_steps": 30}, "30 steps"),
        ({"guidance_scale": 7.5}, "guidance 7.5"),
        ({"scheduler": "dpmpp_2m_karras"}, "DPM++ 2M Karras"),
        ({"width": 1192, "height": 128}, "1192×128"),
        ({"negative_prompt": "blur"}, "Without: blur"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_a_finished_message_shows_what_differs_from_the_defaults(change, text):
    assert text in finished(row(**change), drawn(), CARD).content


async def test_a_negative_prompt_of_the_model_itself_is_told_with_the_way_to_remove_it():
    content = finished(row(negative_prompt="blur"), drawn(), replace(CARD, negative_prompt="blur")).content
    assert 'Without, as this model is set: blur (`--no ""` at the prompt\'s end removes it)' in content


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ((7,), "Seed `7`"),
        ((7, 8, 9), "Seeds `7`–`9`"),
        ((7, 9), "Seeds `7`, `9`"),
        ((2**53 - 1,), "Seed `9007199254740991`"),
    ],
    ids=["one", "all", "some", "largest"],
)
async def test_seeds_stand_in_code_style(seeds, text):
    assert text in finished(row(num_images=4), drawn(seeds=seeds), CARD).content


async def test_a_finished_message_has_its_buttons():
    assert custom_ids(finished(row(), drawn(), CARD)) == ["reroll:5", "edit:5", "delete:5"]


async def test_what_was_cut_from_the_prompt_is_told():
    content = finished(row(), drawn(cut_prompt="*the end*", cut_negative_prompt="more"), CARD).content
    assert "was left out: \\*the end\\*" in content
    assert "negative prompt did not fit the model and was left out: more" in content


def notes_of(text):
    """What the engine has to say about a prompt."""
    read = CompleteRequest(prompt=text, width=64, height=64, num_inference_steps=20, guidance_scale=1.0,
        seed=7, scheduler="ddim")  # fmt: skip
    expansion = expand(text, 7, Wildcards(None), most=16)
    return (*read_options(text).notes, *expansion.notes, *reading.read(read, 0).notes)


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("(a cat:12)", "Weights go from -10 to 10, so a cat weighs 10."),
        ("(a cat:1,5)", r"A weight is written (word:1.4), so \:1,5) is read as words."),
        ("((a cat", "2 brackets are never closed, and hold to the end of the prompt."),
        ("a cat <lora:*x*:much>", r"so \<lora\:\*x\*\:much\> was left out."),
        ("a cat <lora:*x*:1>", r"I know no LoRA \*x\*, so it was left out."),
        ("a cat <hypernet:x:1>", r"\<hypernet\:x\:1\> has no special meaning here."),
        ("[a:b:30]", r"\[a\:b\:30\] would change after the last of 20 steps, so it never does."),
        ("a __pet__", "I know no wildcard pet, so it stays as typed."),
        ("a cat --sead 7", "The option --sead is unknown and was left out. Nearest: --seed"),
        ("a cat --seed", "The option --seed has no value and was left out."),
        ("a cat --seed 7 --seed 8", "The option --seed is given more than once, and the last, 8, holds."),
        ("a cat --seed 7 and a dog", "--seed has other words after its value, so it is read as words"),
    ],
    ids=lambda value: value[:20],
)
async def test_what_was_done_to_a_prompt_is_told(prompt, text):
    assert text in finished(row(), drawn(notes=notes_of(prompt)), CARD).content


async def test_of_many_notes_a_handful_is_told_and_how_many_more_there_are():
    notes = tuple(Note("lora_unknown", "", {"name": f"x{number}"}) for number in range(12))
    lines = finished(row(), drawn(notes=notes), CARD).content.split("\n")
    assert len([line for line in lines if "LoRA" in line]) == 5
    assert "… and 7 more notes." in lines


async def test_the_same_note_is_told_once():
    note = Note("lora_unknown", "", {"name": "x"})
    assert finished(row(), drawn(notes=(note, note)), CARD).content.count("LoRA") == 1


@pytest.mark.parametrize(
    ("model", "name"),
    [("emoji", "emoji"), ("/srv/models/dream_8/", "dream\\_8"), ("C:\\models\\dream", "dream"), ("org/dream", "dream")],
    ids=["name", "folder", "windows-folder", "hub-id"],
)
async def test_a_model_goes_by_its_last_name(model, name):
    content = finished(row(model="now"), drawn(model_before=model), CARD).content
    assert f"Drawn with the model now; the one before was drawn with {name}." in content


@pytest.mark.parametrize(
    ("way", "text"),
    [
        ("stand-in", "1 of 4 pictures was withheld by the safety checker and not charged: a coarse stand-in"),
        ("spoiler", "1 of 4 pictures was flagged by the safety checker and not charged: it is behind a spoiler."),
        ("show", "1 of 4 pictures was flagged by the safety checker and not charged.\n"),
    ],
)
async def test_flagged_pictures_are_told_with_what_became_of_them(way, text):
    reply = finished(row(num_images=4), drawn(uploads=(UPLOAD,) * 4, flagged=(flagged(way=way),)), CARD)
    assert text in reply.content


async def test_about_a_withheld_picture_moderators_can_be_asked():
    one = finished(row(), drawn(flagged=(flagged(),)), CARD).view
    two = finished(row(num_images=4), drawn(flagged=(flagged(), flagged(id=4, position=3))), CARD).view
    assert [(each.label, each.custom_id) for each in one.children[3:]] == [("Ask a moderator", "appeal:3")]
    assert [(each.label, each.custom_id) for each in two.children[3:]] == [
        ("Ask a moderator about picture 1", "appeal:3"),
        ("Ask a moderator about picture 4", "appeal:4"),
    ]


@pytest.mark.parametrize("changes", [{"sha256": None}, {"decided_at": 1.0, "decision": "upheld"}], ids=str)
async def test_where_moderators_cannot_be_asked_there_is_no_button(changes):
    assert len(finished(row(), drawn(flagged=(flagged(**changes),)), CARD).view.children) == 3


async def test_the_licence_stands_above_the_last_line():
    lines = finished(row(), drawn(licence="MIT"), CARD).content.split("\n")
    assert lines[-2] == "-# Emoji is under the licence MIT. What it asks holds for your pictures, too: /help says more."
    assert lines[-1].startswith("-# for <@1>")


@pytest.mark.parametrize(
    "licence", ["CreativeML OpenRAIL-M", "openrail++", "creativeml-openrail-m", "BigScience Open RAIL-M"]
)
async def test_a_licence_with_use_restrictions_says_so(licence):
    content = finished(row(), drawn(licence=licence), CARD).content
    assert "forbids uses that break the law or harm, deceive or exploit people" in content


async def test_missing_pictures_are_told_with_their_reason():
    content = finished(
        row(num_images=4), drawn(uploads=(UPLOAD,) * 2, seeds=(1, 2), reason="cancelled-by-owner"), CARD
    ).content
    assert "Cancelled. 2 of 4 pictures were finished, and only those were charged." in content


# ended


REASONS = [
    "cancelled-by-owner",
    "cancelled-by-moderator",
    "failed-flagged",
    "failed-out-of-memory",
    "engine-scheduler-steps",
    "failed-engine",
    "failed-interrupted",
    "failed-outdated",
    "failed-access",
    "failed-too-large",
    "failed-unexpected",
]


@pytest.mark.parametrize("reason", REASONS)
async def test_a_message_without_pictures_says_why_and_that_nothing_was_charged(reason):
    content = ended(row(), reason).content
    assert content.count("Nothing was charged.") == 1
    assert not content.split("\n")[1].startswith("Nothing")


async def test_a_message_without_pictures_has_no_buttons():
    assert ended(row(), "cancelled-by-owner").view is None


async def test_no_other_message_says_that_nothing_was_charged():
    others = [
        waiting(row(), place=1, loading="Emoji").content,
        running(row(), progress()).content,
        *(finished(row(num_images=4), drawn(flagged=(flagged(),), reason=reason), CARD).content for reason in REASONS),
        replies.ready_ping(row()),
        replies.access_lost(row()),
    ]
    assert not [text for text in others if "Nothing was charged" in text]


def test_the_ping_names_the_owner_once():
    assert replies.ready_ping(row()) == "<@1> your picture is ready: #1005"


# what every message keeps to


NASTY = st.text(st.sampled_from("*_`<@>\\:/[]#|~ \n\u202e😀éa"), min_size=1, max_size=6000)


@given(
    prompt=NASTY,
    negative_prompt=NASTY,
    cut=NASTY,
    reason=st.sampled_from(REASONS),
    seed=st.just(2**53 - 4),
)
async def test_no_message_is_longer_than_discord_allows(prompt, negative_prompt, cut, reason, seed):
    asked = row(
        prompt=prompt,
        negative_prompt=negative_prompt,
        seed=seed,
        num_images=4,
        width=2048,
        height=2048,
        num_inference_steps=150,
        guidance_scale=49.999,
        scheduler="dpmpp_2m_sde_karras",
        user_id=2**63 - 1,
        id=2**40,
    )
    outcome = drawn(
        seeds=(seed, seed + 2, seed + 3),
        flagged=(flagged(),),
        licence="OpenRAIL" + cut,
        cut_prompt=cut,
        cut_negative_prompt=cut,
        notes=tuple(Note("wildcard_unknown", "", {"name": cut + str(n), "names": cut}) for n in range(9)),
        model=cut,
        model_before=cut,
        reason=reason,
        left_today=10**6,
    )
    for reply in (finished(asked, outcome, CARD), ended(asked, reason), waiting(asked, place=10**6, loading="Emoji")):
        assert utf16_length(reply.content) <= 2000


async def test_the_longest_message_fits():
    worst = "*" * 6000
    asked = row(
        prompt="@here" * 1200, negative_prompt=worst, num_images=4, width=2048, height=1024, num_inference_steps=150,
        guidance_scale=49.999, scheduler="dpmpp_2m_sde_karras", model=worst, user_id=2**63 - 1, id=2**60, seed=2**53 - 4,
    )  # fmt: skip
    outcome = drawn(
        seeds=(2**53 - 4, 2**53 - 2),
        flagged=(flagged(), flagged(position=1)),
        licence="OpenRAIL" + worst,
        cut_prompt=worst,
        cut_negative_prompt=worst,
        notes=tuple(Note("option_repeated", "", {"option": str(n) + worst, "value": worst}) for n in range(9)),
        model=worst,
        model_before=worst,
        left_today=10**6,
    )
    for reason in REASONS:
        content = finished(
            asked, drawn(**{**{f: getattr(outcome, f) for f in Drawn.__slots__}, "reason": reason}), CARD
        ).content
        assert utf16_length(content) <= 2000


async def test_only_the_first_300_characters_of_the_prompt_are_shown():
    first = waiting(row(prompt="x" * 6000), place=1, loading=None).content.split("\n")[0]
    assert first == "**" + "x" * 299 + "…**"


async def test_a_prompt_without_visible_characters_leaves_no_empty_bold():
    assert waiting(row(prompt="\u200e"), place=1, loading=None).content.startswith("**(no visible characters)**")


# alt text


def test_alt_text_is_the_prompt():
    assert alt_text(row(), 0) == "a red heart"


def test_alt_text_of_a_prompt_without_visible_characters_says_so():
    assert alt_text(row(prompt="\u200b\u2060"), 0) == "(no visible characters)"


def test_alt_text_says_which_of_several():
    assert alt_text(row(num_images=4), 1) == "a red heart (2 of 4)"


@pytest.mark.parametrize("num_images", [1, 4])
def test_alt_text_fits(num_images):
    text = alt_text(row(prompt="😀" * 3000, num_images=num_images), num_images - 1)
    assert utf16_length(text) <= 1024


# sentences


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"prompt": " "}, "The prompt is empty: say what to draw."),
        ({"width": 500, "height": 512}, "width and height must be multiples of 8, got 500×512."),
        ({"width": 4096}, "width must be from 64 to 2048, got 4096."),
        ({"num_inference_steps": 0}, "steps must be from 1 to 150, got 0."),
        ({"guidance_scale": 50.5}, "guidance must be from 0 to 50, got 50.5."),
        ({"guidance_scale": -1.0}, "guidance must be from 0 to 50, got -1."),
        ({"seed": -2}, "seed must be from 0 to 9007199254740991, got -2."),
        ({"num_images": 17}, "images must be from 1 to 16, got 17."),
        ({"scheduler": "euler_karas"}, "sampler euler\\_karas is unknown; try Euler Karras"),
        ({"scheduler": "lcm", "num_inference_steps": 51}, "The sampler LCM takes 1 to 50 steps, got 51."),
        ({"negative_prompt": "x" * 6001}, "negative prompt must be at most 6000 characters long, got 6001."),
        ({"seed": 2**53 - 1, "num_images": 2}, "seed must be at most 9007199254740990 for 2 pictures"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_fault_of_a_request_names_value_and_rule(values, text):
    with pytest.raises(InvalidRequest) as caught:
        GenerationRequest(**{"prompt": "x", **values})
    assert sentence(caught.value, "en-US").startswith(text)


def test_typed_values_in_a_sentence_render_nothing():
    text = sentence(Refused("limit-no-number", name="pixels", text="**@everyone**"), "en-US")
    assert text == "Pixels must be a number (Pixels also a size like 1024x1024), got \\*\\*\\@\u200beveryone\\*\\*."
