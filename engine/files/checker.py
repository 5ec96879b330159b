"""Finds the safety checker that a model brings, or that the operator keeps for models without one of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.files.folder import invalid, is_folder, read_json
from engine.files.parts import names_a_class
from engine.files.weights import Part, find_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any


@dataclass(frozen=True, slots=True)
class Checker:
    """A safety checker whose files are present, readable and whole."""

    safety_checker: Part
    feature_extractor: Path
    """The folder that says how pictures are prepared for it."""


def own_checker(folder: Path, index: Mapping[str, Any]) -> Checker | None:
    """
    The safety checker of a model's folder; None where its index names none.

    Raises:
        InvalidModel: it is named, but not there or damaged.
    """
    if not names_a_class(index, "safety_checker"):
        return None
    if not names_a_class(index, "feature_extractor"):
        raise invalid(
            "model_broken", folder / "model_index.json", "names a safety_checker but no feature_extractor for it"
        )
    return _checker(folder / "safety_checker", folder / "feature_extractor")


def find_checker(folder: Path) -> Checker:
    """
    The safety checker in a folder: in diffusers' layout, as a model has it, or all files of it beside each other.

    Raises:
        InvalidModel: one sentence that names the file and what is wrong with it.
    """
    if is_folder(folder / "safety_checker"):
        return _checker(folder / "safety_checker", folder / "feature_extractor")
    return _checker(folder, folder)


def _checker(network: Path, feature_extractor: Path) -> Checker:
    read_json(feature_extractor / "preprocessor_config.json")
    read_json(network / "config.json")
    return Checker(find_weights(network, "model"), feature_extractor)
