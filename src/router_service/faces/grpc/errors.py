"""Every error as a gRPC status: which code, and which details go with it.
One table serves whole calls (google.rpc.Status) and single items of a batch (ItemError)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from router_service import errors
from router_service.faces.grpc import replies
from router_service.types import AttemptRecord, OutcomeClass, Usage
from router_service.v1 import errors_pb2, types_pb2

DOMAIN = "router_service.v1"
"""Domain of every google.rpc.ErrorInfo."""

# Status and details travel in the trailing metadata, which clients bound to 8 KiB by default.
_MESSAGE_BYTES = 512
_DETAILS_BYTES = 4096
_UPSTREAM_BODY_BYTES = 2048
_LISTED = 16
_REASON_CHARACTERS = 160

_CALLERS_FAULT = frozenset(
    {OutcomeClass.INVALID_REQUEST, OutcomeClass.CONTEXT_LENGTH, OutcomeClass.CONTENT_POLICY}
)

_DECISION_CODES = {
    "unknown_model": code_pb2.NOT_FOUND,
    "invalid_request": code_pb2.INVALID_ARGUMENT,
    "context_length_exceeded": code_pb2.INVALID_ARGUMENT,
    "no_eligible_deployment": code_pb2.FAILED_PRECONDITION,
    "no_room": code_pb2.RESOURCE_EXHAUSTED,
    "budget_spent": code_pb2.RESOURCE_EXHAUSTED,
}

_FIELDS = {
    "capability": "attributes.capability",
    "strategy": "attributes.strategy",
    "chain": "attributes.chain",
}
"""Where our messages keep what the core calls by a shorter name."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error in the wire's terms: code is a google.rpc.Code, retry_after_us a time from now."""

    code: int
    reason: str
    message: str
    field: str | None = None
    suggestions: tuple[str, ...] = ()
    retry_after_us: int | None = None
    details: tuple[Message, ...] = ()


def failure_of(error: BaseException, request_id: str) -> Failure:
    """The failure of any error. One that nobody raised on purpose is logged here, once."""
    failure = _failure(error)
    if failure is not None:
        return failure
    _log.error("request %s failed unexpectedly", request_id, exc_info=error)
    message = f"internal error; the log has the cause under request id {request_id}"
    return Failure(code_pb2.INTERNAL, errors.RouterError.code, message)


@singledispatch
def _failure(_error: BaseException) -> Failure | None:
    """None for an error that nobody raised on purpose."""
    return None


@_failure.register
def _(error: errors.InvalidRequest) -> Failure:
    return Failure(code_pb2.INVALID_ARGUMENT, error.code, error.message, field=error.param)


@_failure.register
def _(error: errors.BodyTooLarge) -> Failure:
    return Failure(code_pb2.INVALID_ARGUMENT, error.code, error.message)


@_failure.register
def _(error: errors.Unauthenticated) -> Failure:
    return Failure(code_pb2.UNAUTHENTICATED, error.code, error.message)


@_failure.register
def _(error: errors.Overloaded) -> Failure:
    wait = round(error.retry_after_s * 1e6)
    return Failure(code_pb2.RESOURCE_EXHAUSTED, error.code, error.message, retry_after_us=wait)


@_failure.register
def _(error: errors.TooManyWatchers) -> Failure:
    return Failure(code_pb2.RESOURCE_EXHAUSTED, error.code, error.message)


@_failure.register
def _(error: errors.Draining) -> Failure:
    return Failure(code_pb2.UNAVAILABLE, error.code, error.message)


@_failure.register
def _(error: errors.DeadlineExceeded) -> Failure:
    details = _attempts(error.attempts, error.usage)
    return Failure(code_pb2.DEADLINE_EXCEEDED, error.code, error.message, details=details)


@_failure.register
def _(error: errors.DecisionError) -> Failure:
    suggestions = tuple(error.details.get("suggestions") or ())[:_LISTED]
    param = error.details.get("param")
    skipped = [_skipped(skip) for skip in (error.details.get("skipped") or ())[:_LISTED]]
    detail = errors_pb2.DecisionFailure(suggestions=suggestions, skipped=skipped)
    return Failure(
        _DECISION_CODES.get(error.code, code_pb2.FAILED_PRECONDITION),
        error.code,
        error.message,
        field=_FIELDS.get(param, param) if param else None,
        suggestions=suggestions,
        retry_after_us=error.details.get("retry_after_us"),
        details=(detail,) if suggestions or skipped else (),
    )


@_failure.register
def _(error: errors.UnknownProvider) -> Failure:
    suggestions = error.suggestions[:_LISTED]
    return Failure(
        code_pb2.NOT_FOUND,
        error.code,
        error.message,
        field="provider",
        suggestions=suggestions,
        details=(errors_pb2.DecisionFailure(suggestions=suggestions),),
    )


@_failure.register
def _(error: errors.RollbackRefused) -> Failure:
    return Failure(code_pb2.FAILED_PRECONDITION, error.code, error.message, field="rollback_to")


@_failure.register
def _(error: errors.SwitchRefused) -> Failure:
    return Failure(code_pb2.FAILED_PRECONDITION, error.code, error.message, field="target")


@_failure.register
def _(error: errors.SwitchFailed) -> Failure:
    return Failure(code_pb2.ABORTED, error.code, error.message)


@_failure.register
def _(error: errors.UpstreamError) -> Failure:
    wait = None if error.retry_after_s is None else round(error.retry_after_s * 1e6)
    if error.outcome_class not in _CALLERS_FAULT:
        return Failure(code_pb2.UNAVAILABLE, error.code, error.message, retry_after_us=wait)
    body = error.body or b""
    answer = errors_pb2.UpstreamAnswer(
        status=error.status,
        content_type=(error.content_type or "")[:_REASON_CHARACTERS],
        body=body[:_UPSTREAM_BODY_BYTES],
        truncated=len(body) > _UPSTREAM_BODY_BYTES,
    )
    return Failure(code_pb2.INVALID_ARGUMENT, error.code, error.message, details=(answer,))


@_failure.register
def _(error: errors.AllAttemptsFailed) -> Failure:
    cause = _failure(error.cause)
    details = (*cause.details, *_attempts(error.attempts)) if cause else _attempts(error.attempts)
    return Failure(
        cause.code if cause else code_pb2.UNAVAILABLE,
        error.code,
        error.message,
        retry_after_us=cause.retry_after_us if cause else None,
        details=details,
    )


@_failure.register
def _(error: errors.StreamBroken) -> Failure:
    # Not UNAVAILABLE: part of the answer is with the caller, so nothing may retry it unseen.
    return Failure(
        code_pb2.ABORTED, error.code, error.message, details=_attempts(error.attempts, error.usage)
    )


def item_error(failure: Failure) -> errors_pb2.ItemError:
    """The failure of one item of a batch or stream."""
    return errors_pb2.ItemError(
        code=failure.code,
        reason=failure.reason,
        message=failure.message,
        field=failure.field,
        suggestions=failure.suggestions,
        retry_after_us=failure.retry_after_us,
    )


def status(failure: Failure, request_id: str) -> status_pb2.Status:
    """The failure of a whole call, cut so that it fits into the trailing metadata."""
    message = _cut(failure.message, _MESSAGE_BYTES)
    packed: list[any_pb2.Any] = []
    room = _DETAILS_BYTES
    for detail in _details(failure, message, request_id):
        wrapped = any_pb2.Any()
        wrapped.Pack(detail)
        if wrapped.ByteSize() <= room:
            packed.append(wrapped)
            room -= wrapped.ByteSize()
    return status_pb2.Status(code=failure.code, message=message, details=packed)


def _details(failure: Failure, message: str, request_id: str) -> list[Message]:
    """Details, the most useful first."""
    info = error_details_pb2.ErrorInfo(
        reason=failure.reason.upper(), domain=DOMAIN, metadata={"request_id": request_id}
    )
    details: list[Message] = [info]
    if failure.field is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_cut(failure.field, _REASON_CHARACTERS), description=message
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if failure.retry_after_us is not None:
        delay = duration_pb2.Duration()
        delay.FromMicroseconds(failure.retry_after_us)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return [*details, *failure.details]


def _attempts(
    records: Sequence[AttemptRecord], delivered: Usage | None = None
) -> tuple[Message, ...]:
    if not records:
        return ()
    attempts = [replies.attempt(record) for record in records[:_LISTED]]
    for attempt in attempts:
        attempt.message = _cut(attempt.message, _REASON_CHARACTERS)
    usage = replies.usage_of(delivered)
    return (errors_pb2.AttemptsFailure(attempts=attempts, delivered=usage),)


def _skipped(skip: Mapping[str, Any]) -> types_pb2.Candidate:
    return types_pb2.Candidate(
        model=skip.get("model"),
        provider=skip.get("provider"),
        deployment=skip.get("deployment"),
        reason=_cut(skip.get("reason") or "", _REASON_CHARACTERS),
    )


def _cut(text: str, most: int) -> str:
    """The text, shortened to so many bytes of UTF-8."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= most:
        return text
    return encoded[: most - 3].decode("utf-8", "ignore") + "…"
