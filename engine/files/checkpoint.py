"""Recognises a model in a single file by the names and shapes of its tensors, in milliseconds and without torch."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidRequest
from engine.files.figures import EPSILON, FAMILIES, V_PREDICTION
from engine.files.folder import invalid, unreadable
from engine.files.strangers import FIRST, UNET, stranger
from engine.files.weights import pickle, read_header, shape_of
from engine.request import GenerationRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from engine.files.figures import Figures

PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
PREFIXES: Mapping[str, tuple[str, ...]] = {
    "unet": (UNET,),
    "vae": ("first_stage_model.",),
    "text_encoder": (
        "cond_stage_model.transformer.",
        "cond_stage_model.model.",
        "conditioner.embedders.0.transformer.",
    ),
    "text_encoder_2": ("conditioner.embedders.1.model.",),
}
"""How the names of each part's tensors begin."""
CONTEXT = re.compile(rf"{re.escape(UNET)}input_blocks\.\d+\.1\.transformer_blocks\.0\.attn2\.to_k\.weight")
CHANNELS: Mapping[int, str] = {
    5: "a model that is guided by depth",
    7: "an upscaler",
    8: "a model that edits by instructions (InstructPix2Pix)",
}
"""What models are whose U-Nets read that many channels."""
INPAINTING_CHANNELS = 9
KNOWN_CHANNELS = (4, INPAINTING_CHANNELS)
DTYPES = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "I64", "I32", "U8", "BOOL")
"""Of tensors that are read; those of whole numbers hold no weights."""
EPSILON_STEPS = 875_000
"""How long Stable Diffusion 2's variant that predicts noise was trained, by which diffusers knows it as well."""
MAX_SIDECAR_BYTES = 2**18
PARAMETERIZATION = re.compile(r"^\s*parameterization\s*:\s*[\"']?(v|eps)[\"']?\s*(?:#.*)?$", flags=re.MULTILINE)
"""In the configs of the models' authors, which A1111 reads from beside a file."""
WORDS: Mapping[str, str] = {
    "epsilon": EPSILON,
    "eps": EPSILON,
    "v": V_PREDICTION,
    "v_prediction": V_PREDICTION,
    "v-prediction": V_PREDICTION,
}
"""How `modelspec.prediction_type` and sidecars call what a U-Net predicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A single file of a known family: what it holds, and by which configs that is built."""

    path: Path
    figures: Figures
    weights: Mapping[str, int]
    """How many numbers each part holds, by those of `PREFIXES` that are in it."""
    title: str
    licence: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One part of a model that is in a single file."""

    checkpoint: Checkpoint
    name: str
    """One of `PREFIXES`, which the file holds."""

    @property
    def weights(self) -> int:
        """How many numbers it holds."""
        return self.checkpoint.weights[self.name]

    def read_config(self) -> Mapping[str, Any]:
        """What it is built by."""
        return self.checkpoint.figures.config(self.name)


def read_checkpoint(file: Path) -> Checkpoint:
    """
    What a file holds; its header is read, and not its weights.

    Raises:
        InvalidModel: it is a pickle, damaged, or no model of a known family.
    """
    if file.suffix.lower() in PICKLES:
        raise pickle(file)
    header = read_header(file)
    told = header.pop("__metadata__", None)
    metadata = told if isinstance(told, dict) else {}
    shapes = {name: shape_of(entry) for name, entry in header.items()}
    if (reason := stranger(file.stem, shapes)) is not None:
        raise invalid("model_foreign", file, reason)
    figures = _family(file, shapes)
    _check_dtypes(file, header)
    in_channels = shapes[FIRST][1]
    prediction_type = (
        _prediction_told(file, header, metadata)
        # Stable Diffusion 2 was made to inpaint from its base, which predicts noise.
        or (EPSILON if in_channels == INPAINTING_CHANNELS else figures.prediction_type)
    )
    size = _size(metadata) or (figures.sides[prediction_type],) * 2
    return Checkpoint(
        path=file,
        figures=figures.with_file(
            in_channels=in_channels, prediction_type=prediction_type, is_zero_snr="ztsnr" in header, size=size
        ),
        weights={part: count for part, prefixes in PREFIXES.items() if (count := _weights(shapes, prefixes))},
        title=_text(metadata.get("modelspec.title")) or file.stem,
        licence=_text(metadata.get("modelspec.license")),
        width=size[0],
        height=size[1],
    )


def _weights(shapes: Mapping[str, tuple[int, ...]], prefixes: tuple[str, ...]) -> int:
    return sum(math.prod(shape) for name, shape in shapes.items() if name.startswith(prefixes))


def _family(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> Figures:
    """The family whose widths are the file's."""
    width = next((shape[1] for name, shape in shapes.items() if CONTEXT.fullmatch(name) and len(shape) > 1), None)
    first = shapes[FIRST]
    figures = next((each for each in FAMILIES if each.context_width == width), None)
    if figures is None or len(first) != 4 or first[0] != figures.unet["block_out_channels"][0]:  # noqa: PLR2004 - a convolution
        known = ", ".join(each.family for each in FAMILIES)
        wide = first[0] if first else 0
        reason = f"is of an unknown family: its U-Net is {wide} wide and reads texts of width {width}; known: {known}"
        raise invalid("model_foreign", file, reason)
    if first[1] not in KNOWN_CHANNELS:
        kind = CHANNELS.get(first[1], "a model of an unknown kind")
        raise invalid("model_foreign", file, f"is {kind}: its U-Net reads {first[1]} channels instead of 4 or 9")
    has_labels = f"{UNET}label_emb.0.0.weight" in shapes
    if has_labels != (figures.unet.get("addition_embed_type") == "text_time"):
        reason = f"is a relative of {figures.family} whose U-Net reads {'pictures' if has_labels else 'no sizes'}"
        raise invalid("model_foreign", file, reason)
    return figures


def _check_dtypes(file: Path, header: Mapping[str, Any]) -> None:
    for name, entry in header.items():
        if entry.get("dtype") not in DTYPES or name.endswith((".scale_weight", ".weight_scale", ".absmax")):
            reason = f"is quantized, as its {name} shows, which is not supported: take the file with float16 weights"
            raise invalid("model_foreign", file, reason)


def _prediction_told(file: Path, header: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
    """What the U-Net predicts, as people or the file itself say it."""
    architecture = _text(metadata.get("modelspec.architecture")).lower()
    told = (
        WORDS.get(_sidecar(file)),
        WORDS.get(_text(metadata.get("modelspec.prediction_type")).lower()),
        V_PREDICTION if "v_pred" in header or architecture.startswith("stable-diffusion-v2-768-v") else None,
        EPSILON if architecture.startswith("stable-diffusion-v2-512") else None,
        EPSILON if _number(file, header, "global_step") == EPSILON_STEPS else None,
    )
    return next(filter(None, told), None)


def _sidecar(file: Path) -> str:
    try:
        with file.with_suffix(".yaml").open("rb") as stream:
            text = stream.read(MAX_SIDECAR_BYTES).decode(errors="replace")
    except OSError:
        return ""
    found = PARAMETERIZATION.search(text)
    return found[1] if found else ""


def _number(file: Path, header: Mapping[str, Any], name: str) -> int | None:
    """A whole number that a file holds as a tensor."""
    match header.get(name):
        case {"dtype": "I64" | "I32", "data_offsets": [int(begin), int(end)]} if 0 <= begin < end:
            pass
        case _:
            return None
    try:
        with file.open("rb") as stream:
            stream.seek(8 + int.from_bytes(stream.read(8), "little") + begin)
            return int.from_bytes(stream.read(4), "little")
    except OSError as error:
        raise unreadable(file, error) from error


def _size(metadata: Mapping[str, Any]) -> tuple[int, int] | None:
    """(width, height), where the file says one that a request could ask for."""
    sides = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", _text(metadata.get("modelspec.resolution")), flags=re.ASCII)
    if sides is None:
        return None
    width, height = int(sides[1]), int(sides[2] or sides[1])
    try:
        GenerationRequest(prompt="a native size", width=width, height=height)
    except InvalidRequest:
        return None
    return width, height


def _text(value: Any) -> str:
    return " ".join(value.split())[:200] if isinstance(value, str) else ""
