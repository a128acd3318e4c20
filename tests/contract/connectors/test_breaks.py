"""Answers that stall, break off or cannot be read, and callers that leave, over every protocol."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import aiohttp
import pytest

from router_service import connectors
from router_service.connectors import HttpConnector
from router_service.errors import UpstreamError
from router_service.types import Delta, Limits, Operation, OutcomeClass, Started

from .scripted import (
    CHAT,
    GENEROUS,
    Act,
    Provider,
    ScriptedServer,
    Wire,
    call,
    failure_of,
    head,
    overlay,
    sized,
    stream,
)

both_ways = pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
SHORT = 0.05


# ── Time limits ──────────────────────────────────────────────────────────────────────────────────


async def test_silent_before_the_status_line(
    upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(Act.HOLD)
    limits = replace(GENEROUS, first_token=SHORT)
    error = await failure_of(connector, call(**way, limits=limits))
    assert error.outcome_class is OutcomeClass.SILENT
    await upstream.left.wait()


async def test_silent_after_an_event_without_content(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(*stream(wire, wire.opening(), end=False), Act.HOLD)
    limits = replace(GENEROUS, first_token=0.2, idle=SHORT)
    error = await failure_of(connector, call(**way, limits=limits))
    assert error.outcome_class is OutcomeClass.SILENT
    assert "first token" in error.message
    await upstream.left.wait()


async def test_stall_after_content(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), end=False), Act.HOLD)
    limits = replace(GENEROUS, idle=SHORT)
    error = await failure_of(connector, call(**way, limits=limits))
    assert error.outcome_class is OutcomeClass.STREAM_BROKEN
    await upstream.left.wait()


@both_ways
async def test_deadline_before_anything(
    upstream: ScriptedServer, connector: HttpConnector, streaming: bool
) -> None:
    upstream.answer(Act.HOLD)
    limits = replace(GENEROUS, total=SHORT)
    error = await failure_of(connector, call(stream=streaming, limits=limits))
    assert error.outcome_class is OutcomeClass.DEADLINE
    await upstream.left.wait()


async def test_deadline_after_content(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), end=False), Act.HOLD)
    limits = replace(GENEROUS, total=0.2)
    error = await failure_of(connector, call(**way, limits=limits))
    assert error.outcome_class is OutcomeClass.DEADLINE


async def test_limit_of_the_attempt(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    limits = replace(GENEROUS, attempt=0.2)
    for script, expected in (
        ((Act.HOLD,), OutcomeClass.SILENT),
        ((*stream(wire, wire.opening(), end=False), Act.HOLD), OutcomeClass.SILENT),
        ((*stream(wire, wire.text("a"), end=False), Act.HOLD), OutcomeClass.STREAM_BROKEN),
    ):
        upstream.answer(*script)
        error = await failure_of(connector, call(**way, limits=limits))
        assert error.outcome_class is expected
        assert "the attempt took longer than 0.2 s" in error.message


async def test_limit_of_the_attempt_at_a_whole_answer(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    for script in ((Act.HOLD,), (sized(wire.whole("hi"))[:-5], Act.HOLD)):
        upstream.answer(*script)
        error = await failure_of(connector, call(limits=replace(GENEROUS, attempt=SHORT)))
        assert error.outcome_class is OutcomeClass.SILENT


async def test_limit_of_the_attempt_past_the_deadline(
    upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(Act.HOLD)
    limits = replace(GENEROUS, total=SHORT, attempt=20.0)
    error = await failure_of(connector, call(**way, limits=limits))
    assert error.outcome_class is OutcomeClass.DEADLINE


async def test_whole_answer_is_not_held_to_the_first_token_limit(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(Act.AWAIT_TEST, sized(wire.whole("hi")))
    limits = Limits(connect=20.0, first_token=0.001, idle=20.0, total=40.0)
    asyncio.get_running_loop().call_later(SHORT, upstream.go_on.set)
    assert [event async for event in connector.events(call(limits=limits))]


async def test_whole_answer_that_stalls(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(sized(wire.whole("hi"))[:-5], Act.HOLD)
    error = await failure_of(connector, call(limits=replace(GENEROUS, idle=SHORT)))
    assert error.outcome_class is OutcomeClass.SILENT


# ── Streams that break ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fate", [Act.CLOSE, Act.RESET])
async def test_cut_before_content(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, fate: Act, way: dict[str, bool]
) -> None:
    upstream.answer(*stream(wire, wire.opening(), end=False), fate)
    error = await failure_of(connector, call(**way))
    assert error.outcome_class is OutcomeClass.CONNECTION_RESET


async def broken_after_content(
    connector: HttpConnector, upstream: ScriptedServer, way: dict[str, bool]
) -> UpstreamError:
    """The error of a stream that goes on only once its first content has been read."""
    events = connector.events(call(**way))
    assert [type(await anext(events)) for _ in range(2)] == [Started, Delta]
    upstream.go_on.set()
    with pytest.raises(UpstreamError) as caught:
        await anext(events)
    return caught.value


@pytest.mark.parametrize("fate", [Act.CLOSE, Act.RESET])
async def test_cut_after_content(
    wire: Wire,
    upstream: ScriptedServer,
    connector: HttpConnector,
    fate: Act,
    way: dict[str, bool],
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), end=False), Act.AWAIT_TEST, fate)
    error = await broken_after_content(connector, upstream, way)
    assert error.outcome_class is OutcomeClass.STREAM_BROKEN


@pytest.mark.parametrize("end_mark", [b"", b"data: [DONE]\n\n"])
async def test_clean_end_without_a_finish_reason(
    wire: Wire,
    upstream: ScriptedServer,
    connector: HttpConnector,
    end_mark: bytes,
    way: dict[str, bool],
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), *([end_mark] if end_mark else [])))
    error = await failure_of(connector, call(**way))
    assert error.outcome_class is OutcomeClass.STREAM_BROKEN
    upstream.answer(*stream(wire, wire.opening()))
    error = await failure_of(connector, call(**way))
    assert error.outcome_class is OutcomeClass.CONNECTION_RESET


@pytest.mark.parametrize(
    ("message", "code", "expected"),
    [
        ("slow down", 429, OutcomeClass.RATE_LIMITED),
        ("out of memory", None, OutcomeClass.SERVER_ERROR),
        ("overloaded", 503, OutcomeClass.UNAVAILABLE),
        ("exceeds the available context size", None, OutcomeClass.CONTEXT_LENGTH),
        ("no such model", 404, OutcomeClass.MODEL_MISSING),
        ("bad schema", 400, OutcomeClass.INVALID_REQUEST),
    ],
)
@both_ways
async def test_error_inside_the_answer(
    wire: Wire,
    upstream: ScriptedServer,
    connector: HttpConnector,
    message: str,
    code: int | None,
    expected: OutcomeClass,
    streaming: bool,
) -> None:
    event = wire.error(message, code)
    body = event.strip().removeprefix(b"data: ")
    upstream.answer(*(stream(wire, wire.opening(), event) if streaming else [sized(body)]))
    error = await failure_of(connector, call(stream=streaming))
    assert error.outcome_class is expected
    assert message in error.message
    assert code in (None, error.status)
    assert error.body is not None
    assert json.loads(error.body) == json.loads(body)


async def test_error_inside_the_stream_after_content(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), wire.error("slow down", 429)))
    error = await failure_of(connector, call(**way))
    assert (error.outcome_class, error.status) == (OutcomeClass.STREAM_BROKEN, 429)


@pytest.mark.parametrize(
    ("event", "headers", "expected"),
    [
        ({"message": "slow down", "code": 429, "retry_after": 2}, (), 2.0),
        ({"message": "slow down", "code": 429}, ("Retry-After: 7",), 7.0),
        ({"message": "slow down", "code": 429, "retry_after": 2}, ("Retry-After: 7",), 2.0),
        ({"message": "slow down", "code": 429}, (), None),
        ({"message": "busy", "code": 503, "retry_after_ms": 500}, (), 0.5),
        ({"message": "broken", "code": 500, "retry_after": 2}, ("Retry-After: 7",), None),
    ],
)
async def test_wait_of_an_error_inside_the_answer(
    wire: Wire,
    upstream: ScriptedServer,
    connector: HttpConnector,
    way: dict[str, bool],
    event: dict[str, object],
    headers: tuple[str, ...],
    expected: float | None,
) -> None:
    _, *events = stream(wire, wire.opening(), wire.event({"error": event}))
    start = head(wire.stream_type, "Transfer-Encoding: chunked", *headers)
    upstream.answer(start, *events)
    error = await failure_of(connector, call(**way))
    assert (error.status, error.retry_after_s) == (event["code"], expected)


async def test_page_instead_of_a_stream(
    upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(sized(b"<html>welcome</html>", "text/html; charset=utf-8"))
    error = await failure_of(connector, call(**way))
    assert error.outcome_class is OutcomeClass.SERVER_ERROR
    assert "text/html" in error.message


async def test_json_error_instead_of_a_stream(
    upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(sized(b'{"error": {"message": "later", "code": "rate_limit_exceeded"}}'))
    error = await failure_of(connector, call(**way))
    assert error.outcome_class is OutcomeClass.RATE_LIMITED


async def test_whole_json_instead_of_a_stream(
    upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(sized(b'{"choices": []}'))
    error = await failure_of(connector, call(**way))
    assert error.outcome_class in (OutcomeClass.SERVER_ERROR, OutcomeClass.CONNECTION_RESET)


async def test_endless_line(
    wire: Wire,
    upstream: ScriptedServer,
    session: aiohttp.ClientSession,
    connector: HttpConnector,
    way: dict[str, bool],
) -> None:
    event = wire.text("x" * (5 * 1024 * 1024))
    upstream.answer(*stream(wire, wire.text("a"), event, *wire.ending()))
    error = await failure_of(connector, call(**way))
    assert error.outcome_class is OutcomeClass.STREAM_BROKEN
    assert "longer than" in error.message


# ── Whole answers that are none ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"choices": [], "data": []}', b"{" * 5000, b"[" * 99999]
)
@pytest.mark.parametrize("operation", list(Operation))
async def test_unreadable_whole_answer(
    upstream: ScriptedServer, connector: HttpConnector, operation: Operation, body: bytes
) -> None:
    upstream.answer(sized(body))
    asked = CHAT | {"prompt": "p", "input": "i"}
    error = await failure_of(connector, call(operation, body=asked))
    assert error.outcome_class is OutcomeClass.SERVER_ERROR


async def test_whole_answer_cut_short(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(sized(wire.whole("hi"))[:-5], Act.CLOSE)
    error = await failure_of(connector, call())
    assert error.outcome_class is OutcomeClass.CONNECTION_RESET


async def test_whole_answer_past_its_bound(
    wire: Wire, upstream: ScriptedServer, session: aiohttp.ClientSession
) -> None:
    provider = Provider(wire.kind, f"http://127.0.0.1:{upstream.port}")
    connector = connectors.build(provider, session, overlay=overlay, max_whole=1000)
    upstream.answer(sized(wire.whole("x" * 2000)))
    error = await failure_of(connector, call())
    assert error.outcome_class is OutcomeClass.SERVER_ERROR
    assert "larger than 1000 bytes" in error.message


@pytest.mark.parametrize("body", [b"<html>", b'{"nothing": 1}', b"[]"])
async def test_unreadable_list_of_models(
    upstream: ScriptedServer, connector: HttpConnector, body: bytes
) -> None:
    upstream.answer(sized(body))
    with pytest.raises(UpstreamError) as caught:
        await connector.probe(20.0)
    assert caught.value.outcome_class is OutcomeClass.SERVER_ERROR


# ── Leaving early ────────────────────────────────────────────────────────────────────────────────


async def test_closing_the_iterator_closes_the_connection(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), end=False), Act.HOLD)
    events = connector.events(call(**way))
    await anext(events)
    await anext(events)
    await events.aclose()
    await upstream.left.wait()


@both_ways
async def test_cancelling_closes_the_connection(
    upstream: ScriptedServer, connector: HttpConnector, streaming: bool
) -> None:
    upstream.answer(Act.HOLD)
    events = connector.events(call(stream=streaming))
    task = asyncio.create_task(anext(events))
    await upstream.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await upstream.left.wait()
