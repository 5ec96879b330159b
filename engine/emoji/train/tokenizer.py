"""A CLIP tokenizer of its own: byte-level BPE, learned from the captions."""

from __future__ import annotations

import json
import random as random_module
from typing import TYPE_CHECKING, Any

from tokenizers import pre_tokenizers, trainers
from transformers import CLIPTokenizer

from engine.emoji.train.shapes import VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.emoji.dataset.captions import Captions
    from engine.emoji.dataset.scenes import Pool

CAPTIONS = 60_000
START, END = "<|startoftext|>", "<|endoftext|>"
SUFFIX = "</w>"


def train_tokenizer(pools: Sequence[Pool], captions: Captions, seed: int) -> Any:
    """A `CLIPTokenizer` of 3,200 entries: all bytes, within a word and at its end, merges, and two marks."""
    random = random_module.Random(f"tokenizer {seed}")
    texts = []
    for _ in range(CAPTIONS):
        pool = random.choice(pools)
        texts.append(captions.training(pool.make(random.randrange(pool.count)), random))
    learner = CLIPTokenizer().backend_tokenizer
    learner.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=VOCABULARY, end_of_word_suffix=SUFFIX, show_progress=False)
    )
    learned = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # Every byte at a word's end too, seen or not: or else a word in an unknown script would become END marks.
    tokens = [*letters, *(letter + SUFFIX for letter in letters)]
    merges = learned[: VOCABULARY - len(tokens) - 2]
    tokens += [left + right for left, right in merges]
    vocabulary = {token: number for number, token in enumerate([*dict.fromkeys(tokens), START, END])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)
