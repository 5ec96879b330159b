"""Finds a model and checks everything that loading will read, in milliseconds and without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import hub
from engine.card import ModelCard, card_file, read_card
from engine.elsewhere import find_part, stem
from engine.errors import InvalidModel
from engine.families import DEFAULTS, PIPELINES, VARIANTS, family_of, variant_of
from engine.fetched import fetched_folder
from engine.fit import check_fit, native_size
from engine.folder import invalid, is_folder, read_json
from engine.parts import (
    KINDS,
    check_classes,
    check_tokenizer,
    classes_of,
    names_a_class,
    read_config,
    text_config,
)
from engine.schedulers import scheduler_title
from engine.vaes import VaeFile, check_vae_file, named_vae, unknown_vae
from engine.weights import Part, find_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

EMBEDDINGS = "embeddings"
"""The folder of embeddings, in `models_dir` and in a model's own."""
LORAS = "loras"
"""The folder of LoRAs, likewise."""
BUNDLED = "emoji"
"""The model that comes with this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A model whose every file is present, readable and whole, and whose parts fit together."""

    path: Path
    card: ModelCard
    family: str
    """One of `engine.families.FAMILIES`."""
    tokenizer: Path
    text_encoder: Part
    unet: Part
    vae: Part | VaeFile
    scheduler_config: Mapping[str, Any]
    """As the folder's `scheduler_config.json` has it, with `_class_name`."""
    tokenizer_2: Path | None = None
    """Of SDXL, as `text_encoder_2`."""
    text_encoder_2: Part | None = None
    has_zeros_for_empty: bool = True
    """Whether SDXL is told nothing at all, instead of an encoded empty text, where there is no negative prompt."""
    safety_checker: Part | None = None
    feature_extractor: Path | None = None
    embeddings: tuple[Path, ...] = ()
    """Folders of textual-inversion embeddings, which need not exist; what is in the first of them goes before."""
    loras: tuple[Path, ...] = ()
    """Folders of LoRAs, as those of embeddings."""

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
            on the Hugging Face hub (`organisation/name`, `organisation/name@REVISION`). The first of these that there
            is counts; the hub is asked only where neither `models_dir` nor its cache on this machine has the model.
        models_dir: where the operator keeps models, and embeddings and LoRAs for all of them.
        tokenizer: taken from elsewhere: that part's own folder, a model's folder that has it, or a hub id. So are
            `text_encoder` and `vae`, the latter also by its name in `models_dir`.

    Raises:
        InvalidModel: one sentence that names the file and what is wrong with it.
    """
    elsewhere = {
        name: find_part(name, place, models_dir)
        for name, place in (("tokenizer", tokenizer), ("text_encoder", text_encoder), ("vae", vae))
        if place is not None
    }
    checked = _find(model, models_dir, elsewhere)
    if vae is None and (name := checked.card.vae):
        # The card is known only now. Cards come with models from anywhere, so of places they may name only this one.
        if (place := named_vae(name, models_dir)) is None:
            raise invalid("model_card", card_file(checked.path), f"has a wrong vae: {unknown_vae(name, models_dir)}")
        checked = _find(model, models_dir, {**elsewhere, "vae": place})
    folders = [place for place in (models_dir, checked.path) if place is not None]
    return replace(
        checked,
        embeddings=tuple(folder / EMBEDDINGS for folder in folders),
        loras=tuple(folder / LORAS for folder in folders),
    )


def _find(model: str | Path, models_dir: Path | None, elsewhere: Mapping[str, Path]) -> ModelFolder:
    if (folder := _local_folder(model, models_dir)) is not None:
        return _checked(folder, elsewhere)
    repository = _repository(model)
    if (folder := hub.cached_folder(repository)) is not None:
        try:
            return _checked(folder, elsewhere)
        except InvalidModel as error:
            if error.rule != "model_broken":
                raise
            # Another program has cached other files of it: fetch those that this one reads.
    # Its class is looked at before gigabytes of a foreign model come in.
    file = hub.fetch(repository, lambda _: ["model_index.json"]) / "model_index.json"
    check_classes(file, read_json(file), elsewhere)
    return _checked(hub.fetch(repository, partial(hub.wanted_files, variant=repository.variant)), elsewhere)


def _repository(name: str | Path) -> hub.HubModel:
    if (repository := hub.HubModel.of(str(name))) is None:
        raise ValueError(f"the hub has no such ids as {name!r}")
    return repository


def bundled_folder() -> Path:
    """Where the model lies that comes with this package."""
    return Path(str(files("engine"))) / BUNDLED


def _local_folder(model: str | Path, models_dir: Path | None) -> Path | None:
    """The folder on this machine; None for what can only be a hub id."""
    if model == BUNDLED:
        return bundled_folder()
    if str(model).strip():
        for place in (Path(model), *([models_dir / model] if models_dir else [])):
            if is_folder(place):
                return place
    if models_dir and (fetched := fetched_folder(str(model), models_dir)):
        return fetched
    if isinstance(model, str) and hub.is_hub_id(model):
        return None
    if Path(model).is_file():
        raise invalid("model_missing", Path(model), "is a file: a model is a folder in diffusers' layout")
    known = sorted(file.parent.name for file in models_dir.glob("*/model_index.json")) if models_dir else []
    raise InvalidModel(
        "model_missing",
        f"model {str(model)!r} is not there: it is no folder{f' here or in {models_dir}' if models_dir else ''}; "
        f"known: {', '.join([BUNDLED, *known])}",
        file=str(model),
        reason="is not there",
    )


def _checked(folder: Path, elsewhere: Mapping[str, Path]) -> ModelFolder:
    index = read_json(folder / "model_index.json")
    check_classes(folder / "model_index.json", index, elsewhere)
    places = {name: elsewhere.get(name, folder / name) for name in classes_of(index)}
    tokenizers = {name: check_tokenizer(place) for name, place in places.items() if name.startswith("tokenizer")}
    vae_file = places["vae"] if places["vae"].is_file() else None
    if vae_file is not None:
        places["vae"] = folder / "vae"
    configs = {name: read_config(name, places[name] / "config.json") for name in KINDS if name in places}
    scheduler_config = read_json(folder / "scheduler" / "scheduler_config.json")
    if not isinstance(scheduler_config.get("_class_name"), str):
        raise invalid("model_broken", folder / "scheduler" / "scheduler_config.json", "names no _class_name")
    check_fit(places, configs, tokenizers)
    family = family_of(configs["unet"], text_config(configs["text_encoder"]))
    scheduler_config |= PIPELINES[index["_class_name"]].scheduler
    variant = variant_of(configs["unet"], scheduler_config)
    size = native_size(places, configs)
    card = read_card(folder, own_card(folder.resolve().name, family, variant, size, scheduler_config))
    if card.variant:
        scheduler_config |= VARIANTS[card.variant].scheduler
    has_second = "text_encoder_2" in places
    has_checker = names_a_class(index, "safety_checker")
    return ModelFolder(
        path=folder,
        card=card,
        family=family,
        tokenizer=places["tokenizer"],
        text_encoder=find_weights(places["text_encoder"], stem("text_encoder")),
        tokenizer_2=places.get("tokenizer_2"),
        text_encoder_2=find_weights(places["text_encoder_2"], stem("text_encoder_2")) if has_second else None,
        has_zeros_for_empty=index.get("force_zeros_for_empty_prompt", True) is not False,
        unet=find_weights(places["unet"], stem("unet")),
        vae=check_vae_file(vae_file, configs["vae"]) if vae_file else find_weights(places["vae"], stem("vae")),
        scheduler_config=scheduler_config,
        safety_checker=_check_safety_checker(folder, index) if has_checker else None,
        feature_extractor=folder / "feature_extractor" if has_checker else None,
    )


def own_card(
    title: str, family: str, variant: str, size: tuple[int, int], scheduler_config: Mapping[str, Any]
) -> ModelCard:
    """The card of a model that says nothing of itself: it is drawn with as its family's own pipeline draws."""
    usual = DEFAULTS[family]
    few = VARIANTS.get(variant)
    return ModelCard(
        title=title,
        width=size[0],
        height=size[1],
        steps=few.steps if few else usual.steps,
        guidance=few.guidance if few else usual.guidance,
        weighting=usual.weighting,
        variant=variant,
        own_sampler=scheduler_title("default", scheduler_config),
    )


def _check_safety_checker(folder: Path, index: Mapping[str, Any]) -> Part:
    if not names_a_class(index, "feature_extractor"):
        raise invalid(
            "model_broken", folder / "model_index.json", "names a safety_checker but no feature_extractor for it"
        )
    read_json(folder / "feature_extractor" / "preprocessor_config.json")
    read_json(folder / "safety_checker" / "config.json")
    return find_weights(folder / "safety_checker", "model")
