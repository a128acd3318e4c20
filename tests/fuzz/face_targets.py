"""Both faces on real sockets, over a service that reads and decides with the real core and answers
without a provider. Whatever comes in, the answer is a declared one: never an internal error."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import grpc.aio
from prometheus_client import CollectorRegistry

from router_service.core import Decision, Outcome, Router, now_us
from router_service.errors import RollbackRefused, RouterError, SwitchRefused, UnknownProvider
from router_service.faces.auth import Keys
from router_service.faces.grpc import bind, create_grpc_server
from router_service.faces.http import create_http_app, start_http
from router_service.serving.admission import Admission, Bounds, Place
from router_service.serving.facts import facts_of_incoming, facts_of_query
from router_service.serving.ports import ConfigInUse, Reload, SwitchProgress
from router_service.serving.queries import classified, incoming_of
from router_service.types import (
    Answer,
    Arrival,
    Delta,
    Finished,
    Incoming,
    Opened,
    Query,
    QueryAnswer,
    RouteQuery,
    Served,
    StreamItem,
    Usage,
)
from router_service.v1 import admin_pb2, router_pb2, types_pb2

from . import seeds
from .core_targets import TABLE
from .harness import Check, Target

SERVED = Served(*("x",) * 8, attempts=1, table_version="t")
HTTP_PATHS = {
    "/v1/chat/completions": b'"messages"',
    "/v1/completions": b'"prompt"',
    "/v1/embeddings": b'"input"',
    "/v1/route": b'"model"',
    "/v1/generate": b'"query"',
    "/v1/feedback": b'"score"',
    "/v1/model-routing/reset": b"experiment",
}
HEADERS = ("x-priority", "x-batch-size", "x-session-id", "x-capability", "x-request-timeout")
REFUSALS = frozenset({400, 401, 404, 408, 413, 415, 422, 429, 503})
CODES = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.OUT_OF_RANGE,
    }
)


class CoreService:
    """serving.ports.RequestService without providers."""

    def __init__(self) -> None:
        self._router = Router(TABLE, "fuzz")
        self._admission = Admission(Bounds(64), max_deciding=64, max_body_bytes_held=1 << 26)
        self._seeds = random.Random(7)

    def join(self, arrival: Arrival) -> Place:
        return self._admission.join(arrival, 30.0)

    def refused(self, arrival: Arrival, error: BaseException, queued_s: float = 0.0) -> None: ...

    async def open(self, incoming: Incoming) -> Answer | AsyncGenerator[StreamItem, None]:
        _, inspection = await facts_of_incoming(TABLE, incoming)
        if inspection.stream:
            return self._stream()
        return Answer(SERVED, b'{"choices":[{}]}', "", "stop", Usage(1, 1))

    async def _stream(self) -> AsyncGenerator[StreamItem, None]:
        yield Opened(SERVED)
        yield Delta(b'{"choices":[{"delta":{"content":"a"}}]}', "a", content=True)
        yield Finished("stop", None, None)

    async def generate(self, query: Query) -> QueryAnswer:
        complexity, signal = await classified(TABLE, query)
        answer = await self.open(await incoming_of(query, "small", complexity))
        assert isinstance(answer, Answer)
        return QueryAnswer(answer, complexity, signal, 0.1)

    async def decide(self, query: RouteQuery) -> Decision:
        facts = await facts_of_query(TABLE, query)
        return self._router.decide(facts, now_us(), self._seeds.getrandbits(64))

    async def decide_many(self, queries: Sequence[RouteQuery]) -> list[Decision | RouterError]:
        found: list[Decision | RouterError] = []
        for query in queries:
            try:
                found.append(await self.decide(query))
            except RouterError as error:
                found.append(error)
        return found

    async def explain(self, query: RouteQuery) -> dict[str, Any]:
        facts = await facts_of_query(TABLE, query)
        explained: dict[str, Any] = json.loads(self._router.explain(facts, now_us(), 1))
        return explained

    def report(self, permit: str, outcome: Outcome) -> str:
        return self._router.report(permit, outcome, now_us())

    def feedback(self, decision_id: str, score: float) -> str:
        return "accepted" if self._router.feedback(decision_id, score) else "unknown"

    def decision_of(self, principal: str, request_id: str) -> str | None:
        return None

    def experiments(self) -> dict[str, Any]:
        figures: dict[str, Any] = json.loads(self._router.experiments(now_us()))
        return figures

    def reset_experiments(self, experiment: str | None) -> list[str]:
        return self._router.reset_experiments(experiment, now_us())

    def status(self) -> dict[str, Any]:
        figures: dict[str, Any] = json.loads(self._router.status(now_us()))
        return figures | {"instance": "i", "started_us": 1, "draining": False, "in_flight": 0}

    def models(self) -> Sequence[Any]:
        return TABLE.models

    def capabilities(self) -> Sequence[str]:
        return TABLE.capabilities

    def pools(self) -> Sequence[str]:
        return TABLE.pools

    def provider(self, provider_id: str) -> Any:
        return {provider.id: provider for provider in TABLE.providers}[provider_id]

    def ready(self) -> bool:
        return True


class NoOperations:
    """serving.ports.OperatorService of which nothing is asked."""

    async def reload(self, *, dry_run: bool = False) -> Reload:
        return Reload(True, "v", "v", ())

    async def rollback(self, version: str, *, dry_run: bool = False) -> Reload:
        raise RollbackRefused(f"no version {version!r} is kept")

    def config_in_use(self) -> ConfigInUse:
        return ConfigInUse(False, ())

    async def switch_model(
        self, target: str, *, timeout_s: float | None, operator: str
    ) -> AsyncGenerator[SwitchProgress, None]:
        yield SwitchProgress("draining", "a", "b", 1, "")
        raise SwitchRefused(f"no member {target!r}")

    def set_provider_state(
        self,
        provider: str,
        state: str,
        *,
        reason: str = "",
        duration_us: int | None = None,
        operator: str,
    ) -> dict[str, Any]:
        raise UnknownProvider(f"no provider {provider!r}", [])


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def http_face() -> AsyncIterator[Check]:
    app = create_http_app(CoreService(), keys=Keys({}), registry=CollectorRegistry())
    server = await start_http(app, "127.0.0.1", 0, drain_timeout_s=1.0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:

        async def check(data: bytes, draws: random.Random) -> bool:
            return await http_case(client, data, draws)

        yield check
    await server.stop()


async def http_case(client: aiohttp.ClientSession, data: bytes, draws: random.Random) -> bool:
    path = next((p for p, member in HTTP_PATHS.items() if member in data), "/v1/route")
    if draws.random() < 0.2:
        path = draws.choice(list(HTTP_PATHS))
    headers = {"Content-Type": "application/json"}
    if draws.random() < 0.3:
        headers[draws.choice(HEADERS)] = draws.choice(("high", "-1", "7", "1e9", "x" * 3000, "ü"))
    async with client.post(path, data=data, headers=headers) as response:
        answer = await response.read()
    if response.status == 200:
        if response.content_type == "application/json":
            json.loads(answer)
        return True
    assert response.status in REFUSALS, (path, response.status, answer[:300])
    error = json.loads(answer)["error"]
    assert error["message"], (path, answer[:300])
    assert error["code"] != "internal_error", (path, answer[:300])
    return False


_QUERY = {
    "query": "what is it?",
    "domain": "d",
    "language": "en",
    "entities": {"a": ["b"]},
    "context_docs": ["c"],
    "max_tokens": 5,
}
_ROUTE = {"model": "small", "prompt": "p", "max_tokens": 5, "attributes": {"capability": "chat"}}
HTTP_SEEDS = (
    *seeds.REQUESTS,
    json.dumps(_QUERY).encode(),
    json.dumps(_ROUTE).encode(),
    json.dumps({"decision_id": "d", "score": 0.5}).encode(),
    json.dumps({"experiment": "sizes"}).encode(),
)


# ── gRPC ─────────────────────────────────────────────────────────────────────────────────────────

ROUTER, ADMIN = "/router_service.v1.RouterService/", "/router_service.v1.AdminService/"
_ATTRIBUTES = types_pb2.Attributes(capability="chat", priority="high", batch_size=2, session="s")
_ROUTED = router_pb2.RouteRequest(model="small", prompt="p", attributes=_ATTRIBUTES, max_tokens=5)
_MESSAGES = router_pb2.ChatInput(messages=[router_pb2.ChatMessage(role="user", text="hi")])
_GENERATED = router_pb2.GenerateRequest(
    model="small", messages=_MESSAGES, max_tokens=5, temperature=0.5, tools=b"[]", stop=["END"]
)
_PROMPTED = router_pb2.GenerateRequest(
    model="big", prompt="p", operation=types_pb2.OPERATION_COMPLETION
)
_REPORTED = router_pb2.ReportOutcomeRequest(
    permit="p",
    outcome=types_pb2.Outcome(outcome_class=types_pb2.OUTCOME_CLASS_SUCCESS),
)
STREAMED = ROUTER + "GenerateStream"
MESSAGES: tuple[tuple[str, Any], ...] = (
    (ROUTER + "Route", _ROUTED),
    (ROUTER + "Route", router_pb2.RouteRequest(openai_body=seeds.REQUESTS[1])),
    (ROUTER + "RouteBatch", router_pb2.RouteBatchRequest(requests=[_ROUTED, _ROUTED])),
    (ROUTER + "Explain", router_pb2.ExplainRequest(route=_ROUTED)),
    (ROUTER + "ReportOutcome", _REPORTED),
    (ROUTER + "ReportFeedback", router_pb2.ReportFeedbackRequest(decision_id="d", score=0.5)),
    (ROUTER + "Generate", _GENERATED),
    (ROUTER + "Generate", _PROMPTED),
    (ROUTER + "Generate", router_pb2.GenerateRequest(openai_body=seeds.REQUESTS[1])),
    (STREAMED, router_pb2.GenerateStreamRequest(generate=_GENERATED)),
    (ADMIN + "SetProviderState", admin_pb2.SetProviderStateRequest(provider="p", state=2)),
    (ADMIN + "GetExperimentStats", admin_pb2.GetExperimentStatsRequest()),
    (ADMIN + "ResetExperimentStats", admin_pb2.ResetExperimentStatsRequest()),
)
GRPC_SEEDS = tuple(
    bytes([at]) + message.SerializeToString() for at, (_, message) in enumerate(MESSAGES)
)
"""The first byte says which of MESSAGES follows."""


@asynccontextmanager
async def grpc_face() -> AsyncIterator[Check]:
    settings = SimpleNamespace(grpc=SimpleNamespace(max_message_bytes=4 * 1024 * 1024))
    server = create_grpc_server(CoreService(), NoOperations(), keys=Keys({}), config=settings)
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        # No serializers: the bytes go out, and come back, as they are.
        calls: dict[str, Any] = {path: channel.unary_unary(path) for path, _ in MESSAGES}
        stream: Any = channel.unary_stream(STREAMED)

        async def check(data: bytes, draws: random.Random) -> bool:
            at, data = data[:1], data[1:]
            path, _ = MESSAGES[int.from_bytes(at, "big") % len(MESSAGES)]
            if draws.random() < 0.1:
                data = draws.randbytes(draws.randrange(200))
            try:
                if path == STREAMED:
                    assert [item async for item in stream(data)]
                else:
                    await calls[path](data)
            except grpc.aio.AioRpcError as error:
                if error.code() not in CODES:
                    raise
                return False
            return True

        yield check
    await server.stop(None)


TARGETS = (
    Target("http-body", HTTP_SEEDS, http_face, traced=False),
    Target("grpc-message", GRPC_SEEDS, grpc_face, traced=False),
)
