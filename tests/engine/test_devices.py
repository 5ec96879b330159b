import sys

import pytest
import torch

from engine.devices import Build, Card, choose_device, nvidia_cards, read_torch
from engine.errors import InvalidDevice

CPU_ONLY = Build(version="2.13.0+cpu", has_cuda=False)
RTX = Card("NVIDIA GeForce RTX 4090", (8, 9))
PASCAL = Card("NVIDIA GeForce GTX 1080", (6, 1))
UNKNOWN = Card("NVIDIA Something")
WITH_RTX = Build(version="2.13.0", has_cuda=True, cards=(RTX,), kernels=("sm_75", "sm_80", "sm_86", "sm_90"))
WITH_PASCAL = Build(version="2.13.0", has_cuda=True, cards=(PASCAL,), kernels=("sm_75", "sm_80", "sm_90", "compute_90"))
UNREACHED = Build(version="2.13.0", has_cuda=True, why_no_cards="cannot reach it: the NVIDIA driver is too old")
APPLE = Build(version="2.13.0", has_cuda=False, has_mps=True)


def choose(device="auto", dtype="auto", build=CPU_ONLY, cards=()):
    return choose_device(device, dtype, read_build=lambda: build, find_cards=lambda: tuple(cards))


def refusal(*arguments, **options):
    with pytest.raises(InvalidDevice) as caught:
        choose(*arguments, **options)
    return caught.value


@pytest.mark.parametrize(
    ("build", "device", "dtype"),
    [
        (CPU_ONLY, "cpu", torch.float32),
        (WITH_RTX, "cuda:0", torch.float16),
        (APPLE, "mps", torch.float32),
    ],
    ids=["nothing", "NVIDIA", "Apple"],
)
def test_auto_takes_what_is_there_in_its_usual_precision(build, device, dtype):
    chosen = choose(build=build)
    assert (str(chosen.device), chosen.dtype, chosen.notices) == (device, dtype, ())


def test_the_cpu_can_be_asked_for_beside_a_card():
    chosen = choose("cpu", build=WITH_RTX)
    assert (chosen.device.type, chosen.dtype, chosen.notices) == ("cpu", torch.float32, ())


def test_one_of_several_cards_is_taken_by_number():
    two = Build(version="2.13.0", has_cuda=True, cards=(RTX, RTX), kernels=("sm_80",))
    assert str(choose("cuda:1", build=two).device) == "cuda:1"


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_precision_is_taken_as_asked(dtype):
    assert choose("cuda", dtype, build=WITH_RTX).dtype == getattr(torch, dtype)


def test_float16_on_the_cpu_is_allowed_and_called_slow():
    chosen = choose("cpu", "float16")
    assert chosen.dtype == torch.float16
    assert "many times slower" in chosen.notices[0]


@pytest.mark.parametrize("device", ["gpu", "", "cuda:", "cuda:x", "CPU", "cpu:0"])
def test_an_unknown_device_is_refused_with_the_known_ones(device):
    error = refusal(device)
    assert error.rule == "device_unknown"
    assert "auto, cpu, cuda, mps or cuda:N" in str(error)


def test_an_unknown_precision_is_refused_with_the_known_ones():
    assert "auto, float32, float16, bfloat16, got 'int8'" in str(refusal("cpu", "int8"))


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(device):
    error = refusal(device)
    assert error.rule == "device_missing"
    assert str(error) == f"device {device} is not there; there is: cpu"


def test_a_card_beyond_the_last_is_refused_with_those_that_are_there():
    assert str(refusal("cuda:1", build=WITH_RTX)) == (
        "device cuda:1 is not there; there is: cpu, cuda:0 (NVIDIA GeForce RTX 4090)"
    )


def test_bfloat16_is_refused_on_a_card_that_has_none():
    build = Build(version="2.13.0", has_cuda=True, cards=(Card("T4", (7, 5)),), kernels=("sm_75",), has_bfloat16=False)
    assert str(refusal("cuda", "bfloat16", build=build)) == "T4 has no bfloat16"


OBSTACLES = pytest.mark.parametrize(
    ("build", "cards", "words"),
    [
        (CPU_ONLY, [RTX], ["RTX 4090", "2.13.0+cpu", "is built without CUDA", "pip install --force-reinstall torch", "take the line for your card"]),
        (CPU_ONLY, [UNKNOWN], ["NVIDIA Something", "take the line for your card"]),
        (CPU_ONLY, [PASCAL], ["GTX 1080", "CUDA 12.6", "older than Turing"]),
        (WITH_PASCAL, [], ["GTX 1080", "holds no kernels for it (only sm_75", "CUDA 12.6", "https://pytorch.org/get-started/locally/"]),
        (UNREACHED, [RTX], ["RTX 4090", "driver is too old", "Update its driver"]),
    ],
    ids=["CPU-only torch", "unknown capability", "old card and CPU-only torch", "no kernels", "driver too old"],
)  # fmt: skip


@OBSTACLES
def test_a_card_that_cannot_be_used_is_named_with_what_to_do_and_the_cpu_draws(build, cards, words):
    chosen = choose(build=build, cards=cards)
    assert chosen.device.type == "cpu"
    assert len(chosen.notices) == 1
    assert [word for word in words if word not in chosen.notices[0]] == []


@OBSTACLES
def test_a_card_that_cannot_be_used_is_refused_with_the_same_words_when_asked_for(build, cards, words):
    error = refusal("cuda", build=build, cards=cards)
    assert error.rule == "device_unusable"
    assert [word for word in words if word not in str(error)] == []


@pytest.mark.parametrize(
    ("capability", "kernels", "is_usable"),
    [
        ((8, 6), ("sm_86",), True),
        ((8, 9), ("sm_86",), True),
        ((8, 0), ("sm_86",), False),
        ((9, 0), ("sm_86",), False),
        ((9, 0), ("sm_86", "compute_86"), True),
        ((9, 0), ("sm_90a",), True),
        ((12, 0), ("sm_90a", "compute_90a"), False),
        ((12, 0), ("sm_90", "compute_90"), True),
        ((12, 0), ("sm_120",), True),
        ((7, 0), ("compute_75",), False),
        ((7, 0), ("gfx1100", "sm_70"), True),
    ],
)
def test_kernels_count_as_the_driver_counts_them(capability, kernels, is_usable):
    build = Build(version="2.13.0", has_cuda=True, cards=(Card("a card", capability),), kernels=kernels)
    assert (choose(build=build).device.type == "cuda") is is_usable


def test_amd_cards_are_taken_without_asking_for_kernels():
    build = Build(version="2.13.0+rocm", has_cuda=True, cards=(Card("AMD Radeon", (11, 0)),))
    assert choose(build=build).device.type == "cuda"


def test_the_installed_torch_says_what_it_is():
    build = read_torch()
    assert build.version == torch.__version__
    assert bool(build.cards) is torch.cuda.is_available()


def install_nvidia_smi(folder, monkeypatch, body):
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("engine.devices.NVIDIA_SMI_TIMEOUT_S", 100)  # a busy machine starts it slowly


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a shebang")
@pytest.mark.parametrize(
    ("body", "cards"),
    [
        ("print('NVIDIA A, 8.9')\nprint('NVIDIA B, 6.1')", (Card("NVIDIA A", (8, 9)), Card("NVIDIA B", (6, 1)))),
        ("if 'compute_cap' in sys.argv[1]: sys.exit(2)\nprint('NVIDIA Old')", (Card("NVIDIA Old"),)),
        ("print('NVIDIA Odd, [N/A]')", (Card("NVIDIA Odd"),)),
        ("sys.exit(9)", ()),
    ],
    ids=["two cards", "a driver that does not know compute_cap", "no capability", "a driver that fails"],
)
def test_the_drivers_tool_is_asked_for_cards(tmp_path, monkeypatch, body, cards):
    install_nvidia_smi(tmp_path, monkeypatch, body)
    assert nvidia_cards() == cards


def test_without_the_drivers_tool_there_are_no_cards(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_cards() == ()


def test_an_unknown_level_of_memory_is_refused():
    with pytest.raises(InvalidDevice, match="memory must be one of normal, low, lowest, got 'tiny'"):
        choose_device("cpu", "float32", "tiny")


@pytest.mark.parametrize(("device", "build", "moves"), [("cpu", CPU_ONLY, False), ("cuda", WITH_RTX, True)])
def test_parts_are_moved_where_there_is_another_memory_and_the_operator_hears_where_not(device, build, moves):
    chosen = choose_device(device, "float32", "lowest", read_build=lambda: build)
    assert chosen.moves_parts == moves
    assert any("lowest memory is the same as low" in notice for notice in chosen.notices) != moves
