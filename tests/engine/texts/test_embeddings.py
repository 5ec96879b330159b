"""Words that stand for vectors: found in files of every format, and read by the text encoder."""

import dataclasses
import os

import pytest
import torch
from safetensors.torch import save_file

from engine import GenerationRequest
from engine.conditioning import TextEncoder
from engine.models import find_model
from engine.reading import read
from engine.texts.embeddings import Embeddings

CARD = find_model("emoji").card
WIDTH = 192


def saved(folder, name: str, content=None, *, count: int = 2, key: str = "emb_params"):
    """A file of an embedding, and its vectors."""
    folder.mkdir(exist_ok=True)
    vectors = torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(count)) * 0.02
    save_file(content or {key: vectors}, folder / f"{name}.safetensors")
    return vectors


def found(folder, text: str) -> list[str]:
    return [text[each.start : each.end] for each in Embeddings([folder], widths=[WIDTH]).find(text)]


@pytest.fixture
def encode(model, tmp_path):
    """A function from a prompt to what it is encoded to, with the embeddings of a folder."""

    def encode(prompt: str, **values):
        known = dataclasses.replace(model, embeddings=Embeddings([tmp_path], widths=[WIDTH]))
        request = GenerationRequest(prompt=prompt, guidance_scale=1, **values).completed(CARD)
        with torch.inference_mode():
            return TextEncoder(known).encode(read(request, 0))

    return encode


@pytest.mark.parametrize("key", ["emb_params", "string_to_param.*", "*", "<gold>"])
def test_a_files_name_is_a_word(tmp_path, key):
    saved(tmp_path, "shiny", key=key)
    assert found(tmp_path, "a shiny heart, Shiny") == ["shiny", "Shiny"]


def test_the_name_inside_a_file_is_a_word_too(tmp_path):
    saved(tmp_path, "shiny", key="<gold>")
    assert found(tmp_path, "a <gold> heart, emb_params") == ["<gold>"]


def test_a_part_of_a_word_is_no_word(tmp_path):
    saved(tmp_path, "gold")
    assert found(tmp_path, "golden marigold gold_2 gold-2 (gold)") == ["gold", "gold"]


def test_the_longest_name_is_the_word(tmp_path):
    saved(tmp_path, "bad")
    saved(tmp_path, "bad-hands")
    assert found(tmp_path, "bad, bad-hands") == ["bad", "bad-hands"]


def test_one_vector_needs_no_second_dimension(tmp_path):
    saved(tmp_path, "gold", {"<gold>": torch.zeros(WIDTH)})
    assert found(tmp_path, "gold") == ["gold"]


def test_the_first_folder_goes_before(tmp_path):
    first = saved(tmp_path / "one", "gold", count=1)
    saved(tmp_path / "two", "gold", count=2)
    [only] = Embeddings([tmp_path / "one", tmp_path / "two", tmp_path / "none"], widths=[WIDTH]).find("gold")
    assert torch.equal(only.vectors[0], first)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"emb_params": torch.zeros(1, 768)}, "is for another model: it holds [1, 768], not [1 to 75, 192]"),
        ({"emb_params": torch.zeros(76, WIDTH)}, "is for another model"),
        ({"emb_params": torch.zeros(0, WIDTH)}, "is for another model"),
        ({"emb_params": torch.zeros(1, 1, WIDTH)}, "is for another model"),
        ({"clip_g": torch.zeros(1, 1280), "clip_l": torch.zeros(1, 768)}, "holds 2 tensors"),
        ({"emb_params": torch.full((1, WIDTH), torch.nan)}, "holds what is no finite number"),
        (b"not safetensors", "header"),
        (b"", "header"),
    ],
    ids=["width", "too many", "none", "dimensions", "two encoders", "no number", "broken", "empty"],
)
def test_a_file_that_cannot_be_used_has_a_note_for_whoever_writes_its_name(tmp_path, encode, content, reason):
    if isinstance(content, bytes):
        (tmp_path / "gold.safetensors").write_bytes(content)
    else:
        saved(tmp_path, "gold", content)
    [note] = encode("a gold heart, gold").notes
    assert note.rule == "embedding_unusable"
    assert reason in note.sentence
    assert encode("a red heart").notes == ()


def test_a_pipe_is_no_embedding_and_holds_nobody_up(tmp_path):
    saved(tmp_path, "gold")
    os.mkfifo(tmp_path / "pipe.safetensors")
    embeddings = Embeddings([tmp_path], widths=[WIDTH])
    assert [note.sentence for note in embeddings.notes("a pipe")] == [
        "embedding 'pipe' was left out: its file is a folder or a pipe"
    ]


def test_a_word_that_looks_like_an_embedding_but_is_none_is_named_with_its_nearest(tmp_path, encode):
    saved(tmp_path, "shiny", key="<gold>")
    [note] = encode("a <golden> heart, <gold>, 1 < 2 > 0").notes
    assert note.rule == "embedding_unknown"
    assert note.sentence == "embedding <golden> is unknown and is read as words; nearest: <gold>"


def test_an_embeddings_vectors_are_read_in_place_of_its_word(tmp_path, encode, model):
    saved(tmp_path, "gold", count=2)
    number = model.tokenizer("cat").input_ids[1]
    table = model.text_encoder.get_input_embeddings().weight
    # The vectors of two real tokens must give what those tokens give.
    saved(tmp_path, "twocats", {"*": table[[number, number]].clone()})
    same = encode("a (twocats:1.2) heart").at(0).embeds, encode("a (cat cat:1.2) heart").at(0).embeds
    assert torch.allclose(*same, atol=1e-5)
    assert not torch.allclose(encode("a gold heart").at(0).embeds, same[0], atol=1e-2)


def test_an_embedding_counts_its_vectors_and_is_not_torn_apart(tmp_path, encode, model):
    number = model.tokenizer("cat").input_ids[1]
    saved(tmp_path, "cats", {"*": model.text_encoder.get_input_embeddings().weight[[number] * 10].clone()})
    torn = encode("heart " * 70 + "cats")
    begun = encode("heart " * 70 + "BREAK " + "cat " * 10)
    assert torch.allclose(torn.at(0).embeds, begun.at(0).embeds, atol=1e-5)


def test_without_embeddings_the_text_encoder_is_as_it_was(tmp_path, encode, model):
    before = encode("a red heart").at(0).embeds
    saved(tmp_path, "gold")
    encode("gold")
    assert torch.equal(encode("a red heart").at(0).embeds, before)
    assert not model.text_encoder.get_input_embeddings()._forward_hooks


def test_embeddings_are_looked_for_in_the_models_folder_and_in_the_models_own(tmp_path):
    folder = find_model("emoji", models_dir=tmp_path)
    assert folder.embeddings == (tmp_path / "embeddings", folder.path / "embeddings")
