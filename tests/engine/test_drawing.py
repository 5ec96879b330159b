"""How far a request is, told from its pictures; the engine's thread is not needed for that."""

from dataclasses import dataclass

import pytest
from in_memory import EMOJI

from engine import GenerationRequest, GenerationResult, Picture, Progress
from engine.conditioning import Conditioning
from engine.drawing import Drawing


@dataclass
class Way:
    """As much of a trajectory as a drawing looks at."""

    calls_done: int
    calls: int


class Clock:
    """Stands until it is told the time."""

    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("engine.drawing.time", clock)
    return clock


class Encoder:
    """Counts what it is asked for."""

    calls = 0

    def encode(self, reading):
        self.calls += 1
        return Conditioning(rows=(), cut_prompt="the end", notes=reading.notes)


@pytest.fixture
def draw():
    """A function that makes a drawing; what it posts is in `posted`."""

    def draw(**values):
        posted = []
        request = GenerationRequest(**{"prompt": "a", "seed": 7, **values}).completed(EMOJI.card)
        drawing = Drawing(request=request, source=EMOJI, post=posted.append)
        drawing.condition(drawing.places[0].reading, Encoder())
        return drawing, posted

    return draw


def told(drawing, posted) -> Progress:
    drawing.tell_progress()
    return posted[-1]


@pytest.mark.parametrize("done", range(11))
def test_a_step_is_counted_as_soon_as_every_picture_has_taken_it(draw, done):
    drawing, posted = draw(num_images=3, num_inference_steps=10)
    for place in drawing.places:
        place.trajectory = Way(done, 10)
    assert told(drawing, posted).step == done


def test_a_picture_that_has_not_begun_has_taken_no_step(draw):
    drawing, posted = draw(num_images=2, num_inference_steps=10)
    drawing.places[0].trajectory = Way(10, 10)
    assert told(drawing, posted).step == 5


def test_calls_of_a_second_order_solver_are_counted_as_the_steps_that_were_asked_for(draw):
    drawing, posted = draw(num_inference_steps=4, scheduler="heun")
    drawing.places[0].trajectory = Way(7, 7)
    assert told(drawing, posted).step == 4


def test_the_pace_follows_the_latest_steps_smoothly(draw, clock):
    drawing, posted = draw(num_inference_steps=10)
    pace = []
    for clock.now, done in ((1.0, 1), (2.0, 2), (12.0, 3)):
        drawing.places[0].trajectory = Way(done, 10)
        pace.append(told(drawing, posted).seconds_per_step)
    assert pace == [1.0, 1.0, pytest.approx(3.7)]


def test_without_a_step_the_pace_stays(draw, clock):
    drawing, posted = draw(num_inference_steps=10)
    drawing.places[0].trajectory = Way(1, 10)
    clock.now = 2.0
    assert told(drawing, posted).seconds_per_step == 2
    clock.now = 50.0
    assert told(drawing, posted).seconds_per_step == 2


def test_prompts_are_encoded_once_for_all_pictures(draw):
    drawing, _ = draw(num_images=2)
    encoder = Encoder()
    drawing.condition(drawing.places[1].reading, encoder)
    assert encoder.calls == 0


def test_each_permutation_is_encoded_once(draw):
    drawing, _ = draw(prompt="{a|b}", num_images=2)
    encoder = Encoder()
    for place in drawing.places:
        drawing.condition(place.reading, encoder)
    assert encoder.calls == 1  # the first was encoded when the drawing was made


def test_notes_are_said_with_progress_and_result(draw):
    drawing, posted = draw(prompt="a <lora:x:1>")
    assert [note.rule for note in told(drawing, posted).notes] == ["lora_unknown"]
    drawing.finish_picture(Picture(index=0, seed=7, image=None))
    assert [note.rule for note in posted[-1].notes] == ["lora_unknown"]


def test_what_was_cut_is_said_before_there_is_a_result(draw):
    drawing, posted = draw(num_images=2)
    assert told(drawing, posted).cut_prompt == "the end"


def test_the_result_comes_after_the_last_picture_with_all_of_them_in_order(draw):
    drawing, posted = draw(num_images=2)
    for index in (1, 0):
        drawing.finish_picture(Picture(index=index, seed=7 + index, image=None))
    assert [type(event) for event in posted] == [Picture, Progress, Picture, GenerationResult]
    assert posted[-1].seeds == (7, 8)
    assert posted[-1].cut_prompt == "the end"


def test_the_wait_and_the_drawing_are_timed_apart(clock):
    posted = []
    request = GenerationRequest(prompt="a").completed(EMOJI.card)
    drawing = Drawing(request=request, source=EMOJI, post=posted.append)
    clock.now = 2.0
    drawing.condition(drawing.places[0].reading, Encoder())
    clock.now = 5.0
    drawing.finish_picture(Picture(index=0, seed=7, image=None))
    assert (posted[-1].waited_s, posted[-1].drawing_s) == (2.0, 3.0)


@pytest.mark.parametrize(("owner", "is_shared"), [("a", True), (None, False)])
def test_requests_share_an_owner_only_where_they_name_one(draw, owner, is_shared):
    (one, _), (other, _) = draw(owner=owner), draw(owner=owner)
    assert (one.places[0].owner == other.places[0].owner) is is_shared


@pytest.mark.parametrize(("scale", "rows"), [(1.0, 1), (1.5, 2)])
def test_guidance_takes_two_rows(draw, scale, rows):
    drawing, _ = draw(guidance_scale=scale)
    assert drawing.places[0].rows == rows
