"""Joins a config file with the files it includes.

Top-level maps are merged; the same entry in two files is refused, so order never decides.
"""

from __future__ import annotations

import os
from pathlib import Path

from router_service.config.diagnostics import DocumentError, LocatedDiagnostic, Place, error
from router_service.config.document import Document, Json, read_document
from router_service.config.files import Stamp, stamp
from router_service.config.places import Places, child

MOST_FILES = 32
_INCLUDE = "include"
_INCLUDE_AT = f"/{_INCLUDE}"


def read_with_includes(path: Path, stamps: dict[str, Stamp] | None = None) -> Document:
    """Read a file and everything it includes, as one document without the include keys.

    Paths are relative to the including file; a file reached twice is read once. `stamps` is given
    the stamp of each file, also of one that cannot be read. Raises DocumentError where the file
    itself cannot be read; an include that cannot is a problem of the document, which is then not
    complete.
    """
    return _Reader({} if stamps is None else stamps).read(path, None, ())


class _Reader:
    def __init__(self, stamps: dict[str, Stamp]) -> None:
        self._seen: set[str] = set()
        self._stamps = stamps

    def read(self, path: Path, referred_at: Place | None, above: tuple[str, ...]) -> Document:
        # Before the reading, so that a change during it shows as one after it.
        self._stamps[str(path)] = stamp(path)
        document = read_document(path, referred_at)
        identity = os.path.realpath(path)
        self._seen.add(identity)
        if document.value is None and referred_at is None:
            return document
        joined = _Joined(_mapping(document, path), document)
        for pointer, item in _listed(joined.value.pop(_INCLUDE, None)):
            place = document.places.locate(pointer)
            try:
                joined.include(self._included(path.parent, item, place, (*above, identity)))
            except DocumentError as problem:
                joined.complete = False
                joined.problems.append(problem.diagnostic)
        return joined.document()

    def _included(
        self, folder: Path, name: Json, place: Place, above: tuple[str, ...]
    ) -> Document | None:
        """The included document; None where it is already part of the whole."""
        if not isinstance(name, str) or not name or "\0" in name:
            raise _refused(
                place, "bad-include", "include takes file names", "write include: models.yaml"
            )
        identity = os.path.realpath(folder / name)
        if identity in above:
            raise _refused(place, "include-cycle", f"{name} includes itself", "remove this include")
        if identity in self._seen:
            return None
        if len(self._seen) >= MOST_FILES:
            raise _refused(
                place, "too-many-files", f"more than {MOST_FILES} files", "join some of them"
            )
        return self.read(folder / name, place, above)


class _Joined:
    """A document growing by what it includes."""

    def __init__(self, value: dict[str, Json], document: Document) -> None:
        self.value = dict(value)
        self.problems = list(document.problems)
        self.complete = document.complete
        self._places = document.places

    def document(self) -> Document:
        return Document(self.value, self._places, self.problems, self.complete)

    def include(self, other: Document | None) -> None:
        if other is None or not isinstance(other.value, dict):
            return
        self.problems.extend(other.problems)
        self.complete = self.complete and other.complete
        for key, theirs in other.value.items():
            mine = self.value.get(key)
            if isinstance(mine, dict) and isinstance(theirs, dict):
                merged = dict(mine)
                self._add(merged, theirs, child("", key), other.places)
                self.value[key] = merged
            else:
                self._add(self.value, {key: theirs}, "", other.places)

    def _add(
        self, mine: dict[str, Json], theirs: dict[str, Json], below: str, places: Places
    ) -> None:
        """Add entries to a mapping in place, refusing those it already has."""
        for key, item in theirs.items():
            pointer = child(below, key)
            if key in mine:
                self.problems.append(_twice(key, pointer, self._places, places))
            else:
                mine[key] = item
                self._places.add(places, pointer)


def _listed(include: Json) -> list[tuple[str, Json]]:
    """What an include key names, with the pointer of each."""
    if include is None:
        return []
    if isinstance(include, list):
        return [(child(_INCLUDE_AT, index), item) for index, item in enumerate(include)]
    return [(_INCLUDE_AT, include)]


def _mapping(document: Document, path: Path) -> dict[str, Json]:
    if isinstance(document.value, dict):
        return document.value
    place = document.places.locate("")
    found = "nothing" if document.value is None else _kind(document.value)
    raise _refused(
        place,
        "not-a-mapping",
        f"a config is a mapping of sections, but {path} holds {found}",
        "begin with a section, such as providers:",
    )


def _kind(value: Json) -> str:
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else "a single value"


def _twice(key: str, pointer: str, mine: Places, theirs: Places) -> LocatedDiagnostic:
    first = mine.locate(pointer, at_key=True)
    return error(
        theirs.locate(pointer, at_key=True),
        "duplicate-key",
        f"{key!r} is given in two files; the other is at {first}",
        "keep it in one of the two files",
    )


def _refused(place: Place, code: str, message: str, fix: str) -> DocumentError:
    return DocumentError(error(place, code, message, fix))
