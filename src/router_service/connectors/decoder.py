"""Turns a provider's stream into OpenAI-style chunks, without doing any I/O itself.
What all protocols share lives here: bounded parsing, malformed events, errors inside the stream."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from router_service.connectors.documents import Document, parse_object
from router_service.connectors.failures import Failures
from router_service.connectors.lines import LineTooLong
from router_service.connectors.repetition import Repetition
from router_service.types import Delta, Finished, Prefill

logger = logging.getLogger(__name__)


class PayloadParser(Protocol):
    """Cuts bytes into payloads, one per event. Both methods raise LineTooLong."""

    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def finish(self) -> Iterator[bytes]: ...


class StreamDecoder(ABC):
    """One stream on its way through. Feed bytes until `ended` or end of file, then flush."""

    def __init__(
        self, parser: PayloadParser, failures: Failures, prefill: Prefill | None = None
    ) -> None:
        self._parser = parser
        self._failures = failures
        self._repetition = Repetition(prefill or Prefill("", 0))
        self.headers: Mapping[str, str] = {}
        """Of the answer: they may say when to try again."""
        self.content_seen = False
        self.ended = False
        """The protocol's own end mark was seen; what follows does not matter."""
        self.malformed = 0
        """Events that were skipped because they cannot be read."""

    def feed(self, data: bytes) -> Iterator[Delta]:
        """The chunks that `data` completes. Raises UpstreamError for an error inside the stream."""
        return self._decode(self._parser.feed(data))

    def flush(self) -> Iterator[Delta]:
        """What is still held at the end of the stream. Raises as feed does."""
        yield from self._decode(self._parser.finish())
        yield from self._passed_on(self._repetition.flush())

    @abstractmethod
    def finished(self) -> Finished | None:
        """The end of a whole stream; None while a finish reason is still missing."""

    @abstractmethod
    def _translate(self, document: Document, raw: bytes) -> Iterable[Delta]:
        """The chunks of one event. Raises ValueError for one that does not fit the protocol."""

    def _is_end_mark(self, payload: bytes) -> bool:
        """Whether this payload is the protocol's end mark and no JSON."""
        return False

    def _decode(self, payloads: Iterator[bytes]) -> Iterator[Delta]:
        try:
            for payload in payloads:
                if self.ended:
                    return
                if self._is_end_mark(payload):
                    self.ended = True
                    return
                for chunk in self._chunks(payload):
                    yield from self._passed_on(self._repetition.take(chunk))
        except LineTooLong as error:
            raise self._failures.cut(str(error), content_seen=self.content_seen) from error

    def _passed_on(self, deltas: Iterable[Delta]) -> Iterator[Delta]:
        for delta in deltas:
            self.content_seen = self.content_seen or delta.content
            yield delta

    def _chunks(self, payload: bytes) -> Iterable[Delta]:
        try:
            document = parse_object(payload)
            failure = self._failures.in_band(document, self.headers, content_seen=self.content_seen)
            if failure is None:
                return self._translate(document, payload)
        except ValueError as error:
            self.malformed += 1
            if self.malformed == 1:
                logger.warning(
                    "%s: malformed stream event skipped: %s", self._failures.provider_id, error
                )
            return ()
        raise failure
