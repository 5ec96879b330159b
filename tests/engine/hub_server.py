"""As much of the hub's HTTP interface as fetching a model takes, on loopback."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np
from safetensors.numpy import save

from engine import find_model

COMMIT, OLD_COMMIT = "1" * 40, "2" * 40
BUNDLED = find_model("emoji").path
FILES = {
    file.relative_to(BUNDLED).as_posix(): file.read_bytes()
    for file in BUNDLED.rglob("*")
    if file.suffix in {".json", ".safetensors", ".toml"} and file.parent.name not in {"loras", "embeddings"}
}
UNET = "unet/diffusion_pytorch_model"
HALF = {f"{UNET}.fp16.safetensors": FILES[f"{UNET}.safetensors"]}
LARGE = {f"{UNET}.safetensors": save({"weight": np.zeros(6_000_000, np.float32)})}
"""The hub's library writes ten million bytes at a time."""
FOREIGN = {"model_index.json": b'{"_class_name": "LTXPipeline"}', "transformer/model.safetensors": b""}
REPOSITORIES = {
    "someone/emoji": FILES | HALF | {"README.md": b"#", "emoji.ckpt": b""},
    "someone/gated": FILES,
    "someone/large": FILES | LARGE,
    "someone/flux": FOREIGN,
    "someone/lora": {"lora.safetensors": b""},
}
GATED = "someone/gated"
TOKEN = "hf_secret"


class Handler(BaseHTTPRequestHandler):
    """`server.asked` is what was asked for, with the part of the file where it was not all of it."""

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        path = urlsplit(self.path).path
        self.server.asked.append(path + self.headers.get("Range", "").replace("bytes=", "#"))
        may_see = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        found = re.fullmatch(r"/(?:api/models/)?(?P<name>\w+/\w+)(?P<rest>/.*)?", path)
        files = REPOSITORIES.get(found["name"]) if found else None
        rest = (found and found["rest"]) or "/revision/main"
        if files is None:
            self.refuse(401, "RepoNotFound")
        elif path.startswith("/api/models/"):
            kind, _, revision = rest[1:].partition("/")
            commit = {"main": COMMIT, COMMIT: COMMIT, "old": OLD_COMMIT, OLD_COMMIT: OLD_COMMIT}.get(revision)
            if commit is None:
                self.refuse(404, "RevisionNotFound")
            elif kind == "tree":
                self.give(json.dumps([entry(file, data) for file, data in files.items()]).encode())
            else:
                siblings = [
                    {"rfilename": file, "size": len(data), "lfs": lfs(data) if file.endswith(".safetensors") else None}
                    for file, data in files.items()
                ]
                self.give(json.dumps({"id": found["name"], "sha": commit, "siblings": siblings}).encode())
        elif found["name"] == GATED and not may_see:
            self.refuse(401, "GatedRepo")
        else:
            _, _, commit, file = rest.split("/", 3)
            self.give(files[file], commit=commit)

    def refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def give(self, body, commit=COMMIT):
        start = int(found[1]) if (found := re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))) else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        if self.command == "GET":
            self.send(body[start:])

    def send(self, body):
        """The whole body, or the half of a large file and then nothing until the server may go on."""
        if self.server.is_held and len(body) > 20_000_000:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.server.half_sent.set()
            self.server.may_go_on.wait(60)
            return
        self.wfile.write(bytes(len(body)) if self.server.is_lossy and "/resolve/" in self.path else body)

    def log_message(self, *arguments):
        pass


def entry(file, data):
    return {"type": "file", "path": file, "size": len(data), "oid": "0"}


def lfs(data):
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 100}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.is_held = False
        self.is_lossy = False
        self.half_sent = threading.Event()
        self.may_go_on = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def fetched(self):
        """The files that were asked for, with what of them."""
        return [path.split("/", 5)[5] for path in self.asked if "/resolve/" in path]

    def handle_error(self, *_):
        """Whoever hung up has been interrupted."""


@contextmanager
def serving():
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.may_go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()


def environment(server_url, home, **more):
    """What a process needs that is to ask this hub, with a cache of its own."""
    return {"HF_HOME": str(home), "HF_ENDPOINT": server_url, "HF_HUB_DISABLE_XET": "1", **more}
