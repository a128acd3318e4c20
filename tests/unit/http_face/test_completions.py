"""Whole answers: what goes to the service, what comes back, and what says who answered."""

from __future__ import annotations

import asyncio

import pytest

from router_service.types import Answer, Attributes, Operation

from .fakes import WHOLE, Face, served

BODY = b'{"model":"llama3.1:8b","messages":[],"unknown_field":1.50}'
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("prefix", ["/v1", ""])
@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/chat/completions", Operation.CHAT),
        ("/completions", Operation.COMPLETION),
        ("/embeddings", Operation.EMBEDDING),
    ],
)
async def test_bytes_pass_untouched(
    face: Face, prefix: str, path: str, operation: Operation
) -> None:
    async with face.client.post(prefix + path, data=BODY, headers=JSON) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert await response.read() == WHOLE
    (incoming,) = face.service.incoming
    assert incoming.operation is operation
    assert incoming.body == BODY
    assert incoming.face == "http"
    assert incoming.principal == "anonymous"
    assert incoming.timeout_s is None


async def test_headers_say_what_served(face: Face) -> None:
    face.service.answer = Answer(served(deprecated="code"), WHOLE, "", "stop", None)
    response, _ = await face.post("/v1/chat/completions", data=BODY)
    routed = {k: v for k, v in response.headers.items() if k.startswith("x-router-")}
    assert routed == {
        "x-router-decision-id": "d-1",
        "x-router-model": "llama3.1:latest",
        "x-router-provider": "ollama",
        "x-router-upstream-model": "llama3.1:8b",
        "x-router-rule": "exact",
        "x-router-strategy": "weighted",
        "x-router-attempts": "2",
        "x-router-table-version": "00112233aabbccdd",
        "x-router-deprecated": "use code",
    }


async def test_a_model_name_cannot_write_headers(face: Face) -> None:
    hostile = served(model="a\r\nset-cookie: x=1", upstream_model="modèle/7b")
    face.service.answer = Answer(hostile, WHOLE, "", "stop", None)
    response, _ = await face.post("/v1/chat/completions", data=BODY)
    assert response.headers["x-router-model"] == "a%0D%0Aset-cookie: x%3D1"
    assert response.headers["x-router-upstream-model"] == "mod%C3%A8le/7b"
    assert "set-cookie" not in response.headers


async def test_headers_become_attributes_and_credentials_stay_here(face: Face) -> None:
    await face.post(
        "/v1/chat/completions",
        data=BODY,
        headers={
            "X-Priority": "high",
            "X-Batch-Size": "3",
            "Authorization": "Bearer sk-secret",
            "Cookie": "a=b",
            "X-Request-Timeout": "2.5",
            "Traceparent": "00-1-2-01",
        },
    )
    (incoming,) = face.service.incoming
    assert incoming.attributes == Attributes(priority="high", batch_size=3)
    assert incoming.timeout_s == 2.5
    assert incoming.headers["traceparent"] == "00-1-2-01"
    assert not {"authorization", "cookie"} & incoming.headers.keys()


async def test_a_sane_request_id_is_kept(face: Face) -> None:
    kept = "req_42-ü".replace("ü", "u")
    response, _ = await face.post("/v1/chat/completions", data=BODY, headers={"X-Request-Id": kept})
    assert face.service.incoming[0].request_id == kept
    assert response.headers["x-request-id"] == kept


@pytest.mark.parametrize("given", ["", "a b", "é", "x" * 129])
async def test_any_other_request_id_is_replaced(face: Face, given: str) -> None:
    await face.post("/v1/chat/completions", data=BODY, headers={"X-Request-Id": given})
    made = face.service.incoming[0].request_id
    assert made != given
    assert len(made) == 32


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-request-timeout", "soon"),
        ("x-request-timeout", "0"),
        ("x-request-timeout", "-1"),
        ("x-request-timeout", "nan"),
        ("x-request-timeout", "inf"),
        ("x-batch-size", "many"),
    ],
)
async def test_a_bad_header_is_named(face: Face, header: str, value: str) -> None:
    response, body = await face.post("/v1/chat/completions", data=BODY, headers={header: value})
    assert response.status == 400
    assert body["error"]["param"] == header
    assert header in body["error"]["message"]
    assert not face.service.incoming


async def test_a_header_that_is_no_text_is_named(face: Face) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    writer.write(b"POST /v1/route HTTP/1.0\r\nX-Anything: \xff\r\nContent-Length: 0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert b"header x-anything" in answer
    assert not face.service.queries
