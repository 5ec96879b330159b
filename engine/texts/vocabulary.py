"""CLIP's tokenizer for models that bring none, made from the vocabulary in a Python package."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engine.errors import InvalidModel
from engine.files.folder import invalid, unreadable

PACKAGES = ("clip", "open_clip")
"""Those that carry the file; either is as good."""
FILE_NAME = "bpe_simple_vocab_16e6.txt.gz"
MERGES = 48_894
"""How many of the file's lines CLIP was trained with; the rest is left over."""
TOKENS = 2 * 256 + MERGES + 2
MAX_TOKENS = 77
"""What its text encoders read at once."""
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def find_vocabulary() -> Path:
    """
    Where the vocabulary lies; no package is imported for it.

    Raises:
        InvalidModel: no package that carries it is installed; the sentence says which one to install.
    """
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            if (file := Path(folder) / FILE_NAME).is_file():
                return file
    raise InvalidModel(
        "model_vocabulary",
        "a single file brings no tokenizer, and CLIP's vocabulary is not installed: pip install openai-clip "
        "(or imagine-bot with its extra: checkpoints)",
        file=FILE_NAME,
        reason="is not installed",
    )


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What takes the place of a tokenizer's folder."""

    file: Path
    """As `find_vocabulary` gives it."""
    pad_token: str
    """Fills up short prompts."""


def clip_tokenizer(vocabulary: Vocabulary) -> Any:
    """
    A `CLIPTokenizer` that gives the ids of the one that CLIP was trained with.

    Raises:
        InvalidModel: the file holds something else.
    """
    import transformers

    file = vocabulary.file
    try:
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            # The first line is a title.
            merges = [tuple(next(stream).split()) for _ in range(MERGES + 1)][1:]
    except OSError as error:
        raise unreadable(file, error) from error
    except (EOFError, StopIteration, ValueError) as error:
        raise invalid("model_broken", file, "is not CLIP's vocabulary") from error
    letters = _letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges), BEGIN, END]
    return transformers.CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,
        pad_token=vocabulary.pad_token,
        model_max_length=MAX_TOKENS,
    )


def _letters() -> list[str]:
    """
    The 256 bytes as CLIP's vocabulary writes and orders them: those that can be seen, then the others.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", `bytes_to_unicode`.
    """
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [*map(chr, seen), *(chr(256 + number) for number in range(256 - len(seen)))]
