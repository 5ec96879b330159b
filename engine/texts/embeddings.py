"""Textual-inversion embeddings: words of a prompt that stand for vectors of their own."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from engine.prompt import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

GENERIC_KEYS = ("emb_params", "string_to_param.*", "*")
"""What AUTOMATIC1111 and its trainers call the one tensor; diffusers calls it by the embedding's word."""
ENCODER_KEYS = ("clip_l", "clip_g")
"""What the tensors for SDXL's two text encoders are called."""
LOOKS_LIKE_ONE = re.compile(r"<[\w-]{1,60}>")
"""How diffusers' trainers write the word for one."""
MAX_VECTORS = 75
MAX_FILE_BYTES = 16 * 2**20
"""75 vectors of the widest text encoder take a hundredth of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An embedding's word in a text."""

    start: int
    end: int
    vectors: tuple[Tensor, ...]
    """For each text encoder float32 `[n, d]` on the CPU, n the same for all and at most `MAX_VECTORS`."""


class Embeddings:
    """
    What stands in some folders, by the words for it: a file's name, and the name that its only tensor has.

    A file that cannot be used has a note instead, for whoever writes its name.

    Args:
        widths: of each of the model's text encoders.
    """

    def __init__(self, folders: Iterable[Path], *, widths: Sequence[int]) -> None:
        self._widths = tuple(widths)
        self._vectors: dict[str, tuple[Tensor, ...]] = {}
        self._notes: dict[str, Note] = {}
        for file in (file for folder in folders for file in sorted(folder.glob("*.safetensors"))):
            try:
                self._add(file)
            except (OSError, ValueError, SafetensorError) as error:
                reason = " ".join(str(error).split())[:200]
                sentence = f"embedding {file.stem!r} was left out: its file {reason}"
                note = Note("embedding_unusable", sentence, {"name": file.stem, "reason": reason})
                self._notes.setdefault(file.stem.casefold(), note)
        self._words = _any_of(self._vectors)
        self._unusable = _any_of(self._notes)

    def find(self, text: str) -> Iterator[Found]:
        """The embeddings' words in a text, from its beginning to its end."""
        for match in self._words.finditer(text):
            yield Found(match.start(), match.end(), self._vectors[match[0].casefold()])

    def notes(self, text: str) -> tuple[Note, ...]:
        """Why words of a text that are names of embeddings, or look like one, stand for nothing but themselves."""
        unusable = [self._notes[match[0].casefold()] for match in self._unusable.finditer(text)]
        unknown = [
            self._unknown(match[0])
            for match in LOOKS_LIKE_ONE.finditer(text)
            if match[0].casefold() not in self._vectors
        ]
        return tuple(dict.fromkeys((*unusable, *unknown)))

    def _unknown(self, word: str) -> Note:
        near = ", ".join(difflib.get_close_matches(word.casefold(), self._vectors, n=3, cutoff=0.5))
        sentence = f"embedding {word} is unknown and is read as words{near and f'; nearest: {near}'}"
        return Note("embedding_unknown", sentence, {"name": word, "names": near})

    def _add(self, file: Path) -> None:
        if not file.is_file():  # reading a pipe would never end
            raise ValueError("is a folder or a pipe")
        if (size := file.stat().st_size) > MAX_FILE_BYTES:
            raise ValueError(f"is larger than an embedding can be: {size} bytes")
        with safe_open(str(file), framework="pt") as content:
            names = list(content.keys())
            keys = names if len(self._widths) == 1 else list(ENCODER_KEYS)
            if len(names) != len(self._widths) or sorted(names) != sorted(keys):
                ours = "one" if len(self._widths) == 1 else f"{' and '.join(ENCODER_KEYS)}"
                raise ValueError(f"holds {len(names)} tensors, an embedding for this model is {ours}")
            vectors = tuple(
                _vectors(content.get_tensor(key), width) for key, width in zip(keys, self._widths, strict=True)
            )
        if len({len(each) for each in vectors}) > 1:
            raise ValueError(f"holds {' and '.join(str(len(each)) for each in vectors)} vectors for one word")
        words = {file.stem} if names[0] in (*GENERIC_KEYS, *ENCODER_KEYS) else {file.stem, names[0]}
        for word in words:
            self._vectors.setdefault(word.casefold(), vectors)


def _vectors(tensor: Tensor, width: int) -> Tensor:
    vectors = tensor.float().reshape(-1, tensor.shape[-1]) if tensor.dim() in (1, 2) else tensor
    if vectors.dim() != 2 or vectors.shape[1] != width or not 1 <= len(vectors) <= MAX_VECTORS:  # noqa: PLR2004 - [n, d]
        raise ValueError(f"is for another model: it holds {list(vectors.shape)}, not [1 to {MAX_VECTORS}, {width}]")
    if not vectors.isfinite().all():
        raise ValueError("holds what is no finite number")
    return vectors


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Any of the words, the longest first, but no part of a longer word; nothing at all where there are none."""
    longest_first = sorted(words, key=len, reverse=True)
    pattern = "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in longest_first)
    return re.compile(pattern or r"(?!)", flags=re.IGNORECASE)
