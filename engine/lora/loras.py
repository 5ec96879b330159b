"""Finds LoRAs by the names that prompts give them, and says of each in milliseconds, without torch, what it is for."""

from __future__ import annotations

import difflib
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import InvalidRequest
from engine.files.folder import stays_in
from engine.files.parts import text_config
from engine.files.weights import ENDING
from engine.files.wholefolder import WholeFolder
from engine.lora.lorafile import LoraFile, read_lora
from engine.prompt import MAX_NOTES, MAX_QUOTED_CHARACTERS, Note, parse, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.models import Found

MAX_LORAS = 10
"""In one prompt: all of them are in memory at once."""
MAX_NAMES = 100
"""In all prompts of a request; those behind are unknown."""
MAX_FILES = 5000
"""More of them in one folder are not looked at."""


@dataclass(frozen=True, slots=True)
class Base:
    """What a LoRA must fit: a model's name, and how wide its texts are."""

    title: str
    context_width: int | None
    """Of what the U-Net attends to; None where that differs from block to block."""
    text_width: int | None
    family: str = ""
    """One of `engine.files.families.FAMILIES`."""
    has_second_encoder: bool = False
    takes_loras: bool = True
    """Not where the model is run whole."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the tags of a request's prompts stand for."""

    files: Mapping[str, LoraFile] = field(default_factory=dict)
    notes: Mapping[str, Note] = field(default_factory=dict)
    """By the tag's name: why it stands for nothing, or for which of several files."""


class Loras:
    """
    The LoRAs `NAME.safetensors` of some folders and of the folders inside them; the first folder goes before.

    Each file's header is read when it is first asked for, and again once it has changed. Nothing outside of the folders
    is ever read.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._read: dict[Path, LoraFile] = {}

    def all(self) -> tuple[LoraFile, ...]:
        """Every LoRA that there is, also those that cannot be used, by their names; one of those of the same name."""
        files: dict[str, LoraFile] = {}
        for folder in self._folders:
            for path in _files(folder):
                if path.stem not in files:
                    files[path.stem] = self._file(path)
        return tuple(sorted(files.values(), key=lambda file: file.name.casefold()))

    def find(self, name: str) -> tuple[LoraFile | None, Note | None]:
        """
        The LoRA of a name, as AUTOMATIC1111 finds it, and what is to be said about that.

        That is the file's name without its ending, or else the name that its trainer gave it; in the case as typed.
        """
        return self._find(name, self._listed(), has_near=True)

    def _listed(self) -> list[tuple[Path, list[Path]]]:
        return [(folder, _files(folder)) for folder in self._folders]

    def _find(
        self, name: str, listed: list[tuple[Path, list[Path]]], *, has_near: bool
    ) -> tuple[LoraFile | None, Note | None]:
        for folder, paths in listed:
            found = [path for path in paths if path.stem == name] or [
                path for path in paths if name and self._file(path).trained_name == name
            ]
            if found:
                return self._file(found[0]), _ambiguous(name, [path.relative_to(folder) for path in found])
        return None, unknown(name, {path.stem for _, paths in listed for path in paths} if has_near else ())

    def choose(self, prompts: Iterable[str], base: Base) -> Chosen:
        """
        The LoRAs that prompts name, all of which fit the model as far as can be told without loading them.

        Raises:
            InvalidRequest: one is broken or for another model, or a prompt names too many.
        """
        files: dict[str, LoraFile] = {}
        notes: dict[str, Note] = {}
        named = [{tag.name: None for tag in parse(prompt, 1).loras} for prompt in prompts if "<" in prompt]
        # Only when one is named are the folders looked at, and then once.
        listed = self._listed() if any(named) else []
        for name in itertools.islice(dict.fromkeys(itertools.chain.from_iterable(named)), MAX_NAMES):
            file, note = self._find(name, listed, has_near=len(notes) < MAX_NOTES)
            if file is not None:
                check_fit(file, base)
                files[name] = file
            if note is not None:
                notes[name] = note
        if (count := max((len(names.keys() & files.keys()) for names in named), default=0)) > MAX_LORAS:
            sentence = f"a prompt may name at most {MAX_LORAS} LoRAs, got {count}"
            raise InvalidRequest("loras", sentence, maximum=MAX_LORAS, count=count)
        return Chosen(files, notes)

    def _file(self, path: Path) -> LoraFile:
        known, now = self._read.get(path), read_version(path)
        if known is None or known.version != now:
            known = self._read[path] = read_lora(path, now)
        return known


def loras_of(folder: Found) -> Loras:
    """The LoRAs for a model: the operator's, then the model's own."""
    return Loras(folder.loras)


def base_of(folder: Found) -> Base:
    """
    What a model's LoRAs must fit.

    Raises:
        InvalidModel: its config files have gone since it was found.
    """
    if isinstance(folder, WholeFolder):
        return Base(folder.card.title, None, None, folder.family, takes_loras=False)
    context = folder.unet.read_config().get("cross_attention_dim")
    width = text_config(folder.text_encoder.read_config()).get("hidden_size")
    return Base(
        folder.card.title,
        context if isinstance(context, int) else None,
        width if isinstance(width, int) else None,
        folder.family,
        folder.text_encoder_2 is not None,
    )


def check_fit(file: LoraFile, base: Base) -> None:
    """
    Compare what a LoRA's header says with a model.

    Raises:
        InvalidRequest: it is broken, of a kind that is not read, or for another model.
    """
    if file.fault:
        raise unusable(file, file.fault)
    if not base.takes_loras:
        sentence = f"no LoRA can be used with {base.title}, got {file.name!r}"
        raise InvalidRequest("lora_whole", sentence, lora=file.name, model=base.title)
    has_other_context = (
        None not in (file.context_width, base.context_width) and file.context_width != base.context_width
    )
    has_other_text = None not in (file.text_width, base.text_width) and file.text_width != base.text_width
    has_more_encoders = file.has_second_encoder and not base.has_second_encoder
    if has_other_context or has_other_text or has_more_encoders or file.is_for_transformer:
        raise misfit(file, base.title, base.family)


def fault_of(file: LoraFile, base: Base) -> InvalidRequest | None:
    """Why a LoRA cannot be used with a model; None for one that can, as far as can be told without loading it."""
    try:
        check_fit(file, base)
    except InvalidRequest as error:
        return error
    return None


def misfit(file: LoraFile, title: str, family: str) -> InvalidRequest:
    """The sentence that a LoRA is for another model, or for models of another family, as an error to raise."""
    if not file.base:
        sentence = f"LoRA {file.name!r} was made for another model and does not fit {title}"
        return InvalidRequest("lora_foreign", sentence, lora=file.name, model=title)
    # Of the same family, a model may still be of another shape, as the bundled one is.
    model = title if family in ("", file.base) else f"{title} ({family})"
    sentence = f"LoRA {file.name!r} was made for {file.base} and does not fit {model}"
    return InvalidRequest("lora_misfit", sentence, lora=file.name, base=file.base, model=model)


def unusable(file: LoraFile, reason: str) -> InvalidRequest:
    """The sentence `LoRA NAME cannot be used: REASON`, as an error to raise."""
    sentence = f"LoRA {file.name!r} cannot be used: its file {reason}"
    return InvalidRequest("lora_unusable", sentence, lora=file.name, reason=reason)


def read_version(path: Path) -> tuple[int, int]:
    """What differs once a file has changed; zeros where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _files(folder: Path) -> list[Path]:
    """The LoRAs' paths in the order of their relative names; links that lead out of the folder are none."""
    root = os.path.realpath(folder)
    paths = (
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if name.endswith(ENDING) and name != ENDING
    )
    inside = (path for path in paths if stays_in(root, path) and path.is_file())
    return sorted(itertools.islice(inside, MAX_FILES))


def _ambiguous(name: str, found: list[Path]) -> Note | None:
    if len(found) == 1:
        return None
    names = ", ".join(path.as_posix() for path in found[:5])
    sentence = f"LoRA {name!r} is the name of {len(found)} files, {names}: the first one is used"
    return Note("lora_ambiguous", sentence, {"name": name, "names": names})


def unknown(name: str, known: Iterable[str] = ()) -> Note:
    """The note that nothing is known of a name, with those that are most like it."""
    folded = {each.casefold(): each for each in sorted(known) if each.isprintable()}
    matches = difflib.get_close_matches(name[:MAX_QUOTED_CHARACTERS].casefold(), folded, n=3, cutoff=0.5)
    near = ", ".join(folded[match] for match in matches)
    shown = quoted(name)
    sentence = f"LoRA {shown!r} is unknown and was left out{near and f'; nearest: {near}'}"
    return Note("lora_unknown", sentence, {"name": shown, "names": near})
