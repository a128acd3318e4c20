"""The HTTP face on a real socket, in front of a service whose answers each test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from router_service.faces.auth import Keys
from router_service.faces.http import HttpLimits, create_http_app, start_http

from .fakes import Face, FakeService, StartFace


@pytest.fixture
async def start_face() -> AsyncIterator[StartFace]:
    """Starts faces with the given keys and limits; all are stopped after the test."""
    stops: list[Callable[[], Awaitable[None]]] = []

    async def start(keys: Keys | None = None, limits: HttpLimits | None = None) -> Face:
        service = FakeService()
        registry = CollectorRegistry()
        Counter("router_tests", "Counted by a test.", registry=registry).inc()
        app = create_http_app(service, keys=keys or Keys({}), registry=registry, limits=limits)
        server = await start_http(app, "127.0.0.1", 0, drain_timeout_s=1.0)
        client = aiohttp.ClientSession(f"http://127.0.0.1:{server.port}")
        stops.extend((client.close, server.stop))
        return Face(service, client, server.port)

    yield start
    for stop in stops:
        await stop()


@pytest.fixture
async def face(start_face: StartFace) -> Face:
    return await start_face()
