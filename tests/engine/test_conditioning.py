import pytest
import torch

from engine import GenerationRequest, InvalidRequest
from engine.conditioning import TextEncoder
from engine.models import find_model
from engine.reading import read

CARD = find_model("emoji").card


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


@pytest.fixture
def encoder(model):
    return TextEncoder(model)


@pytest.fixture
def word(model):
    """How many times `heart ` fills a chunk of 75 tokens."""
    return 75 // (len(model.tokenizer("heart").input_ids) - 2)


def encode(encoder: TextEncoder, prompt: str, negative_prompt: str = "", **values):
    values = {"guidance_scale": 5.0, "num_inference_steps": 10, **values}
    request = GenerationRequest(prompt=prompt, negative_prompt=negative_prompt, **values)
    return encoder.encode(read(request.completed(CARD), 0))


def alone(encoder: TextEncoder, prompt: str, **values) -> torch.Tensor:
    return encode(encoder, prompt, guidance_scale=1.0, **values).at(0).embeds


def test_a_plain_prompt_is_encoded_as_the_pipeline_encodes_it(encoder, model):
    tokens = model.tokenizer("a red heart", padding="max_length", max_length=77, return_tensors="pt")
    assert torch.equal(alone(encoder, "a red heart"), model.text_encoder(tokens.input_ids)[0])


def test_the_negative_prompt_comes_first(encoder):
    both = encode(encoder, "a red heart", "blue").at(0).embeds
    assert torch.equal(both[:1], alone(encoder, "blue"))
    assert torch.equal(both[1:], alone(encoder, "a red heart"))


def test_a_text_is_encoded_once(encoder, model):
    calls = []
    handle = model.text_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    encode(encoder, "a red heart")
    encode(encoder, "a red heart", "a red heart")
    handle.remove()
    assert len(calls) == 2


@pytest.mark.parametrize("chunks", [1, 2, 3, 8])
def test_a_prompt_has_as_many_chunks_as_it_needs(encoder, word, chunks):
    assert alone(encoder, "heart " * word * chunks).shape[1] == 77 * chunks


def test_prompt_and_negative_prompt_have_the_same_number_of_chunks(encoder, word):
    assert encode(encoder, "a red heart", "heart " * (word + 1)).at(0).embeds.shape[:2] == (2, 154)


def test_the_shorter_prompt_is_padded_with_an_empty_chunk(encoder, word):
    prompt = encode(encoder, "a red heart", "heart " * (word + 1)).at(0).embeds[1:]
    assert torch.allclose(prompt, torch.cat([alone(encoder, "a red heart"), alone(encoder, "(:1)")], dim=1), atol=1e-5)


def test_a_break_begins_a_new_chunk(encoder):
    both = alone(encoder, "a red heart BREAK a cat face")
    parts = torch.cat([alone(encoder, "a red heart"), alone(encoder, "a cat face")], dim=1)
    assert torch.allclose(both, parts, atol=1e-5)


def test_a_prompt_that_fits_is_not_cut(encoder, word):
    assert encode(encoder, "heart " * word * 8).cut_prompt == ""


@pytest.mark.parametrize("multiples", [1, 2, 8, None])
def test_what_does_not_fit_is_told(encoder, word, multiples):
    prompt = "heart " * word * (multiples or 8) + "apple cake"
    assert encode(encoder, prompt, max_embeddings_multiples=multiples).cut_prompt == "apple cake"


def test_what_does_not_fit_is_told_as_it_was_typed(encoder, word):
    prompt = "heart " * word + "Apple-Cake,  so: big"
    assert encode(encoder, prompt, max_embeddings_multiples=1).cut_prompt == "Apple-Cake,  so: big"


def test_what_does_not_fit_keeps_its_weights_and_breaks(encoder, word):
    prompt = "heart " * word + "apple (cake:1.4) BREAK whale"
    assert encode(encoder, prompt, max_embeddings_multiples=1).cut_prompt == "apple (cake:1.4) BREAK whale"


@pytest.mark.parametrize("character", ["画", "é", "😀"])
def test_a_text_that_is_cut_inside_a_character_is_told_from_that_character_on(encoder, character):
    cut = encode(encoder, character * 100, max_embeddings_multiples=1).cut_prompt
    assert set(cut) == {character}
    assert len(cut) < 100


def test_what_does_not_fit_of_the_negative_prompt_is_told(encoder):
    conditioning = encode(encoder, "a red heart", "heart " * 640 + "whale")
    assert conditioning.cut_prompt == ""
    assert conditioning.cut_negative_prompt.endswith("whale")


def test_without_guidance_the_negative_prompt_is_not_read(encoder):
    assert encode(encoder, "a", "heart " * 640, guidance_scale=1.0).cut_negative_prompt == ""


def test_the_longest_prompt_is_encoded(encoder):
    assert alone(encoder, "heart " * 1000).shape[1] == 8 * 77


def test_clip_skip_reads_an_earlier_layer_through_the_last_norm(encoder, model):
    tokens = model.tokenizer("a red heart", padding="max_length", max_length=77, return_tensors="pt").input_ids
    layers = model.text_encoder(tokens, output_hidden_states=True).hidden_states
    for skip in (2, 3):
        expected = model.text_encoder.final_layer_norm(layers[-skip])
        assert torch.equal(alone(encoder, "a red heart", clip_skip=skip), expected)


def test_clip_skip_1_is_the_last_layer(encoder):
    assert torch.equal(alone(encoder, "a red heart", clip_skip=1), alone(encoder, "a red heart"))


def test_more_layers_than_there_are_cannot_be_skipped(encoder):
    with pytest.raises(InvalidRequest, match="clip_skip must be from 1 to 3 with this model, got 4"):
        alone(encoder, "a red heart", clip_skip=4)


def test_a_scheduled_prompt_changes_at_its_step(encoder):
    conditioning = encode(encoder, "a [red:blue:0.3] heart", "green")
    for step in range(10):
        words = "a red heart" if step < 3 else "a blue heart"
        assert torch.equal(conditioning.at(step).embeds, encode(encoder, words, "green").at(0).embeds)


def test_a_negative_prompt_may_change_too(encoder):
    conditioning = encode(encoder, "a heart", "[red|blue]")
    for step in range(10):
        assert torch.equal(
            conditioning.at(step).embeds, encode(encoder, "a heart", ("red", "blue")[step % 2]).at(0).embeds
        )


def test_texts_of_all_steps_have_the_same_number_of_chunks(encoder, word):
    conditioning = encode(encoder, f"a cat [:{'heart ' * word}:5]")
    assert {conditioning.at(step).embeds.shape for step in range(10)} == {(2, 154, 192)}


def test_what_does_not_change_is_put_together_once(encoder):
    conditioning = encode(encoder, "a heart", "blue")
    assert conditioning.at(0) is conditioning.at(9)


def test_operands_of_and_have_a_row_and_a_weight_each(encoder):
    conditioning = encode(encoder, "a red heart AND a cat face :0.5", "green")
    assert conditioning.weights == (1.0, 0.5)
    rows = [alone(encoder, text) for text in ("green", "a red heart", "a cat face")]
    assert torch.equal(conditioning.at(0).embeds, torch.cat(rows))


def test_and_without_guidance_is_composed_by_means_of_the_negative_prompt(encoder):
    assert len(encode(encoder, "a heart AND a cat", guidance_scale=1.0).at(0).embeds) == 3


def test_a_negative_prompt_has_no_operands(encoder):
    assert torch.equal(encode(encoder, "x", "a AND b").at(0).embeds, encode(encoder, "x", "a and b").at(0).embeds)


def test_a_lora_tag_is_left_out_and_that_is_noted(encoder):
    conditioning = encode(encoder, "<lora:pixel:0.8>a red heart", guidance_scale=1.0)
    assert torch.equal(conditioning.at(0).embeds, alone(encoder, "a red heart"))
    assert [(note.rule, note.facts["name"]) for note in conditioning.notes] == [("lora_unknown", "pixel")]
