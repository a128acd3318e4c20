"""Every error of the service as a caller sees it: status, OpenAI-style body and headers."""

from __future__ import annotations

import json
import logging

import pytest

from router_service.errors import (
    AllAttemptsFailed,
    BodyTooLarge,
    ConfigRejected,
    DeadlineExceeded,
    DecisionError,
    Draining,
    InvalidRequest,
    Overloaded,
    RouterError,
    StreamBroken,
    Unauthenticated,
    UpstreamError,
)
from router_service.types import OutcomeClass

from .fakes import Face, attempt

PATH = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (InvalidRequest("no"), 400, "invalid_request_error", "invalid_request"),
        (Unauthenticated("no"), 401, "invalid_request_error", "invalid_api_key"),
        (BodyTooLarge("no"), 413, "invalid_request_error", "body_too_large"),
        (Overloaded("no", 1.5), 429, "rate_limit_error", "overloaded"),
        (Draining("no"), 503, "server_error", "draining"),
        (DeadlineExceeded("no"), 504, "timeout_error", "deadline_exceeded"),
        (StreamBroken("no", ()), 502, "upstream_error", "stream_broken"),
        (
            DecisionError("unknown_model", "no", {}),
            404,
            "invalid_request_error",
            "model_not_found",
        ),
        (
            DecisionError("invalid_request", "no", {}),
            400,
            "invalid_request_error",
            "invalid_request",
        ),
        (
            DecisionError("context_length_exceeded", "no", {}),
            400,
            "invalid_request_error",
            "context_length_exceeded",
        ),
        (
            DecisionError("no_eligible_deployment", "no", {}),
            503,
            "server_error",
            "no_eligible_deployment",
        ),
        (DecisionError("no_room", "no", {}), 429, "rate_limit_error", "no_room"),
        (DecisionError("budget_spent", "no", {}), 429, "rate_limit_error", "budget_spent"),
        (ConfigRejected("no", ()), 500, "server_error", "config_rejected"),
        (RouterError("no"), 500, "server_error", "internal_error"),
    ],
)
async def test_each_error_has_its_status(
    face: Face, error: RouterError, status: int, kind: str, code: str
) -> None:
    face.service.error = error
    response, body = await face.post(PATH, data=b"{}")
    assert response.status == status
    assert response.content_type == "application/json"
    described = body["error"]
    assert (described["message"], described["type"], described["code"]) == ("no", kind, code)
    assert "param" in described
    assert response.headers["x-request-id"] == face.service.incoming[0].request_id


async def test_the_field_at_fault_is_named(face: Face) -> None:
    face.service.error = InvalidRequest("messages must be a list", param="messages")
    _, body = await face.post(PATH, data=b"{}")
    assert body["error"]["param"] == "messages"


async def test_overload_says_when_to_come_back(face: Face) -> None:
    face.service.error = Overloaded("no room", 1.5)
    response, _ = await face.post(PATH, data=b"{}")
    assert response.headers["Retry-After"] == "2"
    assert response.headers["retry-after-ms"] == "1500"


async def test_details_of_a_decision_reach_the_caller(face: Face) -> None:
    details = {"suggestions": ["llama3.1:8b"], "retry_after_us": 250_000}
    face.service.error = DecisionError("no_eligible_deployment", "all are out", details)
    response, body = await face.post(PATH, data=b"{}")
    assert body["error"]["details"] == details
    assert response.headers["Retry-After"] == "1"
    assert response.headers["retry-after-ms"] == "250"


async def test_draining_closes_the_connection(face: Face) -> None:
    face.service.draining = True
    response, body = await face.post(PATH, data=b"{}")
    assert response.status == 503
    assert response.headers["Connection"] == "close"
    assert body["error"]["code"] == "draining"
    assert not face.service.incoming


def failed(cause: UpstreamError) -> AllAttemptsFailed:
    return AllAttemptsFailed(
        "both deployments failed",
        cause,
        [
            attempt(1, OutcomeClass.UNREACHABLE, None, "refused"),
            attempt(2, cause.outcome_class, cause.status, cause.message),
        ],
    )


async def test_a_failed_walk_lists_its_attempts(face: Face) -> None:
    face.service.error = failed(UpstreamError(OutcomeClass.SERVER_ERROR, "oops", status=500))
    response, body = await face.post(PATH, data=b"{}")
    assert response.status == 502
    assert response.headers["x-router-attempts"] == "2"
    assert body["error"]["code"] == "all_attempts_failed"
    assert body["error"]["attempts"] == [
        {
            "number": 1,
            "kind": "first",
            "model": "llama3.1:latest",
            "provider": "ollama",
            "outcome": "unreachable",
            "status": None,
            "message": "refused",
        },
        {
            "number": 2,
            "kind": "fallback",
            "model": "llama3.1:latest",
            "provider": "ollama",
            "outcome": "server_error",
            "status": 500,
            "message": "oops",
        },
    ]


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        (OutcomeClass.RATE_LIMITED, 429, "upstream_rate_limited"),
        (OutcomeClass.DEADLINE, 504, "deadline_exceeded"),
        (OutcomeClass.UNAUTHORIZED, 502, "all_attempts_failed"),
        (OutcomeClass.MODEL_MISSING, 502, "all_attempts_failed"),
        (OutcomeClass.SILENT, 502, "all_attempts_failed"),
    ],
)
async def test_the_surfaced_cause_decides_the_status(
    face: Face, outcome: OutcomeClass, status: int, code: str
) -> None:
    face.service.error = failed(UpstreamError(outcome, "oops", status=400, retry_after_s=4.0))
    response, body = await face.post(PATH, data=b"{}")
    assert response.status == status
    assert body["error"]["code"] == code
    assert response.headers["Retry-After"] == "4"


CALLERS_FAULT = [
    (OutcomeClass.INVALID_REQUEST, "invalid_request"),
    (OutcomeClass.CONTEXT_LENGTH, "context_length_exceeded"),
    (OutcomeClass.CONTENT_POLICY, "content_policy_violation"),
]


@pytest.mark.parametrize("outcome", [outcome for outcome, _ in CALLERS_FAULT])
async def test_the_callers_own_fault_comes_back_unchanged(
    face: Face, outcome: OutcomeClass
) -> None:
    original = b'{"error": {"message": "bad  tool", "type": "x", "n": 1.0}}'
    face.service.error = failed(UpstreamError(outcome, "bad tool", status=422, body=original))
    async with face.client.post(PATH, data=b"{}") as response:
        assert response.status == 422
        assert await response.read() == original
        assert response.content_type == "application/json"


@pytest.mark.parametrize(
    "original",
    [None, b"", b"<html>", b"[]", b'{"error": "text"}', b"\xff", b"[" * 100_000, b'{"detail":1}'],
)
@pytest.mark.parametrize(("outcome", "code"), CALLERS_FAULT)
async def test_a_fault_told_otherwise_is_wrapped(
    face: Face, original: bytes | None, outcome: OutcomeClass, code: str
) -> None:
    face.service.error = failed(UpstreamError(outcome, "bad tool", status=422, body=original))
    response, body = await face.post(PATH, data=b"{}")
    assert response.status == 422
    assert body["error"]["code"] == code
    assert body["error"]["attempts"][-1]["message"] == "bad tool"


async def test_a_fault_without_a_status_is_a_bad_request(face: Face) -> None:
    cause = UpstreamError(OutcomeClass.CONTEXT_LENGTH, "too long", status=None)
    face.service.error = cause
    response, body = await face.post(PATH, data=b"{}")
    assert response.status == 400
    assert body["error"]["code"] == "context_length_exceeded"


class Panic(BaseException):
    """As the core's edge raises it: no Exception, so that nobody swallows it by chance."""


@pytest.mark.parametrize("error", [ValueError("secret detail"), Panic("secret detail")])
async def test_the_unexpected_is_logged_once_and_not_told(
    face: Face, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    face.service.error = error
    with caplog.at_level(logging.INFO):
        response, body = await face.post(PATH, data=b"{}", headers={"x-request-id": "r-77"})
    assert response.status == 500
    assert "r-77" in body["error"]["message"]
    assert "secret" not in json.dumps(body)
    records = [r for r in caplog.records if r.exc_info]
    assert len(records) == 1
    assert "r-77" in records[0].getMessage()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nowhere", 404, "not_found"),
        ("POST", "/", 404, "not_found"),
        ("GET", PATH, 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
    ],
)
async def test_wrong_places_are_told_in_the_same_form(
    face: Face, method: str, path: str, status: int, code: str
) -> None:
    async with face.client.request(method, path) as response:
        body = await response.json()
        assert response.status == status
        assert body["error"]["code"] == code
        assert f"{method} {path}" in body["error"]["message"]
        assert ("Allow" in response.headers) == (status == 405)
        assert response.headers["x-request-id"]
