"""Everything callers do, mixed: chats, completions, embeddings, decisions that are reported or
never, streams nobody reads to the end, bodies that are too large, requests that make no sense."""

from __future__ import annotations

import io
import itertools
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest

from e2e.callers import Headers, Reply, chat, read_grpc_error
from e2e.routers import Router
from router_service.testing.answers import vector
from router_service.v1 import router_pb2, types_pb2

from .load import MODELS, Ask, Chat
from .verdicts import End, Truth, Verdict, judged

SHORT_S = 0.5
"""A deadline that many an answer misses on an ordinary day."""
DEADLINES_S = (SHORT_S, 3.0, 8.0, 8.0)
PATIENT_S = 60.0
"""For who names no deadline; the providers' own limits end it sooner."""
UNREPORTED = 3
"""Each so-manieth caller of Route never says how it went."""
HUGE = 2 * 1024 * 1024
"""More text than any model's context takes."""
TOO_LARGE = 17 * 1024 * 1024
"""More than `http.max_body_bytes`."""
_PIECES_READ = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """What most have in common; face is empty where there is only one."""

    number: int
    face: str
    model: str
    deadline_s: float

    @property
    def prompt(self) -> str:
        return f"question {self.number}"

    @property
    def headers(self) -> dict[str, str]:
        return {"x-request-timeout": str(self.deadline_s)}

    async def put(self, router: Router, truth: Truth) -> Verdict:
        raise NotImplementedError


class Completion(Asked):
    """A text completion over HTTP."""

    async def put(self, router: Router, truth: Truth) -> Verdict:
        body = {"model": self.model, "prompt": self.prompt}
        reply, answer = await _post(router, "completions", body, self.headers)
        if reply.whole:
            reply.text = answer["choices"][0]["text"]
        return judged(self.prompt, reply, truth)


class Embedding(Asked):
    """An embedding over HTTP. Its vector follows from the text as an answer does, and must be the
    asked model's: vectors of two models do not compare."""

    async def put(self, router: Router, truth: Truth) -> Verdict:
        body = {"model": self.model, "input": self.prompt}
        reply, answer = await _post(router, "embeddings", body, self.headers)
        if not reply.whole:
            return judged(self.prompt, reply, truth)
        found = answer["data"][0]["embedding"]
        wanted = vector(truth.upstream(self.model), self.prompt, len(found))
        end = End.WHOLE if found and found == pytest.approx(wanted) else End.LIE
        return Verdict(end, provider=reply.provider, note=f"a vector of {reply.model}")


class Routed(Asked):
    """A decision, whose permit is reported or forgotten."""

    async def put(self, router: Router, truth: Truth) -> Verdict:
        stub, request = router.grpc.stub, router_pb2.RouteRequest(model=self.model, prompt="hello")
        try:
            decision = (await stub.Route(request, timeout=self.deadline_s)).decision
            permit = decision.targets[0].permit  # none while every deployment is full
            if permit and self.number % UNREPORTED:
                outcome = types_pb2.Outcome(
                    outcome_class=types_pb2.OUTCOME_CLASS_SUCCESS, total_us=1000
                )
                report = router_pb2.ReportOutcomeRequest(permit=permit, outcome=outcome)
                await stub.ReportOutcome(report, timeout=self.deadline_s)
        except grpc.aio.AioRpcError as error:
            reply = Reply()
            read_grpc_error(reply, error)
            return judged(self.prompt, reply, truth)
        return Verdict(End.WHOLE, provider=decision.targets[0].provider.id)


class Abandoned(Asked):
    """A stream whose caller leaves after two pieces."""

    async def put(self, router: Router, truth: Truth) -> Verdict:
        pieces = 0
        try:
            body = chat(self.model, self.prompt)
            async with aclosing(router.face(self.face).begun(body)) as answer:
                async for _ in answer:
                    pieces += 1
                    if pieces == _PIECES_READ:
                        break
        except (KeyError, grpc.aio.AioRpcError):
            pass  # it failed before its caller had left, which other requests look into
        return Verdict(End.LEFT)


@dataclass(frozen=True, slots=True)
class Senseless:
    """A request that is to be refused with this code, whatever state the fleet is in."""

    number: int
    what: str
    body: bytes
    code: str
    model: str = ""
    face: str = "http"
    deadline_s: float = 15.0

    async def put(self, router: Router, truth: Truth) -> Verdict:
        reply, _ = await _post(router, "chat/completions", self.body)
        refused = not reply.whole and reply.code == self.code
        return Verdict(End.REFUSED if refused else End.LIE, reply.code, note=self.what)


def medley(seed: int) -> Iterator[Ask]:
    """Requests without end, in the order that the seed gives."""
    draw = random.Random(seed)
    routine: tuple[type[Asked], ...] = (Completion, Embedding, Routed)
    for number in itertools.count():
        model, face = draw.choice(MODELS), draw.choice(("http", "grpc"))
        deadline_s, lot = draw.choice(DEADLINES_S), draw.random()
        if lot < 0.55:
            yield Chat(number, face, model, draw.random() < 0.5, deadline_s)
        elif lot < 0.65:
            yield Abandoned(number, face, model, PATIENT_S)
        elif lot < 0.72:
            yield _senseless(number, draw)
        else:
            yield draw.choice(routine)(number, "", model, deadline_s)


def _senseless(number: int, draw: random.Random) -> Senseless:
    huge = json.dumps(chat("llama3.1:latest", "word " * (HUGE // 5))).encode()
    what, body, code = draw.choice(
        (
            ("no JSON", b'{"model": ', "invalid_request"),
            ("no messages", b'{"model": "llama3.1:latest"}', "invalid_request"),
            ("a list", b"[]", "invalid_request"),
            ("no model", b'{"model": 7, "messages": []}', "invalid_request"),
            ("past every context", huge, "context_length_exceeded"),
            ("past the limit of a body", b" " * TOO_LARGE, "body_too_large"),
        )
    )
    return Senseless(number, what, body, code)


async def _post(
    router: Router, path: str, body: Mapping[str, Any] | bytes, headers: Headers | None = None
) -> tuple[Reply, dict[str, Any]]:
    """Ask over HTTP for something in one piece: what headers and error say of it, and the body."""
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    sent = {"content-type": "application/json"} | dict(headers or {})
    url = f"{router.http.url}/v1/{path}"
    async with router.http.session.post(url, data=data, headers=sent) as response:
        answer: dict[str, Any] = await response.json()
    reply = Reply(whole=response.status == 200)
    reply.model = response.headers.get("x-router-model")
    reply.provider = response.headers.get("x-router-provider")
    if not reply.whole:
        error = answer["error"]
        reply.status, reply.code = response.status, error["code"] or error["type"]
        reply.message = error["message"]
        reply.tries = [(t["provider"], t["outcome"]) for t in error.get("attempts", [])]
    return reply, answer
