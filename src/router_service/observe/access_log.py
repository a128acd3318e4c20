"""One JSON line per finished request, and the [ROUTER] lines that people grep for.

Neither holds text of prompts or answers, nor keys; docs/observability.md lists the fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from router_service.errors import ServiceConfigRejected
from router_service.observe.fallbacks import moves
from router_service.observe.line_writer import LineWriter, open_file, open_stderr
from router_service.observe.logs import timestamp
from router_service.observe.text import Redactor, clip, one_line
from router_service.types import AttemptRecord, RequestRecord

_LONGEST_NAME = 256
_LONGEST_ERROR = 500
_RULE_WORDS = {
    "exact": "exact match",
    "pattern": "pattern match",
    "capability": "capability match",
}

_encode = json.JSONEncoder(separators=(",", ":")).encode
_redact = Redactor()


class AccessLog:
    """An Observer that writes each record as lines."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer

    def request_finished(self, record: RequestRecord) -> None:
        for line in router_lines(record):
            self._writer.write(line)
        self._writer.write(_encode(request_fields(record)))

    @property
    def dropped(self) -> int:
        """Lines lost because the destination was full, slow or gone."""
        return self._writer.dropped

    def reopen(self) -> None:
        """Open the file anew, as after a log rotation; call it on SIGHUP."""
        self._writer.reopen()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write out what waits, for at most timeout_s seconds."""
        self._writer.close(timeout_s)


def open_access_log(destination: str) -> AccessLog | None:
    """The access log for `stderr`, a file path, or `off` (None).

    Raises ServiceConfigRejected when the file cannot be opened.
    """
    if destination == "off":
        return None
    if destination == "stderr":
        return AccessLog(LineWriter(open_stderr, "access log"))
    try:
        return AccessLog(LineWriter(open_file(Path(destination)), f"access log {destination}"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServiceConfigRejected(
            f"access log {destination}: {reason}; "
            "set logging.access_log to a file that can be written, to stderr or to off"
        ) from error


def request_fields(record: RequestRecord) -> dict[str, Any]:
    """The JSON line's fields; every key is always there. Times of day are ISO, spans seconds.

    An error's text is kept only where no provider was asked: servers echo what they were sent.
    """
    usage = record.usage
    error = record.error if not record.attempts else None
    return {
        "time": timestamp(record.ended_at),
        "request_id": record.request_id,
        "face": record.face,
        "operation": record.operation.value,
        "stream": record.stream,
        "principal": record.principal,
        "requested_model": clip(record.requested_model, _LONGEST_NAME),
        "decision_id": record.decision_id,
        "table_version": record.table_version,
        "rule": record.rule,
        "matched": None if record.matched is None else clip(record.matched, _LONGEST_NAME),
        "strategy": record.strategy,
        "notes": [clip(note, _LONGEST_ERROR) for note in record.notes],
        "attempts": [_attempt_fields(attempt) for attempt in record.attempts],
        "status": record.status,
        "error": None if error is None else clip(_redact(error), _LONGEST_ERROR),
        "refusal": record.refusal,
        "queued_s": _seconds(record.queued_s),
        "decision_s": round(record.decision_s, 7),
        "ttft_s": _seconds(record.ttft_s),
        "total_s": _seconds(record.total_s),
        "overhead_s": _seconds(record.overhead_s),
        "prompt_tokens": None if usage is None else usage.prompt_tokens,
        "completion_tokens": None if usage is None else usage.completion_tokens,
    }


def router_lines(record: RequestRecord) -> Iterator[str]:
    """The decision in one line, then one line per fallback; nothing for an undecided request."""
    if record.rule is None:
        return
    name = one_line(clip(record.requested_model or record.matched or "", _LONGEST_NAME))
    words = _RULE_WORDS.get(record.rule, record.rule)
    yield f"[ROUTER] Model: {name} -> Provider: {record.provider} ({words})"
    for left, entered in moves(record.attempts):
        yield (
            f"[ROUTER] Fallback triggered: {left.provider} -> {entered.provider} ({_reason(left)})"
        )


def _reason(left: AttemptRecord) -> str:
    # A stream may fail after a 200: then only the outcome says what went wrong.
    if left.status is not None and left.status >= 400:
        return str(left.status)
    return left.outcome.value


def _attempt_fields(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "kind": attempt.kind,
        "model": clip(attempt.model, _LONGEST_NAME),
        "provider": attempt.provider,
        "deployment": clip(attempt.deployment, _LONGEST_NAME),
        "upstream_model": clip(attempt.upstream_model, _LONGEST_NAME),
        "outcome": attempt.outcome.value,
        "status": attempt.status,
        "ttft_s": _seconds(attempt.ttft_s),
        "total_s": _seconds(attempt.total_s),
    }


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
