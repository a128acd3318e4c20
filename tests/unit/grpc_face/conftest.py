"""A real gRPC server on a free port over a fake request service, and stubs that call it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import grpc.aio
import pytest
from google.rpc import status_pb2
from grpc_status import rpc_status

from router_service.errors import DeadlineExceeded, RouterError, SwitchFailed
from router_service.faces.auth import Keys
from router_service.faces.grpc import bind, create_grpc_server
from router_service.serving.admission import Admission, Bounds, Place
from router_service.serving.ports import ConfigInUse, Reload, SwitchProgress, SwitchStage
from router_service.serving.watchers import DecisionFilter, Watcher, Watchers
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
from router_service.v1 import admin_pb2_grpc, router_pb2_grpc

PROVIDERS = {
    "ollama": SimpleNamespace(
        id="ollama",
        kind="ollama",
        base_url="http://127.0.0.1:11434",
        location="local",
        credential=None,
        connect_us=1_000_000,
        first_token_us=20_000_000,
        idle_us=10_000_000,
    ),
    "ollama_cloud": SimpleNamespace(
        id="ollama_cloud",
        kind="ollama",
        base_url="https://ollama.com",
        location="cloud",
        credential="OLLAMA_API_KEY",
        connect_us=2_000_000,
        first_token_us=30_000_000,
        idle_us=15_000_000,
    ),
}


EXPERIMENT = {
    "name": "sizes",
    "enabled": True,
    "unit": "prompt",
    "verdict": "review",
    "verdict_reason": "because",
    "since_us": 5,
    "arms": [
        {
            "name": "3b",
            "model": "small",
            "wanted_share": 0.3,
            "requests": 9,
            "served": 8,
            "errors": 1,
            "latency_us": 16_000,
            "mean_latency_us": 2_000,
            "p95_latency_us": 3_000,
            "feedback_count": 4,
            "mean_quality": 0.5,
            "quality_variance": 0.1,
            "cost_usd": 0.25,
        },
        {
            "name": "8b",
            "model": "big",
            "wanted_share": 0.7,
            "requests": 0,
            "served": 0,
            "errors": 0,
            "latency_us": 0,
            "mean_latency_us": 0,
            "p95_latency_us": 0,
            "feedback_count": 0,
            "mean_quality": None,
            "quality_variance": None,
            "cost_usd": 0.0,
        },
    ],
}
"""What the core reports of an experiment."""


def provider_figures(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "ollama",
        "location": "local",
        "active": True,
        "state": "enabled",
        "state_reason": None,
        "state_until_us": 0,
        "exclusive_group": None,
        "health": "healthy",
        "in_flight": 0,
        "capacity": 4,
        "load": 0.0,
        "saturated": False,
        "out_until_us": 0,
    } | changes


def deployment_figures(model: str | None, provider: str, **changes: Any) -> dict[str, Any]:
    return {
        "model": model,
        "provider": provider,
        "enabled": True,
        "health": "healthy",
        "weight": 1.0,
        "in_flight": 0,
        "outcomes": 0,
        "successes": 0,
        "first_token_p50_us": 0,
        "first_token_p95_us": 0,
        "out_until_us": 0,
    } | changes


STATUS: dict[str, Any] = {
    "instance": "abcd",
    "table_version": "00ff00ff00ff00ff",
    "started_us": 1_600_000_000_000_000,
    "draining": False,
    "in_flight": 3,
    "providers": {
        "ollama": provider_figures(in_flight=4, saturated=True),
        "gpu-a": provider_figures(
            kind="vllm",
            exclusive_group="gpu0",
            health="cooling_down",
            out_until_us=1_700_000_000_000_000,
        ),
        "gpu-b": provider_figures(kind="vllm", active=False, exclusive_group="gpu0"),
        "far": provider_figures(
            kind="openai", location="cloud", health="half_open", out_until_us=9
        ),
        "off": provider_figures(kind="openai", active=False),
        "held": provider_figures(
            state="draining",
            state_reason="drained by an operator: new memory",
            in_flight=2,
            health="cooling_down",
            out_until_us=1_700_000_000_000_000,
        ),
    },
    "deployments": {
        "*@ollama": deployment_figures(None, "ollama"),
        "m@ollama": deployment_figures(
            "m",
            "ollama",
            weight=0.6,
            in_flight=2,
            outcomes=8,
            successes=6,
            first_token_p50_us=20_000,
            first_token_p95_us=90_000,
        ),
        "m@far": deployment_figures("m", "far", weight=0.2, health="recovering"),
        "m@gpu-a": deployment_figures("m", "gpu-a"),
        "m@gpu-b": deployment_figures("m", "gpu-b", enabled=False),
        "m@held": deployment_figures("m", "held"),
        "n@far": deployment_figures(
            "n", "far", health="cooling_down", out_until_us=1_700_000_000_000_001
        ),
    },
    "spending": {
        "day": {"spent_usd": 4.5, "set_aside_usd": 0.25, "limit_usd": 5.0},
        "day_ends_us": 1_700_006_400_000_000,
        "callers": {
            "billing": {"spent_usd": 4.5, "set_aside_usd": 0.25, "limit_usd": None},
        },
        "fallback": {"requests": 400, "to_cloud": 20, "limit": 0.1},
    },
}
"""What the request service says of a fleet that is not well."""


def hop(model: str, provider: str, tier: str | None, change: float | None) -> SimpleNamespace:
    return SimpleNamespace(
        model=model,
        provider=provider,
        deployment=f"{model}@{provider}",
        upstream_model=f"{model}-upstream",
        tier=tier,
        param_change_pct=change,
    )


class FakeDecision(SimpleNamespace):
    """What the core's Decision shows of itself."""

    @property
    def model(self) -> str:
        return str(self.plan[0].model)

    @property
    def provider(self) -> str:
        return str(self.plan[0].provider)

    @property
    def plan_key(self) -> bytes:
        return " ".join(hop.deployment for hop in self.plan).encode()


def decision(model: str = "qwen2.5-coder:7b") -> FakeDecision:
    return FakeDecision(
        decision_id="d-1",
        table_version="00ff00ff00ff00ff",
        requested_model=model,
        rule="exact",
        matched=model,
        strategy="direct",
        complexity="low",
        prompt_tokens=3,
        plan=[hop(model, "ollama", "local", None), hop("big", "ollama_cloud", "cloud_entry", 49.5)],
        skipped=[SimpleNamespace(model="m", provider="p", deployment="m@p", reason="cooling down")],
        notes=["a remark"],
        deprecated=None,
        propensity=0.5,
        seed=2**64 - 1,
        permit="opaque-permit",
        permit_expires_us=1_700_000_000_000_000,
    )


def served(request_id: str = "r-1") -> Served:
    return Served(
        decision_id="d-1",
        request_id=request_id,
        model="qwen2.5-coder:7b",
        provider="ollama",
        deployment="qwen2.5-coder:7b@ollama",
        upstream_model="qwen2.5-coder:7b",
        rule="exact",
        strategy="direct",
        attempts=2,
        table_version="00ff00ff00ff00ff",
    )


@dataclass
class FakeRequests:
    """A request service that remembers what it was asked and does as the test says."""

    is_ready: bool = True
    error: BaseException | None = None
    """Raised by whatever is called."""
    fails: bool = False
    """Whatever is called fails, each time with an error of its own, and nothing is remembered."""
    break_with: BaseException | None = None
    """Raised by a stream after its first delta."""
    hang: bool = False
    """Wait to be released before answering; a stream waits after its first delta."""
    endless: bool = False
    """A stream goes on and on."""
    report_status: str = "accepted"
    feedback_status: str = "accepted"
    document: dict[str, Any] = field(default_factory=dict)
    seen: list[Any] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first call."""
    release: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends the hanging."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the provider's side was let go of."""

    admission: Admission = field(
        default_factory=lambda: Admission(Bounds(8, 8), max_deciding=8, max_body_bytes_held=1 << 25)
    )
    watchers: Watchers = field(default_factory=lambda: Watchers(most_watchers=2, most_waiting=3))
    turned_away: list[tuple[Arrival, BaseException]] = field(default_factory=list)
    """Requests that were never handed in."""

    def join(self, arrival: Arrival) -> Place:
        timeout_s = arrival.timeout_s
        return self.admission.join(arrival, 30.0 if timeout_s is None else timeout_s)

    def refused(self, arrival: Arrival, error: BaseException, queued_s: float = 0.0) -> None:
        self.turned_away.append((arrival, error))

    async def open(self, incoming: Incoming) -> Answer | AsyncGenerator[StreamItem, None]:
        self._see(incoming)
        if json.loads(incoming.body).get("stream"):
            return self._stream(incoming)
        if self.hang:
            await self._hang()
        body = b'{"choices":[{"big":12345678901234567890}]}'
        return Answer(served(incoming.request_id), body, "hi", "stop", Usage(3, 5))

    async def _stream(self, incoming: Incoming) -> AsyncGenerator[StreamItem, None]:
        try:
            yield Opened(served(incoming.request_id))
            yield Delta(b'{"n":1}', "hel", content=True)
            if self.hang:
                await self.release.wait()
            while self.endless:
                yield Delta(b'"' + b"x" * 100_000 + b'"', "x", content=True)
            if self.break_with is not None:
                raise self.break_with
            yield Delta(b'{"n":2}', "lo", content=True)
            yield Finished("stop", Usage(3, 2), "served-name")
        finally:
            self.cancelled.set()

    async def decide(self, query: RouteQuery) -> Any:
        self._see(query)
        return decision(query.model)

    async def decide_many(self, queries: Sequence[RouteQuery]) -> list[Any]:
        return [await self._outcome(query) for query in queries]

    async def _outcome(self, query: RouteQuery) -> Any:
        try:
            return await self.decide(query)
        except RouterError as error:
            return error

    async def explain(self, query: RouteQuery) -> dict[str, Any]:
        self._see(query)
        return self.document

    def report(self, permit: str, outcome: Any) -> str:
        self._see((permit, outcome))
        return self.report_status

    async def generate(self, query: Query) -> QueryAnswer:
        raise NotImplementedError("the gRPC face has no such call")

    def watch(self, wanted: DecisionFilter) -> AbstractContextManager[Watcher]:
        return self.watchers.watching(wanted)

    def feedback(self, decision_id: str, score: float) -> str:
        self._see((decision_id, score))
        return self.feedback_status

    def decision_of(self, principal: str, request_id: str) -> str | None:
        raise NotImplementedError("the gRPC face takes decision ids alone")

    def experiments(self) -> dict[str, Any]:
        return {"experiments": [EXPERIMENT], "query_classes": None}

    def reset_experiments(self, experiment: str | None) -> list[str]:
        self._see(experiment)
        return ["sizes"]

    def status(self) -> dict[str, Any]:
        return STATUS

    def provider(self, provider_id: str) -> Any:
        return PROVIDERS[provider_id]

    def models(self) -> Sequence[Any]:
        return ()

    def capabilities(self) -> Sequence[str]:
        return ()

    def pools(self) -> Sequence[str]:
        return ()

    def ready(self) -> bool:
        return self.is_ready

    def _see(self, what: Any) -> None:
        if self.fails:
            raise DeadlineExceeded("told to fail")
        self.seen.append(what)
        self.asked.set()
        if self.error is not None:
            raise self.error

    async def _hang(self) -> None:
        try:
            await self.release.wait()
        finally:
            self.cancelled.set()


class FakeOperations:
    """An operator service that remembers what was wanted and answers as the test says."""

    def __init__(self) -> None:
        self.wanted: list[tuple[str, str, str, int | None, str]] = []
        self.dry_runs: list[bool] = []
        self.error: Exception | None = None
        self.outcome = Reload(True, "new", "old", ())
        self.rollbacks: list[tuple[str, bool]] = []
        self.in_use = ConfigInUse(False, ())
        self.switches: list[tuple[str, float | None, str]] = []
        self.fails_at: str | None = None

    async def reload(self, *, dry_run: bool = False) -> Reload:
        self.dry_runs.append(dry_run)
        return self.outcome

    async def rollback(self, version: str, *, dry_run: bool = False) -> Reload:
        if self.error is not None:
            raise self.error
        self.rollbacks.append((version, dry_run))
        return self.outcome

    def config_in_use(self) -> ConfigInUse:
        return self.in_use

    async def switch_model(
        self, target: str, *, timeout_s: float | None, operator: str
    ) -> AsyncGenerator[SwitchProgress, None]:
        self.switches.append((target, timeout_s, operator))
        stages: list[SwitchStage] = ["draining", "switching", "waiting_for_health", "active"]
        for stage in stages:
            if stage == self.fails_at:
                raise SwitchFailed("it did not start; a is the active member again")
            yield SwitchProgress(stage, "a", "b", 5, "a remark")

    def set_provider_state(
        self,
        provider: str,
        state: str,
        *,
        reason: str = "",
        duration_us: int | None = None,
        operator: str,
    ) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        self.wanted.append((provider, state, reason, duration_us, operator))
        figures: dict[str, Any] = STATUS["providers"]["held"]
        return figures


@dataclass
class Face:
    """A running server and stubs that call it."""

    server: grpc.aio.Server
    port: int
    channel: grpc.aio.Channel
    router: Any
    admin: Any

    @staticmethod
    async def failure(call: Any) -> tuple[grpc.StatusCode, str, list[Any], grpc.aio.AioRpcError]:
        """Code, message and unpacked details of a call that must fail."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        error = caught.value
        status: status_pb2.Status | None = rpc_status.from_call(error)
        details = list(status.details) if status is not None else []
        return error.code(), error.details() or "", details, error


@pytest.fixture
def requests() -> FakeRequests:
    return FakeRequests()


@pytest.fixture
def operations() -> FakeOperations:
    return FakeOperations()


@pytest.fixture
def keys() -> Keys:
    return Keys({})


@pytest.fixture
def config() -> Any:
    return SimpleNamespace(grpc=SimpleNamespace(max_message_bytes=20 * 1024 * 1024))


@pytest.fixture
async def face(
    requests: FakeRequests, operations: FakeOperations, keys: Keys, config: Any
) -> AsyncIterator[Face]:
    server = create_grpc_server(requests, operations, keys=keys, config=config)
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        router = router_pb2_grpc.RouterServiceStub(channel)
        yield Face(server, port, channel, router, admin_pb2_grpc.AdminServiceStub(channel))
    await server.stop(None)
