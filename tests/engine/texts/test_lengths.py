"""Pictures whose prompts differ in length share a call, and each is what it is alone."""

import asyncio

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import Engine, GenerationRequest
from engine.conditioning import TextEncoder
from engine.denoise import begin, predict
from engine.models import find_model
from engine.reading import read
from engine.texts.lengths import going_together, with_one_length

CARD = find_model("emoji").card


def groups(*chunks: int) -> list[list[int]]:
    return sorted(sorted(group) for group in going_together(chunks, lambda each: each * 77))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((1, 1, 1), [[1, 1, 1]]),
        ((1, 2, 3, 6), [[1, 2, 3, 6]]),
        ((1, 2, 4), [[1, 2, 4]]),
        ((3, 4), [[3], [4]]),
        ((1, 2, 3, 4), [[1, 2, 4], [3]]),
        ((1, 5, 5), [[1, 5, 5]]),
        ((1, 7), [[1], [7]]),
        ((8, 8), [[8, 8]]),
        ((2, 8), [[2], [8]]),
    ],
)
def test_lengths_go_together_up_to_a_common_multiple_of_six_chunks(chunks, expected):
    assert groups(*chunks) == expected


@given(st.lists(st.integers(1, 8), min_size=1))
def test_everybody_is_in_one_group(chunks):
    assert sorted(each for group in groups(*chunks) for each in group) == sorted(chunks)


def test_texts_are_repeated_whole():
    short, long = torch.arange(2.0).reshape(1, 2, 1), torch.arange(3.0).reshape(1, 3, 1)
    repeated = with_one_length([short, long])
    assert [each.flatten().tolist() for each in repeated] == [[0, 1] * 3, [0, 1, 2] * 2]


def test_what_the_unet_sees_is_the_same_together_and_apart(model):
    encoder = TextEncoder(model)
    prompts = ["a red heart", "a cat BREAK a dog", "a BREAK b BREAK c", "d " * 400]
    with torch.inference_mode():
        begun = []
        for prompt in prompts:
            request = GenerationRequest(prompt=prompt, seed=7, width=64, height=64, scheduler="ddim").completed(CARD)
            begun.append(begin(model, request, 0, encoder.encode(read(request, 0))))
        together = predict(model, begun)
        alone = [predict(model, [each])[0] for each in begun]
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(together, alone, strict=True))


async def test_pictures_of_every_length_drawn_together_are_those_drawn_apart(engine: Engine):
    texts = ["heart " * 75 * chunks for chunks in (1, 2, 3, 4, 7)] + ["a (red:1.3) heart"]
    requests = [
        GenerationRequest(prompt=text, seed=index, width=64, height=64, num_inference_steps=3, guidance_scale=5.0)
        for index, text in enumerate(texts)
    ]
    together = await asyncio.gather(*map(engine.generate, requests))
    for request, result in zip(requests, together, strict=True):
        alone = await engine.generate(request)
        pair = [np.asarray(each.pictures[0].image).astype(int) for each in (result, alone)]
        assert np.abs(pair[0] - pair[1]).max() <= 1
