"""CLIP's tokenizer, made from the vocabulary in a package, gives the ids that models were trained with."""

import gzip
import importlib.util

import pytest
import transformers

from engine.errors import InvalidModel
from engine.texts import vocabulary
from engine.texts.vocabulary import Vocabulary, clip_tokenizer, find_vocabulary

END = "<|endoftext|>"
TEXTS = [
    "a photo of a cat",
    "Hello,  World!! it's 2024 — a naïve café",
    "日本語のテスト",
    "🐱 & emoji\n\nin lines",
    "<|startoftext|> inside",
    "x" * 60,
    "",
]


@pytest.fixture(scope="module")
def tokenizer():
    return clip_tokenizer(Vocabulary(find_vocabulary(), END))


def test_the_ids_are_those_that_everybody_knows(tokenizer):
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert len(tokenizer) == 49408
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.model_max_length) == (49406, 49407, 77)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_every_text_has_the_ids_of_the_tokenizer_that_the_vocabulary_comes_with(tokenizer, text):
    file = find_vocabulary()
    spec = importlib.util.spec_from_file_location("authors_tokenizer", file.with_name("simple_tokenizer.py"))
    authors = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(authors)
    assert tokenizer(text).input_ids[1:-1] == authors.SimpleTokenizer(str(file)).encode(text)


@pytest.mark.parametrize(("pad_token", "number"), [(END, 49407), ("!", 0)], ids=["the end", "an exclamation mark"])
def test_short_prompts_are_filled_up_with_the_familys_token(pad_token, number):
    ids = clip_tokenizer(Vocabulary(find_vocabulary(), pad_token))("a cat", padding="max_length").input_ids
    assert ids == [49406, 320, 2368, 49407, *[number] * 73]


@pytest.mark.parametrize("pad_token", [END, "!"], ids=["the end", "an exclamation mark"])
def test_it_is_the_tokenizer_that_a_folder_would_give(tmp_path, pad_token):
    tokenizer = clip_tokenizer(Vocabulary(find_vocabulary(), pad_token))
    tokenizer.save_pretrained(tmp_path)
    loaded = transformers.CLIPTokenizer.from_pretrained(tmp_path)
    for text in (*TEXTS, "wow!!! what a cat!"):
        assert tokenizer(text).input_ids == loaded(text).input_ids


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(vocabulary, "PACKAGES", ("a_package_that_is_not_there",))
    with pytest.raises(InvalidModel) as caught:
        find_vocabulary()
    assert "CLIP's vocabulary is not installed: pip install openai-clip" in str(caught.value)


@pytest.mark.parametrize("data", [b"nothing", gzip.compress(b"a b\nc d\n"), b""], ids=["no gzip", "too short", "empty"])
def test_another_file_of_its_name_is_refused(tmp_path, data):
    file = tmp_path / "bpe_simple_vocab_16e6.txt.gz"
    file.write_bytes(data)
    with pytest.raises(InvalidModel):
        clip_tokenizer(Vocabulary(file, END))
