"""Which files a config was read from, and whether they are still the same.
Told by what the file system says of each, so that asking costs no reading."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

Stamp = tuple[int, int, int] | None
"""Time of the last change (nanoseconds), size and inode; None for a file that is not there."""


@dataclass(frozen=True, slots=True)
class Files:
    """Each file, by path, as it was just before it was read; one that was missing is among them."""

    stamps: Mapping[str, Stamp]

    def again(self) -> Files:
        """The same files as they are now; equal where none has changed since. May block."""
        return Files({path: stamp(path) for path in self.stamps})


def stamp(path: str | os.PathLike[str]) -> Stamp:
    """What tells one state of a file from another. Follows links, so one that is turned counts."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
