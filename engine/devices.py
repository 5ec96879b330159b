"""Chooses where to draw, and never passes over an NVIDIA card in silence."""

from __future__ import annotations

import re
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import InvalidDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

DTYPES = ("auto", "float32", "float16", "bfloat16")
KINDS = ("auto", "cpu", "cuda", "mps")
MEMORY = ("normal", "low", "lowest")
"""How sparing of the device's memory a model is, the fastest first (`engine.offload`)."""
TURING = (7, 5)
"""The oldest compute capability that recent CUDA builds of torch have kernels for."""
NVIDIA_SMI_TIMEOUT_S = 10
INSTALL = "pip install --force-reinstall torch"
WHERE = "https://pytorch.org/get-started/locally/"


@dataclass(frozen=True, slots=True)
class Device:
    """Where the model is put and in which precision, with what the operator should hear about it."""

    device: torch.device
    dtype: torch.dtype
    notices: tuple[str, ...] = ()
    memory: str = "normal"
    """One of `MEMORY`."""

    @property
    def moves_parts(self) -> bool:
        """Whether a model's parts come to the device only to work, and otherwise wait in the machine's memory."""
        return self.memory == "lowest" and self.device.type != "cpu"


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card and its compute capability, where that is known."""

    name: str
    capability: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What this torch can do on this machine."""

    version: str
    has_cuda: bool
    """Whether it was built for NVIDIA (or AMD) cards at all."""
    cards: tuple[Card, ...] = ()
    """The cards that it reaches."""
    kernels: tuple[str, ...] = ()
    """As `torch.cuda.get_arch_list`; empty where kernels are not told apart (AMD)."""
    why_no_cards: str = ""
    has_mps: bool = False
    has_bfloat16: bool = True


def choose_device(
    device: str = "auto",
    dtype: str = "auto",
    memory: str = "normal",
    *,
    read_build: Callable[[], Build] | None = None,
    find_cards: Callable[[], tuple[Card, ...]] | None = None,
) -> Device:
    """
    The device and the precision to draw with.

    Args:
        device: `auto` takes the first NVIDIA (or AMD) card, else Apple's, else the CPU; `cuda:1` names one of several.
        dtype: `auto` is float16 on NVIDIA and AMD cards, float32 elsewhere.
        memory: how sparing of the device's memory to be: one of `MEMORY`.
        read_build: what this torch can do, instead of asking it.
        find_cards: the NVIDIA cards of this machine, instead of asking the driver.

    Raises:
        InvalidDevice: the device is not there, or this torch cannot use it; the sentence says what to do.
    """
    kind, index = _parse(device)
    if dtype not in DTYPES:
        raise InvalidDevice("dtype_unknown", f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}", dtype=dtype)
    if memory not in MEMORY:
        sentence = f"memory must be one of {', '.join(MEMORY)}, got {memory!r}"
        raise InvalidDevice("memory_unknown", sentence, memory=memory)
    import torch

    build = (read_build or read_torch)()
    obstacle = ""
    if kind in ("auto", "cuda"):
        obstacle = _obstacle(build, index, find_cards or nvidia_cards)
    if kind == "auto":
        kind = "cuda" if build.cards and not obstacle else "mps" if build.has_mps else "cpu"
    else:
        _check_is_there(kind, index, build, obstacle)
    notices = [f"Drawing on the {'CPU' if kind == 'cpu' else kind}: {obstacle}"] if obstacle else []
    if dtype == "auto":
        dtype = "float16" if kind == "cuda" else "float32"
    if (kind, dtype) == ("cpu", "float16"):
        notices.append("Drawing in float16 on the CPU gives the right picture, but many times slower than in float32.")
    if (kind, memory) == ("cpu", "lowest"):
        notices.append("On the CPU lowest memory is the same as low: there is no other memory to move parts into.")
    if dtype == "bfloat16" and kind == "cuda" and not build.has_bfloat16:
        raise InvalidDevice("dtype_missing", f"{build.cards[index].name} has no bfloat16", dtype=dtype)
    place = torch.device(kind, index) if kind == "cuda" else torch.device(kind)
    return Device(place, getattr(torch, dtype), tuple(notices), memory)


def _parse(device: str) -> tuple[str, int]:
    match = re.fullmatch(r"(auto|cpu|cuda|mps)|cuda:(\d{1,3})", device, flags=re.ASCII)
    if match is None:
        raise InvalidDevice(
            "device_unknown", f"device must be one of {', '.join(KINDS)} or cuda:N, got {device!r}", device=device
        )
    return match[1] or "cuda", int(match[2] or 0)


def _check_is_there(kind: str, index: int, build: Build, obstacle: str) -> None:
    cards = [f"cuda:{number} ({card.name})" for number, card in enumerate(build.cards)]
    there = ", ".join(["cpu", *cards, *(["mps"] if build.has_mps else [])])
    if kind == "cuda" and obstacle:
        raise InvalidDevice("device_unusable", f"device cuda cannot be used: {obstacle}", device=kind, reason=obstacle)
    if (kind == "cuda" and index >= len(build.cards)) or (kind == "mps" and not build.has_mps):
        name = f"cuda:{index}" if index else kind
        raise InvalidDevice(
            "device_missing", f"device {name} is not there; there is: {there}", device=name, there=there
        )


def _obstacle(build: Build, index: int, find_cards: Callable[[], tuple[Card, ...]]) -> str:
    """Why a card that is in this machine cannot be drawn with, and what to do; empty if nothing is in the way."""
    if not build.cards:
        cards = find_cards()
        if not cards:
            return ""
        reason = build.why_no_cards if build.has_cuda else "is built without CUDA"
        return _sentence(cards[0], build, reason, is_reinstall=not build.has_cuda)
    card = build.cards[min(index, len(build.cards) - 1)]
    if card.capability is None or not build.kernels or _has_kernels(build.kernels, card.capability):
        return ""
    return _sentence(card, build, f"holds no kernels for it (only {', '.join(build.kernels)})", is_reinstall=True)


def _sentence(card: Card, build: Build, reason: str, *, is_reinstall: bool) -> str:
    there = f"an NVIDIA card ({card.name}) is present, but this torch ({build.version}) {reason}"
    if not is_reinstall:
        return f"{there}. Update its driver, or look whether CUDA_VISIBLE_DEVICES hides it."
    if card.capability is not None and card.capability < TURING:
        line = "choose CUDA 12.6 there, the newest build that still has kernels for cards older than Turing"
    else:
        line = "take the line for your card from there"
    return f"{there}. Run `{INSTALL}` with the address that {WHERE} gives ({line})."


def _has_kernels(kernels: tuple[str, ...], capability: tuple[int, int]) -> bool:
    """
    Whether any kernel runs on a card of this capability.

    Binary kernels (`sm_86`) run on the same major version from their minor version up, PTX (`compute_90`) is compiled
    by the driver for any later card, and what ends in a letter is for one kind of card only.

    Source: https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#compute-capability
    """
    for kernel in kernels:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([a-z]?)", kernel)
        if match is None:
            continue
        version = (int(match[2]), int(match[3]))
        is_same_major = version[0] == capability[0] and version <= capability
        if version == capability or (
            not match[4] and (is_same_major or (match[1] == "compute" and version < capability))
        ):
            return True
    return False


def read_torch() -> Build:
    """What the installed torch says about itself and about this machine."""
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        cards = tuple(
            Card(torch.cuda.get_device_name(number), torch.cuda.get_device_capability(number))
            for number in range(count)
        )
    is_amd = torch.version.hip is not None
    why = " ".join(str(warning.message).split(".")[0] for warning in caught[:1])
    return Build(
        version=torch.__version__,
        has_cuda=torch.version.cuda is not None or is_amd,
        cards=cards,
        kernels=() if is_amd or not cards else tuple(torch.cuda.get_arch_list()),
        why_no_cards=f"cannot reach it: {why}" if why else "cannot reach it",
        has_mps=torch.backends.mps.is_available(),
        has_bfloat16=not cards or torch.cuda.is_bf16_supported(),
    )


def nvidia_cards() -> tuple[Card, ...]:
    """The NVIDIA cards that the driver's own tool knows, whatever torch thinks of them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    for query in ("name,compute_cap", "name"):
        try:
            answer = subprocess.run(  # noqa: S603 - a fixed command line, found on PATH
                [tool, f"--query-gpu={query}", "--format=csv,noheader"],
                capture_output=True,
                text=True,
                check=True,
                timeout=NVIDIA_SMI_TIMEOUT_S,
            ).stdout
        except (OSError, subprocess.SubprocessError):
            continue  # old drivers do not know compute_cap
        return tuple(_card(line) for line in answer.splitlines() if line.strip())
    return ()


def _card(line: str) -> Card:
    name, _, capability = line.partition(",")
    numbers = re.fullmatch(r"(\d+)\.(\d+)", capability.strip())
    return Card(name.strip(), (int(numbers[1]), int(numbers[2])) if numbers else None)
