"""VAEs in `MODELS_DIR/vae/`, by name: folders in diffusers' layout, and single files of either way to name tensors."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidModel
from engine.files.folder import invalid, is_folder, stays_in
from engine.files.weights import ENDING, read_header

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VAES = "vae"
"""The folder of VAEs in `models_dir`."""
PREFIXES = ("", "first_stage_model.", "vae.")
"""What may stand before the names of a VAE's tensors."""
FIRST = "decoder.conv_in.weight"
"""A tensor that either way to name them has."""
IS_NAME = re.compile(r"(?!\.)[^/\\\0]+")


@dataclass(frozen=True, slots=True)
class VaeFile:
    """A VAE in a single file, which says nothing of itself: it is built like the model's own, whose place it takes."""

    path: Path
    config: Mapping[str, Any]
    """The model's own VAE's."""

    def read_config(self) -> Mapping[str, Any]:
        """What it is built by."""
        return self.config


def places_of_vaes(models_dir: Path | None) -> dict[str, Path]:
    """
    The VAEs' folders and files by their names, folders before files, which are called without their ending.

    Links that lead out of the folder of VAEs are none.
    """
    found: dict[str, Path] = {}
    if models_dir is not None:
        root = os.path.realpath(models_dir / VAES)
        visible = (place for place in sorted((models_dir / VAES).glob("*")) if not place.name.startswith("."))
        places = [place for place in visible if stays_in(root, place)]
        found = {place.name: place for place in places if is_folder(place)}
        for place in places:
            if place.suffix == ENDING and place.is_file():
                found.setdefault(place.stem, place)
    return found


def named_vae(name: str, models_dir: Path | None) -> Path | None:
    """The folder or file of a VAE in `models_dir`, by its name, with or without the ending; None where it has none."""
    if IS_NAME.fullmatch(name) is None:
        return None
    known = places_of_vaes(models_dir)
    return known.get(name) or known.get(name.removesuffix(ENDING))


def unknown_vae(name: str, models_dir: Path | None) -> InvalidModel:
    """The sentence that there is no VAE of a name, as an error to raise."""
    known = places_of_vaes(models_dir)
    names = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or list(known)
    there = f"; there are: {', '.join(names)}" if names else ""
    reason = f"is not there: vae must be a name in {VAES}/ of the models' folder, a folder, or an id on the hub{there}"
    return InvalidModel("model_missing", f"{name!r} {reason}", file=name, reason=reason)


def check_vae_file(file: Path, config: Mapping[str, Any]) -> VaeFile:
    """
    A single file's VAE, which has to be of the same shape as the model's own.

    Raises:
        InvalidModel: it is damaged, holds something else, or has latents of another kind.
    """
    header = read_header(file)
    entry = next((header[prefix + FIRST] for prefix in PREFIXES if prefix + FIRST in header), None)
    if entry is None:
        raise invalid("model_foreign", file, "holds no VAE")
    shape = entry.get("shape")
    expected = [config["block_out_channels"][-1], config.get("latent_channels", 4)]
    if not isinstance(shape, list) or shape[:2] != expected:
        reason = f"holds another VAE than the model's own: {FIRST} is {shape}, not {[*expected, 3, 3]}"
        raise invalid("model_mismatch", file, reason)
    return VaeFile(file, config)
