"""Callers of both faces who see the same things: text, what served it, and how it ended.

A caller judges for itself whether an answer is whole, as a client must.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import grpc.aio
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from router_service.v1 import (
    admin_pb2_grpc,
    errors_pb2,
    router_pb2,
    router_pb2_grpc,
    types_pb2,
)

Body = Mapping[str, Any]
Headers = Mapping[str, str]


@dataclass(slots=True)
class Reply:
    """What one caller got."""

    whole: bool = False
    """Complete by the face's own rules: [DONE] and a clean end, or `finished` and status OK."""
    text: str = ""
    """Of the first choice."""
    finish_reason: str | None = None
    model: str | None = None
    provider: str | None = None
    attempts: int = 0
    """As the served answer, or the error, says."""
    decision_id: str | None = None
    usage: tuple[int, int] | None = None
    chunks: list[dict[str, Any]] = field(default_factory=list)
    continued: list[tuple[str, str]] = field(default_factory=list)
    """Provider that went on with a broken stream, and how, each time."""
    done_mark: bool = False
    """HTTP: whether [DONE] came."""
    cut: bool = False
    """HTTP: whether the connection was lost before the body's proper end."""
    status: int | str | None = None
    """HTTP status or gRPC code of a failure before the first content; of a gRPC stream's end."""
    code: str | None = None
    """The error's stable short name, lower case."""
    message: str = ""
    tries: list[tuple[str, str]] = field(default_factory=list)
    """Provider and outcome of each attempt an error lists."""
    retry_after_s: float | None = None
    """When to try again, where the error says so."""
    headers: dict[str, str] = field(default_factory=dict)
    """HTTP: the response's headers, lower-cased."""


class Caller(Protocol):
    """One face as a caller sees it."""

    async def ask(
        self, body: Body, *, timeout_s: float | None = None, headers: Headers | None = None
    ) -> Reply:
        """Send an OpenAI-style chat body; its "stream" member says how it is to be answered."""

    def begun(self, body: Body) -> AsyncGenerator[str, None]:
        """The pieces of a streamed answer; closing the iterator leaves."""


def chat(model: str, prompt: str = "hello", **members: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}]} | members


# ── HTTP ────────────────────────────────────────────────────────────────────────────────────────


class HttpCaller:
    """Callers of the OpenAI-style face."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def ask(
        self, body: Body, *, timeout_s: float | None = None, headers: Headers | None = None
    ) -> Reply:
        sent = dict(headers or {})
        if timeout_s is not None:
            sent["x-request-timeout"] = str(timeout_s)
        url = f"{self.url}/v1/chat/completions"
        async with self.session.post(url, json=body, headers=sent) as response:
            reply = Reply(headers={name.lower(): text for name, text in response.headers.items()})
            read_served_headers(reply)
            if response.status != 200:
                reply.status = response.status
                read_http_error(reply, (await response.json())["error"])
            elif response.content_type == "text/event-stream":
                await _read_sse(reply, response)
            else:
                read_whole(reply, await response.json())
            return reply

    async def begun(self, body: Body) -> AsyncGenerator[str, None]:
        url = f"{self.url}/v1/chat/completions"
        async with self.session.post(url, json=dict(body) | {"stream": True}) as response:
            async for data in _sse_data(response):
                for choice in json.loads(data)["choices"]:
                    if text := choice["delta"].get("content"):
                        yield text


async def _sse_data(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for line in response.content:
        if line.startswith(b"data: "):
            yield line.removeprefix(b"data: ").strip()


async def _read_sse(reply: Reply, response: aiohttp.ClientResponse) -> None:
    try:
        async for data in _sse_data(response):
            if data == b"[DONE]":
                reply.done_mark = True
            else:
                read_chunk(reply, json.loads(data))
    except aiohttp.ClientPayloadError:
        reply.cut = True
    reply.whole = reply.done_mark and not reply.cut and reply.code is None


def read_chunk(reply: Reply, chunk: dict[str, Any]) -> None:
    if "error" in chunk:
        read_http_error(reply, chunk["error"])
        return
    reply.chunks.append(chunk)
    if label := chunk.get("router_service", {}).get("continued"):
        reply.continued.append((label["provider"], label["by"]))
    for choice in chunk["choices"]:
        if choice["index"]:
            continue
        reply.text += choice["delta"].get("content") or ""
        reply.finish_reason = choice.get("finish_reason") or reply.finish_reason
    _read_usage(reply, chunk)


def read_whole(reply: Reply, answer: dict[str, Any]) -> None:
    (choice,) = answer["choices"]
    reply.text = choice["message"].get("content") or ""
    reply.finish_reason = choice["finish_reason"]
    reply.chunks.append(answer)
    _read_usage(reply, answer)
    reply.whole = reply.finish_reason is not None


def _read_usage(reply: Reply, answer: dict[str, Any]) -> None:
    if usage := answer.get("usage"):
        reply.usage = (usage["prompt_tokens"], usage["completion_tokens"])


def read_served_headers(reply: Reply) -> None:
    reply.model = reply.headers.get("x-router-model")
    reply.provider = reply.headers.get("x-router-provider")
    reply.attempts = int(reply.headers.get("x-router-attempts", 0))
    reply.decision_id = reply.headers.get("x-router-decision-id")
    if (seconds := reply.headers.get("retry-after")) is not None:
        reply.retry_after_s = float(seconds)


def read_http_error(reply: Reply, error: dict[str, Any]) -> None:
    _read_usage(reply, error)
    reply.code = error["code"] or error["type"]
    reply.message = error["message"]
    reply.tries = [(tried["provider"], tried["outcome"]) for tried in error.get("attempts", [])]


# ── gRPC ────────────────────────────────────────────────────────────────────────────────────────


class GrpcCaller:
    """Callers of RouterService, and the stub of AdminService."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.stub = router_pb2_grpc.RouterServiceStub(channel)  # type: ignore[no-untyped-call]
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]

    async def ask(
        self, body: Body, *, timeout_s: float | None = None, headers: Headers | None = None
    ) -> Reply:
        reply = Reply()
        metadata = tuple((headers or {}).items())
        read = self._stream if body.get("stream") else self._whole
        try:
            await read(reply, _generate(body), timeout_s, metadata)
        except grpc.aio.AioRpcError as error:
            read_grpc_error(reply, error)
        return reply

    async def begun(self, body: Body) -> AsyncGenerator[str, None]:
        call = self.stub.GenerateStream(_streamed(_generate(body)))
        try:
            async for event in call:
                if event.delta.text:
                    yield event.delta.text
        finally:
            call.cancel()

    async def _whole(
        self,
        reply: Reply,
        request: router_pb2.GenerateRequest,
        timeout_s: float | None,
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        answer = await self.stub.Generate(request, timeout=timeout_s, metadata=metadata)
        _read_served(reply, answer.served)
        reply.text, reply.finish_reason, reply.whole = answer.text, answer.finish_reason, True
        reply.usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        reply.chunks.append(json.loads(answer.body))

    async def _stream(
        self,
        reply: Reply,
        request: router_pb2.GenerateRequest,
        timeout_s: float | None,
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        call = self.stub.GenerateStream(_streamed(request), timeout=timeout_s, metadata=metadata)
        finished = False
        async for event in call:
            kind = event.WhichOneof("event")
            if kind == "opened":
                _read_served(reply, event.opened.served)
            elif kind == "delta":
                reply.text += event.delta.text
                reply.chunks.append(json.loads(event.delta.raw))
            elif kind == "continued":
                reply.continued.append((event.continued.served.provider, event.continued.by))
            elif kind == "finished":
                finished = True
                reply.finish_reason = event.finished.finish_reason
                usage = event.finished.usage
                reply.usage = (usage.prompt_tokens, usage.completion_tokens)
        reply.whole = finished


def _generate(body: Body) -> router_pb2.GenerateRequest:
    members = {name: value for name, value in body.items() if name != "stream"}
    return router_pb2.GenerateRequest(openai_body=json.dumps(members).encode())


def _streamed(request: router_pb2.GenerateRequest) -> router_pb2.GenerateStreamRequest:
    return router_pb2.GenerateStreamRequest(generate=request)


def _read_served(reply: Reply, served: types_pb2.Served) -> None:
    reply.model, reply.provider = served.model, served.provider
    reply.attempts, reply.decision_id = served.attempts, served.decision_id


def read_grpc_error(reply: Reply, error: grpc.aio.AioRpcError) -> None:
    """Status, short name, message and attempts of a failed call."""
    reply.whole = False
    reply.status = error.code().name
    reply.message = error.details() or ""
    info = detail(error, error_details_pb2.ErrorInfo())
    if info is not None:
        reply.code = info.reason.lower()
    if (wait := detail(error, error_details_pb2.RetryInfo())) is not None:
        reply.retry_after_s = wait.retry_delay.ToMilliseconds() / 1000
    failed = detail(error, errors_pb2.AttemptsFailure())
    if failed is not None:
        reply.attempts = len(failed.attempts)
        if failed.HasField("delivered"):
            reply.usage = (failed.delivered.prompt_tokens, failed.delivered.completion_tokens)
        reply.tries = [(tried.provider, _outcome(tried)) for tried in failed.attempts]


def _outcome(tried: types_pb2.Attempt) -> str:
    name = types_pb2.OutcomeClass.Name(tried.outcome.outcome_class)
    return name.removeprefix("OUTCOME_CLASS_").lower()


def detail(error: grpc.aio.AioRpcError, wanted: Any) -> Any:
    """The detail of the wanted message's type, or None."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # the client's own deadline passed as the router's word came: it has none
        return None
    for packed in status.details if status is not None else ():
        if packed.Is(wanted.DESCRIPTOR):
            found: Message = wanted
            packed.Unpack(found)
            return found
    return None
