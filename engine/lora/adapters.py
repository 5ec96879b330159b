"""LoRAs in a network's memory beside its own weights, which they never touch."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffusers.utils import delete_adapter_layers, recurse_remove_peft_layers, set_weights_and_activate_adapters
from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
from safetensors import SafetensorError

from engine.errors import InvalidModel, OutOfMemory
from engine.lora.loralayers import DOWN, UP, Layer, Misfit, fitted, read_layers
from engine.lora.loras import misfit, unusable
from engine.memory import is_out_of_memory, release

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from engine.loading import LoadedModel
    from engine.lora.lorafile import LoraFile

MAX_KEPT = 16
MAX_KEPT_BYTES = 2**30
"""LoRAs that nobody draws with stay as long as all together are no more, and no larger, than this."""

Weighted = tuple[tuple["LoraFile", float], ...]
"""LoRAs with their weights in one network, in a fixed order."""
READ_ERRORS = (InvalidModel, OSError, SafetensorError, ValueError, LookupError, RuntimeError, TypeError, AttributeError)
"""What reading a file raises that was made by a hostile hand or has changed since it was looked at."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A LoRA in memory."""

    name: str
    """PEFT's, without the dots that it does not take."""
    bytes: int


class Adapters:
    """
    The LoRAs of a model that are in memory; nobody's are active but those that `activate` was last told.

    Runs on the engine's thread.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._networks = {"unet": _Adapted(model.unet, model), "text_encoder": _Adapted(model.text_encoder, model)}
        if model.text_encoder_2 is not None:
            self._networks["text_encoder_2"] = _Adapted(model.text_encoder_2, model)
        self._kept: dict[LoraFile, _Kept] = {}
        """The least recently used first."""
        self._count = 0

    @property
    def kept(self) -> tuple[LoraFile, ...]:
        """The LoRAs in memory, the least recently used first."""
        return tuple(self._kept)

    def load(self, files: Sequence[LoraFile], *, in_use: Collection[LoraFile]) -> None:
        """
        Bring LoRAs into memory; others that are not in use may leave it.

        Raises:
            InvalidRequest: a file cannot be used, or is for another model.
            OutOfMemory: one does not fit the device.
        """
        for file in files:
            if file in self._kept:
                self._kept[file] = self._kept.pop(file)
            else:
                self._load(file, {*in_use, *files})
        self._let_go({*in_use, *files}, most=MAX_KEPT)

    def activate(self, part: str, loras: Weighted) -> None:
        """Let these LoRAs, which were loaded, and no others change a part: `unet` or `text_encoder`, which is both."""
        names = tuple((self._kept[file].name, weight) for file, weight in loras)
        for name, network in self._networks.items():
            if name.startswith(part):
                network.activate(names)

    def _load(self, file: LoraFile, in_use: Collection[LoraFile]) -> None:
        try:
            self._add(file)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            failure = error.with_traceback(None)
        else:
            return
        self._let_go(in_use, most=0)
        release(self._model.device)
        try:
            self._add(file)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            sentence = f"the device's memory does not suffice for LoRA {file.name!r}"
            raise OutOfMemory("lora_memory", sentence, lora=file.name) from failure

    def _add(self, file: LoraFile) -> None:
        parts = self._read(file)
        self._count += 1
        name = f"lora_{self._count}"
        size = 0
        try:
            for part, layers in parts.items():
                size += self._networks[part].add(name, layers)
        except BaseException:
            for network in self._networks.values():
                network.remove(name)
            raise
        self._kept[file] = _Kept(name, size)

    def _read(self, file: LoraFile) -> dict[str, dict[str, Layer]]:
        try:
            parts = read_layers(file.path, self._model.unet.config)
            return {part: fitted(layers, self._networks[part].network) for part, layers in parts.items()}
        except Misfit as error:
            raise misfit(file, self._model.title, self._model.family) from error
        except READ_ERRORS as error:
            if is_out_of_memory(error):
                raise
            raise unusable(file, " ".join(_reason(error).split())[:200]) from error

    def _let_go(self, in_use: Collection[LoraFile], *, most: int) -> None:
        for file in tuple(self._kept):
            if len(self._kept) <= most and sum(kept.bytes for kept in self._kept.values()) <= MAX_KEPT_BYTES:
                return
            if file not in in_use:
                kept = self._kept.pop(file)
                for network in self._networks.values():
                    network.remove(kept.name)


class _Adapted:
    """A network with PEFT's adapters beside its layers; without any it is as it was loaded."""

    def __init__(self, network: Any, model: LoadedModel) -> None:
        self.network = network
        self._model = model
        self._names: set[str] = set()
        self._active: tuple[tuple[str, float], ...] = ()

    def activate(self, weights: tuple[tuple[str, float], ...]) -> None:
        """Let these adapters and no others count; those that have nothing in this network are left out."""
        own = tuple((name, weight) for name, weight in weights if name in self._names)
        if own != self._active:
            set_weights_and_activate_adapters(self.network, [name for name, _ in own], [weight for _, weight in own])
            self._active = own

    def add(self, name: str, layers: Mapping[str, Layer]) -> int:
        """Put an adapter beside the layers, where none counts then; how many bytes it takes."""
        if not layers:
            return 0
        self._names.add(name)
        tensors = {}
        for layer_name, layer in layers.items():
            for end, tensor in ((DOWN, layer.down), (UP, layer.up)):
                tensors[layer_name + end] = tensor.to(device=self._model.device, dtype=self._model.dtype)
        try:
            inject_adapter_in_model(_config(layers), self.network, name, low_cpu_mem_usage=True)
            set_peft_model_state_dict(self.network, tensors, name, low_cpu_mem_usage=True)
        finally:
            # PEFT lets a new adapter count at once, and would warn of this one when the next one comes.
            self._deactivate()
            vars(self.network).pop("peft_config", None)
        return sum(tensor.nbytes for tensor in tensors.values())

    def remove(self, name: str) -> None:
        """Take an adapter out, if it is there."""
        if name not in self._names:
            return
        # PEFT would let another adapter count in place of one that does.
        self._deactivate()
        self._names.remove(name)
        delete_adapter_layers(self.network, name)
        if not self._names:
            recurse_remove_peft_layers(self.network)

    def _deactivate(self) -> None:
        set_weights_and_activate_adapters(self.network, [], [])
        self._active = ()


def _reason(error: Exception) -> str:
    """What is wrong with a LoRA's file, as the rest of a sentence about it."""
    if isinstance(error, InvalidModel):
        return str(error.facts["reason"])
    if isinstance(error, KeyError):
        return f"is not whole: it lacks {error.args[0]}"
    return f"cannot be read: {error}"


def _config(layers: Mapping[str, Layer]) -> LoraConfig:
    """PEFT's description of an adapter that has exactly these layers."""
    first = next(iter(layers.values()))
    ranks: dict[int, list[str]] = defaultdict(list)
    alphas: dict[float, list[str]] = defaultdict(list)
    for name, layer in layers.items():
        if layer.rank != first.rank:
            ranks[layer.rank].append(name)
        if layer.alpha != first.alpha:
            alphas[layer.alpha].append(name)
    return LoraConfig(
        r=first.rank,
        lora_alpha=first.alpha,  # type: ignore[arg-type]  # PEFT computes with it; trainers write fractions
        rank_pattern={_any_of(names): rank for rank, names in ranks.items()},
        alpha_pattern={_any_of(names): alpha for alpha, names in alphas.items()},
        target_modules=_any_of(layers),
        inference_mode=True,
    )


def _any_of(names: Iterable[str]) -> str:
    return f"^(?:{'|'.join(map(re.escape, names))})$"
