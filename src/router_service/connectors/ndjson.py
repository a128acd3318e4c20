"""Incremental parser for newline-delimited JSON, as Ollama's own API writes it.
It yields one payload per line and leaves reading the JSON to its caller."""

from __future__ import annotations

from collections.abc import Iterator

from router_service.connectors.lines import MAX_LINE, LineSplitter


class NdjsonParser:
    """Feed bytes, take payloads; blank lines are dropped."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._lines = LineSplitter(max_line)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that `data` completes. Raises LineTooLong."""
        for line in self._lines.feed(data):
            if payload := line.strip():
                yield payload

    def finish(self) -> Iterator[bytes]:
        """The last payload, where the stream ended without a newline."""
        if payload := self._lines.finish().strip():
            yield payload
