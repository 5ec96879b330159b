import json
import os
import signal
import subprocess
import sys

import pytest
from hub_server import COMMIT, FILES, LARGE, TOKEN, UNET, environment, serving

from engine import find_model
from engine.files.catalogue import Catalogue

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def hub():
    with serving() as server:
        yield server


def variables(url, tmp_path, **more):
    """Without whatever this machine has set; the cache is not where models are fetched to."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELS_DIR"))}
    return kept | environment(url, tmp_path / "cache", **more)


def fetch(url, tmp_path, *arguments, status=0, **more):
    """What `python -m engine fetch` prints; of a refusal the last line of stderr."""
    command = [sys.executable, "-m", "engine", "fetch", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables(url, tmp_path, **more))
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.strip() if status == 0 else done.stderr.splitlines()[-1]


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_model_is_fetched_into_the_folder_of_models(hub, tmp_path):
    models = tmp_path / "models"
    folder = fetch(hub.url, tmp_path, "someone/emoji", "--models-dir", str(models))
    assert folder == str(models / "emoji")
    fetched = {path.relative_to(folder).as_posix(): path.read_bytes() for path in (models / "emoji").rglob("*.*")}
    assert json.loads(fetched.pop("fetched.json")) == {"model": "someone/emoji", "commit": COMMIT}
    assert fetched.items() <= FILES.items()
    assert set(fetched) >= {"model_index.json", "model.toml", f"{UNET}.safetensors", "vae/config.json"}
    assert names(models) == {"emoji"}


def test_the_environment_may_name_the_folder_of_models(hub, tmp_path):
    folder = fetch(hub.url, tmp_path, "someone/emoji@fp16", MODELS_DIR=str(tmp_path / "models"))
    assert folder == str(tmp_path / "models" / "emoji@fp16")
    assert names(tmp_path / "models" / "emoji@fp16" / "unet") == {
        "config.json",
        "diffusion_pytorch_model.fp16.safetensors",
    }


def test_what_is_there_is_neither_fetched_nor_asked_for_again(hub, tmp_path):
    folder = fetch(hub.url, tmp_path, "someone/emoji", "--models-dir", str(tmp_path))
    hub.asked.clear()
    assert fetch(hub.url, tmp_path, "someone/emoji", "--models-dir", str(tmp_path)) == folder
    assert not hub.asked


def test_with_its_model_at_hand_the_engine_never_asks_the_hub(hub, tmp_path):
    fetch(hub.url, tmp_path, "someone/emoji", "--models-dir", str(tmp_path))
    hub.asked.clear()
    options = ["--steps", "1", "--width", "64", "--height", "64", "--device", "cpu", "--models-dir", str(tmp_path)]
    command = [sys.executable, "-m", "engine", "x", "--model", "someone/emoji", *options, "-o", str(tmp_path / "x.png")]
    environment = variables(hub.url, tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, hub.asked) == (0, []), done.stderr


def test_a_fetched_model_is_found_and_listed_by_its_id(hub, tmp_path):
    fetch(hub.url, tmp_path, "someone/emoji@old", "--models-dir", str(tmp_path))
    assert find_model("someone/emoji@old", models_dir=tmp_path).path == tmp_path / "emoji@old"
    catalogue = Catalogue(find_model("emoji"), tmp_path)
    assert {each.name: each.hub_id for each in catalogue.all()} == {"emoji": "", "emoji@old": "someone/emoji@old"}
    assert catalogue.find("someone/emoji@old")[1].path == tmp_path / "emoji@old"


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C is sent to a whole console")
def test_an_interrupted_download_goes_on_where_it_was(hub, tmp_path, heeded_ctrl_c):
    hub.is_held = True
    command = [sys.executable, "-m", "engine", "fetch", "someone/large", "--models-dir", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=variables(hub.url, tmp_path)) as process:
        assert hub.half_sent.wait(60)
        file = next((tmp_path / ".fetching").rglob("diffusion*.part"))
        while not file.stat().st_size:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert err.endswith(b"interrupted\n")
    assert [each.name for each in Catalogue(find_model("emoji"), tmp_path).all()] == ["emoji"]
    hub.is_held = False
    before = len(hub.fetched)
    folder = fetch(hub.url, tmp_path, "someone/large", "--models-dir", str(tmp_path))
    (resumed,) = [file for file in hub.fetched[before:] if "#" in file]
    assert int(resumed.partition("#")[2].rstrip("-")) >= 10_000_000
    weights = find_model(folder).unet.folder / "diffusion_pytorch_model.safetensors"
    assert weights.read_bytes() == LARGE[f"{UNET}.safetensors"]


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [
        ("someone/else", 2, "see https://huggingface.co/someone/else"),
        ("someone/gated", 2, "its conditions must be accepted at https://huggingface.co/someone/gated"),
        ("someone/flux", 2, "describes a LTXPipeline"),
        ("someone/lora", 2, "holds no model in diffusers' layout (no model_index.json): see https://huggingface.co"),
        ("emoji", 2, "'emoji' is no id on the Hugging Face hub: organisation/name, or organisation/name@REVISION"),
    ],
)
def test_what_cannot_be_fetched_is_refused_in_one_sentence(hub, tmp_path, model, status, words):
    assert words in fetch(hub.url, tmp_path, model, "--models-dir", str(tmp_path), status=status)
    assert not [file for file in hub.fetched if file.endswith(".safetensors")]


def test_without_a_network_it_has_failed(tmp_path):
    said = fetch(NOWHERE, tmp_path, "someone/emoji", "--models-dir", str(tmp_path), status=1)
    assert said.startswith(
        "error: model 'someone/emoji' is no folder on this machine, and the Hugging Face hub did not"
    )


def test_without_a_folder_of_models_it_is_asked_for(tmp_path):
    said = fetch(NOWHERE, tmp_path, "someone/emoji", status=2)
    assert said == "error: --models-dir must say where models lie, or else the environment variable MODELS_DIR"


def test_a_gated_model_is_fetched_with_the_token_which_nobody_reads(hub, tmp_path):
    assert fetch(hub.url, tmp_path, "someone/gated", "--models-dir", str(tmp_path), HF_TOKEN=TOKEN)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_what_is_there_and_came_from_elsewhere_stays(hub, tmp_path):
    (tmp_path / "emoji").mkdir()
    said = fetch(hub.url, tmp_path, "someone/emoji", "--models-dir", str(tmp_path), status=2)
    assert "is there already, and was not fetched as someone/emoji" in said
    assert not hub.asked


def test_without_room_on_the_disk_nothing_is_fetched(hub, tmp_path):
    script = (
        "import shutil, sys\n"
        "from engine.__main__ import main\n"
        "shutil.disk_usage = lambda _: shutil._ntuple_diskusage(10**9, 10**9, 70_000_000)\n"
        f"sys.exit(main(['fetch', 'someone/emoji', '--models-dir', {str(tmp_path)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=variables(hub.url, tmp_path)
    )
    assert done.returncode == 1
    assert f"MB more on the disk of {tmp_path}, where 70.0 MB are free" in done.stderr
    assert not [file for file in hub.fetched if file.endswith(".safetensors")]


def test_what_comes_damaged_is_not_kept(hub, tmp_path):
    hub.is_lossy = True
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from engine.files.hub import HubModel, fetch_file, look_up\n"
        "model = HubModel.of('someone/emoji')\n"
        f"fetch_file(model, look_up(model), '{UNET}.safetensors', Path({str(tmp_path)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=variables(hub.url, tmp_path)
    )
    assert f"{UNET}.safetensors came damaged: fetch it again" in done.stderr
    assert not names(tmp_path / "unet")
