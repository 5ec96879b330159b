"""Finds a model and checks everything that loading will read, in milliseconds and without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidModel
from engine.files import hub
from engine.files.card import ModelCard, card_file, read_card
from engine.files.checker import find_checker, own_checker
from engine.files.checkpoint import StoredPart, read_checkpoint
from engine.files.elsewhere import find_part, stem
from engine.files.families import DEFAULTS, PIPELINES, VARIANTS, family_of, variant_of
from engine.files.fit import check_fit, native_size
from engine.files.folder import invalid, is_folder, read_json
from engine.files.parts import (
    KINDS,
    check_classes,
    check_tokenizer,
    classes_of,
    read_config,
    text_config,
)
from engine.files.places import local_place
from engine.files.vaes import VaeFile, check_vae_file, named_vae, unknown_vae
from engine.files.weights import Part, find_weights
from engine.files.wholefolder import WholeFolder, check_whole
from engine.files.wholes import WHOLES
from engine.schedulers import scheduler_title
from engine.texts.vocabulary import MAX_TOKENS, TOKENS, Vocabulary, find_vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from engine.files.checkpoint import Checkpoint

EMBEDDINGS = "embeddings"
"""The folder of embeddings, in `models_dir` and in a model's own."""
LORAS = "loras"
"""The folder of LoRAs, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A model whose every file is present, readable and whole, and whose parts fit together."""

    path: Path
    """Its folder, or its single file."""
    card: ModelCard
    family: str
    """One of `engine.files.families.FAMILIES`."""
    tokenizer: Path | Vocabulary
    text_encoder: Part | StoredPart
    unet: Part | StoredPart
    vae: Part | StoredPart | VaeFile
    scheduler_config: Mapping[str, Any]
    """As the folder's `scheduler_config.json` has it, with `_class_name`."""
    tokenizer_2: Path | Vocabulary | None = None
    """Of SDXL, as `text_encoder_2`."""
    text_encoder_2: Part | StoredPart | None = None
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
        """Whether a safety checker looks at its pictures."""
        return self.safety_checker is not None


Found = ModelFolder | WholeFolder
"""What there is at a model's place."""


def find_model(
    model: str | Path,
    *,
    models_dir: Path | None = None,
    tokenizer: str | Path | None = None,
    text_encoder: str | Path | None = None,
    vae: str | Path | None = None,
    safety_checker: Path | None = None,
) -> Found:
    """
    Find a model and check it.

    Args:
        model: `emoji` for the bundled one, a folder in diffusers' layout, a single file of weights, the name of either
            inside `models_dir` (a file's with or without its ending), or an id on the Hugging Face hub
            (`organisation/name`, `organisation/name@REVISION`). The first of these that there is counts; the hub is
            asked only where neither `models_dir` nor its cache on this machine has the model.
        models_dir: where the operator keeps models, and embeddings and LoRAs for all of them.
        tokenizer: taken from elsewhere: that part's own folder, a model's folder that has it, or a hub id. So are
            `text_encoder` and `vae`, the latter also by its name in `models_dir`.
        safety_checker: the folder of the one that looks at the pictures of a model without its own.

    Raises:
        InvalidModel: one sentence that names the file and what is wrong with it.
    """
    elsewhere = {
        name: find_part(name, place, models_dir)
        for name, place in (("tokenizer", tokenizer), ("text_encoder", text_encoder), ("vae", vae))
        if place is not None
    }
    checked = _find(model, models_dir, elsewhere)
    own = [checked.path] if is_folder(checked.path) else []
    if vae is None and checked.card.vae and own:
        # The card is known only now.
        checked = _find(model, models_dir, {**elsewhere, "vae": _cards_vae(checked.card, checked.path, models_dir)})
    if safety_checker is not None and not checked.has_safety_checker:
        checker = find_checker(safety_checker)
        checked = replace(checked, safety_checker=checker.safety_checker, feature_extractor=checker.feature_extractor)
    folders = [*([models_dir] if models_dir else []), *own]
    loras = tuple(folder / LORAS for folder in folders)
    if isinstance(checked, WholeFolder):
        return replace(checked, loras=loras)
    return replace(checked, embeddings=tuple(folder / EMBEDDINGS for folder in folders), loras=loras)


def _find(model: str | Path, models_dir: Path | None, elsewhere: Mapping[str, Path]) -> Found:
    if (place := local_place(model, models_dir)) is not None:
        return _checked(place, elsewhere) if is_folder(place) else _checked_file(place, elsewhere, models_dir)
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


def _checked(folder: Path, elsewhere: Mapping[str, Path]) -> Found:
    index = read_json(folder / "model_index.json")
    check_classes(folder / "model_index.json", index, elsewhere)
    if index["_class_name"] in WHOLES:
        return check_whole(folder, index)
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
    checker = own_checker(folder, index)
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
        safety_checker=checker.safety_checker if checker else None,
        feature_extractor=checker.feature_extractor if checker else None,
    )


def _checked_file(file: Path, elsewhere: Mapping[str, Path], models_dir: Path | None) -> ModelFolder:
    checkpoint = read_checkpoint(file)
    figures = checkpoint.figures
    size = checkpoint.width, checkpoint.height
    # Nothing in a file tells that it was trained for few steps; the card beside it may.
    card = own_card(checkpoint.title, figures.family, "", size, figures.scheduler)
    card = read_card(file, replace(card, licence=checkpoint.licence))
    if card.vae and "vae" not in elsewhere:
        elsewhere = {**elsewhere, "vae": _cards_vae(card, file, models_dir)}
    place = elsewhere.get("vae")
    vae_file = check_vae_file(place, figures.vae) if place is not None and place.is_file() else None
    names = [name for name in KINDS if figures.config(name) is not None and not (name == "vae" and vae_file)]
    parts = {name: _part_of_file(name, checkpoint, elsewhere.get(name)) for name in names}
    tokenizers = {
        name: elsewhere.get(name) or Vocabulary(find_vocabulary(), pad_token)
        for name, pad_token in zip(("tokenizer", "tokenizer_2"), figures.pad_tokens, strict=False)
    }
    check_fit(
        {name: elsewhere.get(name, file / name) for name in ("vae", *parts, *tokenizers)},
        {"vae": dict(figures.vae)} | {name: dict(part.read_config()) for name, part in parts.items()},
        {name: _tokens(each) for name, each in tokenizers.items()},
    )
    return ModelFolder(
        path=file,
        card=card,
        family=figures.family,
        tokenizer=tokenizers["tokenizer"],
        text_encoder=parts["text_encoder"],
        tokenizer_2=tokenizers.get("tokenizer_2"),
        text_encoder_2=parts.get("text_encoder_2"),
        unet=parts["unet"],
        vae=vae_file or parts["vae"],
        scheduler_config={**figures.scheduler, **(VARIANTS[card.variant].scheduler if card.variant else {})},
    )


def _part_of_file(name: str, checkpoint: Checkpoint, place: Path | None) -> Part | StoredPart:
    """A part of a single file, or what takes its place."""
    if place is not None:
        read_config(name, place / "config.json")
        return find_weights(place, stem(name))
    if name not in checkpoint.weights:
        hint = "name one of the folder vae in its card" if name == "vae" else "give one"
        raise invalid("model_broken", checkpoint.path, f"brings no {name}: {hint}, or say --{name.replace('_', '-')}")
    return StoredPart(checkpoint, name)


def _cards_vae(card: ModelCard, model: Path, models_dir: Path | None) -> Path:
    """The VAE that a card names. Cards come with models from anywhere: of places they may name only `models_dir`."""
    if (place := named_vae(card.vae, models_dir)) is None:
        raise invalid("model_card", card_file(model), f"has a wrong vae: {unknown_vae(card.vae, models_dir)}")
    return place


def _tokens(tokenizer: Path | Vocabulary) -> tuple[int, int]:
    """How many a tokenizer has, and how many of them a prompt may have."""
    return (TOKENS, MAX_TOKENS) if isinstance(tokenizer, Vocabulary) else check_tokenizer(tokenizer)


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
        variant=variant,
        own_sampler=scheduler_title("default", scheduler_config),
    )
