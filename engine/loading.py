"""Loads a checked model folder into memory: the one place where the libraries' own errors become ours."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import diffusers
import torch
import transformers
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from engine.errors import InvalidModel, OutOfMemory
from engine.files.card import AUTO
from engine.files.checkpoint import StoredPart
from engine.files.conversion import build_network
from engine.files.families import DEFAULTS, SDXL
from engine.files.folder import invalid
from engine.files.vaefile import build_vae
from engine.files.vaes import VaeFile
from engine.safety import raise_if_infinite
from engine.schedulers import build_scheduler
from engine.texts.embeddings import Embeddings
from engine.texts.vocabulary import Vocabulary, clip_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from engine.devices import Device
    from engine.files.weights import Part
    from engine.models import Found, ModelFolder

LIBRARY_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    SafetensorError,
    StrictDataclassError,
    TypeError,
    ValueError,
)
"""What `from_pretrained` raises for one broken config or another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model in memory on one device, in evaluation mode, without gradients. The GPU thread owns it."""

    title: str
    """As in its card."""
    family: str
    """One of `engine.files.families.FAMILIES`."""
    tokenizer: Any
    text_encoder: Any
    unet: Any
    vae: Any
    scheduler_config: Mapping[str, Any]
    """With `_class_name`, for `engine.schedulers.build_scheduler`."""
    safety_checker: Any | None
    feature_extractor: Any | None
    embeddings: Embeddings
    weighting: str
    """As in its card, like `variant` and `guidance_rescale`."""
    variant: str
    guidance_rescale: float
    device: torch.device
    dtype: torch.dtype
    tokenizer_2: Any | None = None
    """Of SDXL, as `text_encoder_2`."""
    text_encoder_2: Any | None = None
    has_zeros_for_empty: bool = True
    """Whether SDXL is told nothing at all, instead of an encoded empty text, where there is no negative prompt."""

    @property
    def text_encoders(self) -> tuple[tuple[Any, Any], ...]:
        """Each tokenizer with its text encoder; the U-Net attends to what all of them make, side by side."""
        second = () if self.text_encoder_2 is None else ((self.tokenizer_2, self.text_encoder_2),)
        return ((self.tokenizer, self.text_encoder), *second)

    @property
    def vae_scale_factor(self) -> int:
        """Pixels per latent cell and side."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def latent_channels(self) -> int:
        """Channels of the latents: 4 for Stable Diffusion."""
        return int(self.vae.config.latent_channels)


def load(folder: ModelFolder, device: Device) -> LoadedModel:
    """
    Load every part of a model. Takes seconds; runs on the GPU thread.

    Raises:
        InvalidModel: a library refuses a part; the sentence has its words.
        OutOfMemory: the model alone does not fit the device.
    """
    with quiet_libraries():
        encoders = {"text_encoder": load_network(transformers.CLIPTextModel, folder.text_encoder, device)}
        tokenizers = {"tokenizer": _load_tokenizer(folder.tokenizer)}
        if folder.text_encoder_2 is not None and folder.tokenizer_2 is not None:
            second = load_network(transformers.CLIPTextModelWithProjection, folder.text_encoder_2, device)
            encoders["text_encoder_2"] = second
            tokenizers["tokenizer_2"] = _load_tokenizer(folder.tokenizer_2)
        _check_scheduler(folder)
        widths = [encoder.config.hidden_size for encoder in encoders.values()]
        return LoadedModel(
            title=folder.card.title,
            family=folder.family,
            **tokenizers,
            **encoders,
            **load_checker(folder, device),
            has_zeros_for_empty=folder.has_zeros_for_empty,
            unet=load_network(diffusers.UNet2DConditionModel, folder.unet, device),
            vae=_load_vae(folder, device),
            scheduler_config=folder.scheduler_config,
            embeddings=Embeddings(folder.embeddings, widths=widths),
            weighting=DEFAULTS[folder.family].weighting if folder.card.weighting == AUTO else folder.card.weighting,
            variant=folder.card.variant,
            guidance_rescale=folder.card.guidance_rescale,
            device=device.device,
            dtype=device.dtype,
        )


def _load_vae(folder: ModelFolder, device: Device) -> Any:
    """SDXL's own overflows in half precision, and says so; diffusers too decodes with it in full precision."""
    part = folder.vae
    if isinstance(part, VaeFile):
        try:
            vae = _placed(build_vae(part, device.dtype), device)
        except LIBRARY_ERRORS as error:
            raise refused(part.path, error) from error
    else:
        vae = load_network(diffusers.AutoencoderKL, part, device)
    must_be_exact = folder.family == SDXL and vae.config.force_upcast and device.dtype == torch.float16
    return vae.float() if must_be_exact else vae


def load_checker(folder: Found, device: Device) -> dict[str, Any]:
    """
    The safety checker and what prepares pictures for it, where there are any.

    Raises:
        InvalidModel, OutOfMemory: as `load_network`.
    """
    if folder.safety_checker is None or folder.feature_extractor is None:
        return {"safety_checker": None, "feature_extractor": None}
    network = load_network(StableDiffusionSafetyChecker, folder.safety_checker, device)
    network.visual_projection.register_forward_hook(raise_if_infinite)
    # It would announce a black picture in place of each that it flags, which here nobody gets.
    logging.getLogger(StableDiffusionSafetyChecker.__module__).setLevel(logging.ERROR)
    return {
        "safety_checker": network,
        "feature_extractor": _load(transformers.CLIPImageProcessor, folder.feature_extractor),
    }


def _check_scheduler(folder: ModelFolder) -> None:
    """Let the model's own scheduler take a step, so that one that cannot is found before the first request."""
    file, name = folder.path / "scheduler" / "scheduler_config.json", folder.scheduler_config["_class_name"]
    scheduler_class = getattr(diffusers, name, None)
    if not isinstance(scheduler_class, type) or not issubclass(scheduler_class, diffusers.SchedulerMixin):
        raise invalid("model_foreign", file, f"names {name}, which is no scheduler of diffusers")
    try:
        scheduler = build_scheduler("default", folder.scheduler_config)
        scheduler.set_timesteps(folder.card.steps)
        timestep = scheduler.timesteps[0]
        latents = scheduler.scale_model_input(torch.zeros(1, 4, 8, 8) * scheduler.init_noise_sigma, timestep)
        scheduler.step(latents, timestep, latents, return_dict=False)
    except LIBRARY_ERRORS as error:
        raise refused(file, error) from error


def _load(part_class: Any, folder: Path, **options: Any) -> Any:
    try:
        return part_class.from_pretrained(str(folder), local_files_only=True, **options)
    except LIBRARY_ERRORS as error:
        raise refused(folder, error) from error


def _load_tokenizer(tokenizer: Path | Vocabulary) -> Any:
    if isinstance(tokenizer, Vocabulary):
        return clip_tokenizer(tokenizer)
    return _load(transformers.CLIPTokenizer, tokenizer)


def load_network(part_class: Any, part: Part | StoredPart, device: Device, *, channels_last: bool = True) -> Any:
    """
    A part with weights; missing ones are an error, since the libraries would fill them with noise.

    Args:
        channels_last: the format of convolutions' weights, in which they are faster but round otherwise.

    Raises:
        InvalidModel: a library refuses it, or weights are missing.
        OutOfMemory: it does not fit the device.
    """
    if isinstance(part, StoredPart):
        try:
            return _placed(build_network(part, device.dtype), device)
        except LIBRARY_ERRORS as error:
            raise refused(part.checkpoint.path, error) from error
    is_diffusers = issubclass(part_class, diffusers.ModelMixin)
    network, report = _load(
        part_class,
        part.folder,
        variant=part.variant,
        use_safetensors=True,
        output_loading_info=True,
        **{"torch_dtype" if is_diffusers else "dtype": device.dtype},
    )
    if missing := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise invalid(
            "model_broken", part.folder, f"lacks {len(missing)} weights that its config asks for, such as {missing[0]}"
        )
    return _placed(network, device, channels_last=channels_last)


def _placed(network: Any, device: Device, *, channels_last: bool = True) -> Any:
    """A network on the device, to draw with."""
    # Convolutions hand the format of their weights on, and are faster in this one; on MPS nobody has measured it.
    is_last = channels_last and device.device.type != "mps"
    memory_format = torch.channels_last if is_last else torch.preserve_format
    try:
        network = network.eval().requires_grad_(requires_grad=False)
        return network.to(device=device.device, memory_format=memory_format)
    except torch.OutOfMemoryError as error:
        sentence = f"the model does not fit the memory of {device.device}"
        raise OutOfMemory("model_memory", sentence, device=str(device.device)) from error


def refused(folder: Path, error: Exception) -> InvalidModel:
    """The sentence that a library cannot load what is there, as an error to raise."""
    words = " ".join(str(error).split())[:300] or type(error).__name__
    return invalid("model_broken", folder, f"cannot be loaded: {words}")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """No progress bars and no advice from the libraries while a model is loaded."""
    logs = [library.utils.logging for library in (diffusers, transformers)]
    before = [(log.get_verbosity(), log.is_progress_bar_enabled()) for log in logs]
    for log in logs:
        log.set_verbosity_error()
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log, (verbosity, has_progress_bar) in zip(logs, before, strict=True):
            log.set_verbosity(verbosity)
            if has_progress_bar:
                log.enable_progress_bar()
