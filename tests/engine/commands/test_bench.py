import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from engine import InvalidModel, find_model
from engine import __main__ as cli
from engine.benchmark.peak import Peak
from engine.benchmark.reference import Reference
from engine.commands.bench import table
from engine.devices import choose_device


def bench(capsys, *arguments):
    try:
        status = cli.main(["bench", *arguments])
    except SystemExit as end:
        status = end.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


QUICK = ("--requests", "4", "--steps", "2", "--size", "64x64", "--device", "cpu")


def test_the_bundled_model_is_measured_beside_diffusers(capsys):
    status, out, _ = bench(capsys, *QUICK, "--against", "diffusers", "--json")
    assert status == 0
    facts = json.loads(out)
    assert (facts["model"], facts["device"], facts["dtype"]) == ("Emoji", "cpu", "float32")
    assert (facts["requests"], facts["pictures"], facts["width"], facts["load"]) == (4, 5, 64, 0.8)
    [run] = facts["runs"]
    assert run["memory"] == "normal"
    for figures in (run["engine"], run["diffusers"]):
        assert figures["pictures_per_s"] > 0
        for latency in (figures["first_picture_s"], figures["last_picture_s"]):
            assert 0 < latency["mean"] <= latency["p95"] <= latency["p99"]
    assert run["engine"]["first_picture_s"]["mean"] <= run["engine"]["last_picture_s"]["mean"]
    if sys.platform != "win32":
        assert run["engine"]["peak_bytes"] >= 0


LATENCY = {"mean": 2.0, "p95": 3.0, "p99": 4.0}
FIGURES = {"pictures_per_s": 3.0, "first_picture_s": LATENCY, "last_picture_s": LATENCY, "peak_bytes": 300 * 2**20}
THEIRS = FIGURES | {"pictures_per_s": 1.5, "last_picture_s": {"mean": 5.0, "p95": 6.0, "p99": 8.0}, "peak_bytes": None}
FACTS = {
    "model": "Emoji",
    "device": "cuda:0",
    "dtype": "float16",
    "requests": 4,
    "pictures": 5,
    "width": 128,
    "height": 192,
    "load": 0.8,
}


def test_several_levels_of_memory_are_measured_each_in_a_process_of_its_own(capsys, monkeypatch):
    commands = []

    def answer(command, **_):
        commands.append(command[1:])
        level = command[-4]
        run = {"memory": level, "engine": FIGURES, "diffusers": THEIRS if command[-2] == "diffusers" else None}
        return SimpleNamespace(stdout=json.dumps(FACTS | {"runs": [run]}))

    monkeypatch.setattr("engine.commands.bench.subprocess.run", answer)
    status, out, _ = bench(capsys, "--memory", "normal,low", "--against", "diffusers", "--json")
    asked = ["-m", "engine", "bench", "--memory", "normal,low", "--against", "diffusers", "--json"]
    assert commands == [
        [*asked, "--memory", "normal", "--against", "diffusers", "--json"],
        [*asked, "--memory", "low", "--against", "nothing", "--json"],
    ]
    assert status == 0
    assert [run["memory"] for run in json.loads(out)["runs"]] == ["normal", "low"]


def test_why_a_level_cannot_be_measured_is_said_by_its_process_alone(capsys, monkeypatch):
    def answer(command, **_):
        raise subprocess.CalledProcessError(2, command)

    monkeypatch.setattr("engine.commands.bench.subprocess.run", answer)
    assert bench(capsys, "--memory", "normal,low") == (2, "", "")


def test_the_table_has_what_was_measured_and_how_much_better_the_engine_is():
    run = {"memory": "normal", "engine": FIGURES, "diffusers": THEIRS}
    assert table(FACTS | {"runs": [run]}).splitlines() == [
        "Emoji on cuda:0 in float16: 4 requests, 5 pictures of 128x192",
        "",
        "memory normal                          engine  diffusers  ratio",
        "pictures a second, all there at once     3.00       1.50  2.00x",
        "seconds from arrival, at 0.8 of that",
        "  to the first picture, mean             2.00       2.00  1.00x",
        "  to the first picture, p95              3.00       3.00  1.00x",
        "  to the first picture, p99              4.00       4.00  1.00x",
        "  to the last picture, mean              2.00       5.00  2.50x",
        "  to the last picture, p95               3.00       6.00  2.00x",
        "  to the last picture, p99               4.00       8.00  2.00x",
        "most memory on the device             300 MiB",
    ]


def test_without_diffusers_there_is_one_column_for_each_level():
    runs = [{"memory": level, "engine": FIGURES, "diffusers": None} for level in ("normal", "low")]
    lines = table(FACTS | {"runs": runs}).splitlines()
    assert "diffusers" not in "".join(lines)
    assert [line.split()[1] for line in lines if line.startswith("memory")] == ["normal", "low"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--requests", "0"], "must be a whole number from 1 to 99999, got '0'"),
        (["--memory", "low,tiny"], "must be some of normal, low, lowest, separated by commas, got 'low,tiny'"),
        (["--load", "0"], "must be a number above 0, up to 10, got '0'"),
        (["--size", "big"], "must be a size such as 512x512, got 'big'"),
        (["--size", "65x64"], "width and height must be multiples of 8, got 65x64"),
        (["--against", "pytorch"], "invalid choice: 'pytorch'"),
        (["--model", "missing"], "model 'missing' is not there"),
    ],
)
def test_bad_input_is_one_sentence(capsys, arguments, sentence):
    status, out, err = bench(capsys, *arguments)
    assert (status, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_the_peak_on_a_card_is_what_was_allocated_at_most_since_the_beginning(monkeypatch):
    allocated = {"max": 9}
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: allocated.update(max=0))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: allocated["max"])
    peak = Peak(SimpleNamespace(type="cuda"))
    allocated["max"] = 5
    assert peak.bytes == 5


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource")
def test_the_peak_on_the_cpu_grows_with_what_is_taken():
    peak = Peak(torch.device("cpu"))
    held = bytearray(b"x") * (Peak(torch.device("cpu"))._before + 64 * 2**20)
    assert len(held) > 0
    assert peak.bytes >= 32 * 2**20


def test_the_peak_of_other_devices_is_unknown():
    assert Peak(torch.device("mps")).bytes is None


def test_diffusers_is_not_measured_with_a_single_file(tmp_path):
    file = tmp_path / "model.safetensors"
    file.touch()
    with pytest.raises(InvalidModel, match=r"model\.safetensors is a single file: diffusers is measured with folders"):
        Reference(replace(find_model("emoji"), path=file), choose_device("cpu"))
