"""What one LoRA's file says about itself: in its header, and in the files that other programs leave beside it."""

from __future__ import annotations

import json
import logging
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidModel
from engine.files.families import BY_CONTEXT_WIDTH, SD1, SD2, SDXL
from engine.files.weights import read_header, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

ARCHITECTURES: Mapping[str, str] = {
    "stable-diffusion-v1": SD1,
    "stable-diffusion-v2": SD2,
    "stable-diffusion-xl": SDXL,
    "sd_v1": SD1,
    "sd_v2": SD2,
    "sdxl": SDXL,
}
"""How `modelspec.architecture` and `ss_base_model_version` begin."""
UNREAD_KINDS: Mapping[str, str] = {
    "hada_": "LoHa",
    "lokr_": "LoKr",
    "oft_": "OFT",
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    "lora_mid": "LoCon with Tucker decomposition",
    ".diff": "full differences",
}
"""Relatives of LoRA, by a part of their tensors' names."""
UNET_PREFIXES = ("lora_unet_", "unet.")
TEXT_PREFIXES = ("lora_te_", "lora_te1_", "text_encoder.")
SECOND_PREFIXES = ("lora_te2_", "text_encoder_2.")
TRANSFORMER = re.compile(r"transformer\.|diffusion_model\.|lora_unet_(?:double|single|joint)_blocks_")
DOWN = re.compile(r"(?:[._]lora\.down|\.lora_down|_lora\.down|\.lora_A|lora_linear_layer\.down)\.weight$")
CONTEXT = re.compile(r"attn2[._](?:processor\.)?to_[kv]\b|attn2_to_[kv]\.|attn2[._](?:processor\.)?to_[kv]_lora")
TEXT = re.compile(r"self_attn[._](?:[qkv]_proj|to_[qkv]_lora)")
MAX_SIDECAR_BYTES = 2**20
MAX_TRIGGER_WORDS = 20
MAX_WORD_CHARACTERS = 200
FREQUENT = 0.9
"""Of the most frequent tag's count: what a LoRA was trained with throughout calls it forth."""
MAX_FREQUENT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraFile:
    """A LoRA in a folder of theirs; two are the same where place and version are."""

    path: Path
    version: tuple[int, int]
    """Changes with the file's content."""
    title: str = field(compare=False)
    base: str = field(default="", compare=False)
    """What it was made for, as people call it; empty where nothing says so."""
    trigger_words: tuple[str, ...] = field(default=(), compare=False)
    licence: str = field(default="", compare=False)
    trained_name: str = field(default="", compare=False)
    """What its trainer called it, by which prompts may name it too."""
    fault: str = field(default="", compare=False)
    """Why it cannot be used, after the words `its file`."""
    context_width: int | None = field(default=None, compare=False)
    """Of what the U-Net attends to; None where it changes nothing of that."""
    text_width: int | None = field(default=None, compare=False)
    """Of the text encoder; None where it does not change that."""
    has_second_encoder: bool = field(default=False, compare=False)
    is_for_transformer: bool = field(default=False, compare=False)
    """For a model that has no U-Net."""

    @property
    def name(self) -> str:
        """What prompts call it."""
        return self.path.stem

    @property
    def size_bytes(self) -> int:
        """How large its file is."""
        return self.version[1]


def read_lora(path: Path, version: tuple[int, int]) -> LoraFile:
    """What a LoRA's header and the files beside it say; a header that cannot be read is its fault."""
    header: dict[str, Any] = {}
    fault = ""
    try:
        header = read_header(path)
    except InvalidModel as error:
        fault = str(error.facts["reason"])
    metadata = header.pop("__metadata__", None)
    metadata = metadata if isinstance(metadata, dict) else {}
    shapes = {name: shape_of(entry) for name, entry in header.items()}
    context = next((shape[1] for shape in _down(shapes, UNET_PREFIXES, CONTEXT)), None)
    has_second = any(name.startswith(SECOND_PREFIXES) for name in shapes)
    is_for_transformer = any(TRANSFORMER.match(name) for name in shapes)
    told = _Told(metadata, path)
    return LoraFile(
        path=path,
        version=version,
        title=told.title or path.stem,
        base=BY_CONTEXT_WIDTH.get(context or 0) or told.base or (SDXL if has_second and not is_for_transformer else ""),
        trigger_words=told.trigger_words,
        licence=told.licence,
        trained_name=_text(metadata.get("ss_output_name")),
        fault=fault or _fault(shapes),
        context_width=context,
        text_width=next((shape[1] for shape in _down(shapes, TEXT_PREFIXES, TEXT)), None),
        has_second_encoder=has_second,
        is_for_transformer=is_for_transformer,
    )


def _down(
    shapes: Mapping[str, tuple[int, ...]], prefixes: tuple[str, ...], part: re.Pattern[str]
) -> Iterator[tuple[int, ...]]:
    """The shapes `[rank, width]` of what reads its width in some part of a network."""
    for name, shape in shapes.items():
        if name.startswith(prefixes) and part.search(name) and DOWN.search(name) and len(shape) > 1:
            yield shape


def _fault(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Why tensors of these names are no LoRA that is read here."""
    for name in shapes:
        for part, kind in UNREAD_KINDS.items():
            if part in name:
                return f"holds a {kind}, which is not supported: only LoRA is"
    known = (*UNET_PREFIXES, *TEXT_PREFIXES, *SECOND_PREFIXES)
    foreign = next((name for name in shapes if not name.startswith(known) and not TRANSFORMER.match(name)), None)
    if foreign is not None:
        return f"holds {foreign[:MAX_WORD_CHARACTERS]!r}, which is no part of a LoRA for Stable Diffusion"
    return "" if any(DOWN.search(name) for name in shapes) else "holds no LoRA"


class _Told:
    """What people are told about a LoRA, the operator's own words before those of programs."""

    def __init__(self, metadata: Mapping[str, Any], path: Path) -> None:
        own = _sidecar(path.with_suffix(".toml"))
        web_ui = _sidecar(path.with_suffix(".json"))
        civitai = _sidecar(path.with_suffix(".civitai.info"))
        model = civitai.get("model")
        civitai_title = model.get("name") if isinstance(model, dict) else None
        self.title = _first(own.get("title"), civitai_title, metadata.get("modelspec.title"))
        self.licence = _first(own.get("licence"), metadata.get("modelspec.license"))
        self.base = _first(
            own.get("base"),
            civitai.get("baseModel"),
            _architecture(metadata.get("modelspec.architecture")),
            _architecture(metadata.get("ss_base_model_version")),
            web_ui.get("sd version") if web_ui.get("sd version") != "Unknown" else None,
        )
        told = (
            own.get("trigger_words"),
            web_ui.get("activation text"),
            civitai.get("trainedWords"),
            metadata.get("modelspec.trigger_phrase"),
        )
        words = next(filter(None, map(_words, told)), ()) or _frequent(metadata.get("ss_tag_frequency"))
        self.trigger_words = tuple(dict.fromkeys(words))[:MAX_TRIGGER_WORDS]


def _sidecar(file: Path) -> Mapping[str, Any]:
    """What a file beside the LoRA says; nothing where there is none or where it cannot be read, which is logged."""
    try:
        with file.open("rb") as stream:
            # What is larger is cut, and so is no JSON or TOML.
            text = stream.read(MAX_SIDECAR_BYTES).decode("utf-8-sig")
        content = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("lora_sidecar_unread file=%s reason=%s", file.name, " ".join(str(error).split())[:200])
        return {}
    return content if isinstance(content, dict) else {}


def _text(value: Any) -> str:
    return " ".join(value.split())[:MAX_WORD_CHARACTERS] if isinstance(value, str) else ""


def _first(*values: Any) -> str:
    return next(filter(None, map(_text, values)), "")


def _words(value: Any) -> tuple[str, ...]:
    """Words in a list, or in one text with commas between them."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(filter(None, (_text(part).strip(", ") for part in parts)))


def _architecture(value: Any) -> str:
    """A base model's name from what trainers write; theirs where it is not known."""
    text = _text(value)
    return next((base for start, base in ARCHITECTURES.items() if text.lower().startswith(start)), text)


def _frequent(value: Any) -> tuple[str, ...]:
    """The most frequent words of kohya's captions: `{folder: {word: count}}`, as JSON."""
    try:
        folders = json.loads(value)
        counts: Counter[str] = Counter()
        for words in folders.values():
            counts.update({_text(word): int(count) for word, count in words.items()})
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return ()
    frequent = [(word, count) for word, count in counts.most_common(MAX_FREQUENT) if word]
    return tuple(word for word, count in frequent if count >= FREQUENT * frequent[0][1])
