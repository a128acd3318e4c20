"""Every error over the wire: its code, its details, and that nothing inside shows."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from router_service import errors
from router_service.types import AttemptRecord, OutcomeClass
from router_service.v1 import errors_pb2, router_pb2, types_pb2

Code = grpc.StatusCode
PROMPT = router_pb2.GenerateRequest(model="m", prompt="hi")


def attempt(number: int = 1, message: str | None = "refused") -> AttemptRecord:
    return AttemptRecord(
        number,
        "first",
        "m",
        "ollama",
        "m@ollama",
        "m",
        OutcomeClass.UNREACHABLE,
        None,
        message,
        None,
        0.002,
    )


def upstream(outcome: OutcomeClass, **known: Any) -> errors.UpstreamError:
    return errors.UpstreamError(outcome, "provider ollama: HTTP 400", **known)


def failed(outcome: OutcomeClass, **known: Any) -> errors.AllAttemptsFailed:
    return errors.AllAttemptsFailed("all failed", upstream(outcome, **known), [attempt()])


CASES = [
    (errors.InvalidRequest("bad", "temperature"), Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
    (errors.BodyTooLarge("too big"), Code.INVALID_ARGUMENT, "BODY_TOO_LARGE"),
    (errors.Unauthenticated("who"), Code.UNAUTHENTICATED, "INVALID_API_KEY"),
    (errors.Overloaded("full", 1.5), Code.RESOURCE_EXHAUSTED, "OVERLOADED"),
    (errors.TooManyWatchers("16 are"), Code.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS"),
    (errors.Draining("stopping"), Code.UNAVAILABLE, "DRAINING"),
    (errors.DeadlineExceeded("late"), Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    (errors.DecisionError("unknown_model", "?", {}), Code.NOT_FOUND, "UNKNOWN_MODEL"),
    (errors.DecisionError("invalid_request", "?", {}), Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
    (
        errors.DecisionError("context_length_exceeded", "?", {}),
        Code.INVALID_ARGUMENT,
        "CONTEXT_LENGTH_EXCEEDED",
    ),
    (
        errors.DecisionError("no_eligible_deployment", "?", {}),
        Code.FAILED_PRECONDITION,
        "NO_ELIGIBLE_DEPLOYMENT",
    ),
    (errors.DecisionError("no_room", "?", {}), Code.RESOURCE_EXHAUSTED, "NO_ROOM"),
    (errors.DecisionError("budget_spent", "?", {}), Code.RESOURCE_EXHAUSTED, "BUDGET_SPENT"),
    (upstream(OutcomeClass.SERVER_ERROR), Code.UNAVAILABLE, "UPSTREAM_ERROR"),
    (failed(OutcomeClass.UNREACHABLE), Code.UNAVAILABLE, "ALL_ATTEMPTS_FAILED"),
    (failed(OutcomeClass.INVALID_REQUEST), Code.INVALID_ARGUMENT, "ALL_ATTEMPTS_FAILED"),
    (failed(OutcomeClass.CONTENT_POLICY), Code.INVALID_ARGUMENT, "ALL_ATTEMPTS_FAILED"),
    (errors.StreamBroken("cut", []), Code.ABORTED, "STREAM_BROKEN"),
    (errors.UnknownProvider("?", []), Code.NOT_FOUND, "UNKNOWN_PROVIDER"),
    (errors.RollbackRefused("none"), Code.FAILED_PRECONDITION, "ROLLBACK_REFUSED"),
    (errors.SwitchRefused("none"), Code.FAILED_PRECONDITION, "SWITCH_REFUSED"),
    (errors.SwitchFailed("undone"), Code.ABORTED, "SWITCH_FAILED"),
]


def unpacked(details: list[Any], message: Any) -> Any:
    """The detail of the message's type."""
    assert any(detail.Unpack(message) for detail in details), f"no {type(message).__name__}"
    return message


@pytest.mark.parametrize(("error", "code", "reason"), CASES, ids=lambda case: str(case)[:40])
async def test_each_error_has_its_code_and_reason(
    face: Any, requests: Any, error: Exception, code: grpc.StatusCode, reason: str
) -> None:
    requests.error = error
    got, message, details, raised = await face.failure(face.router.Generate(PROMPT))
    assert (got, message) == (code, str(error))
    info = unpacked(details, error_details_pb2.ErrorInfo())
    assert (info.reason, info.domain) == (reason, "router_service.v1")
    trailing = dict(raised.trailing_metadata())
    assert info.metadata["request_id"] == trailing["x-request-id"] != ""


async def test_a_field_at_fault_is_named(face: Any, requests: Any) -> None:
    requests.error = errors.InvalidRequest("temperature: too hot", "temperature")
    _, _, details, _ = await face.failure(face.router.Generate(PROMPT))
    (violation,) = unpacked(details, error_details_pb2.BadRequest()).field_violations
    assert (violation.field, violation.description) == ("temperature", "temperature: too hot")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.Overloaded("full", 1.5), 1.5),
        (errors.DecisionError("no_room", "full", {"retry_after_us": 250_000}), 0.25),
        (failed(OutcomeClass.RATE_LIMITED, retry_after_s=7.0), 7.0),
    ],
)
async def test_waiting_is_advised_where_it_helps(
    face: Any, requests: Any, error: Exception, seconds: float
) -> None:
    requests.error = error
    _, _, details, _ = await face.failure(face.router.Generate(PROMPT))
    delay = unpacked(details, error_details_pb2.RetryInfo()).retry_delay
    assert delay.ToMicroseconds() == seconds * 1e6


async def test_an_unknown_model_comes_with_suggestions(face: Any, requests: Any) -> None:
    skip = {"model": "m", "provider": "p", "deployment": "m@p", "reason": "disabled"}
    requests.error = errors.DecisionError(
        "unknown_model",
        "no such",
        {"param": "model", "suggestions": ["llama3.1"], "skipped": [skip]},
    )
    _, _, details, _ = await face.failure(face.router.Route(router_pb2.RouteRequest(model="lama")))
    failure = unpacked(details, errors_pb2.DecisionFailure())
    assert list(failure.suggestions) == ["llama3.1"]
    assert unpacked(details, error_details_pb2.BadRequest()).field_violations[0].field == "model"
    assert (failure.skipped[0].deployment, failure.skipped[0].reason) == ("m@p", "disabled")


async def test_a_capability_nobody_knows_is_named_where_our_messages_keep_it(
    face: Any, requests: Any
) -> None:
    details = {"param": "capability", "suggestions": ["code"]}
    requests.error = errors.DecisionError("invalid_request", "no such capability", details)
    _, _, told, _ = await face.failure(face.router.Route(router_pb2.RouteRequest(model="m")))
    (violation,) = unpacked(told, error_details_pb2.BadRequest()).field_violations
    assert violation.field == "attributes.capability"


async def test_attempts_are_listed(face: Any, requests: Any) -> None:
    requests.error = failed(OutcomeClass.UNREACHABLE)
    _, _, details, _ = await face.failure(face.router.Generate(PROMPT))
    (tried,) = unpacked(details, errors_pb2.AttemptsFailure()).attempts
    assert (tried.number, tried.deployment, tried.message) == (1, "m@ollama", "refused")
    assert tried.outcome.outcome_class == types_pb2.OUTCOME_CLASS_UNREACHABLE
    assert tried.outcome.total_us == 2000
    assert not tried.outcome.HasField("status")


async def test_the_callers_own_fault_keeps_the_providers_answer(face: Any, requests: Any) -> None:
    body = b'{"error":{"message":"tools are not supported"}}'
    requests.error = failed(
        OutcomeClass.INVALID_REQUEST, status=400, body=body, content_type="application/json"
    )
    _, _, details, _ = await face.failure(face.router.Generate(PROMPT))
    answer = unpacked(details, errors_pb2.UpstreamAnswer())
    assert (answer.status, answer.content_type) == (400, "application/json")
    assert (answer.body, answer.truncated) == (body, False)


async def test_the_largest_error_still_fits_into_the_metadata(face: Any, requests: Any) -> None:
    cause = upstream(OutcomeClass.INVALID_REQUEST, status=400, body=b"\x00" * 1_000_000)
    tried = [attempt(number, "é" * 100_000) for number in range(1, 30)]
    requests.error = errors.AllAttemptsFailed("ü%" * 100_000, cause, tried)
    code, message, details, _ = await face.failure(face.router.Generate(PROMPT))
    assert code is Code.INVALID_ARGUMENT
    assert message.startswith("ü%ü%")
    assert unpacked(details, errors_pb2.UpstreamAnswer()).truncated


class Panic(BaseException):
    """What a panic of the core is to Python: no Exception."""


@pytest.mark.parametrize(
    "error", [Panic("secret"), ValueError("secret"), asyncio.CancelledError("secret")]
)
@pytest.mark.parametrize("rpc", ["Route", "Generate", "GenerateStream", "ReportOutcome"])
async def test_the_unforeseen_is_internal_logged_once_and_hidden(
    face: Any,
    requests: Any,
    rpc: str,
    error: BaseException,
    caplog: pytest.LogCaptureFixture,
) -> None:
    requests.error = error
    calls = {
        "Route": lambda: face.router.Route(router_pb2.RouteRequest(model="m")),
        "Generate": lambda: face.router.Generate(PROMPT),
        "GenerateStream": lambda: face.router.GenerateStream(
            router_pb2.GenerateStreamRequest(generate=PROMPT)
        ).read(),
        "ReportOutcome": lambda: face.router.ReportOutcome(
            router_pb2.ReportOutcomeRequest(
                permit="p",
                outcome=types_pb2.Outcome(outcome_class=types_pb2.OUTCOME_CLASS_SUCCESS),
            )
        ),
    }
    with caplog.at_level(logging.WARNING):
        code, message, _, raised = await face.failure(calls[rpc]())
    assert code is Code.INTERNAL
    assert "secret" not in str(raised)
    request_id = dict(raised.trailing_metadata())["x-request-id"]
    assert request_id in message
    logged = [record for record in caplog.records if request_id in record.getMessage()]
    assert len(logged) == len(caplog.records) == 1
    requests.error = None
    assert (await face.router.Route(router_pb2.RouteRequest(model="m"))).decision.decision_id
