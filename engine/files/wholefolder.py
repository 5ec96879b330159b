"""Finds a model that is run whole, and checks in milliseconds and without torch what loading will read of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidRequest
from engine.files.card import ModelCard, read_card
from engine.files.folder import invalid, is_folder, read_json
from engine.files.parts import STEMS, UNUSED, names_a_class, whole_number
from engine.files.weights import Part, find_weights
from engine.files.wholes import ENGLISH, WHOLES, Whole
from engine.schedulers import scheduler_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DEFAULT_SAMPLE_SIZE = 128
"""What the pipelines assume where a config says nothing."""
NEEDED = (("text_encoder",), ("transformer", "unet"), ("vae", "movq"))
"""What every pipeline has, under one name or another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A part with weights, and the class that loads it."""

    library: str
    """One of `STEMS`."""
    class_name: str
    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeFolder:
    """A model of one of the pipelines that are run whole; every file of its networks is present, readable and whole."""

    path: Path
    card: ModelCard
    pipeline: str
    """A key of `engine.files.wholes.WHOLES`."""
    networks: Mapping[str, Network]
    """By the pipeline's names for them."""
    unused: tuple[str, ...] = ()
    """The names of the parts that it does without, whether it comes with them or not."""
    has_guidance: bool = True
    """Whether guidance has an effect: not where the model was distilled until it needs none."""
    safety_checker: Part | None = None
    """The operator's: none of these pipelines brings one."""
    feature_extractor: Path | None = None
    embeddings: tuple[Path, ...] = ()
    """None are read for it."""
    loras: tuple[Path, ...] = ()
    """Of which none can be used with it; whoever names one is told."""

    @property
    def whole(self) -> Whole:
        """What its pipeline does."""
        return WHOLES[self.pipeline]

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that have weights."""
        checker = () if self.safety_checker is None else (self.safety_checker,)
        return (*(network.part for network in self.networks.values()), *checker)

    @property
    def has_safety_checker(self) -> bool:
        """Whether a safety checker looks at its pictures."""
        return self.safety_checker is not None

    @property
    def family(self) -> str:
        """What people call its kind."""
        return self.whole.family


def check_whole(folder: Path, index: Mapping[str, Any]) -> WholeFolder:
    """
    The model of a folder whose index names one of `WHOLES`, and was checked.

    Raises:
        InvalidModel: one sentence that names the file and what is wrong with it.
    """
    pipeline = index["_class_name"]
    for names in NEEDED:
        if not any(names_a_class(index, name) for name in names):
            raise invalid("model_broken", folder / "model_index.json", f"names no class for {' or '.join(names)}")
    networks = {name: _network(folder / name, *index[name]) for name in _networks(folder, index)}
    scheduler = folder / "scheduler" / "scheduler_config.json"
    scheduler_config = read_json(scheduler)
    if not isinstance(scheduler_config.get("_class_name"), str):
        raise invalid("model_broken", scheduler, "names no _class_name")
    is_distilled = bool(index.get("is_distilled")) or (
        # FLUX.1 [schnell] tells its transformer nothing about guidance.
        WHOLES[pipeline].family == "FLUX.1" and not read_json(_denoiser(folder)).get("guidance_embeds")
    )
    return WholeFolder(
        path=folder,
        card=_card(folder, index, scheduler_config, is_distilled=is_distilled),
        pipeline=pipeline,
        networks=networks,
        unused=tuple(name for name in index if name in UNUSED or index[name] == [None, None]),
        has_guidance=not is_distilled,
    )


def _networks(folder: Path, index: Mapping[str, Any]) -> Iterator[str]:
    """The names of the parts that have weights, while those that have none are checked."""
    for name in index:
        if not names_a_class(index, name) or name in UNUSED or name == "scheduler":
            continue
        if name.startswith("tokenizer") or name.endswith("processor"):
            if not is_folder(folder / name):
                raise invalid("model_broken", folder / name, "is missing")
        else:
            yield name


def _network(folder: Path, library: str, class_name: str) -> Network:
    read_json(folder / "config.json")
    return Network(library=library, class_name=class_name, part=find_weights(folder, STEMS[library]))


def _denoiser(folder: Path) -> Path:
    """The config file of what denoises."""
    return folder / ("unet" if is_folder(folder / "unet") else "transformer") / "config.json"


def _card(
    folder: Path, index: Mapping[str, Any], scheduler_config: Mapping[str, Any], *, is_distilled: bool
) -> ModelCard:
    """What the model says of itself, and for the rest what its pipeline does."""
    whole = WHOLES[index["_class_name"]]
    side = whole.side or _native_side(folder)
    encoders = [index[name][1] for name in index if name.startswith("text_encoder") and names_a_class(index, name)]
    try:
        card = ModelCard(
            title=folder.resolve().name,
            width=side,
            height=side,
            size_multiple=whole.multiple,
            steps=whole.few_steps if is_distilled else whole.steps,
            guidance=0.0 if is_distilled else whole.guidance,
            own_sampler=scheduler_title("default", scheduler_config),
            english_only=all(name in ENGLISH for name in encoders),
        )
    except InvalidRequest as error:
        raise invalid("model_foreign", folder / "model_index.json", f"draws at a wrong size: {error}") from error
    return read_card(folder, card)


def _native_side(folder: Path) -> int:
    """What the pipeline draws when nobody says a size: the sample size in pixels."""
    file = folder / "vae" / "config.json"
    blocks = read_json(file).get("block_out_channels")
    if not isinstance(blocks, list) or not blocks:
        raise invalid("model_foreign", file, "has no block_out_channels")
    denoiser = _denoiser(folder)
    sample = whole_number(denoiser, read_json(denoiser), "sample_size", DEFAULT_SAMPLE_SIZE)
    return int(sample * 2 ** (len(blocks) - 1))
