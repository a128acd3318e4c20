"""The connectors against the fake fleet: every server's dialect, and every fault it can show."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from router_service import connectors
from router_service.connectors import HttpConnector
from router_service.errors import UpstreamError
from router_service.testing import (
    Behaviour,
    FakeProvider,
    Fault,
    FaultKind,
    Server,
    expected_text,
    reference_specs,
)
from router_service.types import (
    Delta,
    Event,
    Finished,
    Limits,
    Operation,
    OutcomeClass,
    UpstreamCall,
    Whole,
)

from .scripted import GENEROUS, Provider, overlay

PROMPT = "tell me of rivers"
CHAT = {"model": "public", "messages": [{"role": "user", "content": PROMPT}]}
KINDS = {Server.OLLAMA: "ollama", Server.VLLM: "vllm"}
SPECS = reference_specs()
MODELS = {spec.id: (spec.models or ("some-model",))[0] for spec in SPECS}

both_ways = pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])


@pytest.fixture(params=SPECS, ids=lambda spec: spec.id)
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[FakeProvider]:
    async with FakeProvider(request.param) as running:
        yield running


@pytest.fixture
def connector(provider: FakeProvider, session: aiohttp.ClientSession) -> HttpConnector:
    credential = "KEY" if provider.spec.api_key else None
    described = Provider(
        KINDS.get(provider.spec.server, "openai"), provider.base_url, provider.id, credential
    )
    environ = {"KEY": provider.spec.api_key or ""}
    return connectors.build(described, session, overlay=overlay, environ=environ)


def call(
    provider: FakeProvider,
    body: dict[str, Any],
    *,
    stream: bool = False,
    assembled: bool = False,
    operation: Operation = Operation.CHAT,
    limits: Limits = GENEROUS,
) -> UpstreamCall:
    raw = json.dumps(body).encode()
    return UpstreamCall(operation, raw, MODELS[provider.id], stream, limits, assembled=assembled)


async def answer(connector: HttpConnector, attempt: UpstreamCall) -> tuple[str, Finished | Whole]:
    """The text that came, and the last event."""
    events = [event async for event in connector.events(attempt)]
    last = events[-1]
    assert isinstance(last, Finished | Whole)
    if isinstance(last, Whole):
        return last.text, last
    return "".join(event.text for event in events if isinstance(event, Delta)), last


@both_ways
async def test_chat(provider: FakeProvider, connector: HttpConnector, streaming: bool) -> None:
    body = CHAT | {"max_tokens": 5}
    text, last = await answer(connector, call(provider, body, stream=streaming))
    assert text == expected_text(MODELS[provider.id], PROMPT, 5)
    assert last.finish_reason == "length"
    assert last.served_model is not None


@both_ways
async def test_completion(
    provider: FakeProvider, connector: HttpConnector, streaming: bool
) -> None:
    attempt = call(provider, {"prompt": PROMPT}, stream=streaming, operation=Operation.COMPLETION)
    text, last = await answer(connector, attempt)
    assert text == expected_text(MODELS[provider.id], PROMPT)
    assert last.finish_reason == "stop"


async def test_usage_of_a_whole_answer(provider: FakeProvider, connector: HttpConnector) -> None:
    _, last = await answer(connector, call(provider, CHAT | {"max_tokens": 5}))
    assert last.usage is not None
    assert last.usage.completion_tokens == 5
    assert last.usage.prompt_tokens > 0


@both_ways
async def test_tool_call(provider: FakeProvider, connector: HttpConnector, streaming: bool) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    choice = {"type": "function", "function": {"name": "weather"}}
    body = CHAT | {"tools": [tool], "tool_choice": choice}
    events = [event async for event in connector.events(call(provider, body, stream=streaming))]
    function = called_function(events)
    assert function["name"] == "weather"
    assert isinstance(json.loads(function["arguments"])["city"], str)


def called_function(events: list[Event]) -> dict[str, str]:
    """Name and arguments of the one function called, put together from chunks or the answer."""
    together = {"name": "", "arguments": ""}
    for event in events:
        document = json.loads(getattr(event, "raw", None) or getattr(event, "body", b"{}"))
        for choice in document.get("choices", ()):
            message = choice.get("delta") or choice.get("message") or {}
            for tool_call in message.get("tool_calls") or ():
                for member in together:
                    together[member] += tool_call["function"].get(member) or ""
    return together


async def test_embedding(provider: FakeProvider, connector: HttpConnector) -> None:
    attempt = call(provider, {"input": ["a", "b"]}, operation=Operation.EMBEDDING)
    _, last = await answer(connector, attempt)
    assert isinstance(last, Whole)
    data = json.loads(last.body)["data"]
    assert [item["index"] for item in data] == [0, 1]
    assert all(isinstance(item["embedding"], list) for item in data)


async def test_probe(provider: FakeProvider, connector: HttpConnector) -> None:
    names = await connector.probe(20.0)
    assert set(provider.spec.models or ()) <= set(names)


BEFORE, AFTER = 0, 2
"""Tokens after which a fault of the answer's end strikes."""

WHILE_STREAMING = {
    (FaultKind.STATUS, BEFORE): OutcomeClass.SERVER_ERROR,
    (FaultKind.REFUSE, BEFORE): OutcomeClass.UNREACHABLE,
    (FaultKind.RESET_BEFORE_HEADERS, BEFORE): OutcomeClass.CONNECTION_RESET,
    (FaultKind.RESET_DURING_HEADERS, BEFORE): OutcomeClass.CONNECTION_RESET,
    (FaultKind.SILENCE, BEFORE): OutcomeClass.SILENT,
    (FaultKind.SLOW_FIRST_TOKEN, BEFORE): OutcomeClass.SILENT,
    (FaultKind.STALL, BEFORE): OutcomeClass.SILENT,
    (FaultKind.STALL, AFTER): OutcomeClass.STREAM_BROKEN,
    (FaultKind.CUT, BEFORE): OutcomeClass.CONNECTION_RESET,
    (FaultKind.CUT_CLEAN, BEFORE): OutcomeClass.CONNECTION_RESET,
    (FaultKind.CUT_CLEAN, AFTER): OutcomeClass.STREAM_BROKEN,
    (FaultKind.NO_FINISH_REASON, AFTER): OutcomeClass.STREAM_BROKEN,
    (FaultKind.CONTEXT_LENGTH, BEFORE): OutcomeClass.CONTEXT_LENGTH,
    (FaultKind.OVERSIZED_LINE, AFTER): OutcomeClass.STREAM_BROKEN,
    (FaultKind.WRONG_CONTENT_TYPE, BEFORE): OutcomeClass.SERVER_ERROR,
    (FaultKind.ERROR_EVENT, AFTER): OutcomeClass.STREAM_BROKEN,
}


@pytest.mark.parametrize(
    ("kind", "after", "expected"),
    [(kind, after, expected) for (kind, after), expected in WHILE_STREAMING.items()],
)
async def test_fault_in_a_stream(
    provider: FakeProvider,
    connector: HttpConnector,
    way: dict[str, bool],
    kind: FaultKind,
    after: int,
    expected: OutcomeClass,
) -> None:
    fault = Fault(kind, after_tokens=after, size=5 * 1024 * 1024)
    await provider.behave(Behaviour(tokens_per_s=200.0, faults=(fault,)))
    limits = replace(GENEROUS, first_token=0.3, idle=0.3)
    with pytest.raises(UpstreamError) as caught:
        await answer(connector, call(provider, CHAT, **way, limits=limits))
    assert caught.value.outcome_class is expected


@pytest.mark.parametrize(
    "kind", [FaultKind.MALFORMED_EVENT, FaultKind.INVALID_UTF8, FaultKind.NO_USAGE]
)
async def test_fault_a_stream_survives(
    provider: FakeProvider, connector: HttpConnector, way: dict[str, bool], kind: FaultKind
) -> None:
    await provider.behave(Behaviour(faults=(Fault(kind, after_tokens=AFTER),)))
    text, last = await answer(connector, call(provider, CHAT, **way))
    assert text == expected_text(MODELS[provider.id], PROMPT)
    assert last.finish_reason == "stop"
    tells = "assembled" in way or provider.spec.server is Server.OLLAMA
    assert (last.usage is not None) == (tells and kind is not FaultKind.NO_USAGE)
    assert connector.malformed_events == (0 if kind is FaultKind.NO_USAGE else 1)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FaultKind.STATUS, OutcomeClass.SERVER_ERROR),
        (FaultKind.RESET_BEFORE_HEADERS, OutcomeClass.CONNECTION_RESET),
        (FaultKind.CONTEXT_LENGTH, OutcomeClass.CONTEXT_LENGTH),
        (FaultKind.SILENCE, OutcomeClass.DEADLINE),
        (FaultKind.WRONG_CONTENT_TYPE, OutcomeClass.SERVER_ERROR),
    ],
)
async def test_fault_in_a_whole_answer(
    provider: FakeProvider, connector: HttpConnector, kind: FaultKind, expected: OutcomeClass
) -> None:
    await provider.behave(Behaviour(faults=(Fault(kind),)))
    limits = replace(GENEROUS, total=0.3 if kind is FaultKind.SILENCE else GENEROUS.total)
    with pytest.raises(UpstreamError) as caught:
        await answer(connector, call(provider, CHAT, limits=limits))
    assert caught.value.outcome_class is expected
