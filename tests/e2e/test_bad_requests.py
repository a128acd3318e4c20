"""Whatever a caller sends, the answer names the place and the fix, and the next one is served."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import Any

import grpc.aio
import pytest

from router_service.v1 import router_pb2, types_pb2

from .callers import GrpcCaller, Reply, chat, read_grpc_error
from .routers import InProcessRouter

MESSAGES = [{"role": "user", "content": "hello"}]
TWENTY_MB = 20_000_000


async def posted(
    router: InProcessRouter,
    body: bytes,
    headers: dict[str, str] | None = None,
    path: str = "/v1/chat/completions",
) -> tuple[int, dict[str, Any]]:
    """Status and the error of an OpenAI-style error answer."""
    url, json_type = router.http.url + path, {"Content-Type": "application/json"}
    sent: dict[str, Any] = {"data": BytesIO(body), "headers": json_type | (headers or {})}
    async with router.http.session.post(url, **sent) as response:
        return response.status, (await response.json())["error"]


async def refused(caller: GrpcCaller, method: str, request: Any) -> Reply:
    """How a call ends that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(caller.stub, method)(request)
    reply = Reply()
    read_grpc_error(reply, caught.value)
    return reply


async def still_serves(router: InProcessRouter) -> None:
    for face in ("http", "grpc"):
        reply = await router.face(face).ask(chat("alpha"))
        assert reply.whole, reply
    await router.idle()


BODIES: dict[str, tuple[bytes, tuple[str, ...], str | None]] = {
    "malformed": (b'{"model": "alpha",\n  "messages": [}', ("line 2", "column 16"), None),
    "cut off": (b'{"model": "alpha"', ("line 1",), None),
    "empty": (b"", ("body",), None),
    "not an object": (b"[1, 2]", ("object",), None),
    "not UTF-8": (b'{"model": "\xff\xfe"}', ("invalid unicode", "line 1"), None),
    "deeply nested": (b'{"model": ' + b"[" * 100_000, ("line 1",), None),
    "model of a wrong type": (b'{"model": 5, "messages": []}', ("model",), "model"),
    "no model": (json.dumps({"messages": MESSAGES}).encode(), ("model",), "model"),
    "messages of a wrong type": (b'{"model": "alpha", "messages": "hi"}', ("list",), "messages"),
    "max_tokens of a wrong type": (
        json.dumps(chat("alpha", max_tokens="many")).encode(),
        ("max_tokens",),
        "max_tokens",
    ),
    "tools of a wrong type": (
        json.dumps(chat("alpha", tools="hammer")).encode(),
        ("tools", "list"),
        "tools",
    ),
}


@pytest.mark.parametrize("case", BODIES)
async def test_a_bad_body(router: InProcessRouter, case: str) -> None:
    body, words, param = BODIES[case]
    status, error = await posted(router, body)
    assert status == 400, error
    assert error["type"] == "invalid_request_error"
    assert all(word in error["message"] for word in words), error
    assert error["param"] == param
    reply = await refused(router.grpc, "Generate", router_pb2.GenerateRequest(openai_body=body))
    assert reply.status == "INVALID_ARGUMENT", reply
    assert reply.message
    await still_serves(router)


async def test_a_stream_member_that_is_no_switch(router: InProcessRouter) -> None:
    status, error = await posted(router, json.dumps(chat("alpha", stream="yes")).encode())
    assert status == 400
    assert error["param"] == "stream"
    await still_serves(router)


async def test_twenty_megabytes(router: InProcessRouter) -> None:
    body = json.dumps(chat("alpha", "x" * TWENTY_MB)).encode()
    status, error = await posted(router, body)
    assert status == 413
    assert "http.max_body_bytes" in error["message"]
    assert str(16 * 1024 * 1024) in error["message"]
    request = router_pb2.GenerateRequest(openai_body=body)
    reply = await refused(router.grpc, "Generate", request)
    assert reply.status == "INVALID_ARGUMENT", reply
    assert "tokens" in reply.message
    await still_serves(router)


async def test_more_than_a_message_may_hold(router: InProcessRouter) -> None:
    request = router_pb2.GenerateRequest(model="alpha", prompt="x" * 21 * 1024 * 1024)
    reply = await refused(router.grpc, "Generate", request)
    assert reply.status == "INVALID_ARGUMENT"
    assert str(20 * 1024 * 1024) in reply.message
    assert "grpc.max_message_bytes" in reply.message
    await still_serves(router)


async def test_an_unknown_model_is_refused_with_the_closest_names(
    router: InProcessRouter, face: str, stream: bool
) -> None:
    reply = await router.face(face).ask(chat("alpho", stream=stream))
    assert reply.status == (404 if face == "http" else "NOT_FOUND")
    assert reply.code == ("model_not_found" if face == "http" else "unknown_model")
    assert "alpho" in reply.message
    assert "alpha" in reply.message
    await still_serves(router)


Generate = router_pb2.GenerateRequest
Route = router_pb2.RouteRequest
Outcome = types_pb2.Outcome
FIELDS: dict[str, tuple[str, Any, str]] = {
    "nothing at all": ("Generate", Generate(), "model"),
    "no input": ("Generate", Generate(model="alpha"), "input"),
    "unknown operation": (
        "Generate",
        Generate(model="alpha", prompt="x", operation=99),
        "operation",
    ),
    "negative limit": (
        "Generate",
        Generate(model="alpha", prompt="x", max_tokens=-1),
        "max_tokens",
    ),
    "no number": (
        "Generate",
        Generate(model="alpha", prompt="x", temperature=float("nan")),
        "temperature",
    ),
    "tools that are no JSON": (
        "Generate",
        Generate(model="alpha", prompt="x", tools=b"{"),
        "tools",
    ),
    "an endless name": ("Route", Route(model="x" * 600), "model"),
    "negative tokens": ("Route", Route(model="alpha", prompt_tokens=-5), "prompt_tokens"),
    "a batch of none": (
        "Route",
        Route(model="alpha", attributes=types_pb2.Attributes(batch_size=0)),
        "batch_size",
    ),
    "unknown capability": (
        "Route",
        Route(attributes=types_pb2.Attributes(capability="telepathy")),
        "capability",
    ),
    "an empty batch": ("RouteBatch", router_pb2.RouteBatchRequest(), "requests"),
    "no outcome": ("ReportOutcome", router_pb2.ReportOutcomeRequest(permit="p"), "outcome"),
    "a strange status": (
        "ReportOutcome",
        router_pb2.ReportOutcomeRequest(
            permit="p", outcome=Outcome(outcome_class=types_pb2.OUTCOME_CLASS_SUCCESS, status=7)
        ),
        "status",
    ),
}


@pytest.mark.parametrize("case", FIELDS)
async def test_nonsense_in_fields(router: InProcessRouter, case: str) -> None:
    method, request, place = FIELDS[case]
    reply = await refused(router.grpc, method, request)
    assert reply.status in ("INVALID_ARGUMENT", "NOT_FOUND"), reply
    assert place in reply.message
    await still_serves(router)


async def test_bytes_that_are_no_message(router: InProcessRouter) -> None:
    target = f"127.0.0.1:{router.service.grpc_port}"
    async with grpc.aio.insecure_channel(target) as channel:
        call: Any = channel.unary_unary("/router_service.v1.RouterService/Route")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"\xff\xff\xff\xff")
    assert caught.value.code().name == "INVALID_ARGUMENT"
    await still_serves(router)


async def test_an_unknown_method(router: InProcessRouter) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{router.service.grpc_port}") as channel:
        unknown: Any = channel.unary_unary("/router_service.v1.RouterService/Nothing")
        with pytest.raises(grpc.aio.AioRpcError) as no_method:
            await unknown(b"")
    assert no_method.value.code().name == "UNIMPLEMENTED"
    await still_serves(router)


async def test_an_unknown_path_and_a_wrong_method(router: InProcessRouter) -> None:
    status, error = await posted(router, b"{}", path="/v1/chat/completion")
    assert status == 404
    assert "/v1/chat/completions" in error["message"]
    async with router.http.session.get(f"{router.http.url}/v1/chat/completions") as response:
        assert response.status == 405
        assert "POST" in response.headers["Allow"]
        assert "takes POST" in (await response.json())["error"]["message"]
    await still_serves(router)


HEADERS = {
    "x-batch-size": "-1",
    "x-batch-mode": "perhaps",
    "x-request-count": "many",
    "x-request-timeout": "soon",
    "x-capability": "telepathy",
    "x-routing-strategy": "hearsay",
}


@pytest.mark.parametrize("name", HEADERS)
async def test_a_bad_header(router: InProcessRouter, name: str) -> None:
    body = json.dumps(chat("alpha")).encode()
    status, error = await posted(router, body, {name: HEADERS[name]})
    assert status in (400, 404), error
    assert HEADERS[name] in error["message"]
    assert name.rpartition("-")[2] in error["message"], error
    await still_serves(router)


async def test_a_form_is_no_json(router: InProcessRouter) -> None:
    status, error = await posted(router, b"a=b", {"Content-Type": "multipart/form-data"})
    assert status == 415
    assert "application/json" in error["message"]


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=["bad length", "bad version", "huge header"],
)
async def test_what_is_no_http(router: InProcessRouter, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", router.service.http_port)
    writer.write(raw)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer[:200]
    assert b"Traceback" not in answer
    await still_serves(router)
