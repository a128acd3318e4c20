"""A connector of each kind, joined to a server that plays scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from router_service import connectors
from router_service.connectors import HttpConnector

from .scripted import OllamaWire, OpenAiWire, Provider, ScriptedServer, Wire, overlay


@pytest.fixture(params=[OpenAiWire(), OllamaWire()], ids=["openai", "ollama"])
def wire(request: pytest.FixtureRequest) -> Wire:
    return request.param


@pytest.fixture(params=["stream", "assembled"])
def way(request: pytest.FixtureRequest) -> dict[str, bool]:
    """The two calls that ask a provider for a stream."""
    return {request.param: True}


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer()
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    yield scripted
    server.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with connectors.open_session() as opened:
        yield opened


@pytest.fixture
def connector(
    wire: Wire, upstream: ScriptedServer, session: aiohttp.ClientSession
) -> HttpConnector:
    provider = Provider(wire.kind, f"http://127.0.0.1:{upstream.port}")
    return connectors.build(provider, session, overlay=overlay, environ={})
