"""Load signals over HTTP: true figures from every server of the fake fleet, and every way a page
can fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from router_service import connectors
from router_service.connectors import HttpConnector
from router_service.connectors.load_signals import MAX_SIGNALS
from router_service.errors import UpstreamError
from router_service.testing import (
    Behaviour,
    FakeProvider,
    Fault,
    FaultKind,
    ProviderSpec,
    Server,
)
from router_service.types import LoadSignals, Operation, OutcomeClass, UpstreamCall

from .scripted import (
    GENEROUS,
    Act,
    OllamaWire,
    OpenAiWire,
    Provider,
    ScriptedServer,
    Wire,
    overlay,
    refusal,
    sized,
)

PATIENT_S = 20.0
KINDS = {Server.OLLAMA: "ollama", Server.VLLM: "vllm"}
TELLING = [Server.VLLM, Server.LLAMA_CPP, Server.OLLAMA]
HANG = Fault(FaultKind.STALL)

Start = Callable[[Server], Awaitable[tuple[FakeProvider, HttpConnector]]]


@pytest.fixture
async def start(session: aiohttp.ClientSession) -> AsyncIterator[Start]:
    running: list[FakeProvider] = []

    async def begin(server: Server) -> tuple[FakeProvider, HttpConnector]:
        provider = FakeProvider(ProviderSpec("p", server, models=("m",)))
        running.append(provider)
        await provider.start()
        described = Provider(KINDS.get(server, "openai"), provider.base_url)
        return provider, connectors.build(described, session, overlay=overlay, environ={})

    yield begin
    await asyncio.gather(*(provider.stop() for provider in running))


async def ask(connector: HttpConnector) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "hello"}]}).encode()
    call = UpstreamCall(Operation.CHAT, body, "m", stream=False, limits=GENEROUS)
    async for _ in connector.events(call):
        pass


async def told(connector: HttpConnector, expected: LoadSignals) -> None:
    """Wait until these are the figures; requests take a moment to arrive."""
    while True:
        if await connector.signals(PATIENT_S) == expected:
            return
        await asyncio.sleep(0.005)


IDLE = {
    Server.VLLM: LoadSignals(0, 0, 0.0),
    Server.LLAMA_CPP: LoadSignals(0, 0),
    Server.OLLAMA: LoadSignals(loaded=()),
    Server.LLAMA_CPP_PYTHON: LoadSignals(),
    Server.OPENAI: LoadSignals(),
}
BUSY = {
    Server.VLLM: LoadSignals(2, 1, 1.0),
    Server.LLAMA_CPP: LoadSignals(2, 1),
    Server.OLLAMA: LoadSignals(loaded=("m:latest", "m")),
    Server.LLAMA_CPP_PYTHON: LoadSignals(),
    Server.OPENAI: LoadSignals(),
}


@pytest.mark.parametrize("server", Server)
async def test_the_figures_are_those_of_the_server(start: Start, server: Server) -> None:
    provider, connector = await start(server)
    assert await connector.signals(PATIENT_S) == IDLE[server]
    await provider.behave(Behaviour(slots=2, queue=5, faults=(HANG,)))
    requests = [asyncio.create_task(ask(connector)) for _ in range(3)]
    await told(connector, BUSY[server])
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)


async def test_slots_stand_in_for_metrics(start: Start) -> None:
    provider, connector = await start(Server.LLAMA_CPP)
    off = Fault(FaultKind.LOAD_MISSING, path="/metrics")
    await provider.behave(Behaviour(faults=(off, HANG)))
    request = asyncio.create_task(ask(connector))
    await told(connector, LoadSignals(running=1))
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)


@pytest.mark.parametrize("server", TELLING)
async def test_pages_that_are_off_tell_nothing(start: Start, server: Server) -> None:
    provider, connector = await start(server)
    await provider.behave(Behaviour(faults=(Fault(FaultKind.LOAD_MISSING),)))
    assert await connector.signals(PATIENT_S) == LoadSignals()


@pytest.mark.parametrize("server", TELLING)
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (FaultKind.LOAD_MALFORMED, OutcomeClass.SERVER_ERROR),
        (FaultKind.LOAD_SILENCE, OutcomeClass.DEADLINE),
        (FaultKind.REFUSE, OutcomeClass.UNREACHABLE),
    ],
)
async def test_a_page_that_fails(
    start: Start, server: Server, fault: FaultKind, expected: OutcomeClass
) -> None:
    provider, connector = await start(server)
    await provider.behave(Behaviour(faults=(Fault(fault),)))
    with pytest.raises(UpstreamError) as caught:
        await connector.signals(0.1 if fault is FaultKind.LOAD_SILENCE else PATIENT_S)
    assert caught.value.outcome_class is expected


@pytest.mark.parametrize("server", TELLING)
async def test_a_slow_page_in_time_is_read(start: Start, server: Server) -> None:
    provider, connector = await start(server)
    slow = Fault(FaultKind.LOAD_SILENCE, seconds=0.02)
    await provider.behave(Behaviour(faults=(slow,)))
    assert await connector.signals(PATIENT_S) == IDLE[server]


async def test_a_page_past_its_bound_is_refused(
    upstream: ScriptedServer, connector: HttpConnector
) -> None:
    upstream.answer(sized(b"#" * (MAX_SIGNALS + 1), "text/plain"))
    with pytest.raises(UpstreamError, match="larger than") as caught:
        await connector.signals(PATIENT_S)
    assert caught.value.outcome_class is OutcomeClass.SERVER_ERROR


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_an_error_is_no_missing_page(
    upstream: ScriptedServer, connector: HttpConnector, status: int
) -> None:
    upstream.answer(refusal(status))
    with pytest.raises(UpstreamError) as caught:
        await connector.signals(PATIENT_S)
    assert caught.value.status == status
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("wire", "paths"),
    [(OpenAiWire(), ["/metrics", "/slots"]), (OllamaWire(), ["/api/ps"])],
    ids=["openai", "ollama"],
)
async def test_pages_are_asked_for_at_the_servers_root(
    wire: Wire, paths: list[str], upstream: ScriptedServer, session: aiohttp.ClientSession
) -> None:
    base_url = f"http://127.0.0.1:{upstream.port}/deep/v1/"
    provider = Provider(wire.kind, base_url, "p", "KEY")
    connector = connectors.build(provider, session, overlay=overlay, environ={"KEY": "secret"})
    upstream.answer(refusal(404))
    assert await connector.signals(PATIENT_S) == LoadSignals()
    lines = [request.line for request in upstream.requests]
    assert lines == [f"GET /deep{path} HTTP/1.1" for path in paths]
    assert all(r.headers["authorization"] == "Bearer secret" for r in upstream.requests)


async def test_the_time_limit_is_for_all_pages_together(
    upstream: ScriptedServer, session: aiohttp.ClientSession
) -> None:
    provider = Provider("openai", f"http://127.0.0.1:{upstream.port}/v1")
    connector = connectors.build(provider, session, overlay=overlay, environ={})
    upstream.scripts = [[refusal(404)], [Act.HOLD]]
    with pytest.raises(UpstreamError) as caught:
        await connector.signals(0.1)
    assert caught.value.outcome_class is OutcomeClass.DEADLINE
    await upstream.left.wait()
