"""The fake fleet tells its load truly, on the pages its servers have, and breaks them on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from router_service.testing import Behaviour, FakeProvider, Fault, FaultKind, ProviderSpec, Server

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": False}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def url(provider: FakeProvider, path: str) -> str:
    return f"http://127.0.0.1:{provider.port}{path}"


async def loaded(provider: FakeProvider, session: aiohttp.ClientSession) -> list[str]:
    async with session.get(url(provider, "/api/ps")) as response:
        return [model["name"] for model in (await response.json())["models"]]


async def test_a_model_is_in_memory_once_it_was_asked(session: aiohttp.ClientSession) -> None:
    warm = Behaviour(loaded=("warm:7b",))
    async with FakeProvider(ProviderSpec("p", Server.OLLAMA, behaviour=warm)) as provider:
        assert await loaded(provider, session) == ["warm:7b"]
        await (await session.post(url(provider, "/api/chat"), json=CHAT)).read()
        assert await loaded(provider, session) == ["warm:7b", "m:latest"]
        await provider.kill()
        await provider.restart()
        assert await loaded(provider, session) == ["warm:7b"]


async def test_a_refused_request_loads_nothing(session: aiohttp.ClientSession) -> None:
    broken = Behaviour(faults=(Fault(FaultKind.STATUS, status=500),))
    async with FakeProvider(ProviderSpec("p", Server.OLLAMA, behaviour=broken)) as provider:
        assert (await session.post(url(provider, "/api/chat"), json=CHAT)).status == 500
        assert await loaded(provider, session) == []


PAGES = [
    (Server.VLLM, "/metrics", 404),
    (Server.LLAMA_CPP, "/metrics", 501),
    (Server.LLAMA_CPP, "/slots", 501),
    (Server.OLLAMA, "/api/ps", 404),
]


@pytest.mark.parametrize(("server", "path", "status"), PAGES)
async def test_a_page_can_be_switched_off_or_broken(
    server: Server, path: str, status: int, session: aiohttp.ClientSession
) -> None:
    async with FakeProvider(ProviderSpec("p", server)) as provider:
        async with session.get(url(provider, path)) as healthy:
            assert healthy.status == 200
            whole = await healthy.text()
        await provider.behave(Behaviour(faults=(Fault(FaultKind.LOAD_MISSING, times=1),)))
        assert (await session.get(url(provider, path))).status == status
        assert (await session.get(url(provider, path))).status == 200
        await provider.behave(Behaviour(faults=(Fault(FaultKind.LOAD_MALFORMED),)))
        async with session.get(url(provider, path)) as broken:
            assert await broken.text() != whole


async def test_a_page_can_be_silent(session: aiohttp.ClientSession) -> None:
    async with FakeProvider(ProviderSpec("p", Server.VLLM)) as provider:
        await provider.behave(Behaviour(faults=(Fault(FaultKind.LOAD_SILENCE),)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.get(url(provider, "/metrics"))
        assert (await session.get(url(provider, "/v1/models"))).status == 200
        await provider.behave(Behaviour(faults=(Fault(FaultKind.LOAD_SILENCE, seconds=0.01),)))
        assert (await session.get(url(provider, "/metrics"))).status == 200


async def test_faults_of_polls_and_of_requests_do_not_mix(session: aiohttp.ClientSession) -> None:
    faults = (Fault(FaultKind.LOAD_MISSING, path="/metrics"), Fault(FaultKind.STATUS, every=2))
    async with FakeProvider(ProviderSpec("p", Server.LLAMA_CPP)) as provider:
        await provider.behave(Behaviour(faults=faults))
        chat = url(provider, "/v1/chat/completions")
        statuses = []
        for _ in range(2):
            statuses.append((await session.get(url(provider, "/metrics"))).status)
            statuses.append((await session.get(url(provider, "/slots"))).status)
            statuses.append((await session.post(chat, json=CHAT)).status)
        assert statuses == [501, 200, 200, 501, 200, 500]
