"""The routing configs that were in use lately, so that an operator can go back to one of them.
Kept in memory, and in a file where a folder is configured, so that a restart does not lose them."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from router_service.errors import RollbackRefused

MOST_KEPT = 8
PREVIOUS = "previous"
"""Stands for the version before the one in use."""

_FILE = "routing-versions.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Version:
    """A routing config that was in use: its table's version, since when (microseconds since the
    Unix epoch), and the document as JSON."""

    version: str
    since_us: int
    document: bytes


class Versions:
    """The last ones, the oldest first. One of them is in use: the last, or after a rollback an
    earlier one."""

    def __init__(self, first: Version, folder: Path | None = None) -> None:
        """`folder` is where they are kept over restarts. Reads it; may block."""
        self._file = None if folder is None else folder / _FILE
        self._kept = [] if self._file is None else _read(self._file)
        self._in_use = first.version
        self.put(first)

    @property
    def kept(self) -> Sequence[Version]:
        return tuple(self._kept)

    @property
    def in_use(self) -> str:
        return self._in_use

    def put(self, version: Version) -> None:
        """One that comes into use now. Where an earlier one was in use, that is the one before."""
        self._kept.sort(key=lambda kept: kept.version == self._in_use)
        self._kept = [kept for kept in self._kept if kept.version != version.version]
        self._kept = [*self._kept, version][-MOST_KEPT:]
        self._in_use = version.version

    def go_back(self, version: Version) -> None:
        """To one that is kept."""
        self._in_use = version.version

    def rename(self, version: str) -> None:
        """The one in use is another table than its document's alone: a switch does that."""
        if version == self._in_use:
            return
        self._kept = [kept for kept in self._kept if kept.version != version]
        self._kept = [
            replace(kept, version=version) if kept.version == self._in_use else kept
            for kept in self._kept
        ]
        self._in_use = version

    def find(self, wanted: str) -> Version:
        """By version, or the one before. Raises RollbackRefused."""
        if wanted == PREVIOUS:
            before = [kept.version for kept in self._kept].index(self._in_use) - 1
            if before < 0:
                raise RollbackRefused(
                    f"no version before {self._in_use} is kept; correct the file and reload it"
                )
            return self._kept[before]
        found = next((kept for kept in self._kept if kept.version == wanted), None)
        if found is None:
            known = ", ".join(kept.version for kept in self._kept)
            raise RollbackRefused(f"no version {wanted[:100]!r} is kept; there are: {known}")
        return found

    def save(self) -> None:
        """Write them to the folder, where one is configured. May block; what fails is logged."""
        if self._file is None:
            return
        try:
            _write(self._file, self._kept)
        except OSError as problem:
            logger.error(
                "%s cannot be written (%s): the earlier routing configs are kept in memory alone; "
                "correct reload.state_dir or its permissions",
                self._file,
                problem.strerror or problem,
            )


def _write(file: Path, kept: Sequence[Version]) -> None:
    """All of it or nothing: a finished file takes the old one's place."""
    text = json.dumps(
        [
            {
                "version": one.version,
                "since_us": one.since_us,
                "document": json.loads(one.document),
            }
            for one in kept
        ],
        ensure_ascii=False,
    )
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{_FILE}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as unfinished:
            unfinished.write(text)
            unfinished.flush()
            os.fsync(unfinished.fileno())
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _read(file: Path) -> list[Version]:
    """Nothing, said in the log, where the file is not one that was written here."""
    try:
        listed = json.loads(file.read_bytes())
        kept = [
            Version(str(one["version"]), int(one["since_us"]), json.dumps(one["document"]).encode())
            for one in listed
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as problem:
        logger.warning("%s cannot be read (%s): no earlier routing config is known", file, problem)
        return []
    return kept[-MOST_KEPT:]
