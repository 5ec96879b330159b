import os
from pathlib import Path

import pytest

from engine.errors import InvalidModel, InvalidRequest
from engine.files.bounds import Bounds
from engine.files.card import ModelCard, read_card

PLAIN = ModelCard(title="folder", width=512, height=512)


def test_without_a_file_the_card_stays_as_it_is(tmp_path):
    assert read_card(tmp_path, PLAIN) == PLAIN


def test_every_key_is_read(tmp_path):
    (tmp_path / "model.toml").write_text(
        'title = "T"\nlicence = "MIT"\ndraws = "cats"\nexamples = ["a cat"]\nsources = ["cats (MIT)"]\n'
        'limits = ["no dogs"]\nsteps = 7\nguidance = 3\nsize = "64x128"\nscheduler = "euler"\n'
        'clip_skip = 2\nweighting = "a1111"\nenglish_only = false\nnsfw = true\nvae = "clear"\n'
        'negative_prompt = "blur"\ntrigger_words = ["catgirl", "cat"]\n'
        "[bounds]\nsteps = [4, 8]\nguidance = [1.5, 3]\nside = [64, 128]\nclip_skip = [2, 2]\n"
        'schedulers = ["euler", "lcm"]\n'
    )
    assert read_card(tmp_path, PLAIN) == ModelCard(
        title="T",
        licence="MIT",
        draws="cats",
        examples=("a cat",),
        sources=("cats (MIT)",),
        limits=("no dogs",),
        steps=7,
        guidance=3,
        width=64,
        height=128,
        scheduler="euler",
        clip_skip=2,
        weighting="a1111",
        english_only=False,
        nsfw=True,
        vae="clear",
        negative_prompt="blur",
        trigger_words=("catgirl", "cat"),
        bounds=Bounds(steps=(4, 8), guidance=(1.5, 3), side=(64, 128), clip_skip=(2, 2), schedulers=("euler", "lcm")),
    )


@pytest.mark.parametrize("size", ["96", '"96"', '"96x96"'])
def test_a_size_of_one_number_is_a_square(tmp_path, size):
    (tmp_path / "model.toml").write_text(f"size = {size}")
    card = read_card(tmp_path, PLAIN)
    assert (card.width, card.height) == (96, 96)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("tittle = 'x'", "has a wrong tittle: the key is unknown; known: title, licence"),
        ("title = 5", "has a wrong title: it must be a text, got 5"),
        ("title = ' '", "has a wrong title: it must be a text, got ' '"),
        ("examples = 'a cat'", "has a wrong examples: it must be a list of texts"),
        ("limits = [1]", "has a wrong limits: it must be a list of texts"),
        ("steps = 0", "has a wrong steps: num_inference_steps must be from 1 to 150, got 0"),
        ("steps = 2.5", "has a wrong steps: num_inference_steps must be a whole number"),
        ("steps = true", "has a wrong steps: num_inference_steps must be a whole number"),
        ("guidance = nan", "has a wrong guidance: guidance_scale must be from 0 to 50"),
        ("guidance = '5'", "has a wrong guidance: guidance_scale must be a number"),
        ("clip_skip = 0", "has a wrong clip_skip: clip_skip must be from 1 to 12, got 0"),
        ("clip_skip = '2'", "has a wrong clip_skip: clip_skip must be a whole number"),
        ("weighting = 'mine'", "has a wrong weighting: weighting must be one of auto, lpw, a1111, none, got 'mine'"),
        ("english_only = 1", "has a wrong english_only: it must be true or false, got 1"),
        ("variant = 'lcm'", "has a wrong variant: it must be one of none, turbo, lightning, got 'lcm'"),
        ("guidance_rescale = 1.5", "has a wrong guidance_rescale: guidance_rescale must be a number from 0 to 1"),
        ("guidance_rescale = '1'", "has a wrong guidance_rescale: guidance_rescale must be a number from 0 to 1"),
        ("weighting = 2", "has a wrong weighting: it must be a text, got 2"),
        ("size = '100x100'", "has a wrong size: width and height must be multiples of 8, got 100x100"),
        ("size = '8x8'", "has a wrong size: width must be from 64 to 2048, got 8"),
        ("size = 'big'", "has a wrong size: it must be a text such as"),
        ("size = -64", "has a wrong size: it must be a text such as"),
        ("size = true", "has a wrong size: it must be a text such as"),
        ("scheduler = 'eulr'", "has a wrong scheduler: scheduler 'eulr' is unknown; nearest: euler"),
        ("scheduler = 1", "has a wrong scheduler"),
        ("nsfw = 'yes'", "has a wrong nsfw: it must be true or false, got 'yes'"),
        ("trigger_words = 'cat'", "has a wrong trigger_words: it must be a list of texts"),
        ("negative_prompt = 1", "has a wrong negative_prompt: it must be a text, got 1"),
        ("bounds = [1, 8]", "has a wrong bounds: it must be a table of steps, guidance"),
        ("bounds.cfg = [1, 8]", "has a wrong bounds: the key cfg is unknown; known: steps, guidance, side, clip_skip"),
        ("bounds.steps = 8", "has a wrong bounds: steps must be the least and the most, such as [1, 8], got 8"),
        ("bounds.steps = [1, 2, 3]", "has a wrong bounds: steps must be the least and the most"),
        ("bounds.steps = [1, 200]", "has a wrong bounds: steps must be from 1 to 150, got 200"),
        ("bounds.steps = [60, 50]", "has a wrong bounds: the least of steps must not be more than the most"),
        ("bounds.guidance = ['1', 2]", "has a wrong bounds: guidance must be a number, got '1'"),
        ("bounds.side = [500, 1024]", "has a wrong bounds: width and height must be multiples of 8, got 500x1024"),
        ("bounds.schedulers = []", "has a wrong bounds: schedulers must be a list of names, got []"),
        ("bounds.schedulers = ['eulr']", "has a wrong bounds: scheduler 'eulr' is unknown; nearest: euler"),
        (
            "bounds.steps = [1, 8]",
            "has a wrong bounds: the defaults must keep to them: with folder num_inference_steps must be from 1 to 8",
        ),
        (
            "bounds.schedulers = ['lcm']",
            "has a wrong bounds: the defaults must keep to them: with folder scheduler must be one of lcm, got default",
        ),
        ("title = ", "is no TOML"),
    ],
    ids=lambda value: value[:30],
)
def test_a_wrong_line_is_named_with_file_and_rule(tmp_path, line, reason):
    file = tmp_path / "model.toml"
    file.write_text(line)
    with pytest.raises(InvalidModel) as caught:
        read_card(tmp_path, PLAIN)
    assert caught.value.rule == "model_card"
    assert str(caught.value).startswith(f"{file} {reason}")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("variant = 'turbo'", ("turbo", 4, 0.0)),
        ("steps = 1\nvariant = 'lightning'", ("lightning", 1, 0.0)),
        ("guidance = 2\nvariant = 'none'", ("", PLAIN.steps, 2)),
    ],
    ids=["its defaults", "the card's own", "none"],
)
def test_a_variant_brings_its_own_defaults(tmp_path, lines, expected):
    (tmp_path / "model.toml").write_text(lines)
    card = read_card(tmp_path, PLAIN)
    assert (card.variant, card.steps, card.guidance) == expected


def test_a_card_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "model.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidModel, match="is no TOML"):
        read_card(tmp_path, PLAIN)


def test_a_card_that_is_far_too_long_is_refused(tmp_path):
    (tmp_path / "model.toml").write_text("#" * 2**18 + "\n")
    with pytest.raises(InvalidModel, match="is longer than 262144 bytes"):
        read_card(tmp_path, PLAIN)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_a_card_that_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "model.toml")
    with pytest.raises(InvalidModel, match="is no file"):
        read_card(tmp_path, PLAIN)


def test_the_card_of_a_file_is_beside_it(tmp_path):
    (tmp_path / "dream.v1.safetensors").touch()
    (tmp_path / "dream.v1.toml").write_text("title = 'Dream'")
    (tmp_path / "dream.toml").write_text("title = 'Another'")
    assert read_card(tmp_path / "dream.v1.safetensors", PLAIN).title == "Dream"


def test_defaults_and_their_bounds_may_stand_in_any_order(tmp_path):
    (tmp_path / "model.toml").write_text("bounds.steps = [1, 8]\nsteps = 4")
    assert read_card(tmp_path, PLAIN).steps == 4


def test_a_card_cannot_hold_defaults_that_nobody_could_ask_for():
    with pytest.raises(InvalidRequest):
        ModelCard(title="x", width=100, height=100)


LCM = ModelCard(title="folder", width=512, height=512, own_sampler="LCM")


def test_more_steps_than_the_models_own_lcm_takes_are_refused(tmp_path):
    (tmp_path / "model.toml").write_text("steps = 60")
    with pytest.raises(InvalidModel, match="has a wrong steps: scheduler lcm takes 1 to 50 steps, got 60"):
        read_card(tmp_path, LCM)


def test_the_steps_are_those_of_the_cards_scheduler_in_any_order(tmp_path):
    (tmp_path / "model.toml").write_text("steps = 60\nscheduler = 'euler'")
    assert read_card(tmp_path, LCM).steps == 60


@pytest.mark.parametrize(("scheduler", "is_lcm"), [("lcm", True), ("default", True), ("ddim", False)])
def test_a_models_own_scheduler_may_be_lcm(scheduler, is_lcm):
    assert LCM.is_lcm(scheduler) is is_lcm


def test_lcm_and_its_steps_may_stand_in_any_order(tmp_path):
    (tmp_path / "model.toml").write_text("scheduler = 'lcm'\nsteps = 4")
    assert read_card(tmp_path, PLAIN).steps == 4


def test_a_scheduler_goes_by_its_title():
    assert PLAIN.sampler("euler_a") == "Euler a"


def test_the_card_in_readme_can_be_read(tmp_path):
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (tmp_path / "model.toml").write_text(readme.split("```toml\n")[1].split("```")[0])
    card = read_card(tmp_path, PLAIN)
    assert (card.title, card.nsfw, card.bounds.side) == ("Dream", True, (384, 1024))
