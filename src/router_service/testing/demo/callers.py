"""Carries out one step through the face it names, as an outside client would.

Both faces give the same Seen, so that steps are checked alike.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import grpc

from router_service.testing.demo.steps import Step, Via
from router_service.v1 import router_pb2 as pb
from router_service.v1 import router_pb2_grpc as rpc
from router_service.v1 import types_pb2 as types

_TIMEOUT_S = 30.0
_LOOPBACK = (("grpc.enable_http_proxy", 0),)

OnText = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client learned of one request."""

    rule: str
    strategy: str
    model: str
    provider: str
    upstream_model: str
    attempts: int
    text: str | None
    """None for a decision that was not carried out."""
    finish_reason: str | None = None
    note: str = ""


class StepFailed(Exception):
    """The request ended in an error; the text is for people."""


class Callers:
    """One client of each face."""

    def __init__(self, session: aiohttp.ClientSession, channel: grpc.aio.Channel, url: str) -> None:
        self._session = session
        self._stub = rpc.RouterServiceStub(channel)  # type: ignore[no-untyped-call]
        self._url = url

    @classmethod
    @asynccontextmanager
    async def connected(cls, grpc_port: int, http_port: int) -> AsyncIterator[Callers]:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        address = f"127.0.0.1:{grpc_port}"
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            grpc.aio.insecure_channel(address, options=_LOOPBACK) as channel,
        ):
            yield cls(session, channel, f"http://127.0.0.1:{http_port}/v1/chat/completions")

    async def call(self, step: Step, on_text: OnText) -> Seen:
        """Send the step's request; streams hand over their text piece by piece.

        Raises StepFailed.
        """
        calls = {
            Via.GENERATE: self._generate,
            Via.STREAM: self._generate_stream,
            Via.ROUTE: self._route,
            Via.CHAT: self._chat,
            Via.CHAT_STREAM: self._chat_stream,
        }
        try:
            return await calls[step.via](step, on_text)
        except grpc.aio.AioRpcError as error:
            raise StepFailed(f"{error.code().name}: {error.details()}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StepFailed(f"{type(error).__name__}: {error}") from None

    async def _generate(self, step: Step, _: OnText) -> Seen:
        answer = await self._stub.Generate(
            _generate_request(step), metadata=_metadata(step), timeout=_TIMEOUT_S
        )
        return _served(answer.served, answer.text, answer.finish_reason)

    async def _generate_stream(self, step: Step, on_text: OnText) -> Seen:
        request = pb.GenerateStreamRequest(generate=_generate_request(step))
        served, text, reason = types.Served(), "", ""
        stream = self._stub.GenerateStream(request, metadata=_metadata(step), timeout=_TIMEOUT_S)
        async for message in stream:
            match message.WhichOneof("event"):
                case "opened":
                    served = message.opened.served
                case "delta":
                    text += message.delta.text
                    on_text(message.delta.text)
                case "finished":
                    reason = message.finished.finish_reason
        return _served(served, text, reason)

    async def _route(self, step: Step, _: OnText) -> Seen:
        request = pb.RouteRequest(model=step.model, prompt=step.prompt, max_tokens=step.max_tokens)
        answer = await self._stub.Route(request, metadata=_metadata(step), timeout=_TIMEOUT_S)
        decision = answer.decision
        first = decision.targets[0]
        # The slot is held for whoever asked; without a report it would be held until it expires.
        if first.permit:
            outcome = types.Outcome(outcome_class=types.OUTCOME_CLASS_SUCCESS)
            await self._stub.ReportOutcome(
                pb.ReportOutcomeRequest(permit=first.permit, outcome=outcome), timeout=_TIMEOUT_S
            )
        return Seen(
            _rule(decision.rule),
            decision.strategy,
            first.model,
            first.provider.id,
            first.upstream_model,
            1,
            None,
            note=f"use {decision.deprecated}" if decision.deprecated else "",
        )

    async def _chat(self, step: Step, _: OnText) -> Seen:
        async with self._session.post(
            self._url, json=_body(step, stream=False), headers=step.headers
        ) as response:
            answer = await _json(response)
            choice = answer["choices"][0]
            text, reason = choice["message"]["content"], choice["finish_reason"]
            return _from_headers(response.headers, text, reason)

    async def _chat_stream(self, step: Step, on_text: OnText) -> Seen:
        async with self._session.post(
            self._url, json=_body(step, stream=True), headers=step.headers
        ) as response:
            if response.status != 200:
                await _json(response)
            text, reason, done = "", None, False
            async for line in response.content:
                data = line.removeprefix(b"data: ").strip()
                done = done or data == b"[DONE]"
                for choice in json.loads(data)["choices"] if data and not done else []:
                    piece = choice["delta"].get("content") or ""
                    text += piece
                    on_text(piece)
                    reason = choice["finish_reason"] or reason
            if not done:
                raise StepFailed("the stream ended without [DONE]")
            return _from_headers(response.headers, text, reason)


def _generate_request(step: Step) -> pb.GenerateRequest:
    return pb.GenerateRequest(model=step.model, prompt=step.prompt, max_tokens=step.max_tokens)


def _metadata(step: Step) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in step.headers.items()]


def _body(step: Step, *, stream: bool) -> dict[str, Any]:
    messages = [{"role": "user", "content": step.prompt}]
    body = {"messages": messages, "max_tokens": step.max_tokens, "stream": stream}
    return body | ({"model": step.model} if step.model else {})


async def _json(response: aiohttp.ClientResponse) -> Any:
    answer = await response.json()
    if response.status != 200:
        raise StepFailed(f"{response.status}: {answer['error']['message']}")
    return answer


def _served(served: types.Served, text: str, reason: str) -> Seen:
    return Seen(
        _rule(served.rule),
        served.strategy,
        served.model,
        served.provider,
        served.upstream_model,
        served.attempts,
        text,
        reason,
    )


def _rule(rule: types.Rule) -> str:
    return types.Rule.Name(rule).removeprefix("RULE_").lower()


def _from_headers(headers: Mapping[str, str], text: str, reason: str | None) -> Seen:
    return Seen(
        headers["x-router-rule"],
        headers["x-router-strategy"],
        headers["x-router-model"],
        headers["x-router-provider"],
        headers["x-router-upstream-model"],
        int(headers["x-router-attempts"]),
        text,
        reason,
        headers.get("x-router-deprecated", ""),
    )
