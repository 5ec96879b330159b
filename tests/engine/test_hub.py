import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from engine.hub import is_hub_id, wanted_files
from engine.models import find_model

COMMIT = "1" * 40
BUNDLED = find_model("emoji").path
FILES = {
    file.relative_to(BUNDLED).as_posix(): file.read_bytes()
    for file in BUNDLED.rglob("*")
    if file.suffix in {".json", ".safetensors", ".toml"}
}
FOREIGN = {"model_index.json": b'{"_class_name": "FluxPipeline"}', "transformer/model.safetensors": b""}
REPOSITORIES = {"someone/emoji": FILES | {"README.md": b"#", "emoji.ckpt": b""}, "someone/flux": FOREIGN}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's HTTP interface as fetching a model takes; `server.asked` is what was asked for."""

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        path = urlsplit(self.path).path
        self.server.asked.append(path)
        for name, files in REPOSITORIES.items():
            if path.startswith(f"/api/models/{name}/tree/"):
                entries = [
                    {"type": "file", "path": file, "size": len(data), "oid": "0"} for file, data in files.items()
                ]
                return self.give(json.dumps(entries).encode())
            if path.startswith(f"/api/models/{name}"):
                siblings = [{"rfilename": file} for file in files]
                return self.give(json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode())
            if path.startswith(f"/{name}/resolve/{COMMIT}/"):
                return self.give(files[path.removeprefix(f"/{name}/resolve/{COMMIT}/")])
        return self.give(b"", status=404)

    def give(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 200:
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        elif self.path.startswith("/api/models"):
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def find(cache, endpoint, call):
    """Call `find_model` in a process of its own, since the hub's address is read when its library is imported."""
    script = (
        "from engine import InvalidModel, find_model\n"
        f"try: print({call})\n"
        "except InvalidModel as error: print(error.rule, error)"
    )
    environment = os.environ | {"HF_HOME": str(cache), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def address(hub):
    return f"http://127.0.0.1:{hub.server_address[1]}"


NOWHERE = "http://127.0.0.1:9"


def test_a_model_is_fetched_once_and_then_found_without_the_network(hub, tmp_path):
    found = find(tmp_path, address(hub), "find_model('someone/emoji').card.title")
    assert found == "Emoji"
    assert find(tmp_path, NOWHERE, "find_model('someone/emoji').card.title") == "Emoji"


def test_of_a_part_only_its_files_are_fetched_and_the_rest_when_it_is_needed(hub, tmp_path):
    found = find(tmp_path, address(hub), "find_model('emoji', tokenizer='someone/emoji').tokenizer.name")
    fetched = {path.rpartition(f"{COMMIT}/")[2] for path in hub.asked if "/resolve/" in path}
    assert found == "tokenizer"
    assert fetched == {"tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"}
    assert find(tmp_path, NOWHERE, "find_model('emoji', tokenizer='someone/emoji').tokenizer.name") == "tokenizer"
    assert find(tmp_path, address(hub), "find_model('someone/emoji').card.title") == "Emoji"


def test_of_a_foreign_model_no_weights_are_fetched(hub, tmp_path):
    found = find(tmp_path, address(hub), "find_model('someone/flux')")
    assert found.startswith("model_foreign ")
    assert "describes a FluxPipeline" in found
    assert not [path for path in hub.asked if path.endswith(".safetensors")]


def test_a_model_that_the_hub_has_not_is_refused(hub, tmp_path):
    assert find(tmp_path, address(hub), "find_model('someone/else')") == (
        "model_unreachable model 'someone/else' is no folder on this machine, and the Hugging Face hub did not give it: "
        "it has no such model, or one that needs a login"
    )


def test_without_a_network_one_sentence_says_so(tmp_path):
    found = find(tmp_path, NOWHERE, "find_model('someone/emoji')")
    assert found.startswith("model_unreachable model 'someone/emoji' is no folder on this machine")
    assert "\n" not in found


@pytest.mark.parametrize("name", ["org/name", "openai/clip-vit-large-patch14", "a/b_c.d"])
def test_organisation_and_name_are_an_id(name):
    assert is_hub_id(name)


@pytest.mark.parametrize("name", ["name", "./name", "/name", "a/b/c", "../name", "a/..b", "a b/c", "a/", "~/models"])
def test_what_looks_like_a_path_is_no_id(name):
    assert not is_hub_id(name)


UNET = "unet/diffusion_pytorch_model"


def test_half_precision_and_other_formats_are_left_out_where_the_full_weights_are_there():
    files = [
        "model_index.json",
        "v1-5-pruned.safetensors",
        "README.md",
        "unet/config.json",
        f"{UNET}.bin",
        f"{UNET}.safetensors",
        f"{UNET}.fp16.safetensors",
        f"{UNET}.non_ema.safetensors",
        "tokenizer/merges.txt",
        "vae_1_0/config.json",
        "safety_checker/model.fp16.safetensors",
        "safety_checker/pytorch_model.bin",
    ]
    assert wanted_files(files) == [
        "model_index.json",
        "safety_checker/model.fp16.safetensors",
        "tokenizer/merges.txt",
        "unet/config.json",
        f"{UNET}.safetensors",
    ]


def test_weights_in_several_files_are_all_fetched():
    files = [f"{UNET}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    files.append(f"{UNET}.safetensors.index.json")
    assert wanted_files(files) == sorted(files)


def test_a_repository_that_is_the_part_itself_gives_its_own_files():
    files = ["config.json", "model.safetensors", "pytorch_model.bin", "vocab.json", "merges.txt", "README.md"]
    assert wanted_files(files, only="text_encoder") == ["config.json", "merges.txt", "model.safetensors", "vocab.json"]


def test_of_a_tokenizer_no_weights_are_fetched():
    assert wanted_files(["model.safetensors", "vocab.json"], only="tokenizer") == ["vocab.json"]
