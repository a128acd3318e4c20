"""A caller of the HTTP face on a bare connection, who judges an answer by its bytes.

A stream is a success only with a finish reason, [DONE] as its last event and the body's proper end,
which no client library can smooth over here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..callers import Body, Reply, read_chunk, read_http_error, read_served_headers, read_whole

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """A response as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    ended: bool
    """Whether the body came to its proper end: the last chunk, or the length that was announced."""


async def ask(url: str, body: Body, timeout_s: float) -> Reply:
    """Post a chat body and judge what comes back."""
    return judged(await _exchange(url, json.dumps(body).encode(), timeout_s))


def judged(answer: RawAnswer) -> Reply:
    """The answer as a careful client understands it."""
    reply = Reply(headers=answer.headers, cut=not answer.ended)
    read_served_headers(reply)
    if answer.status != 200:
        reply.status = answer.status
        read_http_error(reply, json.loads(answer.body)["error"])
    elif answer.headers["content-type"].startswith("text/event-stream"):
        _read_events(reply, answer.body)
    else:
        read_whole(reply, json.loads(answer.body))
        reply.whole = reply.whole and answer.ended
    return reply


def _read_events(reply: Reply, body: bytes) -> None:
    *events, rest = body.split(b"\n\n")
    payloads = [event.removeprefix(b"data: ") for event in events]
    for payload in payloads:
        if payload == b"[DONE]":
            reply.done_mark = True
        else:
            read_chunk(reply, json.loads(payload))
    last = bool(payloads) and payloads[-1] == b"[DONE]" and not rest
    told_all = reply.finish_reason is not None and reply.code is None
    reply.whole = last and told_all and not reply.cut


async def _exchange(url: str, body: bytes, timeout_s: float) -> RawAnswer:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\n"
            b"Host: router\r\nConnection: close\r\nContent-Type: application/json\r\n"
            b"X-Request-Timeout: %g\r\nContent-Length: %d\r\n\r\n" % (timeout_s, len(body)) + body
        )
        received = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                received += data
    finally:
        writer.close()
    return _parsed(received)


def _parsed(received: bytes) -> RawAnswer:
    head, found, rest = received.partition(_END_OF_HEAD)
    assert found, f"no whole head: {received!r}"
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body, ended = _unchunked(rest)
    else:
        body, ended = rest, len(rest) == int(headers["content-length"])
    return RawAnswer(int(status_line.split()[1]), headers, body, ended)


def _unchunked(rest: bytes) -> tuple[bytes, bool]:
    """The chunks put together, and whether the last one came."""
    body = b""
    while rest:
        size_line, found, rest = rest.partition(b"\r\n")
        if not found:
            return body, False
        size = int(size_line, 16)
        if size == 0:
            return body, rest == b"\r\n"
        body += rest[:size]
        if rest[size : size + 2] != b"\r\n":
            return body, False
        rest = rest[size + 2 :]
    return body, False
