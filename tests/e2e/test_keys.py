"""API keys hold on both faces; health and readiness are open; a key goes no further."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
from click.testing import CliRunner
from grpc_health.v1 import health_pb2, health_pb2_grpc

from router_service.cli import router_service
from router_service.testing import FakeFleet

from .callers import chat
from .routers import InProcessRouter, in_process

KEY = "s3cret-key-of-ann"


@pytest.fixture
async def locked(
    routing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[InProcessRouter]:
    """A router that lets only Ann in."""
    monkeypatch.setenv("ROUTER_SERVICE_API_KEYS", f"ann:{KEY}")
    async with in_process(routing, tmp_path) as running:
        yield running


@pytest.mark.parametrize("given", [{}, {"x-api-key": "wrong"}, {"authorization": f"Basic {KEY}"}])
async def test_without_the_key_nobody_gets_in(
    locked: InProcessRouter, fleet: FakeFleet, face: str, stream: bool, given: dict[str, str]
) -> None:
    reply = await locked.face(face).ask(chat("alpha", stream=stream), headers=given)
    assert reply.status == (401 if face == "http" else "UNAUTHENTICATED")
    assert reply.code == "invalid_api_key"
    assert KEY not in reply.message
    assert await fleet["first"].log() == []


@pytest.mark.parametrize("given", [{"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
async def test_with_the_key_the_request_is_served_and_the_key_stays_here(
    locked: InProcessRouter, fleet: FakeFleet, face: str, given: dict[str, str]
) -> None:
    reply = await locked.face(face).ask(chat("alpha"), headers=given | {"x-request-id": "ann-1"})
    assert reply.whole, reply
    (entry,) = await fleet["first"].log()
    assert KEY not in json.dumps(entry.headers) + entry.body
    logged = await locked.access_log.of("ann-1")
    assert logged["principal"] == "ann"
    assert KEY not in "\n".join(locked.access_log.lines())


async def test_route_on_a_running_router_needs_the_key(
    locked: InProcessRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"127.0.0.1:{locked.service.grpc_port}"
    asked = ("route", "--model", "alpha", "--address", address, "--json")
    refused = await asyncio.to_thread(CliRunner().invoke, router_service, asked)
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["code"] == "invalid_api_key"
    monkeypatch.setenv("ROUTER_SERVICE_API_KEY", KEY)
    let_in = await asyncio.to_thread(CliRunner().invoke, router_service, asked)
    assert json.loads(let_in.stdout)["deployment"] == "alpha@first"


async def test_every_other_endpoint_is_closed_too(locked: InProcessRouter) -> None:
    session, url = locked.http.session, locked.http.url
    for path in ("/v1/models", "/metrics"):
        async with session.get(url + path) as response:
            assert response.status == 401, path
        async with session.get(url + path, headers={"x-api-key": KEY}) as response:
            assert response.status == 200, path


async def test_health_and_readiness_are_open(locked: InProcessRouter) -> None:
    for path in ("/health", "/ready"):
        async with locked.http.session.get(locked.http.url + path) as response:
            assert response.status == 200
    async with grpc.aio.insecure_channel(f"127.0.0.1:{locked.service.grpc_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
