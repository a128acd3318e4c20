"""Cuts a byte stream into lines, whatever the packets look like.
A line is bounded, so a server that never sends a newline cannot grow our memory."""

from __future__ import annotations

from collections.abc import Iterator

MAX_LINE = 4 * 1024 * 1024
"""Bytes. Long enough for a chunk that carries audio or an image."""


class LineTooLong(ValueError):
    """The stream holds a line, or an event of several lines, past the limit."""


class LineSplitter:
    """Feed bytes, take lines without their line ends (LF or CRLF)."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._partial = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` completes. Raises LineTooLong."""
        *complete, rest = data.split(b"\n")
        for piece in complete:
            line = piece
            if self._partial:
                line = bytes(self._partial) + piece
                self._partial.clear()
            self._check(len(line))
            yield line.removesuffix(b"\r")
        self._check(len(self._partial) + len(rest))
        self._partial += rest

    def finish(self) -> bytes:
        """What stood after the last line end; empty for a stream that ended cleanly."""
        line = bytes(self._partial).removesuffix(b"\r")
        self._partial.clear()
        return line

    def _check(self, length: int) -> None:
        if length > self._max_line:
            raise LineTooLong(f"a line is longer than {self._max_line} bytes")
