"""Whole answers that were asked for as streams: what is sent, what comes, what servers refuse."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from router_service import connectors
from router_service.connectors import HttpConnector
from router_service.errors import UpstreamError
from router_service.testing import FakeProvider, ProviderSpec, Server
from router_service.types import (
    Delta,
    Event,
    Operation,
    OutcomeClass,
    Started,
    Usage,
    Whole,
)

from .scripted import (
    CHAT,
    Act,
    OpenAiWire,
    Provider,
    ScriptedServer,
    Wire,
    call,
    failure_of,
    overlay,
    refusal,
    sized,
    stream,
)

REFUSED = b'{"error": {"message": "stream_options: extra fields not permitted"}}'

only_openai = pytest.mark.parametrize("wire", [OpenAiWire()], ids=["openai"])


async def collect(connector: HttpConnector, **options: Any) -> list[Event]:
    return [event async for event in connector.events(call(assembled=True, **options))]


async def test_deltas_come_before_the_whole(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(
        *stream(wire, wire.opening(), wire.text("Grü"), wire.text("ße"), *wire.ending())
    )
    started, *deltas, whole = await collect(connector, body=CHAT | {"x_unknown": [1, None]})
    assert started == Started(200)
    assert [d.text for d in deltas if isinstance(d, Delta) and d.content] == ["Grü", "ße"]
    assert isinstance(whole, Whole)
    assert (whole.text, whole.finish_reason) == ("Grüße", "stop")
    assert (whole.usage, whole.served_model) == (Usage(3, 2), "m-served")
    document = json.loads(whole.body)
    assert document["object"] == "chat.completion"
    (choice,) = document["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Grüße"}
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert document["usage"]["total_tokens"] == 5
    sent = upstream.requests[0].json
    assert (sent["stream"], sent["x_unknown"]) == (True, [1, None])


async def test_first_delta_comes_while_the_answer_is_made(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), end=False), Act.HOLD)
    events = connector.events(call(assembled=True))
    assert [type(await anext(events)) for _ in range(2)] == [Started, Delta]
    await events.aclose()
    await upstream.left.wait()


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        (
            {"stream_options": {"include_usage": False, "x_own": 7}},
            {"include_usage": True, "x_own": 7},
        ),
    ],
)
@only_openai
async def test_usage_is_asked_for(
    wire: Wire,
    upstream: ScriptedServer,
    connector: HttpConnector,
    own: dict[str, Any],
    sent: dict[str, Any],
) -> None:
    upstream.answer(*stream(wire, wire.text("a"), *wire.ending()))
    await collect(connector, body=CHAT | own)
    assert upstream.requests[0].json["stream_options"] == sent


@pytest.mark.parametrize("status", [400, 422])
@only_openai
async def test_a_server_that_refuses_stream_options_is_asked_without(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, status: int
) -> None:
    without_usage = stream(wire, wire.text("a"), wire.ending()[0])
    upstream.scripts = [[refusal(status, REFUSED)], without_usage]
    for _ in range(2):
        whole = (await collect(connector))[-1]
        assert isinstance(whole, Whole)
        assert (whole.text, whole.usage) == ("a", None)
    first, *later = [request.json for request in upstream.requests]
    assert first["stream_options"] == {"include_usage": True}
    # Once more at once, and it is remembered: the next request goes without from the start.
    assert [("stream_options" in sent, sent["stream"]) for sent in later] == [(False, True)] * 2


@only_openai
async def test_a_server_that_counts_no_tokens_in_streams_is_told_of_once(
    wire: Wire,
    upstream: ScriptedServer,
    connector: HttpConnector,
    caplog: pytest.LogCaptureFixture,
) -> None:
    counted = stream(wire, wire.text("a"), *wire.ending())
    uncounted = stream(wire, wire.text("a"), wire.ending()[0])
    upstream.scripts = [counted, uncounted, uncounted]
    await collect(connector)
    assert not caplog.messages
    await collect(connector)
    await collect(connector)
    (told,) = caplog.messages
    assert told.startswith("prov-1 counts no tokens in streams")
    assert "set stream_whole_answers: false" in told


@only_openai
async def test_a_refusal_that_has_another_reason_is_not_remembered(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.scripts = [
        [refusal(400, REFUSED)],
        [refusal(400, b'{"error": "no such option"}')],
        stream(wire, wire.text("a"), *wire.ending()),
    ]
    error = await failure_of(connector, call(assembled=True))
    assert (error.outcome_class, error.status) == (OutcomeClass.INVALID_REQUEST, 400)
    assert "no such option" in error.message
    await collect(connector)
    assert ["stream_options" in request.json for request in upstream.requests] == [
        True,
        False,
        True,
    ]


@only_openai
async def test_a_refusal_of_the_callers_own_stream_options_is_the_callers(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(refusal(400, REFUSED))
    own = {"stream_options": {"include_usage": True}}
    error = await failure_of(connector, call(stream=True, body=CHAT | own))
    assert error.outcome_class is OutcomeClass.INVALID_REQUEST
    assert len(upstream.requests) == 1


async def test_a_whole_answer_instead_of_the_stream_is_taken(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(sized(wire.whole("hi")))
    whole = (await collect(connector))[-1]
    assert isinstance(whole, Whole)
    assert (whole.text, whole.usage, whole.finish_reason) == ("hi", Usage(3, 2), "stop")
    assert json.loads(whole.body)["choices"][0]["message"]["content"] == "hi"


async def test_an_error_instead_of_the_stream(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    error = {"error": {"message": "slow down", "code": 429, "retry_after": 3}}
    upstream.answer(sized(json.dumps(error).encode()))
    failure = await failure_of(connector, call(assembled=True))
    assert (failure.outcome_class, failure.retry_after_s) == (OutcomeClass.RATE_LIMITED, 3.0)


async def test_bound(wire: Wire, upstream: ScriptedServer, session: aiohttp.ClientSession) -> None:
    provider = Provider(wire.kind, f"http://127.0.0.1:{upstream.port}")
    connector = connectors.build(provider, session, overlay=overlay, max_whole=20_000)
    piece = wire.text("x" * 1000)
    upstream.answer(*stream(wire, *[piece] * 30, *wire.ending()))
    error = await failure_of(connector, call(assembled=True))
    assert error.outcome_class is OutcomeClass.SERVER_ERROR
    assert "larger than 20000 bytes" in error.message
    upstream.answer(*stream(wire, *[piece] * 10, *wire.ending()))
    events = [event async for event in connector.events(call(assembled=True))]
    assert isinstance(events[-1], Whole)


async def test_embeddings_are_never_assembled(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    body = {"data": [{"index": 0, "embedding": [1.0]}], "embeddings": [[1.0]]}
    upstream.answer(sized(json.dumps(body).encode()))
    events = await collect(connector, operation=Operation.EMBEDDING, body={"input": "a"})
    assert [type(event) for event in events] == [Started, Whole]
    assert "stream" not in upstream.requests[0].json
    assert "stream_options" not in upstream.requests[0].json


# ── Against the fake fleet: an assembled answer is the whole answer ──────────────────────────────

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (Operation.CHAT, CHAT),
        (Operation.CHAT, CHAT | {"max_tokens": 3}),
        (Operation.CHAT, CHAT | {"n": 3}),
        (Operation.CHAT, CHAT | {"tools": [TOOL]}),
        (Operation.CHAT, CHAT | {"logprobs": True, "top_logprobs": 1}),
        (Operation.CHAT, CHAT | {"response_format": {"type": "json_object"}}),
        (Operation.COMPLETION, {"prompt": "once"}),
        (Operation.COMPLETION, {"prompt": ["once", "twice"], "n": 2, "logprobs": 1}),
    ],
)
@pytest.mark.parametrize("server", [Server.VLLM, Server.LLAMA_CPP, Server.OPENAI, Server.OLLAMA])
async def test_assembled_is_whole(
    session: aiohttp.ClientSession, server: Server, operation: Operation, body: dict[str, Any]
) -> None:
    async with FakeProvider(ProviderSpec("p", server)) as provider:
        kind = "ollama" if server is Server.OLLAMA else "openai"
        described = Provider(kind, provider.base_url)
        connector = connectors.build(described, session, overlay=overlay, environ={})
        answers = []
        for assembled in (False, True):
            attempt = call(operation, assembled=assembled, body=body)
            try:
                answers.append([event async for event in connector.events(attempt)][-1])
            except UpstreamError as error:
                answers.append((error.outcome_class, error.message))
    whole, assembled_whole = answers
    if not isinstance(whole, Whole):  # Ollama takes one prompt
        assert whole == assembled_whole
        return
    assert isinstance(assembled_whole, Whole)
    assert assembled_whole.text == whole.text
    assert assembled_whole.finish_reason == whole.finish_reason
    assert assembled_whole.usage == whole.usage
    assert told(assembled_whole) == told(whole)


def told(whole: Whole) -> Any:
    """The body but for what differs from request to request, and for what a chunk cannot tell."""
    document = json.loads(whole.body)
    for name in ("id", "created"):
        document.pop(name)
    for choice in document["choices"]:
        for tool_call in choice.get("message", {}).get("tool_calls", ()):
            tool_call.pop("id")
        if isinstance(choice["logprobs"], dict):
            choice["logprobs"].pop("text_offset", None)
    return document
