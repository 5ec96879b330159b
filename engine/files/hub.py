"""Models on the Hugging Face hub: used from its cache, fetched once where they are not there yet."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import InvalidModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HUB_ID = re.compile(
    r"(?P<id>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[A-Za-z0-9][\w./-]*))?", flags=re.ASCII
)
HALF = "fp16"
"""The weights in half precision, as diffusers calls these files."""
PAGES = "https://huggingface.co"
PARTS = (
    "tokenizer",
    "tokenizer_2",
    "text_encoder",
    "text_encoder_2",
    "tokenizer_3",
    "text_encoder_3",
    "transformer",
    "processor",
    "vision_language_encoder",
    "siglip",
    "siglip_processor",
    "movq",
    "unet",
    "vae",
    "scheduler",
    "safety_checker",
    "feature_extractor",
)
SMALL_FILES = re.compile(
    r"model\.toml|LICEN[CS]E[\w.-]*|.*\.json|.*(merges|vocab)\.txt|.*\.jinja|.*(spiece|tokenizer)\.model",
    flags=re.ASCII,
)
SHARD = r"(?:-\d+-of-\d+)?"
WEIGHTS = re.compile(rf"(?:diffusion_pytorch_model|model){SHARD}(\.fp16)?{SHARD}\.safetensors", flags=re.ASCII)
INDEX = re.compile(r".*\.safetensors\.index(\.fp16)?\.json", flags=re.ASCII)

TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class HubModel:
    """
    A repository on the hub, in one of its revisions, and which weights are preferred where it has several.

    `organisation/name@fp16` is the weights in half precision: years ago these were a revision, and now are files beside
    the others.
    """

    repo_id: str
    revision: str | None = None
    variant: str | None = None

    @classmethod
    def of(cls, name: str) -> HubModel | None:
        """The repository that `organisation/name` or `organisation/name@REVISION` names; None for anything else."""
        found = HUB_ID.fullmatch(name)
        if found is None or ".." in name:
            return None
        if found["revision"] == HALF:
            return cls(found["id"], variant=HALF)
        return cls(found["id"], found["revision"])

    @property
    def name(self) -> str:
        """As people write it."""
        asked = self.variant or self.revision
        return f"{self.repo_id}@{asked}" if asked else self.repo_id

    @property
    def page(self) -> str:
        """Where people read about it."""
        return f"{PAGES}/{self.repo_id}"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What the hub says about a file."""

    size_bytes: int
    sha256: str
    """Of large files; empty for others."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a repository holds in one of its versions."""

    commit: str
    files: Mapping[str, RemoteFile]


def is_hub_id(name: str) -> bool:
    """Whether this has the form `organisation/name` or `organisation/name@REVISION`."""
    return HubModel.of(name) is not None


def cached_folder(model: HubModel) -> Path | None:
    """
    Where the hub's cache on this machine holds this repository, if it does; it may be incomplete.

    Raises:
        InvalidModel: the hub takes no such id, or its cache cannot be read.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        # Without patterns, files that we never fetch (a README, other formats) would count as missing.
        return Path(snapshot_download(model.repo_id, revision=model.revision, local_files_only=True, allow_patterns=[]))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise _refused(model, "model_missing", _first_line(error)) from error
    except (OSError, ValueError) as error:
        raise _refused(model, "model_unreachable", _first_line(error)) from error


def fetch(model: HubModel, choose: Callable[[list[str]], list[str]]) -> Path:
    """
    Fetch files of a repository on the hub into its cache, and say in which folder they lie.

    Args:
        choose: gives those that are needed of all the files there are.

    Raises:
        InvalidModel: the hub cannot be reached, or does not give the model.
    """
    from huggingface_hub import snapshot_download

    files = choose(list(look_up(model).files))
    with _translated(model):
        return Path(snapshot_download(model.repo_id, revision=model.revision, allow_patterns=files))


def look_up(model: HubModel) -> Contents:
    """
    What a repository on the hub holds.

    Raises:
        InvalidModel: as `fetch`.
    """
    from huggingface_hub import HfApi

    with _translated(model):
        # Unlike list_repo_files, this is not tried again for half a minute where there is no network.
        info = HfApi().model_info(model.repo_id, revision=model.revision, timeout=TIMEOUT_S, files_metadata=True)
    files = {
        file.rfilename: RemoteFile(file.size or 0, file.lfs.sha256 if file.lfs else "") for file in info.siblings or ()
    }
    return Contents(info.sha or "", files)


def fetch_file(model: HubModel, contents: Contents, file: str, folder: Path) -> None:
    """
    Fetch a file of a repository into a folder, with a progress bar on stderr; goes on where an interruption left it.

    The hub's own functions begin an interrupted file anew, which may be gigabytes of one.

    Raises:
        InvalidModel: as `fetch`; or the file came damaged, and is not kept.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # it is not declared as exported

    target, wanted = folder / file, contents.files[file]
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.touch()
    with _translated(model), part.open("r+b") as stream:
        http_get(
            hf_hub_url(model.repo_id, file, revision=contents.commit),
            stream,
            resume_size=stream.seek(0, os.SEEK_END),
            headers=build_hf_headers() | {"Accept-Encoding": "identity"},
            expected_size=wanted.size_bytes,
            displayed_filename=file,
        )
    if wanted.sha256 and _sha256(part) != wanted.sha256:
        part.unlink()
        raise _refused(model, "model_unreachable", f"{file} came damaged: fetch it again")
    part.rename(target)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _translated(model: HubModel) -> Iterator[None]:
    """Errors of the hub's library become ours."""
    from huggingface_hub import errors

    # Whichever HTTP library this version of huggingface_hub uses, its error is there by this name.
    http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # it is not declared as exported
    try:
        yield
    except errors.GatedRepoError as error:
        reason = (
            f"its conditions must be accepted at {model.page}, and HF_TOKEN must be a token of the account that did"
        )
        raise _refused(model, "model_gated", reason) from error
    except errors.RepositoryNotFoundError as error:
        reason = f"it has no such model, or a private one, for which HF_TOKEN must be set: see {model.page}"
        raise _refused(model, "model_missing", reason) from error
    except errors.RevisionNotFoundError as error:
        reason = f"it has no revision {model.revision}: see {model.page}/tree/main"
        raise _refused(model, "model_missing", reason) from error
    except (OSError, ValueError, http_error) as error:
        raise _refused(model, "model_unreachable", _first_line(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _refused(model: HubModel, rule: str, reason: str) -> InvalidModel:
    sentence = f"model {model.name!r} is no folder on this machine, and the Hugging Face hub did not give it: {reason}"
    return InvalidModel(rule, sentence, file=model.name, reason=reason)


def wanted_files(files: list[str], *, only: str | None = None, variant: str | None = None) -> list[str]:
    """
    Of a repository's files those that loading reads: safetensors only, and of each weights one precision.

    Args:
        only: the one part that is needed, which the repository holds as a folder or is itself.
        variant: None prefers full precision, `HALF` the other; where only one is there, it is taken.
    """
    folders = {only, ""} if only else {*PARTS, ""}
    if only and any(file.startswith(f"{only}/") for file in files):
        folders = {only}
    inside = [(folder, name) for folder, _, name in (file.rpartition("/") for file in files) if folder in folders]
    wanted = [(folder, name) for folder, name in inside if SMALL_FILES.fullmatch(name) and not INDEX.fullmatch(name)]
    for folder in {folder for folder, _ in inside if folder or only} if only != "tokenizer" else ():
        there = [name for place, name in inside if place == folder]
        halves = {name: bool(match[1]) for name in there if (match := WEIGHTS.fullmatch(name))}
        is_half = any(halves.values()) and (variant == HALF or all(halves.values()))
        chosen = [name for name, half in halves.items() if half == is_half]
        chosen += [name for name in there if (match := INDEX.fullmatch(name)) and bool(match[1]) == is_half]
        wanted += [(folder, name) for name in chosen]
    return sorted(f"{folder}/{name}" if folder else name for folder, name in wanted)
