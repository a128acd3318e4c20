"""Refusals, lost connections and requests that cannot be sent, over every protocol."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from router_service import connectors
from router_service.connectors import HttpConnector
from router_service.connectors.exchange import MAX_ERROR_BODY
from router_service.types import Operation, OutcomeClass

from .scripted import (
    GENEROUS,
    Act,
    Provider,
    ScriptedServer,
    Wire,
    call,
    failure_of,
    head,
    overlay,
    refusal,
    sized,
)

both_ways = pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
SHORT = 0.05


# ── Statuses ─────────────────────────────────────────────────────────────────────────────────────


@both_ways
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, OutcomeClass.SERVER_ERROR),
        (400, OutcomeClass.INVALID_REQUEST),
        (401, OutcomeClass.UNAUTHORIZED),
        (402, OutcomeClass.UNAUTHORIZED),
        (403, OutcomeClass.UNAUTHORIZED),
        (404, OutcomeClass.MODEL_MISSING),
        (408, OutcomeClass.SILENT),
        (409, OutcomeClass.INVALID_REQUEST),
        (413, OutcomeClass.INVALID_REQUEST),
        (422, OutcomeClass.INVALID_REQUEST),
        (429, OutcomeClass.RATE_LIMITED),
        (500, OutcomeClass.SERVER_ERROR),
        (501, OutcomeClass.SERVER_ERROR),
        (502, OutcomeClass.UNAVAILABLE),
        (503, OutcomeClass.UNAVAILABLE),
        (504, OutcomeClass.UNAVAILABLE),
        (529, OutcomeClass.UNAVAILABLE),
    ],
)
async def test_status(
    upstream: ScriptedServer,
    connector: HttpConnector,
    streaming: bool,
    status: int,
    expected: OutcomeClass,
) -> None:
    body = b'{"error": {"message": "no thanks", "type": "t"}}'
    upstream.answer(refusal(status, body, "Location: http://127.0.0.1:1/"))
    error = await failure_of(connector, call(stream=streaming))
    assert error.outcome_class is expected
    assert error.message == f"prov-1 answered {status}: no thanks"
    assert (error.status, error.body, error.content_type) == (status, body, "application/json")
    assert error.retry_after_s is None


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"error": {"code": "context_length_exceeded"}}, OutcomeClass.CONTEXT_LENGTH),
        (
            400,
            {"object": "error", "message": "This model's maximum context length is 4096 tokens."},
            OutcomeClass.CONTEXT_LENGTH,
        ),
        (
            400,
            {"error": {"type": "exceed_context_size_error", "message": "too long"}},
            OutcomeClass.CONTEXT_LENGTH,
        ),
        (
            413,
            {"error": "the request exceeds the available context size, try increasing it"},
            OutcomeClass.CONTEXT_LENGTH,
        ),
        (
            422,
            {"detail": "Requested tokens (9000) exceed context window of 8192"},
            OutcomeClass.CONTEXT_LENGTH,
        ),
        (
            400,
            {"error": "the input length exceeds the context length"},
            OutcomeClass.CONTEXT_LENGTH,
        ),
        (400, {"error": {"code": "content_policy_violation"}}, OutcomeClass.CONTENT_POLICY),
        (400, {"error": {"code": "content_filter"}}, OutcomeClass.CONTENT_POLICY),
        (
            400,
            {"error": {"innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            OutcomeClass.CONTENT_POLICY,
        ),
        (500, {"error": "maximum context length"}, OutcomeClass.SERVER_ERROR),
        (404, {"error": "model 'x' not found, try pulling it first"}, OutcomeClass.MODEL_MISSING),
    ],
)
async def test_wording_refines_the_status(
    upstream: ScriptedServer,
    connector: HttpConnector,
    status: int,
    body: object,
    expected: OutcomeClass,
) -> None:
    upstream.answer(refusal(status, json.dumps(body).encode()))
    assert (await failure_of(connector, call())).outcome_class is expected


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after(upstream: ScriptedServer, connector: HttpConnector, status: int) -> None:
    upstream.answer(refusal(status, b"", "Retry-After: 7"))
    assert (await failure_of(connector, call(stream=True))).retry_after_s == 7.0


async def test_error_body_is_bounded(upstream: ScriptedServer, connector: HttpConnector) -> None:
    upstream.answer(refusal(400, b"x" * (3 * MAX_ERROR_BODY)))
    error = await failure_of(connector, call())
    assert error.body == b"x" * MAX_ERROR_BODY
    assert len(error.message) < 400


async def test_stalled_error_body_still_tells_its_status(
    upstream: ScriptedServer, connector: HttpConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router_service.connectors.exchange.ERROR_BODY_S", SHORT)
    start = head("application/json", "Content-Length: 100", status="503 Busy")
    upstream.answer(start + b"partly", Act.HOLD)
    error = await failure_of(connector, call())
    assert (error.outcome_class, error.body) == (OutcomeClass.UNAVAILABLE, b"partly")


# ── Connections ──────────────────────────────────────────────────────────────────────────────────


def elsewhere(
    wire: Wire, session: aiohttp.ClientSession, base_url: str, credential: str | None = None
) -> HttpConnector:
    provider = Provider(wire.kind, base_url, credential=credential)
    return connectors.build(provider, session, overlay=overlay, environ={"KEY": "s3cret-key"})


@both_ways
async def test_connection_refused(
    wire: Wire, session: aiohttp.ClientSession, streaming: bool
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        error = await failure_of(elsewhere(wire, session, base_url), call(stream=streaming))
    assert error.outcome_class is OutcomeClass.UNREACHABLE
    assert "refused" in error.message
    assert base_url not in error.message


@pytest.mark.parametrize("base_url", ["http://no-such-host.invalid", "not a url", "http://"])
async def test_address_that_leads_nowhere(
    wire: Wire, session: aiohttp.ClientSession, base_url: str
) -> None:
    error = await failure_of(elsewhere(wire, session, base_url), call())
    assert error.outcome_class is OutcomeClass.UNREACHABLE


async def test_tls_to_a_server_without(
    wire: Wire, session: aiohttp.ClientSession, upstream: ScriptedServer
) -> None:
    connector = elsewhere(wire, session, f"https://127.0.0.1:{upstream.port}")
    upstream.answer(Act.CLOSE)
    limits = replace(GENEROUS, connect=0.5)
    error = await failure_of(connector, call(limits=limits))
    assert error.outcome_class is OutcomeClass.UNREACHABLE


@pytest.fixture
async def deaf_url() -> AsyncIterator[str]:
    """A listening port whose queue is full, so that connecting to it takes for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        crowd = [socket.socket() for _ in range(4)]
        for client in crowd:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for client in crowd:
            client.close()


@both_ways
async def test_connect_limit(
    wire: Wire, session: aiohttp.ClientSession, deaf_url: str, streaming: bool
) -> None:
    limits = replace(GENEROUS, connect=SHORT)
    connector = elsewhere(wire, session, deaf_url)
    error = await failure_of(connector, call(stream=streaming, limits=limits))
    assert error.outcome_class is OutcomeClass.UNREACHABLE
    assert "connect limit" in error.message


@both_ways
@pytest.mark.parametrize("fate", [Act.CLOSE, Act.RESET])
async def test_lost_before_the_answer(
    upstream: ScriptedServer, connector: HttpConnector, streaming: bool, fate: Act
) -> None:
    upstream.answer(fate)
    error = await failure_of(connector, call(stream=streaming))
    assert error.outcome_class is OutcomeClass.CONNECTION_RESET


async def test_lost_on_a_kept_connection(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.scripts = [[sized(wire.whole("hi"))], [Act.CLOSE]]
    assert [event async for event in connector.events(call())]
    error = await failure_of(connector, call())
    assert error.outcome_class is OutcomeClass.CONNECTION_RESET
    assert [request.connection for request in upstream.requests] == [1, 1]


@both_ways
async def test_not_http(
    upstream: ScriptedServer, connector: HttpConnector, streaming: bool
) -> None:
    upstream.answer(b"220 mail.example ESMTP\r\n\r\n", Act.CLOSE)
    error = await failure_of(connector, call(stream=streaming))
    assert error.outcome_class is OutcomeClass.SERVER_ERROR


# ── Requests that cannot be sent ─────────────────────────────────────────────────────────────────


@both_ways
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
async def test_request_body_that_is_none(
    upstream: ScriptedServer, connector: HttpConnector, streaming: bool, body: bytes
) -> None:
    error = await failure_of(connector, call(stream=streaming, body=body))
    assert error.outcome_class is OutcomeClass.INVALID_REQUEST
    assert upstream.requests == []


async def test_header_that_would_break_its_line(
    upstream: ScriptedServer, connector: HttpConnector
) -> None:
    error = await failure_of(connector, call(headers={"x-request-id": "a\r\nx-evil: 1"}))
    assert error.outcome_class is OutcomeClass.INVALID_REQUEST
    assert upstream.requests == []


async def test_streamed_embedding(connector: HttpConnector) -> None:
    error = await failure_of(connector, call(Operation.EMBEDDING, stream=True, body={"input": "i"}))
    assert error.outcome_class is OutcomeClass.INVALID_REQUEST


async def test_closed_session(session: aiohttp.ClientSession, connector: HttpConnector) -> None:
    await session.close()
    assert (await failure_of(connector, call())).outcome_class is OutcomeClass.UNREACHABLE


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────


async def test_key_is_sent_and_never_repeated(
    wire: Wire, upstream: ScriptedServer, session: aiohttp.ClientSession
) -> None:
    connector = elsewhere(wire, session, f"http://127.0.0.1:{upstream.port}", "KEY")
    upstream.answer(refusal(401, b'{"error": {"message": "wrong key s3cret-key"}}'))
    error = await failure_of(connector, call(headers={"authorization": "Bearer of-the-client"}))
    assert upstream.requests[0].headers["authorization"] == "Bearer s3cret-key"
    assert error.body is not None
    assert "s3cret-key" not in error.message + error.body.decode()


async def test_missing_key(
    wire: Wire, upstream: ScriptedServer, session: aiohttp.ClientSession
) -> None:
    connector = elsewhere(wire, session, f"http://127.0.0.1:{upstream.port}", "OTHER_KEY")
    error = await failure_of(connector, call())
    assert error.outcome_class is OutcomeClass.UNAUTHORIZED
    assert "OTHER_KEY" in error.message
    assert upstream.requests == []
