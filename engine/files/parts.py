"""Reads a model's parts' configs, and checks that each is of a kind that this engine knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.files.families import PIPELINES
from engine.files.folder import invalid, read_json, unreadable
from engine.files.wholes import WHOLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOKENIZERS = ("CLIPTokenizer", "CLIPTokenizerFast")
CLASSES: Mapping[str, tuple[str, ...]] = {
    "tokenizer": TOKENIZERS,
    "text_encoder": ("CLIPTextModel",),
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "scheduler": (),
}
"""The classes of the parts that this engine knows how to use; of schedulers it knows whatever diffusers has."""
SECOND_CLASSES: Mapping[str, tuple[str, ...]] = {
    "tokenizer_2": TOKENIZERS,
    "text_encoder_2": ("CLIPTextModelWithProjection",),
}
"""Likewise, of what only a model with two text encoders has."""
KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "text_encoder": ("model_type", ("clip_text_model", "clip")),
    "text_encoder_2": ("model_type", ("clip_text_model", "clip")),
    "unet": ("_class_name", CLASSES["unet"]),
    "vae": ("_class_name", CLASSES["vae"]),
}
"""What the parts say of themselves in `config.json`: under which key, and what this engine knows of it."""

STEMS: Mapping[str, str] = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}
"""The libraries whose code is run, and what each calls its weights."""
UNUSED = ("safety_checker", "feature_extractor", "image_encoder", "watermarker")
"""Parts that a pipeline does without when a text is all that it is given."""
LAYERS = (
    "layers_per_block",
    "transformer_layers_per_block",
    "reverse_transformer_layers_per_block",
    "num_hidden_layers",
)
MAX_LAYERS = 100
"""Of each of these; the largest families have 32. The libraries build whatever a config says, which may never end."""


def classes_of(index: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    """The parts that a model of this index must have, and the classes known for each."""
    pipeline = PIPELINES.get(str(index.get("_class_name")))
    return {**CLASSES, **SECOND_CLASSES} if pipeline and pipeline.has_two_encoders else CLASSES


def check_classes(file: Path, index: Mapping[str, Any], elsewhere: Mapping[str, Path]) -> None:
    """
    Compare what a model's index names with what this engine can draw with.

    Args:
        file: the index, for the sentence.
        elsewhere: the parts that do not come from this model.

    Raises:
        InvalidModel: another pipeline, or a part that is missing, of another class or of a foreign library.
    """
    if (pipeline := str(index.get("_class_name"))) in WHOLES:
        _check_whole_classes(file, index, elsewhere)
        return
    if pipeline not in PIPELINES:
        families = ", ".join(dict.fromkeys(whole.family for whole in WHOLES.values()))
        reason = f"describes a {pipeline}; this engine draws with {', '.join(PIPELINES)} and models of {families}"
        raise invalid("model_foreign", file, reason)
    for name, known in classes_of(index).items():
        if name in elsewhere:
            continue
        if not names_a_class(index, name):
            raise invalid("model_broken", file, f"names no class for {name}")
        if known and index[name][1] not in known:
            raise invalid("model_foreign", file, f"has a {name} of class {index[name][1]}; known: {', '.join(known)}")


def _check_whole_classes(file: Path, index: Mapping[str, Any], elsewhere: Mapping[str, Path]) -> None:
    """Of a model that is run whole every part is its own, and of a library whose code is run."""
    if elsewhere:
        raise invalid("model_foreign", file, f"is of a model that is run whole, which takes no other {min(elsewhere)}")
    names = [name for name in index if names_a_class(index, name)]
    for name in names:
        library, class_name = index[name]
        if not name.isidentifier() or not class_name.isidentifier():
            raise invalid("model_broken", file, f"names a part {name!r} of class {class_name!r}")
        if library not in STEMS and name not in UNUSED:
            reason = f"has a {name} from {library!r}; only code of {' and '.join(STEMS)} is run"
            raise invalid("model_foreign", file, reason)
    if "scheduler" not in names:
        raise invalid("model_broken", file, "names no class for scheduler")


def names_a_class(index: Mapping[str, Any], name: str) -> bool:
    """Whether a model's index says that it has this part."""
    entry = index.get(name)
    return isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str)  # noqa: PLR2004 - library, class


def read_config(name: str, file: Path) -> dict[str, Any]:
    """
    A part's own config.

    Raises:
        InvalidModel: it cannot be read, or is that of something else.
    """
    config = read_json(file)
    key, known = KINDS[name]
    if config.get(key) not in known:
        raise invalid("model_foreign", file, f"gives {key} {config.get(key)!r}; known as {name}: {', '.join(known)}")
    figures = text_config(config)
    for key in LAYERS:
        if _largest(figures.get(key)) > MAX_LAYERS:
            raise invalid("model_foreign", file, f"asks for more {key} than {MAX_LAYERS}")
    return config


def _largest(value: Any) -> int:
    """Of the whole numbers in a figure, which may be one for each block of a network; 0 where there are none."""
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    return value if isinstance(value, int) else 0


def check_tokenizer(folder: Path) -> tuple[int, int]:
    """
    How many tokens there are, and how many a prompt may have.

    Raises:
        InvalidModel: a file is missing, unreadable or holds something else.
    """
    config = folder / "tokenizer_config.json"
    longest = whole_number(config, read_json(config), "model_max_length")
    file = folder / "tokenizer.json"
    if file.exists() or not (folder / "vocab.json").exists():
        content = read_json(file)
        try:
            ids = [*content["model"]["vocab"].values(), *(token["id"] for token in content.get("added_tokens") or ())]
        except (LookupError, TypeError, AttributeError) as error:
            raise invalid("model_broken", file, "holds no vocabulary") from error
    else:
        file = folder / "vocab.json"
        ids = list(read_json(file).values())
        try:
            (folder / "merges.txt").read_text(encoding="utf-8")
        except OSError as error:
            raise unreadable(folder / "merges.txt", error) from error
        except ValueError as error:
            raise invalid("model_broken", folder / "merges.txt", f"is no UTF-8 text: {error}") from error
    if not ids or not all(isinstance(number, int) for number in ids):
        raise invalid("model_broken", file, "holds no vocabulary")
    return max(ids) + 1, longest


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a text encoder's config says about itself; one of a whole CLIP model has it one level deeper."""
    inner = config.get("text_config")
    return inner if isinstance(inner, dict) else config


def whole_number(file: Path, config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    """
    A config's figure.

    Raises:
        InvalidModel: it is no whole number from 1 up.
    """
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise invalid("model_broken", file, f"must give {key} as a whole number from 1 up, gives {value!r}")
    return value
