"""Streams: relayed whole, broken openly, closed when nobody reads them."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct

import aiohttp
import pytest

from router_service.errors import DeadlineExceeded, StreamBroken
from router_service.faces.http import HttpLimits
from router_service.types import Delta, OutcomeClass

from .fakes import Face, StartFace, attempt, delta, finished, opened

PATH = "/v1/chat/completions"


async def test_a_stream_is_relayed_to_its_end(face: Face) -> None:
    face.service.stream(opened(), delta("a"), delta("b"), finished())
    async with face.client.post(PATH, data=b"{}") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert response.headers["x-router-provider"] == "ollama"
        assert response.headers["x-request-id"] == "r-1"
        text = await response.text()
    assert text == (
        'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
        'data: {"choices":[{"delta":{"content":"b"}}]}\n\n'
        "data: [DONE]\n\n"
    )
    assert face.service.closed.is_set()


async def test_events_leave_as_they_come(face: Face) -> None:
    more = asyncio.Event()
    face.service.stream(opened(), delta("a"), more, delta("b"), finished())
    async with face.client.post(PATH, data=b"{}") as response:
        assert b'"a"' in await response.content.readuntil(b"\n\n")
        more.set()
        assert b'"b"' in await response.content.readuntil(b"\n\n")


async def test_the_connection_is_kept_after_a_whole_stream(face: Face) -> None:
    for _ in range(2):
        face.service.stream(opened(), delta("a"), finished())
        async with face.client.post(PATH, data=b"{}") as response:
            await response.read()
            assert response.headers.get("Connection") != "close"


async def test_an_error_before_the_first_item_is_an_ordinary_error(face: Face) -> None:
    face.service.stream(DeadlineExceeded("too late"))
    response, body = await face.post(PATH, data=b"{}")
    assert response.status == 504
    assert body["error"]["message"] == "too late"


async def read_broken(face: Face) -> list[str]:
    """The events of a stream whose connection is cut before the body's end."""
    received = bytearray()

    async def read(content: aiohttp.StreamReader) -> None:
        async for chunk in content.iter_any():
            received.extend(chunk)

    async with face.client.post(PATH, data=b"{}") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await read(response.content)
    return received.decode().split("\n\n")


async def test_a_break_is_told_and_the_connection_cut(face: Face) -> None:
    tries = [attempt(1, OutcomeClass.STREAM_BROKEN, 200, "cut")]
    face.service.stream(opened(), delta("a"), StreamBroken("the provider broke off", tries))
    first, error, rest = await read_broken(face)
    assert '"a"' in first
    described = json.loads(error.removeprefix("data: "))["error"]
    assert described["code"] == "stream_broken"
    assert described["message"] == "the provider broke off"
    assert described["attempts"][0]["outcome"] == "stream_broken"
    assert rest == ""
    assert face.service.closed.is_set()


async def test_a_stream_that_just_ends_is_a_break(face: Face) -> None:
    face.service.stream(opened(), delta("a"))
    events = await read_broken(face)
    assert "without saying that it was complete" in events[1]
    assert "[DONE]" not in "".join(events)


async def test_an_unexpected_error_on_the_way_is_a_break_without_details(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    face.service.stream(opened(), delta("a"), ValueError("secret detail"))
    with caplog.at_level(logging.INFO):
        events = await read_broken(face)
    assert "internal error" in events[1]
    assert "secret" not in "".join(events)
    assert len([r for r in caplog.records if r.exc_info]) == 1


async def test_a_client_that_leaves_closes_the_stream(face: Face) -> None:
    face.service.stream(opened(), delta("a"), asyncio.Event())
    response = await face.client.post(PATH, data=b"{}")
    await response.content.readuntil(b"\n\n")
    assert not face.service.closed.is_set()
    response.close()
    async with asyncio.timeout(10):
        await face.service.closed.wait()


async def test_a_client_that_leaves_between_two_events_is_not_logged(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    more = asyncio.Event()
    face.service.stream(opened(), delta("a"), more, *[delta("b")] * 9, finished())
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", face.port))
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}"
        await loop.sock_sendall(client, head.encode())
        received = b""
        while b'"a"' not in received:
            received += await loop.sock_recv(client, 65_536)
        # A reset at once, and the next events before the server's loop can have noticed it.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    more.set()
    async with asyncio.timeout(10):
        await face.service.closed.wait()
    await face.client.get("/health")
    assert [record.getMessage() for record in caplog.records] == []


async def test_a_client_that_leaves_before_the_answer_cancels_the_request(face: Face) -> None:
    running = asyncio.Event()
    cancelled = asyncio.Event()

    async def opening(_incoming: object) -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    face.service.opening = opening  # type: ignore[assignment]
    _, writer = await asyncio.open_connection("127.0.0.1", face.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    async with asyncio.timeout(10):
        await running.wait()
        writer.close()
        await cancelled.wait()


async def test_a_client_that_stops_reading_is_given_up(start_face: StartFace) -> None:
    face = await start_face(limits=HttpLimits(write_timeout_s=0.05))
    large = Delta(b'"' + b"x" * 1_000_000 + b'"', "", True)
    face.service.stream(opened(), *[large] * 100, asyncio.Event())
    _, writer = await asyncio.open_connection("127.0.0.1", face.port, limit=1024)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    async with asyncio.timeout(10):
        await face.service.closed.wait()
    writer.close()


async def test_an_old_client_gets_its_stream_too(face: Face) -> None:
    face.service.stream(opened(), delta("a"), finished())
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    writer.write(f"POST {PATH} HTTP/1.0\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    answer = await reader.read()
    writer.close()
    assert answer.endswith(b"data: [DONE]\n\n")
