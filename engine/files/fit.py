"""Checks that a model's parts fit together, and tells the size that it draws by itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidRequest
from engine.files.folder import invalid
from engine.files.parts import text_config, whole_number
from engine.request import GenerationRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

UNFILLED = ("class_embed_type", "num_class_embeds", "encoder_hid_dim")
"""What a U-Net may ask for that this engine has nothing to give for."""
SIZES = 6
"""Numbers about its size that a picture of SDXL is told: its own, where it was cut, and the one asked for."""


def check_fit(
    places: Mapping[str, Path], configs: Mapping[str, dict[str, Any]], tokenizers: Mapping[str, tuple[int, int]]
) -> None:
    """
    Compare the parts with one another; what a config leaves out is what the libraries' config classes assume.

    Args:
        places: each part's folder.
        configs: what `read_config` gave, by part.
        tokenizers: what `check_tokenizer` gave, by part.

    Raises:
        InvalidModel: two parts do not fit, or the U-Net asks for more than this engine gives it.
    """
    _check_texts(places, configs)
    _check_latents(places, configs["unet"], configs["vae"])
    for name, (tokens, longest) in tokenizers.items():
        encoder = name.replace("tokenizer", "text_encoder")
        file, text = places[encoder] / "config.json", text_config(configs[encoder])
        for have, key, default, what in (
            (tokens, "vocab_size", 49408, "tokens"),
            (longest, "max_position_embeddings", 77, "tokens a prompt"),
        ):
            if have > (room := whole_number(file, text, key, default)):
                reason = f"does not fit the tokenizer: it knows {room} {what}, {places[name]} has {have}"
                raise invalid("model_mismatch", file, reason)


def _check_texts(places: Mapping[str, Path], configs: Mapping[str, dict[str, Any]]) -> None:
    """What the U-Net is given besides latents and timesteps is what the text encoders make, and no more."""
    unet, file = configs["unet"], places["unet"] / "config.json"
    encoders = [name for name in ("text_encoder", "text_encoder_2") if name in configs]
    embeds = "text_time" if len(encoders) > 1 else None
    if unet.get("addition_embed_type") != embeds:
        reason = f"asks for addition_embed_type {unet.get('addition_embed_type')!r}, which this engine cannot give it"
        raise invalid("model_foreign", file, reason)
    for key in UNFILLED:
        if unet.get(key) is not None:
            raise invalid("model_foreign", file, f"asks for {key} {unet[key]!r}, which this engine cannot give it")
    texts = {places[name] / "config.json": text_config(configs[name]) for name in encoders}
    width = sum(whole_number(text_file, text, "hidden_size", 512) for text_file, text in texts.items())
    asked = unet.get("cross_attention_dim", 1280)
    if any(each != width for each in (asked if isinstance(asked, list) else [asked])):
        names = " and ".join(map(str, texts))
        verb = "gives" if len(texts) == 1 else "give"
        reason = f"does not fit the text encoder: it reads texts of width {asked}, {names} {verb} {width}"
        raise invalid("model_mismatch", file, reason)
    if embeds:
        _check_added(file, unet, *list(texts.items())[-1])


def _check_added(file: Path, unet: Mapping[str, Any], text_file: Path, text: Mapping[str, Any]) -> None:
    """SDXL's U-Net is also told a picture's sizes and what the second text encoder makes of the text as a whole."""
    pooled = whole_number(text_file, text, "projection_dim", 512)
    told = SIZES * whole_number(file, unet, "addition_time_embed_dim") + pooled
    if (asked := unet.get("projection_class_embeddings_input_dim")) != told:
        reason = f"does not fit {text_file}: projection_class_embeddings_input_dim is {asked}, it gets {told}"
        raise invalid("model_mismatch", file, reason)


def _check_latents(places: Mapping[str, Path], unet: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """What the U-Net draws is what the VAE decodes."""
    unet_file, vae_file = places["unet"] / "config.json", places["vae"] / "config.json"
    factor = vae.get("scaling_factor", 0.18215)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
        raise invalid("model_broken", vae_file, f"must give scaling_factor as a number above 0, gives {factor!r}")
    channels = whole_number(vae_file, vae, "latent_channels", 4)
    # An inpainting model's U-Net also sees the mask, and the latents of what lies outside of it.
    for key, known in (("in_channels", (channels, 2 * channels + 1)), ("out_channels", (channels,))):
        if (there := whole_number(unet_file, unet, key, 4)) not in known:
            reason = f"does not fit the VAE: {key} is {there}, the VAE's latents have {channels} channels"
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
    sides = [whole_number(file, {"sample_size": side}, "sample_size") * factor for side in (width, height)]
    try:
        GenerationRequest(prompt="a native size", width=sides[0], height=sides[1])
    except InvalidRequest as error:
        raise invalid("model_foreign", file, f"has a wrong sample_size: {error}") from error
    return sides[0], sides[1]
