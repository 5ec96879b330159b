"""Checks that a model's parts are of kinds that this engine knows, and that they fit together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidRequest
from engine.folder import invalid, read_json, unreadable
from engine.request import GenerationRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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


def check_classes(file: Path, index: Mapping[str, Any], elsewhere: Mapping[str, Path]) -> None:
    """
    Compare what a model's index names with what this engine can draw with.

    Args:
        file: the index, for the sentence.
        elsewhere: the parts that do not come from this model.

    Raises:
        InvalidModel: another pipeline, or a part that is missing or of another class.
    """
    if (pipeline := index.get("_class_name")) != PIPELINE:
        raise invalid("model_foreign", file, f"describes a {pipeline}; this engine draws with a {PIPELINE}")
    for name, known in CLASSES.items():
        if name in elsewhere:
            continue
        if not names_a_class(index, name):
            raise invalid("model_broken", file, f"names no class for {name}")
        if known and index[name][1] not in known:
            raise invalid("model_foreign", file, f"has a {name} of class {index[name][1]}; known: {', '.join(known)}")


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
    return config


def check_tokenizer(folder: Path) -> tuple[int, int]:
    """
    How many tokens there are, and how many a prompt may have.

    Raises:
        InvalidModel: a file is missing, unreadable or holds something else.
    """
    config = folder / "tokenizer_config.json"
    longest = _whole_number(config, read_json(config), "model_max_length")
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


def check_fit(places: Mapping[str, Path], configs: Mapping[str, dict[str, Any]], tokens: int, longest: int) -> None:
    """
    Compare the parts with one another; what a config leaves out is what the libraries' config classes assume.

    Args:
        places: each part's folder.
        configs: what `read_config` gave, by part.
        tokens: how many the tokenizer has.
        longest: how many of them a prompt may have.

    Raises:
        InvalidModel: two parts do not fit, or the U-Net asks for more than this engine gives it.
    """
    text = text_config(configs["text_encoder"])
    _check_texts(places, configs["unet"], text)
    _check_latents(places, configs["unet"], configs["vae"])
    file = places["text_encoder"] / "config.json"
    for have, key, default, what in (
        (tokens, "vocab_size", 49408, "tokens"),
        (longest, "max_position_embeddings", 77, "tokens a prompt"),
    ):
        if have > (room := _whole_number(file, text, key, default)):
            reason = f"does not fit the tokenizer: it knows {room} {what}, {places['tokenizer']} has {have}"
            raise invalid("model_mismatch", file, reason)


def _check_texts(places: Mapping[str, Path], unet: Mapping[str, Any], text: Mapping[str, Any]) -> None:
    """What the U-Net is given besides latents and timesteps is what the text encoder makes, and no more."""
    unet_file, text_file = places["unet"] / "config.json", places["text_encoder"] / "config.json"
    for key in ("addition_embed_type", "class_embed_type", "num_class_embeds", "encoder_hid_dim", "time_cond_proj_dim"):
        if unet.get(key) is not None:
            raise invalid("model_foreign", unet_file, f"asks for {key} {unet[key]!r}, which this engine cannot give it")
    width = _whole_number(text_file, text, "hidden_size", 512)
    asked = unet.get("cross_attention_dim", 1280)
    if any(each != width for each in (asked if isinstance(asked, list) else [asked])):
        reason = f"does not fit the text encoder: it reads texts of width {asked}, {text_file} gives {width}"
        raise invalid("model_mismatch", unet_file, reason)


def _check_latents(places: Mapping[str, Path], unet: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """What the U-Net draws is what the VAE decodes."""
    unet_file, vae_file = places["unet"] / "config.json", places["vae"] / "config.json"
    factor = vae.get("scaling_factor", 0.18215)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
        raise invalid("model_broken", vae_file, f"must give scaling_factor as a number above 0, gives {factor!r}")
    channels = _whole_number(vae_file, vae, "latent_channels", 4)
    for key in ("in_channels", "out_channels"):
        if (there := _whole_number(unet_file, unet, key, 4)) != channels:
            kind = " (an inpainting model?)" if there == 2 * channels + 1 else ""
            reason = f"does not fit the VAE: {key} is {there}, the VAE's latents have {channels} channels{kind}"
            raise invalid("model_mismatch", unet_file, reason)


def native_size(places: Mapping[str, Path], configs: Mapping[str, dict[str, Any]]) -> tuple[int, int]:
    """
    What diffusers draws when nobody says a size: the U-Net's sample size in pixels, (width, height).

    Raises:
        InvalidModel: no request could ask for it.
    """
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


def _whole_number(file: Path, config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise invalid("model_broken", file, f"must give {key} as a whole number from 1 up, gives {value!r}")
    return value
