"""A TCP server that answers with exactly the bytes a test hands it, and the two wires it can speak.
Faults are made on the socket, so a connector meets what a broken server would really send."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import pytest

from router_service.connectors import HttpConnector
from router_service.connectors.documents import parse_object
from router_service.errors import UpstreamError
from router_service.types import Limits, Operation, Prefill, UpstreamCall


class Act(Enum):
    """What a script does besides sending bytes."""

    AWAIT_TEST = auto()  # wait until the test sets go_on
    HOLD = auto()  # stay silent until the client leaves
    RESET = auto()  # drop the connection with a TCP reset
    CLOSE = auto()  # close the connection cleanly


Script = Sequence[bytes | Act]


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ScriptedServer:
    """Plays one script per request, the last one again for every further request."""

    scripts: list[Script] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """The client closed its connection while a script held it."""
    port: int = 0

    def answer(self, *steps: bytes | Act) -> None:
        self.scripts = [steps]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        try:
            while True:
                self.requests.append(await self._read(reader, connection))
                self.arrived.set()
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                for step in script:
                    if not await self._play(step, reader, writer):
                        return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Request:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.split("\r\n")
        pairs = (header.split(": ", 1) for header in rest if header)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Request(line, headers, body, connection)

    async def _play(
        self, step: bytes | Act, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection goes on."""
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
            return True
        if step is Act.AWAIT_TEST:
            await self.go_on.wait()
            return True
        if step is Act.HOLD:
            try:
                await reader.read(1)
            finally:
                self.left.set()
        if step is Act.RESET:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return False


def head(content_type: str | None, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", ""]).encode()


def sized(body: bytes, content_type: str = "application/json", *headers: str) -> bytes:
    return head(content_type, f"Content-Length: {len(body)}", *headers) + body


def refusal(status: int, body: bytes = b"", *headers: str) -> bytes:
    return (
        head("application/json", f"Content-Length: {len(body)}", *headers, status=f"{status} Sorry")
        + body
    )


def piece(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


LAST_PIECE = b"0\r\n\r\n"


class OpenAiWire:
    kind = "openai"
    stream_type = "text/event-stream"
    chat_path = "/chat/completions"

    def event(self, document: Any) -> bytes:
        return b"data: " + json.dumps(document).encode() + b"\n\n"

    def opening(self) -> bytes:
        """An event without content."""
        return self._chunk({"role": "assistant", "content": ""}, None)

    def text(self, text: str) -> bytes:
        return self._chunk({"content": text}, None)

    def ending(self) -> list[bytes]:
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return [
            self._chunk({}, "stop"),
            self.event({"model": "m-served", "choices": [], "usage": usage}),
            b"data: [DONE]\n\n",
        ]

    def malformed(self) -> bytes:
        return b'data: {"choices": [{"index": 0, "del\n\n'

    def error(self, message: str, code: int | None) -> bytes:
        error = {"message": message} | ({"code": code} if code else {})
        return self.event({"error": error})

    def whole(self, text: str) -> bytes:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return json.dumps({"model": "m-served", "choices": [choice], "usage": usage}).encode()

    def _chunk(self, delta: dict[str, Any], reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return self.event({"id": "x", "model": "m-served", "choices": [choice]})


class OllamaWire:
    kind = "ollama"
    stream_type = "application/x-ndjson"
    chat_path = "/api/chat"

    def event(self, document: Any) -> bytes:
        return json.dumps(document).encode() + b"\n"

    def opening(self) -> bytes:
        return self.text("")

    def text(self, text: str) -> bytes:
        message = {"role": "assistant", "content": text}
        return self.event({"model": "m-served", "message": message, "done": False})

    def ending(self) -> list[bytes]:
        return [self.whole("") + b"\n"]

    def malformed(self) -> bytes:
        return b'{"message": {"cont\n'

    def error(self, message: str, code: int | None) -> bytes:
        return self.event({"error": message} | ({"status": code} if code else {}))

    def whole(self, text: str) -> bytes:
        return json.dumps(
            {
                "model": "m-served",
                "message": {"role": "assistant", "content": text},
                "done": True,
                "done_reason": "stop",
                "prompt_eval_count": 3,
                "eval_count": 2,
            }
        ).encode()


Wire = OpenAiWire | OllamaWire


def stream(wire: Wire, *events: bytes, end: bool = True) -> list[bytes]:
    """A streamed answer, one packet per event; without `end` the body stays open."""
    packets = [head(wire.stream_type, "Transfer-Encoding: chunked"), *map(piece, events)]
    return [*packets, LAST_PIECE] if end else packets


def overlay(body: bytes, changes: bytes) -> bytes:
    """What core.overlay does, in plain Python. Raises ValueError for what is no JSON object."""
    made = json.loads(changes)
    members = parse_object(body) | made
    gone = {name for name, value in made.items() if value is None}
    return json.dumps({n: value for n, value in members.items() if n not in gone}).encode()


@dataclass(frozen=True)
class Provider:
    kind: str
    base_url: str
    id: str = "prov-1"
    credential: str | None = None


GENEROUS = Limits(connect=20.0, first_token=20.0, idle=20.0, total=40.0)
CHAT = {"model": "public", "messages": [{"role": "user", "content": "hi"}]}


def call(
    operation: Operation = Operation.CHAT,
    *,
    stream: bool = False,
    assembled: bool = False,
    body: dict[str, Any] | bytes = CHAT,
    limits: Limits = GENEROUS,
    headers: dict[str, str] | None = None,
    prefill: Prefill | None = None,
) -> UpstreamCall:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return UpstreamCall(
        operation, raw, "up-model", stream, limits, headers or {}, assembled, prefill
    )


async def failure_of(connector: HttpConnector, attempt: UpstreamCall) -> UpstreamError:
    """The error an attempt ends with."""
    with pytest.raises(UpstreamError, match=r"^prov-1") as caught:
        async for _ in connector.events(attempt):
            pass
    return caught.value
