"""Which models there are to choose from: the operator's choice, the bundled one, and those in `MODELS_DIR`."""

from __future__ import annotations

import difflib
import itertools
import logging
import os
import stat
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from engine.errors import InvalidModel, InvalidRequest
from engine.files.fetched import hub_id_of
from engine.files.folder import stays_in
from engine.files.places import BUNDLED, bundled_folder
from engine.files.weights import ENDING
from engine.models import find_model
from engine.prompt import MAX_QUOTED_CHARACTERS, quoted
from engine.sources import is_unchecked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from engine.files.card import ModelCard
    from engine.models import Found

log = logging.getLogger(__name__)

SIDECAR_ENDINGS = (".toml", ".yaml")
"""Of the files that say more about a single file."""
MAX_MODELS = 1000
"""More of them in `MODELS_DIR` are not looked at."""
MAX_FILES = 2000
"""More of them no model has."""
MAX_SHOWN = 10
"""Names in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model that there is, also one that cannot be used."""

    name: str
    """By which requests ask for it."""
    title: str
    family: str = ""
    size_bytes: int = 0
    """On the disk, with all that lies in its folder."""
    licence: str = ""
    hub_id: str = ""
    """From where it was fetched, by which requests may ask for it, too; empty for what was not."""
    card: ModelCard | None = None
    """None where it cannot be used."""
    is_unchecked: bool = False
    """As `engine.sources.is_unchecked`."""
    fault: str = ""
    """Why it cannot be used, as the operator reads it: it may name paths."""


@dataclass(frozen=True, slots=True)
class _Files:
    """What lies at a model's place."""

    version: tuple[tuple[str, int, int], ...]
    """Changes with its files."""
    size_bytes: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A model as it was when its files were last read."""

    listed: Listed
    folder: Found | None
    files: _Files


class Catalogue:
    """
    The models by name. Whatever lies in `models_dir` never breaks it: what is faulty is listed with its fault.

    A model's files are read when it is first asked for, and again once they have changed; of weights only the headers
    are. That takes milliseconds for each model: call it in a worker thread. Any thread may.

    Args:
        default: the operator's choice.
        default_name: by which requests ask for it.
        find_at: gives the model of a folder or file in `models_dir`, or raises InvalidModel; by itself `find_model`.
    """

    def __init__(
        self,
        default: Found,
        models_dir: Path | None,
        *,
        default_name: str = BUNDLED,
        find_at: Callable[[Path], Found] | None = None,
    ) -> None:
        self._default = _entry(default_name, default, _files(default.path))
        self._default_place = os.path.realpath(default.path)
        self._models_dir = models_dir
        self._find_at = find_at or partial(find_model, models_dir=models_dir)
        self._read: dict[Path, _Entry] = {}
        self._lock = Lock()

    def all(self) -> tuple[Listed, ...]:
        """Every model: the operator's choice, the bundled one, then the others by name."""
        return tuple(entry.listed for entry in self._entries().values())

    def find(self, name: str) -> tuple[str, Found]:
        """
        The model of a name, of an id on the hub or of a title, in any case, where only one has it; with its own name.

        Names are compared with those of the models that there are, and are never looked up as paths.

        Raises:
            InvalidRequest: there is none, or it cannot be used.
        """
        entries = self._entries()
        entry = entries.get(name) or _only(name, entries.values())
        if entry is None:
            usable = [known for known, each in entries.items() if each.folder is not None]
            near = _near(name, usable)
            names = ", ".join(near or usable[:MAX_SHOWN])
            sentence = f"model {quoted(name)!r} is unknown; {'nearest' if near else 'known'}: {names}"
            raise InvalidRequest("model_unknown", sentence, model=quoted(name), known=names)
        if entry.folder is None:
            sentence = f"model {entry.listed.name!r} cannot be used: {entry.listed.fault}"
            raise InvalidRequest("model_unusable", sentence, model=entry.listed.title)
        return entry.listed.name, entry.folder

    def _entries(self) -> dict[str, _Entry]:
        """The models by name."""
        with self._lock:
            entries = {self._default.listed.name: self._default}
            read: dict[Path, _Entry] = {}
            for name, place in [(BUNDLED, bundled_folder()), *self._places()]:
                if os.path.realpath(place) != self._default_place:
                    # No file's name ends in a slash.
                    free = next(each for each in (name, place.name, f"{place.name}/") if each not in entries)
                    entries[free] = read[place] = self._entry(free, place)
            self._read = read
            return entries

    def _places(self) -> list[tuple[str, Path]]:
        """What looks like a model in `models_dir`, folders before files, each with its name."""
        if self._models_dir is None:
            return []
        try:
            with os.scandir(self._models_dir) as found:
                visible = (each.name for each in found if not each.name.startswith("."))
                names = sorted(itertools.islice(visible, MAX_MODELS), key=str.casefold)
        except OSError:
            return []
        places = [self._models_dir / name for name in names]
        folders = [(place.name, place) for place in places if os.path.lexists(place / "model_index.json")]
        return folders + [(place.stem, place) for place in places if place.suffix == ENDING and not place.is_dir()]

    def _entry(self, name: str, place: Path) -> _Entry:
        """What is at a place, read again only if it has changed."""
        files = _files(place)
        known = self._read.get(place)
        if known is not None and known.files == files and known.listed.name == name:
            return known
        if fault := files.fault or _fault_of(name, place):
            return _faulty(name, place, files, fault)
        try:
            return _entry(name, self._find_at(place), files)
        except (InvalidModel, OSError, ValueError) as error:
            return _faulty(name, place, files, str(error))


def _fault_of(name: str, place: Path) -> str:
    """What is wrong with a model's name."""
    if name.endswith("/"):
        return "has the name of another model: rename it"
    if not place.name.isprintable():
        return "has a name that nobody can type: rename it"
    if not stays_in(os.path.realpath(place.parent), place):
        return "is a link that leads out of its folder"
    return ""


def _entry(name: str, folder: Found, files: _Files) -> _Entry:
    listed = Listed(
        name=name,
        title=folder.card.title,
        family=folder.family,
        size_bytes=files.size_bytes,
        licence=folder.card.licence,
        hub_id=hub_id_of(folder.path),
        card=folder.card,
        is_unchecked=is_unchecked(folder),
    )
    return _Entry(listed, folder, files)


def _faulty(name: str, place: Path, files: _Files, fault: str) -> _Entry:
    log.warning("model_faulty name=%r fault=%s", place.name, fault)
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in place.name)
    return _Entry(Listed(name=name, title=shown, size_bytes=files.size_bytes, fault=fault), None, files)


def _files(place: Path) -> _Files:
    """How large a model is on the disk, and what differs once one of its files has changed."""
    facts: list[tuple[str, int, int]] = []
    size_bytes = 0
    fault = ""
    for path in itertools.islice(_paths(place), MAX_FILES + 1):
        try:
            found = path.stat()
        except OSError:
            facts.append((str(path), 0, 0))
            continue
        if not stat.S_ISREG(found.st_mode):  # reading a pipe would never end
            fault = f"holds {path.name}, which is no file"
        facts.append((str(path), found.st_mtime_ns, found.st_size))
        size_bytes += found.st_size
    if len(facts) > MAX_FILES:
        fault = f"holds more than {MAX_FILES} files"
    return _Files(tuple(sorted(facts)), size_bytes, fault)


def _paths(place: Path) -> Iterator[Path]:
    """The files that may belong to a model."""
    if place.is_dir():
        for folder, _, names in os.walk(place):
            yield from (Path(folder) / name for name in names)
    else:
        yield place
        yield from (place.with_suffix(ending) for ending in SIDECAR_ENDINGS)


def _only(name: str, entries: Collection[_Entry]) -> _Entry | None:
    """The one model that somebody may mean by this."""
    wanted = name.casefold()
    for call in (attrgetter("name"), attrgetter("hub_id"), attrgetter("title")):
        found = [entry for entry in entries if call(entry.listed).casefold() == wanted]
        if wanted and len(found) == 1:
            return found[0]
    return None


def _near(name: str, names: Collection[str]) -> list[str]:
    """The names that are most like this one, at most three."""
    folded = {known.casefold(): known for known in names}
    near = difflib.get_close_matches(name[:MAX_QUOTED_CHARACTERS].casefold(), folded, n=3, cutoff=0.5)
    return [folded[each] for each in near]
