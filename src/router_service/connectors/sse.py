"""Incremental parser for server-sent events, as OpenAI-style servers write them.
It yields the payload of each event; comments, ids and event names are dropped."""

from __future__ import annotations

from collections.abc import Iterator

from router_service.connectors.lines import MAX_LINE, LineSplitter, LineTooLong

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SseParser:
    """Feed bytes, take payloads. An event is bounded like a line."""

    def __init__(self, max_event: int = MAX_LINE) -> None:
        self._lines = LineSplitter(max_event)
        self._max_event = max_event
        self._data: list[bytes] = []
        self._size = 0
        self._first_line = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that `data` completes. Raises LineTooLong."""
        for line in self._lines.feed(data):
            yield from self._take(line)

    def finish(self) -> Iterator[bytes]:
        """The last payload, where the stream ended without its blank line."""
        yield from self._take(self._lines.finish())
        yield from self._dispatch()

    def _take(self, line: bytes) -> Iterator[bytes]:
        if self._first_line:
            line = line.removeprefix(BYTE_ORDER_MARK)
            self._first_line = False
        if not line:
            yield from self._dispatch()
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._append(value)
        elif name == b"error":
            # llama.cpp's server long wrote errors as a field of this name.
            self._append(b'{"error":' + value + b"}")

    def _append(self, value: bytes) -> None:
        self._size += len(value) + 1
        if self._size > self._max_event:
            raise LineTooLong(f"an event is longer than {self._max_event} bytes")
        self._data.append(value)

    def _dispatch(self) -> Iterator[bytes]:
        if self._data:
            payload = b"\n".join(self._data)
            self._data.clear()
            self._size = 0
            yield payload
