"""Every error as a status and an OpenAI-style body. This is the one place where the HTTP face
decides what a caller sees of a failure; docs/http-api.md lists the outcome."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from router_service.errors import (
    AllAttemptsFailed,
    DeadlineExceeded,
    DecisionError,
    InvalidRequest,
    Overloaded,
    RouterError,
    StreamBroken,
    UpstreamError,
)
from router_service.types import AttemptRecord, OutcomeClass

_KIND: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "invalid_request_error"),
    "context_length_exceeded": (400, "invalid_request_error"),
    "content_policy_violation": (400, "invalid_request_error"),
    "invalid_api_key": (401, "invalid_request_error"),
    "unknown_model": (404, "invalid_request_error"),
    "body_too_large": (413, "invalid_request_error"),
    "overloaded": (429, "rate_limit_error"),
    "no_room": (429, "rate_limit_error"),
    "budget_spent": (429, "rate_limit_error"),
    "upstream_rate_limited": (429, "rate_limit_error"),
    "internal_error": (500, "server_error"),
    "upstream_error": (502, "upstream_error"),
    "all_attempts_failed": (502, "upstream_error"),
    "stream_broken": (502, "upstream_error"),
    "draining": (503, "server_error"),
    "no_eligible_deployment": (503, "server_error"),
    "deadline_exceeded": (504, "timeout_error"),
}
"""Status and type of each error code."""

_OPENAI_CODE = {"unknown_model": "model_not_found"}
"""Codes that OpenAI's clients know by another name."""

_CAUSE_CODE = {
    OutcomeClass.INVALID_REQUEST: "invalid_request",
    OutcomeClass.CONTEXT_LENGTH: "context_length_exceeded",
    OutcomeClass.CONTENT_POLICY: "content_policy_violation",
    OutcomeClass.RATE_LIMITED: "upstream_rate_limited",
    OutcomeClass.DEADLINE: "deadline_exceeded",
}
"""What a failed walk is called when this ended it; anything else keeps the error's own code."""

_CALLERS_FAULT = frozenset(
    {OutcomeClass.INVALID_REQUEST, OutcomeClass.CONTEXT_LENGTH, OutcomeClass.CONTENT_POLICY}
)


class HttpProblem(RouterError):
    """What only HTTP can get wrong: no such path, wrong method, wrong media type, a body that never
    comes. It brings its own status and code."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


def internal_error(request_id: str) -> RouterError:
    """What a caller is told of an unexpected error; the log has the rest under the same id."""
    return RouterError(f"internal error; quote request id {request_id} when reporting it")


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it goes over the wire."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False
    """Whether the connection is of no further use."""


def failure(error: RouterError) -> Failure:
    """The answer a caller gets for an error, before anything else was sent."""
    cause = _cause(error)
    headers = _headers(error, cause)
    status, _ = _status_and_code(error, cause)
    if cause is not None and cause.outcome_class in _CALLERS_FAULT and _is_openai_error(cause.body):
        return Failure(status, cause.body or b"", headers)
    body = json.dumps({"error": error_object(error)}, default=str).encode()
    return Failure(status, body, headers, close=error.code in ("draining", "body_too_large"))


def error_object(error: RouterError) -> dict[str, Any]:
    """The `error` member of an OpenAI-style error body."""
    status, code = _status_and_code(error, _cause(error))
    fallback = (status, "server_error" if status >= 500 else "invalid_request_error")
    described: dict[str, Any] = {
        "message": error.message,
        "type": _KIND.get(code, fallback)[1],
        "param": _param(error),
        "code": _OPENAI_CODE.get(code, code),
    }
    if isinstance(error, DecisionError) and error.details:
        described["details"] = error.details
    if attempts := _attempts(error):
        described["attempts"] = [_attempt(record) for record in attempts]
    if isinstance(error, StreamBroken) and error.usage is not None:
        described["usage"] = asdict(error.usage) | {"estimated": True}
    return described


def _param(error: RouterError) -> str | None:
    """The field at fault, where one is."""
    if isinstance(error, InvalidRequest):
        return error.param
    return error.details.get("param") if isinstance(error, DecisionError) else None


def _status_and_code(error: RouterError, cause: UpstreamError | None) -> tuple[int, str]:
    if isinstance(error, HttpProblem):
        return error.status, error.code
    code = error.code
    if cause is not None:
        code = _CAUSE_CODE.get(cause.outcome_class, code)
        if cause.outcome_class in _CALLERS_FAULT and 400 <= (cause.status or 0) < 500:
            return cause.status or 400, code
    return _KIND.get(code, (500, ""))[0], code


def _cause(error: RouterError) -> UpstreamError | None:
    if isinstance(error, AllAttemptsFailed):
        return error.cause
    return error if isinstance(error, UpstreamError) else None


def _attempts(error: RouterError) -> Sequence[AttemptRecord]:
    if isinstance(error, AllAttemptsFailed | DeadlineExceeded | StreamBroken):
        return error.attempts
    return ()


def _attempt(record: AttemptRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "kind": record.kind,
        "model": record.model,
        "provider": record.provider,
        "outcome": record.outcome.value,
        "status": record.status,
        "message": record.message,
    }


def _headers(error: RouterError, cause: UpstreamError | None) -> dict[str, str]:
    if isinstance(error, HttpProblem):
        return error.headers
    headers: dict[str, str] = {}
    if error.code == "invalid_api_key":
        headers["WWW-Authenticate"] = "Bearer"
    if attempts := _attempts(error):
        headers["x-router-attempts"] = str(len(attempts))
    if (seconds := _retry_after_s(error, cause)) is not None:
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
        headers["retry-after-ms"] = str(max(1, math.ceil(seconds * 1000)))
    return headers


def _retry_after_s(error: RouterError, cause: UpstreamError | None) -> float | None:
    if isinstance(error, Overloaded):
        return error.retry_after_s
    if isinstance(error, DecisionError):
        wait_us = error.details.get("retry_after_us")
        if wait_us is not None:
            return float(wait_us) / 1e6
        return 1.0 if error.code == "no_room" else None
    return cause.retry_after_s if cause is not None else None


def _is_openai_error(body: bytes | None) -> bool:
    try:
        document = json.loads(body or b"")
    except (ValueError, RecursionError):
        return False
    described = document.get("error") if isinstance(document, dict) else None
    return isinstance(described, dict) and isinstance(described.get("message"), str)
