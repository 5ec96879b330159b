"""Real model, real thread; `ticks` holds the U-Net between two ticks, so that what happens when is known."""

import dataclasses
import queue

import diffusers
import numpy as np
import pytest
import torch
from in_memory import EMOJI, holding

from engine import (
    DrawingFailed,
    EngineClosed,
    GenerationRequest,
    GenerationResult,
    InvalidModel,
    OutOfMemory,
    Picture,
    Progress,
    loop,
)
from engine.conditioning import TextEncoder
from engine.drawing import Drawing
from engine.executor import Executor
from engine.latents import to_image

WAIT_S = 30


class Asked(Drawing):
    """A drawing whose asker reads what it hears from a queue."""

    __slots__ = ("heard",)

    def __init__(self, prompt: str = "a red heart", **values) -> None:
        values = {"width": 64, "height": 64, "num_inference_steps": 4, "seed": 1, "scheduler": "ddim", **values}
        self.heard: queue.SimpleQueue = queue.SimpleQueue()
        super().__init__(
            request=GenerationRequest(prompt=prompt, **values).completed(EMOJI.card),
            source=EMOJI,
            post=self.heard.put,
        )

    def events(self) -> list:
        """All that is heard until the end."""
        events = []
        while not events or not isinstance(events[-1], GenerationResult | Exception):
            events.append(self.heard.get(timeout=WAIT_S))
        return events

    def end(self):
        return self.events()[-1]


@pytest.fixture
def start(ticks):
    """A function that starts an executor; all are closed at the end."""
    executors = []

    def start(model, max_rows: int = 16) -> Executor:
        executor = Executor(lambda: holding(model), max_rows)
        executors.append(executor)
        executor.start()
        return executor

    yield start
    ticks.remove()
    for executor in executors:
        executor.close(finish=False)
        executor.ended.result(timeout=WAIT_S)


@pytest.fixture
def executor(start, model):
    return start(model)


def same(one: GenerationResult, other: GenerationResult) -> bool:
    pairs = zip(one.pictures, other.pictures, strict=True)
    return all(np.abs(np.asarray(a.image).astype(int) - np.asarray(b.image)).max() <= 1 for a, b in pairs)


def drawn_alone(executor, **values) -> GenerationResult:
    drawing = Asked(**values)
    executor.submit(drawing)
    return drawing.end()


def test_whoever_comes_joins_the_next_tick(executor, ticks):
    executor.submit(Asked(guidance_scale=5))
    assert ticks.begun() == 2
    executor.submit(Asked("a cat face", guidance_scale=1, scheduler="euler_a"))
    executor.submit(Asked("a whale", num_images=2, num_inference_steps=9))
    assert ticks.next() == 2 + 1 + 4


def test_who_is_finished_leaves_the_next_tick(executor, ticks):
    executor.submit(Asked(num_inference_steps=1))
    assert ticks.begun() == 2
    executor.submit(Asked(num_inference_steps=2))
    assert [ticks.next(), ticks.next()] == [2, 2]


def test_sizes_take_turns(executor, ticks):
    executor.submit(Asked(guidance_scale=1, num_inference_steps=9))
    ticks.begun()
    executor.submit(Asked(guidance_scale=5, num_inference_steps=9, width=128))
    assert [ticks.next() for _ in range(4)] == [1, 2, 1, 2]


def test_a_cancelled_picture_takes_no_further_step(executor, ticks):
    stays, goes = Asked(guidance_scale=1), Asked(guidance_scale=5)
    executor.submit(stays)
    ticks.begun()
    executor.submit(goes)
    assert ticks.next() == 3
    executor.cancel(goes)
    assert ticks.next() == 1


def test_a_cancelled_drawing_hears_nothing_more(executor, ticks):
    goes, stays = Asked(num_inference_steps=2), Asked()
    executor.submit(goes)
    ticks.begun()
    executor.cancel(goes)
    executor.submit(stays)
    ticks.free()
    stays.end()
    assert isinstance(goes.heard.get(timeout=WAIT_S), Progress)
    assert goes.heard.empty()


def test_a_waiting_drawing_that_is_cancelled_is_never_begun(start, model, ticks):
    executor = start(model, max_rows=2)
    first, waiting, last = Asked(num_inference_steps=1), Asked(), Asked(num_inference_steps=1)
    executor.submit(first)
    ticks.begun()
    executor.submit(waiting)
    executor.submit(last)
    executor.cancel(waiting)
    ticks.free()
    last.end()
    assert waiting.heard.empty()


def test_a_picture_is_paused_for_an_owner_who_holds_none(start, model, ticks):
    executor = start(model, max_rows=4)
    hog, newcomer = Asked(num_images=2, owner="hog"), Asked(num_inference_steps=1, owner="newcomer", guidance_scale=1)
    executor.submit(hog)
    assert ticks.begun() == 4
    executor.submit(newcomer)
    assert [ticks.next(), ticks.next()] == [2 + 1, 4]


@pytest.mark.parametrize("scheduler", ["default", "dpmpp_2m_sde_karras", "euler_a", "heun"])
def test_a_paused_picture_goes_on_to_the_same_result(start, model, ticks, scheduler):
    executor = start(model, max_rows=4)
    values = {"num_images": 2, "owner": "hog", "scheduler": scheduler}
    hog = Asked(**values)
    executor.submit(hog)
    ticks.begun()
    ticks.next()
    executor.submit(Asked(num_inference_steps=2, owner="newcomer"))
    ticks.free()
    paused = hog.end()
    assert same(paused, drawn_alone(executor, **values))


def test_requests_without_an_owner_are_each_their_own(start, model, ticks):
    executor = start(model, max_rows=4)
    executor.submit(Asked(num_images=2))
    ticks.begun()
    executor.submit(Asked("a cat face", guidance_scale=1))
    assert ticks.next() == 3


def too_large_for(rows: int):
    def fault(sample, _):
        if len(sample) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    return fault


def test_out_of_memory_costs_nobody_their_picture(executor, ticks):
    ticks.free()
    plenty = drawn_alone(executor, num_images=3)
    ticks.faults.append(too_large_for(2))
    assert same(drawn_alone(executor, num_images=3), plenty)


def test_calls_stay_as_small_as_the_memory_asks(executor, ticks):
    ticks.faults.append(too_large_for(4))
    ticks.free()
    drawn_alone(executor, num_images=4, num_inference_steps=3)
    assert ticks.rows == [8] + [4, 4] * 3


def test_only_a_picture_that_does_not_fit_alone_fails(executor, ticks):
    def fault(sample, _):
        if sample.shape[-1] == 24:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    ticks.faults.append(fault)
    fits, does_not = Asked(), Asked(width=192, height=128)
    executor.submit(does_not)
    executor.submit(fits)
    ticks.free()
    error = does_not.end()
    assert isinstance(error, OutOfMemory)
    assert "192x128" in str(error)
    assert isinstance(fits.end(), GenerationResult)


def test_out_of_memory_in_the_decoder_halves_its_call(executor, ticks, model):
    sizes = []

    def hook(_, args):
        sizes.append(len(args[0]))
        if len(args[0]) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    handle = model.vae.decoder.register_forward_pre_hook(hook)
    ticks.free()
    try:
        result = drawn_alone(executor, num_images=4, num_inference_steps=1)
    finally:
        handle.remove()
    assert isinstance(result, GenerationResult)
    assert sizes == [4, 2, 2]


def test_a_decoding_between_ticks_is_bounded(executor, ticks, model, monkeypatch):
    monkeypatch.setattr("engine.loop.MAX_DECODE_PX", 2 * 64 * 64)
    sizes = []
    handle = model.vae.decoder.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    ticks.free()
    drawn_alone(executor, num_images=5, num_inference_steps=1)
    handle.remove()
    assert sizes == [2, 2, 1]


@pytest.fixture
def decoded(model):
    """How many pictures each call of the decoder has; `then` is done at the first one."""

    class Decoded(list):
        def then(self):
            pass

    decoded = Decoded()

    def hook(_, args):
        decoded.append(len(args[0]))
        if len(decoded) == 1:
            decoded.then()

    handle = model.vae.decoder.register_forward_pre_hook(hook)
    yield decoded
    handle.remove()


def test_finished_pictures_of_a_cancelled_drawing_are_not_decoded(executor, ticks, decoded, monkeypatch):
    monkeypatch.setattr("engine.loop.MAX_DECODE_PX", 64 * 64)
    goes = Asked(num_images=3, num_inference_steps=1)
    decoded.then = lambda: executor.cancel(goes)
    ticks.free()
    executor.submit(goes)
    drawn_alone(executor, num_inference_steps=1)
    assert decoded == [1, 1]


def test_finished_pictures_of_a_failed_drawing_are_not_decoded(executor, ticks, decoded, monkeypatch):
    steps = []
    step = diffusers.UniPCMultistepScheduler.step

    def fail_second(*args, **options):
        steps.append(1)
        if len(steps) == 2:
            raise ArithmeticError("singular")
        return step(*args, **options)

    monkeypatch.setattr(diffusers.UniPCMultistepScheduler, "step", fail_second)
    ticks.free()
    assert isinstance(drawn_alone(executor, num_images=2, num_inference_steps=1, scheduler="unipc"), DrawingFailed)
    drawn_alone(executor, num_inference_steps=1)
    assert decoded == [1]


@pytest.fixture
def poison(model):
    """A prompt, and a U-Net that fails where it sees it."""
    drawing = Asked("poison")
    embeds = TextEncoder(model).encode(drawing.places[0].reading).at(0).embeds[-1]

    def fault(_, prompt_embeds):
        if any(torch.equal(each, embeds) for each in prompt_embeds):
            raise ValueError("poison")

    return drawing, fault


def test_a_fault_in_the_shared_call_fails_only_whose_it_is(executor, ticks, poison):
    drawing, fault = poison
    ticks.faults.append(fault)
    others = [Asked(), Asked("a whale")]
    executor.submit(others[0])
    executor.submit(drawing)
    executor.submit(others[1])
    ticks.free()
    assert [type(each.end()) for each in (drawing, *others)] == [DrawingFailed, GenerationResult, GenerationResult]


def test_a_picture_of_no_numbers_fails_alone_and_says_so(executor, ticks, monkeypatch):
    begin = loop.begin

    def begin_without_numbers(model, request, index, conditioning):
        trajectory = begin(model, request, index, conditioning)
        if request.prompt == "too strong":
            trajectory.latents.fill_(torch.nan)
        return trajectory

    monkeypatch.setattr(loop, "begin", begin_without_numbers)
    fails, goes_on = Asked("too strong"), Asked()
    executor.submit(fails)
    executor.submit(goes_on)
    ticks.free()
    assert fails.end().rule == "no_numbers"
    assert isinstance(goes_on.end(), GenerationResult)


def test_a_failed_drawing_chains_its_cause(executor, ticks, poison):
    drawing, fault = poison
    ticks.faults.append(fault)
    ticks.free()
    executor.submit(drawing)
    assert isinstance(drawing.end().__cause__, ValueError)


def test_a_fault_in_a_scheduler_fails_only_its_picture(executor, ticks, monkeypatch):
    def step(*_, **__):
        raise ArithmeticError("singular")

    monkeypatch.setattr(diffusers.UniPCMultistepScheduler, "step", step)
    fails, goes_on = Asked(scheduler="unipc", num_images=2), Asked()
    executor.submit(fails)
    executor.submit(goes_on)
    ticks.free()
    assert [type(fails.end()), type(goes_on.end())] == [DrawingFailed, GenerationResult]
    assert fails.heard.empty()


def test_a_fault_in_the_text_encoder_fails_only_its_drawing(start, model, ticks):
    def hook(_, args):
        raise ValueError("no such token")

    executor = start(model)
    goes_on, fails = Asked(), Asked("something that was never encoded before", num_images=2)
    executor.submit(goes_on)
    ticks.begun()
    handle = model.text_encoder.register_forward_pre_hook(hook)
    executor.submit(fails)
    ticks.free()
    end = fails.end()
    handle.remove()
    assert isinstance(end, DrawingFailed)
    assert isinstance(goes_on.end(), GenerationResult)


def test_a_fault_in_the_safety_checker_flags_its_picture_alone(start, model, ticks):
    faults = iter([ValueError("broken checker")])

    def checker(images, clip_input):
        for fault in faults:
            raise fault
        return images, [False]

    class Processed:
        pixel_values = torch.zeros(1, 3, 8, 8)

    executor = start(dataclasses.replace(model, safety_checker=checker, feature_extractor=lambda *_, **__: Processed()))
    ticks.free()
    result = drawn_alone(executor, num_images=2)
    assert [picture.flagged for picture in result.pictures] == [True, False]


def test_after_one_picture_of_a_drawing_has_failed_no_other_is_handed_over(start, model, ticks, monkeypatch):
    faults = iter([ValueError("broken picture")])

    def faulty(pixels):
        for fault in faults:
            raise fault
        return to_image(pixels)

    monkeypatch.setattr("engine.loop.to_image", faulty)
    executor = start(model)
    ticks.free()
    fails = Asked(num_images=2, num_inference_steps=1)
    executor.submit(fails)
    assert isinstance(fails.end(), DrawingFailed)
    assert isinstance(drawn_alone(executor), GenerationResult)
    assert fails.heard.empty()


def test_a_flag_comes_with_its_picture(start, model, ticks):
    class Processed:
        pixel_values = torch.zeros(1, 3, 8, 8)

    flags = iter([False, True])
    executor = start(
        dataclasses.replace(
            model,
            safety_checker=lambda images, clip_input: (images.zero_(), [next(flags)]),
            feature_extractor=lambda *_, **__: Processed(),
        )
    )
    ticks.free()
    result = drawn_alone(executor, num_images=2)
    assert [picture.flagged for picture in result.pictures] == [False, True]
    assert all(np.asarray(picture.image).any() for picture in result.pictures)


def test_a_fault_of_our_own_ends_what_is_drawn_and_not_the_loop(executor, ticks, monkeypatch):
    def deal():
        monkeypatch.undo()
        raise KeyError("a bug")

    monkeypatch.setattr(executor._batcher, "deal", deal)
    ticks.free()
    assert isinstance(drawn_alone(executor), DrawingFailed)
    assert isinstance(drawn_alone(executor), GenerationResult)


def test_a_fault_in_taking_a_drawing_ends_it_and_not_the_loop(executor, ticks, monkeypatch):
    def add(place):
        monkeypatch.undo()
        raise KeyError("a bug")

    monkeypatch.setattr(executor._batcher, "add", add)
    ticks.free()
    assert isinstance(drawn_alone(executor), DrawingFailed)
    assert isinstance(drawn_alone(executor), GenerationResult)


def test_a_failed_drawing_says_what_the_library_said(executor, ticks, poison):
    drawing, fault = poison
    ticks.faults.append(fault)
    ticks.free()
    executor.submit(drawing)
    assert str(drawing.end()) == "drawing failed in a library: ValueError: poison"


def test_closing_finishes_what_has_begun_and_gives_back_what_waits(start, model, ticks):
    executor = start(model, max_rows=2)
    running, waiting = Asked(), Asked("a whale")
    executor.submit(running)
    ticks.begun()
    executor.submit(waiting)
    executor.close(finish=True)
    ticks.free()
    assert [type(running.end()), type(waiting.end())] == [GenerationResult, EngineClosed]


def test_closing_finishes_the_begun_pictures_of_a_drawing_and_gives_the_others_back(start, model, ticks):
    executor = start(model, max_rows=4)
    drawing = Asked(num_images=3)
    executor.submit(drawing)
    ticks.begun()
    executor.close(finish=True)
    ticks.free()
    events = drawing.events()
    assert sorted(event.index for event in events if isinstance(event, Picture)) == [0, 1]
    assert isinstance(events[-1], EngineClosed)


def test_while_closing_no_further_picture_begins(start, model, ticks, monkeypatch):
    monkeypatch.setattr("engine.loop.MAX_DECODE_PX", 64 * 64)
    executor = start(model, max_rows=4)
    drawing = Asked(num_images=3, num_inference_steps=2)
    executor.submit(drawing)
    ticks.begun()
    executor.close(finish=True)
    ticks.free()
    drawing.end()
    assert ticks.rows == [4, 4]


def test_a_finished_drawing_hears_nothing_of_the_closing(executor, ticks):
    ticks.free()
    drawing = Asked()
    executor.submit(drawing)
    drawing.end()
    executor.close(finish=True)
    executor.ended.result(timeout=WAIT_S)
    assert drawing.heard.empty()


def test_pictures_of_one_size_are_decoded_together(executor, ticks, caplog, monkeypatch):
    monkeypatch.setattr("engine.loop.MAX_DECODE_PX", 2 * 64 * 64)
    small, large = Asked(num_images=3, num_inference_steps=1), Asked(width=128, num_inference_steps=1)
    executor.submit(small)
    ticks.begun()
    executor.submit(large)
    ticks.free()
    small.end()
    large.end()
    assert not caplog.records


def test_closing_finishes_a_paused_picture_too(start, model, ticks):
    executor = start(model, max_rows=4)
    hog, newcomer = Asked(num_images=2, owner="hog"), Asked(owner="newcomer")
    executor.submit(hog)
    ticks.begun()
    executor.submit(newcomer)
    ticks.next()
    executor.close(finish=True)
    ticks.free()
    assert isinstance(hog.end(), GenerationResult)


def test_closing_at_once_gives_everything_back_before_the_next_tick(executor, ticks):
    running = Asked()
    executor.submit(running)
    ticks.begun()
    executor.close(finish=False)
    ticks.free()
    assert isinstance(running.end(), EngineClosed)
    executor.ended.result(timeout=WAIT_S)
    assert len(ticks.rows) == 1


def test_closing_may_lose_patience(executor, ticks):
    running = Asked()
    executor.submit(running)
    ticks.begun()
    executor.close(finish=True)
    executor.close(finish=False)
    ticks.free()
    assert isinstance(running.end(), EngineClosed)


def test_what_comes_while_closing_is_given_back(executor, ticks):
    running, late = Asked(), Asked()
    executor.submit(running)
    ticks.begun()
    executor.close(finish=True)
    executor.submit(late)
    ticks.free()
    assert isinstance(late.end(), EngineClosed)


def test_whoever_waits_for_a_model_that_does_not_load_hears_why(start):
    error = InvalidModel("model_broken", "unet/config.json is missing")

    def load():
        raise error

    executor = Executor(load, max_rows=2)
    early, late = Asked(), Asked()
    executor.submit(early)
    executor.start()
    assert executor.loaded.exception(timeout=WAIT_S) is error
    executor.submit(late)
    assert [early.end(), late.end()] == [error, error]
    executor.close(finish=True)
    executor.ended.result(timeout=WAIT_S)


@pytest.mark.parametrize("scheduler", ["ddim", "heun", "default"])
def test_progress_counts_the_steps_that_were_asked_for(executor, ticks, scheduler):
    drawing = Asked(num_images=2, scheduler=scheduler)
    executor.submit(drawing)
    ticks.free()
    told = [event for event in drawing.events() if isinstance(event, Progress)]
    steps = [each.step for each in told]
    assert steps == sorted(steps)
    assert (steps[-1], told[-1].steps, told[-1].pictures_done, told[-1].num_images) == (4, 4, 1, 2)


def test_progress_is_the_mean_over_a_requests_pictures(start, model, ticks):
    executor = start(model, max_rows=2)
    drawing = Asked(num_images=2)
    executor.submit(drawing)
    ticks.free()
    told = [event.step for event in drawing.events() if isinstance(event, Progress)]
    assert told == [0, 1, 1, 2, 2, 2, 3, 3, 4]


def test_each_picture_is_handed_over_as_soon_as_it_is_finished(start, model, ticks):
    executor = start(model, max_rows=2)
    drawing = Asked(num_images=2, num_inference_steps=2)
    executor.submit(drawing)
    ticks.free()
    kinds = [type(event) for event in drawing.events()]
    assert kinds == [Progress, Progress, Picture, Progress, Progress, Progress, Picture, GenerationResult]
