"""Bodies: too large, too slow, compressed, of a type that cannot be read."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator

import pytest

from router_service.faces.http import HttpLimits

from .fakes import Face, StartFace

PATH = "/v1/chat/completions"
SMALL = HttpLimits(max_body_bytes=1000)


async def test_a_declared_large_body_is_refused_before_it_comes(start_face: StartFace) -> None:
    face = await start_face(limits=SMALL)
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n"
    writer.write(head.encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert answer.startswith("HTTP/1.1 413 ")
    assert "connection: close" in answer.lower()
    writer.close()


async def test_a_large_body_of_unknown_length_is_refused_on_the_way(start_face: StartFace) -> None:
    face = await start_face(limits=SMALL)
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(40):
            sent += 1
            yield b"x" * 500

    response, body = await face.post(PATH, data=pieces())
    assert response.status == 413
    assert body["error"]["code"] == "body_too_large"
    assert "1000 bytes" in body["error"]["message"]
    assert "http.max_body_bytes" in body["error"]["message"]
    assert not face.service.incoming


async def test_a_body_of_twenty_megabytes_gets_its_answer(face: Face) -> None:
    response, body = await face.post(PATH, data=io.BytesIO(b"x" * 20_000_000))
    assert response.status == 413
    assert "16777216" in body["error"]["message"]


async def test_a_body_at_the_limit_passes(start_face: StartFace) -> None:
    face = await start_face(limits=SMALL)
    response, _ = await face.post(PATH, data=b"x" * 1000)
    assert response.status == 200
    assert face.service.incoming[0].body == b"x" * 1000


async def test_gzip_is_read(face: Face) -> None:
    plain = b'{"model": "code"}'
    response, _ = await face.post(
        PATH, data=gzip.compress(plain), headers={"Content-Encoding": "gzip"}
    )
    assert response.status == 200
    assert face.service.incoming[0].body == plain


async def test_a_small_body_that_grows_is_refused(start_face: StartFace) -> None:
    face = await start_face(limits=SMALL)
    bomb = gzip.compress(b"x" * 900_000)[:999]
    response, _ = await face.post(PATH, data=bomb, headers={"Content-Encoding": "gzip"})
    assert response.status == 413


async def test_false_gzip_is_refused(face: Face) -> None:
    response, body = await face.post(PATH, data=b"plain", headers={"Content-Encoding": "gzip"})
    assert response.status == 400
    assert "Content-Encoding" in body["error"]["message"]
    assert not face.service.incoming


async def test_a_body_that_never_comes_is_given_up(start_face: StartFace) -> None:
    face = await start_face(limits=HttpLimits(body_timeout_s=0.05))
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()
    assert not face.service.incoming


async def test_a_body_slower_than_the_deadline_is_given_up_then(start_face: StartFace) -> None:
    face = await start_face()
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    headers = "Host: x\r\nx-request-timeout: 0.1\r\nContent-Length: 10\r\n\r\n"
    writer.write(f"POST {PATH} HTTP/1.1\r\n{headers}abc".encode())
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 504 ")
    writer.close()
    assert not face.service.incoming


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain", "Origin": "https://example.org"},
        {"Origin": "https://example.org"},
    ],
)
async def test_forms_and_browsers_without_json_are_refused(
    face: Face, headers: dict[str, str]
) -> None:
    skip = () if "Content-Type" in headers else ("Content-Type",)
    response, body = await face.post(PATH, data=b"{}", headers=headers, skip_auto_headers=skip)
    assert response.status == 415
    assert "application/json" in body["error"]["message"]
    assert not face.service.incoming


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-8", "Origin": "https://example.org"},
    ],
)
async def test_lax_clients_and_honest_browsers_pass(face: Face, headers: dict[str, str]) -> None:
    response, _ = await face.post(PATH, data=b"{}", headers=headers)
    assert response.status == 200
