"""Writes log lines from a thread of its own, so that a slow disk never holds the event loop.

Lines wait in a bounded buffer; what does not fit, or cannot be written, is counted and said once.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

STDERR = 2

OpenFile = Callable[[], int]
"""Opens the destination for appending; the descriptor belongs to the caller. Raises OSError."""


def open_stderr() -> int:
    return os.dup(STDERR)


def open_file(path: Path) -> OpenFile:
    """An opener that appends to `path`, created readable for owner and group only."""
    return lambda: os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


class LineWriter:
    """Appends lines to one destination.

    A line is on its way after flush_interval_s at the latest, or once flush_chars wait. At most
    max_pending_chars wait; newer lines are dropped then. `name` is for messages.
    Raises OSError when the destination cannot be opened.
    """

    def __init__(
        self,
        open_destination: OpenFile,
        name: str,
        *,
        flush_interval_s: float = 0.2,
        flush_chars: int = 64 * 1024,
        max_pending_chars: int = 4 * 1024 * 1024,
    ) -> None:
        self._open = open_destination
        self._name = name
        self._flush_interval_s = flush_interval_s
        self._flush_chars = flush_chars
        self._max_pending_chars = max_pending_chars
        self._descriptor = open_destination()
        self._changed = threading.Condition()
        self._pending: list[str] = []
        self._pending_chars = 0
        self._dropped = 0
        self._reopen = False
        self._closing = False
        self._torn = False  # the last write stopped inside a line
        self._told = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines lost so far."""
        return self._dropped

    def write(self, line: str) -> None:
        """Queue one line, given without its line end. Any thread; never blocks, never raises."""
        with self._changed:
            if self._closing or self._pending_chars + len(line) > self._max_pending_chars:
                self._dropped += 1
                return
            self._pending.append(line)
            self._pending_chars += len(line) + 1
            if len(self._pending) == 1 or self._pending_chars >= self._flush_chars:
                self._changed.notify()

    def reopen(self) -> None:
        """Open the destination anew before the next write, as after a log rotation."""
        with self._changed:
            self._reopen = True
            self._changed.notify()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write out what waits and close; what is not out after timeout_s is lost and counted."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._lose(len(self._pending), f"closing took longer than {timeout_s:g} s")

    def _run(self) -> None:
        while True:
            lines, reopen, closing = self._next_batch()
            if reopen:
                self._open_anew()
            if lines:
                self._write_out(lines)
            if closing:
                os.close(self._descriptor)
                return

    def _next_batch(self) -> tuple[list[str], bool, bool]:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._reopen or self._closing)
            self._changed.wait_for(self._is_urgent, self._flush_interval_s)
            lines, self._pending, self._pending_chars = self._pending, [], 0
            reopen, self._reopen = self._reopen, False
            return lines, reopen, self._closing

    def _is_urgent(self) -> bool:
        return self._closing or self._reopen or self._pending_chars >= self._flush_chars

    def _open_anew(self) -> None:
        try:
            descriptor = self._open()
        except OSError as error:
            logger.warning("%s: cannot reopen (%s); the old file stays in use", self._name, error)
            return
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._torn = self._told = False

    def _write_out(self, lines: list[str]) -> None:
        text = "\n".join(lines) + "\n"
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        written = 0
        try:
            if self._torn:
                os.write(self._descriptor, b"\n")
                self._torn = False
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError as error:
            rest = bytes(data[written:])
            self._torn = self._torn or (written > 0 and data[written - 1] != ord("\n"))
            self._lose(rest.count(b"\n"), str(error))

    def _lose(self, lines: int, reason: str) -> None:
        with self._changed:
            self._dropped += lines
        if not self._told:
            self._told = True
            logger.warning(
                "%s: %d lines could not be written (%s); free the disk or mend the pipe. "
                "Lost lines are counted and not reported again",
                self._name,
                lines,
                reason,
            )
