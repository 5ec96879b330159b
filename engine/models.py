"""Finds a model and checks everything that loading will read, in milliseconds and without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import hub
from engine.card import ModelCard, read_card
from engine.errors import InvalidModel, InvalidRequest
from engine.folder import invalid, read_json, unreadable
from engine.request import GenerationRequest
from engine.schedulers import scheduler_title
from engine.weights import Part, find_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

BUNDLED = "emoji"
"""The model that comes with this package."""
PIPELINE = "StableDiffusionPipeline"
CLASSES: Mapping[str, tuple[str, ...]] = {
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "text_encoder": ("CLIPTextModel",),
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "scheduler": (),
}
"""The classes of the parts that this engine knows how to use; of schedulers it knows whatever diffusers has."""
KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "text_encoder": ("model_type", ("clip_text_model", "clip")),
    "unet": ("_class_name", CLASSES["unet"]),
    "vae": ("_class_name", CLASSES["vae"]),
}
"""What the parts say of themselves in `config.json`: under which key, and what this engine knows of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A model whose every file is present, readable and whole, and whose parts fit together."""

    path: Path
    card: ModelCard
    tokenizer: Path
    text_encoder: Part
    unet: Part
    vae: Part
    scheduler_config: Mapping[str, Any]
    """As the folder's `scheduler_config.json` has it, with `_class_name`."""
    safety_checker: Part | None = None
    feature_extractor: Path | None = None

    @property
    def has_safety_checker(self) -> bool:
        """Whether the model brings a safety checker."""
        return self.safety_checker is not None


def find_model(
    model: str | Path,
    *,
    models_dir: Path | None = None,
    tokenizer: str | Path | None = None,
    text_encoder: str | Path | None = None,
    vae: str | Path | None = None,
) -> ModelFolder:
    """
    Find a model and check it.

    Args:
        model: `emoji` for the bundled one, a folder in diffusers' layout, the name of one inside `models_dir`, or an id
            on the Hugging Face hub (`organisation/name`). The first of these that there is counts.
        models_dir: where the operator keeps models.
        tokenizer: taken from elsewhere: that part's own folder, a model's folder that has it, or a hub id. So are
            `text_encoder` and `vae`.

    Raises:
        InvalidModel: one sentence that names the file and what is wrong with it.
    """
    elsewhere = {
        name: _find_part(name, place)
        for name, place in (("tokenizer", tokenizer), ("text_encoder", text_encoder), ("vae", vae))
        if place is not None
    }
    if (folder := _local_folder(model, models_dir)) is not None:
        return _checked(folder, elsewhere)
    hub_id = str(model)
    if (folder := hub.cached_folder(hub_id)) is not None:
        try:
            return _checked(folder, elsewhere)
        except InvalidModel as error:
            if error.rule != "model_broken":
                raise
            # Another program has cached other files of it: fetch those that this one reads.
    # Its class is looked at before gigabytes of a foreign model come in.
    file = hub.fetch(hub_id, lambda _: ["model_index.json"]) / "model_index.json"
    _check_classes(file, read_json(file), elsewhere)
    return _checked(hub.fetch(hub_id, hub.wanted_files), elsewhere)


def _local_folder(model: str | Path, models_dir: Path | None) -> Path | None:
    """The folder on this machine; None for what can only be a hub id."""
    if model == BUNDLED:
        return Path(str(files("engine"))) / BUNDLED
    places = [Path(model), *([models_dir / model] if models_dir else [])]
    try:
        found = [place for place in places if str(model).strip() and place.is_dir()]
        is_file = places[0].is_file()
    except OSError as error:
        raise unreadable(places[0], error) from error
    if found:
        return found[0]
    if isinstance(model, str) and hub.is_hub_id(model):
        return None
    if is_file:
        raise invalid("model_missing", places[0], "is a file: a model is a folder in diffusers' layout")
    known = sorted(file.parent.name for file in models_dir.glob("*/model_index.json")) if models_dir else []
    raise InvalidModel(
        "model_missing",
        f"model {str(model)!r} is not there: it is no folder{f' here or in {models_dir}' if models_dir else ''}; "
        f"known: {', '.join([BUNDLED, *known])}",
        file=str(model),
        reason="is not there",
    )


def _find_part(name: str, place: str | Path) -> Path:
    folder = Path(place)
    if not folder.is_dir():
        if not hub.is_hub_id(str(place)):
            raise invalid("model_missing", folder, f"is not there: {name} must be a folder or an id on the hub")
        cached = hub.cached_folder(str(place))
        if cached is not None and _is_whole(name, _inside(cached, name)):
            return _inside(cached, name)
        folder = hub.fetch(str(place), partial(hub.wanted_files, only=name))
    return _inside(folder, name)


def _inside(folder: Path, name: str) -> Path:
    """The part's folder: a subfolder of a model's folder, or the folder itself."""
    return folder / name if (folder / name).is_dir() else folder


def _is_whole(name: str, folder: Path) -> bool:
    try:
        if name == "tokenizer":
            _check_tokenizer(folder)
        else:
            read_json(folder / "config.json")
            find_weights(folder, _stem(name))
    except InvalidModel:
        return False
    return True


def _stem(name: str) -> str:
    return "diffusion_pytorch_model" if name in ("unet", "vae") else "model"


def _checked(folder: Path, elsewhere: Mapping[str, Path]) -> ModelFolder:
    index = read_json(folder / "model_index.json")
    _check_classes(folder / "model_index.json", index, elsewhere)
    places = {name: elsewhere.get(name, folder / name) for name in CLASSES}
    tokens, longest = _check_tokenizer(places["tokenizer"])
    configs = {name: _read_config(name, places[name] / "config.json") for name in KINDS}
    scheduler_config = read_json(folder / "scheduler" / "scheduler_config.json")
    if not isinstance(scheduler_config.get("_class_name"), str):
        raise invalid("model_broken", folder / "scheduler" / "scheduler_config.json", "names no _class_name")
    _check_fit(places, configs, tokens, longest)
    width, height = _native_size(places, configs)
    card = ModelCard(
        title=folder.resolve().name,
        width=width,
        height=height,
        own_sampler=scheduler_title("default", scheduler_config),
    )
    has_checker = _names_a_class(index, "safety_checker")
    return ModelFolder(
        path=folder,
        card=read_card(folder, card),
        tokenizer=places["tokenizer"],
        text_encoder=find_weights(places["text_encoder"], _stem("text_encoder")),
        unet=find_weights(places["unet"], _stem("unet")),
        vae=find_weights(places["vae"], _stem("vae")),
        scheduler_config=scheduler_config,
        safety_checker=_check_safety_checker(folder, index) if has_checker else None,
        feature_extractor=folder / "feature_extractor" if has_checker else None,
    )


def _read_config(name: str, file: Path) -> dict[str, Any]:
    config = read_json(file)
    key, known = KINDS[name]
    if config.get(key) not in known:
        raise invalid("model_foreign", file, f"gives {key} {config.get(key)!r}; known as {name}: {', '.join(known)}")
    return config


def _names_a_class(index: Mapping[str, Any], name: str) -> bool:
    entry = index.get(name)
    return isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str)  # noqa: PLR2004 - library, class


def _check_classes(file: Path, index: Mapping[str, Any], elsewhere: Mapping[str, Path]) -> None:
    if (pipeline := index.get("_class_name")) != PIPELINE:
        raise invalid("model_foreign", file, f"describes a {pipeline}; this engine draws with a {PIPELINE}")
    for name, known in CLASSES.items():
        if name in elsewhere:
            continue
        if not _names_a_class(index, name):
            raise invalid("model_broken", file, f"names no class for {name}")
        if known and index[name][1] not in known:
            raise invalid("model_foreign", file, f"has a {name} of class {index[name][1]}; known: {', '.join(known)}")


def _check_tokenizer(folder: Path) -> tuple[int, int]:
    """How many tokens there are, and how many a prompt may have."""
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
    config = folder / "tokenizer_config.json"
    return max(ids) + 1, _whole_number(config, read_json(config), "model_max_length")


def _whole_number(file: Path, config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise invalid("model_broken", file, f"must give {key} as a whole number from 1 up, gives {value!r}")
    return value


def _check_fit(places: Mapping[str, Path], configs: Mapping[str, dict[str, Any]], tokens: int, longest: int) -> None:
    """Compare the parts with one another; the defaults are those of the libraries' config classes."""
    unet_file, text_file = places["unet"] / "config.json", places["text_encoder"] / "config.json"
    unet, text = configs["unet"], configs["text_encoder"]
    text = text["text_config"] if isinstance(text.get("text_config"), dict) else text
    for key in ("addition_embed_type", "class_embed_type", "num_class_embeds", "encoder_hid_dim", "time_cond_proj_dim"):
        if unet.get(key) is not None:
            raise invalid("model_foreign", unet_file, f"asks for {key} {unet[key]!r}, which this engine cannot give it")
    width = _whole_number(text_file, text, "hidden_size", 512)
    asked = unet.get("cross_attention_dim", 1280)
    if any(each != width for each in (asked if isinstance(asked, list) else [asked])):
        reason = f"does not fit the text encoder: it reads texts of width {asked}, {text_file} gives {width}"
        raise invalid("model_mismatch", unet_file, reason)
    vae_file = places["vae"] / "config.json"
    factor = configs["vae"].get("scaling_factor", 0.18215)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
        raise invalid("model_broken", vae_file, f"must give scaling_factor as a number above 0, gives {factor!r}")
    channels = _whole_number(vae_file, configs["vae"], "latent_channels", 4)
    for key in ("in_channels", "out_channels"):
        if (there := _whole_number(unet_file, unet, key, 4)) != channels:
            kind = " (an inpainting model?)" if there == 2 * channels + 1 else ""
            reason = f"does not fit the VAE: {key} is {there}, the VAE's latents have {channels} channels{kind}"
            raise invalid("model_mismatch", unet_file, reason)
    for have, key, default, what in (
        (tokens, "vocab_size", 49408, "tokens"),
        (longest, "max_position_embeddings", 77, "tokens a prompt"),
    ):
        if have > (room := _whole_number(text_file, text, key, default)):
            reason = f"does not fit the tokenizer: it knows {room} {what}, {places['tokenizer']} has {have}"
            raise invalid("model_mismatch", text_file, reason)


def _native_size(places: Mapping[str, Path], configs: Mapping[str, dict[str, Any]]) -> tuple[int, int]:
    """What diffusers draws when nobody says a size: the U-Net's sample size in pixels, (width, height)."""
    file = places["vae"] / "config.json"
    blocks = configs["vae"].get("block_out_channels", [64])
    if not isinstance(blocks, list) or not 1 <= len(blocks) <= 4:  # noqa: PLR2004 - 2**3 = 8, what sizes are multiples of
        raise invalid("model_foreign", file, "must have 1 to 4 block_out_channels, since sizes are multiples of 8")
    factor = 2 ** (len(blocks) - 1)
    sample = configs["unet"].get("sample_size")
    height, width = sample if isinstance(sample, list) and len(sample) == 2 else (sample, sample)  # noqa: PLR2004 - sides
    file = places["unet"] / "config.json"
    sides = [_whole_number(file, {"sample_size": side}, "sample_size") * factor for side in (width, height)]
    try:
        GenerationRequest(prompt="a native size", width=sides[0], height=sides[1])
    except InvalidRequest as error:
        raise invalid("model_foreign", file, f"has a wrong sample_size: {error}") from error
    return sides[0], sides[1]


def _check_safety_checker(folder: Path, index: Mapping[str, Any]) -> Part:
    if not _names_a_class(index, "feature_extractor"):
        raise invalid(
            "model_broken", folder / "model_index.json", "names a safety_checker but no feature_extractor for it"
        )
    read_json(folder / "feature_extractor" / "preprocessor_config.json")
    read_json(folder / "safety_checker" / "config.json")
    return find_weights(folder / "safety_checker", "model")
