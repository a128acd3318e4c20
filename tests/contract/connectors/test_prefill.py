"""Answers that go on from text already delivered, with every server of the fake fleet."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from router_service import connectors
from router_service.connectors import HttpConnector
from router_service.testing import (
    Behaviour,
    FakeProvider,
    Fault,
    FaultKind,
    ProviderSpec,
    Server,
    expected_text,
)
from router_service.types import Delta, Operation, OutcomeClass, Prefill, UpstreamCall, Whole

from .scripted import (
    CHAT,
    OllamaWire,
    OpenAiWire,
    Provider,
    ScriptedServer,
    Wire,
    call,
    failure_of,
    overlay,
    sized,
    stream,
)

PROMPT = "hi"
MODEL = "up-model"
FULL = expected_text(MODEL, PROMPT)
SAID = Prefill(expected_text(MODEL, PROMPT, 4), 4)


def of(provider: FakeProvider, session: aiohttp.ClientSession) -> HttpConnector:
    kind = {Server.OLLAMA: "ollama", Server.VLLM: "vllm"}.get(provider.spec.server, "openai")
    described = Provider(kind, provider.base_url)
    return connectors.build(described, session, overlay=overlay, environ={})


async def text_of(connector: HttpConnector, attempt: UpstreamCall) -> str:
    """The text of the deltas, which is also that of the answer put together from them."""
    events = [event async for event in connector.events(attempt)]
    text = "".join(event.text for event in events if isinstance(event, Delta))
    if isinstance(events[-1], Whole):
        choice = json.loads(events[-1].body)["choices"][0]
        assert events[-1].text == choice.get("message", {}).get("content", choice.get("text"))
        assert text in (events[-1].text, "")
        return events[-1].text
    return text


GOES_ON = [Server.VLLM, Server.LLAMA_CPP, Server.OLLAMA]
ANSWERS_ANEW = [Server.OPENAI, Server.LLAMA_CPP_PYTHON]


@pytest.mark.parametrize("server", GOES_ON)
@pytest.mark.parametrize("tokens", [1, 4, 11])
async def test_chat_goes_on(
    session: aiohttp.ClientSession, way: dict[str, bool], server: Server, tokens: int
) -> None:
    said = Prefill(expected_text(MODEL, PROMPT, tokens), tokens)
    async with FakeProvider(ProviderSpec("p", server)) as provider:
        text = await text_of(of(provider, session), call(**way, prefill=said))
    assert said.text + text == FULL


@pytest.mark.parametrize("server", ANSWERS_ANEW)
async def test_an_answer_anew_is_cut_to_what_is_new(
    session: aiohttp.ClientSession, way: dict[str, bool], server: Server
) -> None:
    async with FakeProvider(ProviderSpec("p", server)) as provider:
        connector = of(provider, session)
        assert SAID.text + await text_of(connector, call(**way, prefill=SAID)) == FULL
        # One short token that comes again may well be the model's own next.
        one = Prefill(expected_text(MODEL, PROMPT, 1), 1)
        assert await text_of(connector, call(**way, prefill=one)) == FULL


@pytest.mark.parametrize("server", [Server.VLLM, Server.LLAMA_CPP, Server.OPENAI])
async def test_completion_goes_on(
    session: aiohttp.ClientSession, way: dict[str, bool], server: Server
) -> None:
    async with FakeProvider(ProviderSpec("p", server)) as provider:
        attempt = call(Operation.COMPLETION, **way, body={"prompt": PROMPT}, prefill=SAID)
        assert SAID.text + await text_of(of(provider, session), attempt) == FULL


async def test_completion_of_ollama_goes_on_where_the_prompt_is_raw(
    session: aiohttp.ClientSession, way: dict[str, bool]
) -> None:
    body = {"prompt": PROMPT, "raw": True}
    async with FakeProvider(ProviderSpec("p", Server.OLLAMA)) as provider:
        connector = of(provider, session)
        attempt = call(Operation.COMPLETION, **way, body=body, prefill=SAID)
        assert SAID.text + await text_of(connector, attempt) == FULL
        attempt = call(Operation.COMPLETION, **way, body={"prompt": PROMPT}, prefill=SAID)
        error = await failure_of(connector, attempt)
    assert error.outcome_class is OutcomeClass.INVALID_REQUEST
    assert "raw" in error.message


@pytest.mark.parametrize("server", GOES_ON)
async def test_limit_is_lowered(
    session: aiohttp.ClientSession, way: dict[str, bool], server: Server
) -> None:
    async with FakeProvider(ProviderSpec("p", server)) as provider:
        connector = of(provider, session)
        body = CHAT | {"max_tokens": 6}
        text = await text_of(connector, call(**way, body=body, prefill=SAID))
        assert SAID.text + text == expected_text(MODEL, PROMPT, 6)


@pytest.mark.parametrize("server", [Server.VLLM, Server.OLLAMA])
async def test_refused(
    session: aiohttp.ClientSession, way: dict[str, bool], server: Server
) -> None:
    async with FakeProvider(ProviderSpec("p", server)) as provider:
        await provider.behave(Behaviour(faults=(Fault(FaultKind.PREFILL_REFUSED),)))
        error = await failure_of(of(provider, session), call(**way, prefill=SAID))
    assert (error.outcome_class, error.status) == (OutcomeClass.INVALID_REQUEST, 400)


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ({"max_tokens": 10}, {"max_tokens": 6}),
        (
            {"max_completion_tokens": 9, "max_tokens": 3},
            {"max_completion_tokens": 5, "max_tokens": 1},
        ),
        ({"max_tokens": None}, {"max_tokens": None}),
        ({"x_new": {"a": [1.10]}}, {"x_new": {"a": [1.1]}}),
    ],
)
async def test_what_is_sent_to_an_openai_server(
    upstream: ScriptedServer,
    session: aiohttp.ClientSession,
    own: dict[str, Any],
    sent: dict[str, Any],
) -> None:
    wire = OpenAiWire()
    described = Provider("vllm", f"http://127.0.0.1:{upstream.port}")
    connector = connectors.build(described, session, overlay=overlay, environ={})
    upstream.answer(*stream(wire, wire.text("a"), *wire.ending()))
    assert await text_of(connector, call(stream=True, body=CHAT | own, prefill=SAID)) == "a"
    assert upstream.requests[0].json == {
        "model": MODEL,
        "stream": True,
        "messages": [*CHAT["messages"], {"role": "assistant", "content": SAID.text}],
        "continue_final_message": True,
        "add_generation_prompt": False,
        **sent,
    }


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"max_tokens": 10}, 6),
        ({"options": {"num_predict": 2}}, 1),
        ({"options": {"num_predict": -1}}, -1),
    ],
)
async def test_what_is_sent_to_ollama(
    upstream: ScriptedServer, session: aiohttp.ClientSession, options: dict[str, Any], sent: int
) -> None:
    wire = OllamaWire()
    described = Provider("ollama", f"http://127.0.0.1:{upstream.port}")
    connector = connectors.build(described, session, overlay=overlay, environ={})
    upstream.answer(*stream(wire, wire.text("a"), *wire.ending()))
    assert await text_of(connector, call(stream=True, body=CHAT | options, prefill=SAID)) == "a"
    request = upstream.requests[0].json
    assert request["messages"][-1] == {"role": "assistant", "content": SAID.text}
    assert request["options"]["num_predict"] == sent


@pytest.mark.parametrize(
    ("operation", "body", "place"),
    [
        (Operation.CHAT, {"messages": []}, "messages"),
        (Operation.CHAT, {"messages": "hi"}, "messages"),
        (Operation.CHAT, {"messages": [{"role": "assistant", "content": "so"}]}, "messages"),
        (Operation.CHAT, {}, "messages"),
        (Operation.COMPLETION, {"prompt": ["a", "b"]}, "prompt"),
        (Operation.COMPLETION, {"prompt": [1, 2]}, "prompt"),
        (Operation.COMPLETION, {}, "prompt"),
    ],
)
async def test_what_cannot_be_gone_on_from_is_not_sent(
    upstream: ScriptedServer,
    connector: HttpConnector,
    operation: Operation,
    body: dict[str, Any],
    place: str,
) -> None:
    error = await failure_of(connector, call(operation, stream=True, body=body, prefill=SAID))
    assert error.outcome_class is OutcomeClass.INVALID_REQUEST
    assert place in error.message
    assert upstream.requests == []


async def test_repetition_in_pieces_and_the_role_before_it(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    again = [SAID.text[at : at + 3] for at in range(0, len(SAID.text), 3)]
    again[-1] += " and"
    texts = [wire.text(piece) for piece in [*again, " so on"]]
    upstream.answer(*stream(wire, wire.opening(), *texts, *wire.ending()))
    assert await text_of(connector, call(**way, prefill=SAID)) == " and so on"


async def test_beginning_that_only_looks_like_a_repetition(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector, way: dict[str, bool]
) -> None:
    for pieces in (
        [SAID.text[:5], SAID.text[5:9], "else"],
        [SAID.text[:5]],
        [SAID.text[:-1] + "?"],
    ):
        upstream.answer(*stream(wire, *map(wire.text, pieces), *wire.ending()))
        assert await text_of(connector, call(**way, prefill=SAID)) == "".join(pieces)


async def test_repetition_in_a_whole_answer_instead_of_the_stream(
    wire: Wire, upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(sized(wire.whole(SAID.text + " so on")))
    assert await text_of(connector, call(assembled=True, prefill=SAID)) == " so on"
