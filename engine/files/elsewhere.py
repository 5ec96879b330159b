"""Finds parts of a model that are taken from elsewhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from engine.errors import InvalidModel
from engine.files import hub
from engine.files.folder import is_folder, read_json
from engine.files.parts import check_tokenizer
from engine.files.vaes import named_vae, unknown_vae
from engine.files.weights import find_weights


def find_part(name: str, place: str | Path, models_dir: Path | None) -> Path:
    """
    Where a part is: a folder, or a VAE's file.

    Args:
        name: `tokenizer`, `text_encoder` or `vae`.
        place: the part's own folder, a model's that has it, or a hub id; a VAE's name in `models_dir` goes first.

    Raises:
        InvalidModel: there is none.
    """
    if name == "vae" and (vae := named_vae(str(place), models_dir)) is not None:
        return vae
    if str(place).strip() and is_folder(Path(place)):
        return _inside(Path(place), name)
    if (repository := hub.HubModel.of(str(place))) is None:
        if name == "vae":
            raise unknown_vae(str(place), models_dir)
        reason = f"is not there: {name} must be a folder or an id on the hub"
        raise InvalidModel("model_missing", f"{str(place)!r} {reason}", file=str(place), reason=reason)
    cached = hub.cached_folder(repository)
    if cached is not None and _is_whole(name, _inside(cached, name)):
        return _inside(cached, name)
    choose = partial(hub.wanted_files, only=name, variant=repository.variant)
    return _inside(hub.fetch(repository, choose), name)


def _inside(folder: Path, name: str) -> Path:
    """The part's folder: a subfolder of a model's folder, or the folder itself."""
    return folder / name if is_folder(folder / name) else folder


def _is_whole(name: str, folder: Path) -> bool:
    try:
        if name == "tokenizer":
            check_tokenizer(folder)
        else:
            read_json(folder / "config.json")
            find_weights(folder, stem(name))
    except InvalidModel:
        return False
    return True


def stem(name: str) -> str:
    """How the names of a part's files of weights begin."""
    return "diffusion_pytorch_model" if name in ("unet", "vae") else "model"
