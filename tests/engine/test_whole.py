import threading
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from engine import GenerationRequest, ModelCard
from engine.files.wholes import WHOLES
from engine.notation.plain import read_plain
from engine.whole import WholePicture, begin_whole

PICTURE = Image.new("RGB", (8, 8))
CARD = ModelCard(title="Whole", width=64, height=64)


def drawn(end_step):
    for _ in range(3):
        end_step(3)
    return PICTURE


def test_a_picture_advances_a_step_at_a_time_and_then_is_there():
    picture = WholePicture(drawn, 3)
    done = []
    while picture.image is None:
        picture.step()
        done.append(picture.calls_done)
    assert done == [1, 2, 3, 3]
    assert picture.image is PICTURE


def test_between_two_steps_nothing_runs():
    running = []

    def draw(end_step):
        for number in range(2):
            running.append(number)
            end_step(2)
        return PICTURE

    picture = WholePicture(draw, 2)
    assert running == []
    picture.step()
    assert running == [0]
    picture.abandon()
    assert running == [0]


def test_the_pipeline_says_how_many_calls_there_are():
    def draw(end_step):
        end_step(7)
        return PICTURE

    picture = WholePicture(draw, 4)
    assert picture.calls == 4
    picture.step()
    assert picture.calls == 7
    picture.abandon()


def test_what_the_pipeline_raises_is_raised_by_the_step():
    def draw(end_step):
        end_step(2)
        raise ValueError("no")

    picture = WholePicture(draw, 2)
    picture.step()
    with pytest.raises(ValueError, match="no"):
        picture.step()


def test_out_of_memory_keeps_none_of_the_tensors_that_took_it():
    def draw(_end_step):
        raise torch.OutOfMemoryError("out of memory")

    picture = WholePicture(draw, 2)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        picture.step()
    frames = [each.name for each in caught.traceback]
    assert "draw" not in frames


def test_a_picture_that_nobody_wants_ends_the_pipelines_call():
    left = []

    def draw(end_step):
        try:
            while True:
                end_step(9)
        finally:
            left.append(threading.current_thread())

    picture = WholePicture(draw, 9)
    picture.step()
    picture.abandon()
    assert not left[0].is_alive()
    assert picture.image is None


@pytest.mark.parametrize("steps", [0, 4], ids=["not begun", "finished"])
def test_a_picture_that_does_not_run_is_left_alone(steps):
    picture = WholePicture(drawn, 3)
    for _ in range(steps):
        picture.step()
    picture.abandon()
    assert (picture.image is PICTURE) == bool(steps)


def test_pictures_are_drawn_outside_of_the_engines_inference_mode():
    modes = []

    def draw(_end_step):
        modes.append(torch.is_inference_mode_enabled())
        return PICTURE

    with torch.inference_mode():
        WholePicture(draw, 1).step()
    assert modes == [False]


class Blackening:
    """A pipeline with a checker of its own, which it tells of only beside the black picture."""

    def __init__(self, flags):
        self.components = {}
        self.flags = flags

    def __call__(
        self, prompt, width, height, num_inference_steps, guidance_scale, generator, callback_on_step_end=None
    ):
        return SimpleNamespace(images=[Image.new("RGB", (width, height))], nsfw_content_detected=self.flags)

    def maybe_free_model_hooks(self):
        pass


@pytest.mark.parametrize("flags", [[True], [False], None], ids=["flagged", "not-flagged", "not-checked"])
def test_what_a_pipelines_own_checker_has_blackened_is_flagged_and_never_shown_black(flags):
    model = SimpleNamespace(pipeline=Blackening(flags), whole=WHOLES["FluxPipeline"])
    request = GenerationRequest(prompt="a cat", width=64, height=64).completed(CARD)
    [reading] = read_plain(request, SimpleNamespace(has_guidance=True, whole=model.whole))
    picture = begin_whole(model, request, 0, reading)
    picture.step()
    assert picture.is_blackened == bool(flags and flags[0])
    assert (picture.image.getextrema() != ((0, 0),) * 3) == picture.is_blackened
