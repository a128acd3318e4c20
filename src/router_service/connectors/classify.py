"""What a provider's error answer means, in the classes of errors the core decides by.
Status codes come first; the answer's own codes and wording refine those that are too coarse."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from router_service.connectors.documents import Document, as_object, as_text, dump
from router_service.connectors.retry_after import stated_wait_s
from router_service.types import OutcomeClass

CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
CONTEXT_WORDING = re.compile(
    r"maximum context length|exceeds? the (available )?context (size|length|window)"
    r"|exceeds? context window|context length exceeded|maximum model length",
    re.IGNORECASE,
)
CONTEXT_STATUSES = frozenset({400, 413, 422})
POLICY_CODES = frozenset(
    {"content_policy_violation", "content_filter", "responsibleaipolicyviolation"}
)

# 402 is an account out of credit: as with a wrong key, another provider can answer.
_BY_STATUS = {
    401: OutcomeClass.UNAUTHORIZED,
    402: OutcomeClass.UNAUTHORIZED,
    403: OutcomeClass.UNAUTHORIZED,
    404: OutcomeClass.MODEL_MISSING,
    408: OutcomeClass.SILENT,
    429: OutcomeClass.RATE_LIMITED,
    502: OutcomeClass.UNAVAILABLE,
    503: OutcomeClass.UNAVAILABLE,
    504: OutcomeClass.UNAVAILABLE,
    # Not in the standard: proxies that cannot reach their origin, and overload.
    **dict.fromkeys((520, 521, 522, 523, 524, 529), OutcomeClass.UNAVAILABLE),
}

# Errors inside a 200 answer carry no status line; these codes stand for one.
_STATUS_OF_CODE = {
    **dict.fromkeys(("invalid_api_key", "authentication_error", "permission_error"), 401),
    **dict.fromkeys(("model_not_found", "not_found_error"), 404),
    **dict.fromkeys(
        ("rate_limit_exceeded", "rate_limit_error", "insufficient_quota", "too_many_requests"), 429
    ),
    **dict.fromkeys(
        ("overloaded", "overloaded_error", "engine_overloaded", "unavailable_error"), 503
    ),
    **dict.fromkeys(("invalid_request_error", "bad_request_error", "badrequesterror"), 400),
    **dict.fromkeys(CONTEXT_CODES | POLICY_CODES, 400),
}


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """What an error document says; `status` only where the document itself names one."""

    message: str
    codes: frozenset[str] = frozenset()
    status: int | None = None
    retry_after_s: float | None = None


def read_error(document: object) -> ErrorDetail | None:
    """The error `document` holds, in the shapes of OpenAI, vLLM and Ollama; None if it is none.

    Raises ValueError for one that cannot be told in words.
    """
    outer = as_object(document)
    error = outer.get("error")
    if not error and "error" in (outer.get("object"), outer.get("type")):
        error = outer
    if not error:
        return None
    if not isinstance(error, dict):
        words = as_text(error) or dump(error).decode("ascii")
        return ErrorDetail(words, status=_status_in(outer), retry_after_s=stated_wait_s(outer))
    message = as_text(error.get("message")) or dump(error).decode("ascii")
    status = _status_in(error) or _status_in(outer)
    wait = stated_wait_s(error)
    wait = stated_wait_s(outer) if wait is None else wait
    return ErrorDetail(message, _codes_in(error), status, wait)


def classify(status: int, detail: ErrorDetail) -> OutcomeClass:
    """The class of an answer with this status that is not a success."""
    if status in CONTEXT_STATUSES and (
        detail.codes & CONTEXT_CODES or CONTEXT_WORDING.search(detail.message)
    ):
        return OutcomeClass.CONTEXT_LENGTH
    if 400 <= status < 500 and detail.codes & POLICY_CODES:
        return OutcomeClass.CONTENT_POLICY
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    # A redirect is no answer either: the base URL is wrong, which is not the caller's fault.
    return OutcomeClass.INVALID_REQUEST if 400 <= status < 500 else OutcomeClass.SERVER_ERROR


def implied_status(detail: ErrorDetail) -> int:
    """The status an error inside a 200 answer would have had; 500 where nothing tells."""
    if detail.status is not None:
        return detail.status
    known = [_STATUS_OF_CODE[code] for code in detail.codes if code in _STATUS_OF_CODE]
    if known:
        # The more telling of several: a type like invalid_request_error goes with any code.
        return max(known)
    return 400 if CONTEXT_WORDING.search(detail.message) else 500


def _codes_in(error: Document) -> frozenset[str]:
    inner = as_object(error.get("innererror"))
    return _lowered((error.get("code"), error.get("type"), inner.get("code")))


def _lowered(values: Iterable[object]) -> frozenset[str]:
    return frozenset(value.lower() for value in values if isinstance(value, str))


def _status_in(error: Document) -> int | None:
    for key in ("code", "status", "status_code", "http_status_code", "StatusCode"):
        value = error.get(key)
        if isinstance(value, str) and value.isdecimal() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None
