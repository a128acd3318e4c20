"""A file of lines that is put aside when it has grown to its size: `name`, then `name.1`, the
newest of those put aside, up to `name.N`. One process writes it, which a lock makes sure of."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

_MODE = 0o640
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class InUse(OSError):
    """Another process writes this file."""


class RotatingFile:
    """Appends whole lines. Call it from one thread.

    max_bytes is the size at which the file is put aside; keep is how many of those stay.
    Raises OSError where it cannot be opened, InUse where another process has it.
    """

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._lock = _locked(path.with_name(f"{path.name}.lock"))
        try:
            self._descriptor = self._opened()
        except OSError:
            os.close(self._lock)
            raise

    def write(self, lines: bytes) -> None:
        """Append lines, each with its end. Raises OSError, and then nothing of them is there."""
        if self._size and self._size + len(lines) > self._max_bytes:
            self._put_aside()
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._descriptor, memoryview(lines)[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += written

    def reopen(self) -> None:
        """Open the path anew, as after a rotation by somebody else. Raises OSError, and then the
        old file stays in use."""
        descriptor, self._descriptor = self._descriptor, self._opened()
        os.close(descriptor)

    def close(self) -> None:
        os.close(self._descriptor)
        os.close(self._lock)

    def _opened(self) -> int:
        descriptor = os.open(self.path, _APPEND, _MODE)
        self._size = os.fstat(descriptor).st_size
        if self._size and os.pread(descriptor, 1, self._size - 1) != b"\n":
            # Whoever wrote it was stopped in the middle of a line.
            self._size += os.write(descriptor, b"\n")
        return descriptor

    def _put_aside(self) -> None:
        for number in range(self._keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._aside(number), self._aside(number + 1))
        if self._keep:
            os.replace(self.path, self._aside(1))
        else:
            os.unlink(self.path)
        self.reopen()

    def _aside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def _locked(path: Path) -> int:
    """A descriptor that holds the lock until it is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise InUse(error.errno, "another process writes it", str(path)) from None
    return descriptor
