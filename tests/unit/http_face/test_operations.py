"""Models, health, metrics, keys, and the server's own start and stop."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from router_service.errors import ServiceConfigRejected
from router_service.faces.auth import Keys
from router_service.faces.http import create_http_app, start_http
from router_service.types import Answer, Incoming

from .fakes import Face, FakeService, StartFace

PATH = "/v1/chat/completions"
KEYS = Keys({"sk-a": "team-a"})


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
async def test_every_name_one_may_ask_for_is_listed_once(face: Face, path: str) -> None:
    _, answer = await face.get(path)
    assert answer["object"] == "list"
    assert [(entry["id"], entry["kind"]) for entry in answer["data"]] == [
        ("llama3.1:latest", "model"),
        ("meta-llama/Llama-3.2-3B-Instruct", "model"),
        ("code", "capability"),
        ("chat", "capability"),
        ("general-chat", "pool"),
    ]
    for entry in answer["data"]:
        assert entry["object"] == "model"
        assert isinstance(entry["created"], int)
        assert entry["owned_by"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("llama3.1:latest", "llama3.1:latest"),
        ("llama3.1:8b", "llama3.1:latest"),
        ("meta-llama/Llama-3.2-3B-Instruct", "meta-llama/Llama-3.2-3B-Instruct"),
        ("meta-llama%2FLlama-3.2-3B-Instruct", "meta-llama/Llama-3.2-3B-Instruct"),
        ("code", "code"),
    ],
)
async def test_one_model_by_name_or_alias(face: Face, name: str, found: str) -> None:
    response, answer = await face.get(f"/v1/models/{name}")
    assert response.status == 200
    assert answer["id"] == found


@pytest.mark.parametrize("name", ["gpt-5", "dolphin-vllm"])
async def test_an_unknown_or_disabled_model_is_not_there(face: Face, name: str) -> None:
    response, answer = await face.get(f"/v1/models/{name}")
    assert response.status == 404
    assert answer["error"]["code"] == "model_not_found"
    assert name in answer["error"]["message"]


async def test_alive_is_not_the_same_as_ready(face: Face) -> None:
    assert (await face.get("/ready"))[1] == {"status": "ready"}
    face.service.draining = True
    response, answer = await face.get("/ready")
    assert (response.status, answer) == (503, {"status": "draining"})
    assert (await face.get("/health"))[0].status == 200


async def test_metrics_in_the_form_asked_for(face: Face) -> None:
    async with face.client.get("/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        assert "router_tests_total 1.0" in await response.text()
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with face.client.get("/metrics", headers=accept) as response:
        assert response.content_type == "application/openmetrics-text"
        assert (await response.text()).endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/health", "/ready", "/health/liveliness", "/health/readiness"])
async def test_watchers_need_no_key(start_face: StartFace, path: str) -> None:
    face = await start_face(keys=KEYS)
    assert (await face.get(path))[0].status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", PATH), ("POST", "/v1/route"), ("GET", "/v1/models"), ("GET", "/metrics")],
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-b"}])
async def test_everything_else_does(
    start_face: StartFace, method: str, path: str, headers: dict[str, str]
) -> None:
    face = await start_face(keys=KEYS)
    async with face.client.request(method, path, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json())["error"]["code"] == "invalid_api_key"
    assert not face.service.incoming


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer sk-a"}, {"x-api-key": "sk-a"}, {"api-key": "sk-a"}]
)
async def test_the_key_names_the_principal(start_face: StartFace, headers: dict[str, str]) -> None:
    face = await start_face(keys=KEYS)
    response, _ = await face.post(PATH, data=b"{}", headers=headers)
    assert response.status == 200
    (incoming,) = face.service.incoming
    assert incoming.principal == "team-a"
    assert "sk-a" not in "".join(incoming.headers.values())


async def test_a_taken_port_is_told_with_the_fix(face: Face) -> None:
    app = create_http_app(face.service, keys=Keys({}), registry=CollectorRegistry())
    with pytest.raises(ServiceConfigRejected, match=rf"port in use: 127.0.0.1:{face.port}.*http"):
        await start_http(app, "127.0.0.1", face.port, drain_timeout_s=1.0)


async def test_an_impossible_address_is_told_with_the_fix() -> None:
    app = create_http_app(FakeService(), keys=Keys({}), registry=CollectorRegistry())
    with pytest.raises(
        ServiceConfigRejected, match=r"cannot listen on 203\.0\.113\.1:0.*http.host"
    ):
        await start_http(app, "203.0.113.1", 0, drain_timeout_s=1.0)


async def test_stopping_lets_a_running_request_finish() -> None:
    service = FakeService()
    running, go_on = asyncio.Event(), asyncio.Event()

    async def opening(_incoming: Incoming) -> Answer:
        running.set()
        await go_on.wait()
        return service.answer

    service.opening = opening
    app = create_http_app(service, keys=Keys({}), registry=CollectorRegistry())
    server = await start_http(app, "127.0.0.1", 0, drain_timeout_s=30.0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        request = asyncio.create_task(client.post(PATH, data=b"{}"))
        await running.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        go_on.set()
        async with await request as response:
            assert response.status == 200
            assert await response.read() == service.answer.body
        await stopping
