"""The process' own messages, as text or JSON lines on stderr, without keys or forged lines.

The access log is another room (access_log.py): this one is for what the service says of itself.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, TextIO

from router_service.observe.text import Redactor, clip, one_line

LogFormat = Literal["text", "json"]

_PACKAGE = "router_service"
_LONGEST_MESSAGE = 8192

logger = logging.getLogger(__name__)


def setup_logging(
    level: str = "info",
    log_format: LogFormat = "text",
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> Redactor:
    """Send all messages to `stream` (stderr by default), replacing earlier handlers.

    level (debug, info, warning, error) holds for this package; libraries are heard from warning up.
    secrets are keys to take out wherever they stand, besides what looks like one; more can be
    added to what is returned. Raises ValueError for an unknown level.
    """
    redact = Redactor(secrets)
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter(redact) if log_format == "json" else TextFormatter(redact))
    root = logging.getLogger()
    for earlier in list(root.handlers):
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(_PACKAGE).setLevel(level.upper())
    return redact


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO router_service.app: message`, then the traceback, if any."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        message = one_line(_message(record))
        line = f"{timestamp(record.created)} {record.levelname} {record.name}: {message}"
        trace = _trace(self, record)
        return self._redact(f"{line}\n{trace}" if trace else line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and, with an exception, traceback."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(_message(record)),
        }
        trace = _trace(self, record)
        if trace:
            fields["traceback"] = self._redact(trace)
        return json.dumps(fields)


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    return clip(record.getMessage(), _LONGEST_MESSAGE)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


class DeprecationLog:
    """Says once per deprecated name that it is one; remembers at most `limit` names."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._said: set[str] = set()

    def used(self, deprecated: str, current: str) -> None:
        """Log the first use of a deprecated name; past the limit, new names are not logged."""
        if deprecated in self._said or len(self._said) >= self._limit:
            return
        self._said.add(deprecated)
        logger.warning(
            "deprecated name %s was used: use %s (said once)", clip(deprecated, 256), current
        )
