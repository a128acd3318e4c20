"""Whole and streamed answers that go well, over every protocol."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from router_service.connectors import HttpConnector
from router_service.types import Delta, Event, Finished, Started, Usage, Whole

from .scripted import (
    CHAT,
    GENEROUS,
    LAST_PIECE,
    Act,
    ScriptedServer,
    Wire,
    call,
    head,
    piece,
    sized,
    stream,
)


async def collect(connector: HttpConnector, **options: Any) -> list[Event]:
    return [event async for event in connector.events(call(**options))]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


async def test_whole(wire: Wire, upstream: ScriptedServer, connector: HttpConnector) -> None:
    upstream.answer(sized(wire.whole("Grüße")))
    started, whole = await collect(connector, body=CHAT | {"x_unknown": [1, None]})
    assert started == Started(200)
    assert isinstance(whole, Whole)
    assert (whole.text, whole.finish_reason) == ("Grüße", "stop")
    assert (whole.usage, whole.served_model) == (Usage(3, 2), "m-served")
    document = json.loads(whole.body)
    assert document["choices"][0]["message"]["content"] == "Grüße"
    assert document["usage"]["total_tokens"] == 5
    request = upstream.requests[0]
    assert request.line == f"POST {wire.chat_path} HTTP/1.1"
    assert request.json["model"] == "up-model"
    assert request.json["stream"] is False
    assert request.json["x_unknown"] == [1, None]
    assert "authorization" not in request.headers


async def test_stream(wire: Wire, upstream: ScriptedServer, connector: HttpConnector) -> None:
    upstream.answer(
        *stream(wire, wire.opening(), wire.text("Hel"), wire.text("lo"), *wire.ending())
    )
    events = await collect(connector, stream=True)
    assert events[0] == Started(200)
    assert events[-1] == Finished("stop", Usage(3, 2), "m-served")
    deltas = [event for event in events[1:-1] if isinstance(event, Delta)]
    assert len(deltas) == len(events) - 2
    assert [delta.text for delta in deltas if delta.content] == ["Hel", "lo"]
    assert not deltas[0].content
    chunks = [json.loads(delta.raw) for delta in deltas]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == "Hello"
    assert upstream.requests[0].json["stream"] is True


async def test_stream_in_packets_of_one_byte(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    body = b"".join([wire.text("añ"), wire.text("b"), *wire.ending()])
    start = head(wire.stream_type, "Transfer-Encoding: chunked")
    upstream.answer(start, *(piece(body[at : at + 1]) for at in range(len(body))), LAST_PIECE)
    events = await collect(connector, stream=True)
    assert text_of(events) == "añb"
    assert isinstance(events[-1], Finished)


async def test_malformed_event_is_skipped_and_counted(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answer(
        *stream(wire, wire.malformed(), wire.text("a"), wire.malformed(), *wire.ending())
    )
    events = await collect(connector, stream=True)
    assert text_of(events) == "a"
    assert isinstance(events[-1], Finished)
    assert connector.malformed_events == 2
    assert "prov-1: malformed stream event skipped" in caplog.text


async def test_missing_last_line_end(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    body = b"".join([wire.text("a"), *wire.ending()]).rstrip(b"\n")
    upstream.answer(head(wire.stream_type, "Connection: close") + body, Act.CLOSE)
    assert isinstance((await collect(connector, stream=True))[-1], Finished)


@pytest.mark.parametrize("fate", [Act.CLOSE, Act.RESET])
async def test_loss_after_the_finish_reason_is_harmless(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, fate: Act
) -> None:
    upstream.answer(
        *stream(wire, wire.text("a") + wire.ending()[0], end=False), Act.AWAIT_TEST, fate
    )
    events = []
    async for event in connector.events(call(stream=True)):
        events.append(event)
        if isinstance(event, Delta):
            upstream.go_on.set()
    assert isinstance(events[-1], Finished)


async def test_stalled_end_mark_is_harmless(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(*stream(wire, wire.text("a") + wire.ending()[0], end=False), Act.HOLD)
    limits = replace(GENEROUS, idle=0.05)
    events = await collect(connector, stream=True, limits=limits)
    assert isinstance(events[-1], Finished)


async def test_connection_is_kept_after_a_stream(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), *wire.ending()))
    for _ in range(3):
        async for event in connector.events(call(stream=True)):
            if isinstance(event, Finished):
                break
    assert upstream.connections == 1


async def test_connection_is_kept_where_the_body_ends_after_its_last_event(
    wire: Wire,
    upstream: ScriptedServer,
    connector: HttpConnector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("router_service.connectors.exchange.DRAIN_S", 20.0)
    events = [wire.text("a"), *wire.ending()]
    upstream.answer(*stream(wire, *events, end=False), Act.AWAIT_TEST, LAST_PIECE)
    for _ in range(2):
        upstream.go_on.clear()
        asyncio.get_running_loop().call_later(0.02, upstream.go_on.set)
        assert isinstance((await collect(connector, stream=True))[-1], Finished)
    assert upstream.connections == 1


async def test_body_that_never_ends_after_its_last_event(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), *wire.ending(), end=False), Act.HOLD)
    assert isinstance((await collect(connector, stream=True))[-1], Finished)
    await upstream.left.wait()


async def test_packed_answer(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    packed = gzip.compress(wire.whole("hi"))
    upstream.answer(sized(packed, "application/json", "Content-Encoding: gzip"))
    whole = (await collect(connector))[-1]
    assert isinstance(whole, Whole)
    assert whole.text == "hi"


async def test_large_request_body(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(sized(wire.whole("hi")))
    long = "x" * (3 * 1024 * 1024)
    await collect(connector, body=CHAT | {"messages": [{"role": "user", "content": long}]})
    assert upstream.requests[0].json["messages"][0]["content"] == long


async def test_client_headers_are_sent_but_not_those_of_the_connection(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(sized(wire.whole("hi")))
    headers = {
        "x-request-id": "r1",
        "content-length": "1",
        "Host": "elsewhere",
        "content-type": "text/plain",
    }
    await collect(connector, headers=headers)
    sent = upstream.requests[0].headers
    assert sent["x-request-id"] == "r1"
    assert sent["host"] == f"127.0.0.1:{upstream.port}"
    assert sent["content-type"] == "application/json"
    assert upstream.requests[0].json["model"] == "up-model"


async def test_probe_lists_models(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    models = {
        "data": [{"id": "a", "meta": {"n_params": 7_600_000_000}}, {"id": "b"}],
        "models": [{"name": "a", "details": {"parameter_size": "7.6B"}}, {"name": "b"}],
    }
    upstream.answer(sized(json.dumps(models).encode()))
    assert await connector.probe(20.0) in (
        {"a": "7.6B", "b": None},
        {"a": "7600000000", "b": None},
    )
    assert upstream.requests[0].line.startswith("GET /")
