"""Models on the Hugging Face hub: used from its cache, fetched once where they are not there yet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import InvalidModel

if TYPE_CHECKING:
    from collections.abc import Callable

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", flags=re.ASCII)
PARTS = (
    "tokenizer",
    "tokenizer_2",
    "text_encoder",
    "text_encoder_2",
    "unet",
    "vae",
    "scheduler",
    "safety_checker",
    "feature_extractor",
)
SMALL_FILES = re.compile(r"model\.toml|.*\.json|.*(merges|vocab)\.txt", flags=re.ASCII)
SHARD = r"(?:-\d+-of-\d+)?"
WEIGHTS = re.compile(rf"(?:diffusion_pytorch_model|model){SHARD}(\.fp16)?{SHARD}\.safetensors", flags=re.ASCII)

TIMEOUT_S = 10


def is_hub_id(name: str) -> bool:
    """Whether this has the form `organisation/name`."""
    return HUB_ID.fullmatch(name) is not None and ".." not in name


def cached_folder(hub_id: str) -> Path | None:
    """
    Where the hub's cache on this machine holds this repository, if it does; it may be incomplete.

    Raises:
        InvalidModel: the hub takes no such id, or its cache cannot be read.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        # Without patterns, files that we never fetch (a README, other formats) would count as missing.
        return Path(snapshot_download(hub_id, local_files_only=True, allow_patterns=[]))
    except LocalEntryNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreachable(hub_id, _first_line(error)) from error


def fetch(hub_id: str, choose: Callable[[list[str]], list[str]]) -> Path:
    """
    Fetch files of a repository on the hub into its cache, and say in which folder they lie.

    Args:
        choose: gives those that are needed of all the files there are.

    Raises:
        InvalidModel: the hub cannot be reached, or has no such model.
    """
    from huggingface_hub import HfApi, errors, snapshot_download

    # Whichever HTTP library this version of huggingface_hub uses, its error is there by this name.
    http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # it is not declared as exported
    try:
        # Unlike list_repo_files, this is not tried again for half a minute where there is no network.
        files = [file.rfilename for file in HfApi().model_info(hub_id, timeout=TIMEOUT_S).siblings or ()]
        return Path(snapshot_download(hub_id, allow_patterns=choose(files)))
    except errors.RepositoryNotFoundError as error:
        raise _unreachable(hub_id, "it has no such model, or one that needs a login") from error
    except (OSError, ValueError, http_error) as error:
        raise _unreachable(hub_id, _first_line(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _unreachable(hub_id: str, reason: str) -> InvalidModel:
    sentence = f"model {hub_id!r} is no folder on this machine, and the Hugging Face hub did not give it: {reason}"
    return InvalidModel("model_unreachable", sentence, file=hub_id, reason=reason)


def wanted_files(files: list[str], *, only: str | None = None) -> list[str]:
    """
    Of a repository's files those that loading reads: safetensors only, half precision only where nothing else is.

    Args:
        only: the one part that is needed, which the repository holds as a folder or is itself.
    """
    folders = {only, ""} if only else {*PARTS, ""}
    if only and any(file.startswith(f"{only}/") for file in files):
        folders = {only}
    inside = [(folder, name) for folder, _, name in (file.rpartition("/") for file in files) if folder in folders]
    wanted = [(folder, name) for folder, name in inside if SMALL_FILES.fullmatch(name)]
    for folder in {folder for folder, _ in inside if folder or only} if only != "tokenizer" else ():
        weights = {name: match for there, name in inside if there == folder and (match := WEIGHTS.fullmatch(name))}
        full = [name for name, match in weights.items() if not match[1]]
        wanted += [(folder, name) for name in full or weights]
    return sorted(f"{folder}/{name}" if folder else name for folder, name in wanted)
