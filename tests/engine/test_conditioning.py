import pytest
import torch

from engine import GenerationRequest
from engine.conditioning import TextEncoder
from engine.models import find_model

CARD = find_model("emoji").card


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


@pytest.fixture
def encoder(model):
    return TextEncoder(model)


def encode(encoder: TextEncoder, prompt: str, negative_prompt: str = "", guidance_scale: float = 5.0):
    request = GenerationRequest(prompt=prompt, negative_prompt=negative_prompt, guidance_scale=guidance_scale)
    return encoder.encode(request.completed(CARD))


def test_the_negative_prompt_comes_first(encoder):
    both = encode(encoder, "a red heart", "blue").embeds
    assert torch.equal(both[:1], encode(encoder, "blue", guidance_scale=1).embeds)
    assert torch.equal(both[1:], encode(encoder, "a red heart", guidance_scale=1).embeds)


def test_a_text_is_encoded_once(encoder, model):
    calls = []
    handle = model.text_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    encode(encoder, "a red heart")
    encode(encoder, "a red heart", "a red heart")
    handle.remove()
    assert len(calls) == 2


def test_a_prompt_that_fits_is_not_cut(encoder, model):
    heart = "heart"
    count = 75 // (len(model.tokenizer(heart).input_ids) - 2)
    assert encode(encoder, " ".join([heart] * count)).cut_prompt == ""


def test_what_does_not_fit_is_told(encoder, model):
    count = 75 // (len(model.tokenizer("heart").input_ids) - 2)
    assert encode(encoder, "heart " * count + "apple cake").cut_prompt == "apple cake"


def test_what_does_not_fit_is_told_as_it_was_typed(encoder, model):
    count = 75 // (len(model.tokenizer("heart").input_ids) - 2)
    assert encode(encoder, "heart " * count + "Apple-Cake,  (so: big)").cut_prompt == "Apple-Cake,  (so: big)"


@pytest.mark.parametrize("character", ["画", "é", "😀"])
def test_a_text_that_is_cut_inside_a_character_is_told_from_that_character_on(encoder, character):
    cut = encode(encoder, character * 100).cut_prompt
    assert set(cut) == {character}
    assert len(cut) < 100


def test_what_does_not_fit_of_the_negative_prompt_is_told(encoder):
    conditioning = encode(encoder, "a red heart", "heart " * 80 + "whale")
    assert conditioning.cut_prompt == ""
    assert conditioning.cut_negative_prompt.endswith("whale")


def test_without_guidance_the_negative_prompt_is_not_read(encoder):
    assert encode(encoder, "a", "heart " * 80, guidance_scale=1.0).cut_negative_prompt == ""


def test_the_longest_prompt_is_encoded(encoder):
    assert encode(encoder, "heart " * 1000).embeds.shape[1] == 77
