"""An orchestrator over the real core and connectors that follow a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("router_service._core", reason="the core is not built")

from router_service.core import Router, Table
from router_service.errors import UpstreamError
from router_service.observe.tracing import Tracing
from router_service.serving.admission import Admission, Bounds, Place
from router_service.serving.entry import entered
from router_service.serving.orchestrator import Orchestrator
from router_service.serving.upstreams import Upstream, Upstreams
from router_service.testing.carriage import hang
from router_service.types import (
    Answer,
    Arrival,
    Attributes,
    Delta,
    Event,
    Finished,
    Incoming,
    Operation,
    OutcomeClass,
    RequestRecord,
    Started,
    StreamItem,
    UpstreamCall,
    Usage,
    Whole,
    Work,
)

USAGE = Usage(3, 5)
CONFIG: dict[str, Any] = {
    "providers": {
        name: {"kind": "openai", "base_url": f"http://{name}.test/v1", "capacity": 4}
        for name in ("one", "two")
    },
    "models": {
        "big": {"provider": "one", "upstream_model": "Big-1", "parameters": "70B"},
        "small": {"provider": "two", "parameters": "7B"},
        "lone": {"provider": "one"},
    },
    "fallback_chains": {"big": {"chain": ["small"]}},
    "request_metadata_routing": {
        "team": {"provider": "two", "condition": 'header.x-team == "blue"'}
    },
    "default_provider": "one",
    "unknown_model": "reject",
}


def delta(text: str, *, content: bool = True) -> Delta:
    raw = json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode()
    return Delta(raw, text, content)


def whole(text: str) -> list[Event]:
    return [Started(200), Whole(json.dumps({"said": text}).encode(), text, "stop", USAGE, "m-1")]


def finished(reason: str = "stop") -> Finished:
    return Finished(reason, USAGE, "m-1")


def failing(outcome_class: OutcomeClass, **members: Any) -> list[Step]:
    return [UpstreamError(outcome_class, f"told to fail: {outcome_class}", **members)]


@dataclass(frozen=True, slots=True)
class Hang:
    """In a script: wait so long, or until the attempt is closed."""

    seconds: float | None = None


Step = Event | Exception | Hang
"""What one attempt does next: yield an event, raise, or hang."""


class ScriptedConnector:
    """Does what its scripts say, one attempt each; the last one over and over."""

    def __init__(self) -> None:
        self.scripts: list[Sequence[Step]] = [[RuntimeError("no script was given")]]
        self.calls: list[UpstreamCall] = []
        self.closed = 0
        self.hanging = asyncio.Event()

    def plays(self, *scripts: Sequence[Step]) -> None:
        self.scripts = list(scripts)

    async def events(self, call: UpstreamCall) -> AsyncGenerator[Event, None]:
        script = self.scripts[min(len(self.calls), len(self.scripts) - 1)]
        self.calls.append(call)
        try:
            for step in script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, Hang):
                    self.hanging.set()
                    await hang(step.seconds)
                else:
                    yield step
        finally:
            self.closed += 1

    async def probe(self, timeout_s: float) -> list[str]:
        return []

    async def close(self) -> None: ...


@dataclass
class Records:
    """An observer that keeps what it is told."""

    records: list[RequestRecord] = field(default_factory=list)

    def request_finished(self, record: RequestRecord) -> None:
        self.records.append(record)

    @property
    def only(self) -> RequestRecord:
        (record,) = self.records
        return record


@dataclass
class House:
    """The room under test with all around it."""

    orchestrator: Orchestrator
    router: Router
    admission: Admission
    one: ScriptedConnector
    two: ScriptedConnector
    seen: Records

    async def whole(self, model: str = "big", **members: Any) -> Answer:
        """A request as a face brings it in, carried out."""
        request = incoming(model, **members)

        async def read(place: Place) -> Incoming:
            await place.turn()
            return request

        async with entered(self.orchestrator, arrival_of(request), read) as read_request:
            answer = await self.orchestrator.open(read_request)
        assert isinstance(answer, Answer)
        return answer

    async def stream(self, model: str = "big", **members: Any) -> AsyncGenerator[StreamItem, None]:
        items = await self.orchestrator.open(incoming(model, stream=True, **members))
        assert not isinstance(items, Answer)
        return items

    def idle(self) -> bool:
        return self.admission.running == 0 and not any(self.router.in_flight().values())


def incoming(
    model: str,
    *,
    stream: bool = False,
    timeout_s: float | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    attributes: Attributes | None = None,
) -> Incoming:
    document = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    return Incoming(
        face="http",
        operation=Operation.CHAT,
        body=json.dumps(document).encode() if body is None else body,
        attributes=attributes or Attributes(),
        headers=headers or {},
        principal="ann",
        request_id="r-1",
        timeout_s=timeout_s,
    )


def arrival_of(request: Incoming) -> Arrival:
    return Arrival(
        face=request.face,
        work=Work.CARRY_OUT,
        operation=request.operation,
        principal=request.principal,
        request_id=request.request_id,
        timeout_s=request.timeout_s,
    )


@pytest.fixture
def table() -> Table:
    return Table.compile(json.dumps(CONFIG).encode())


@pytest.fixture
def house(table: Table) -> House:
    return house_of(table)


def house_of(table: Table) -> House:
    router, admission, seen = Router(table, "test"), _admission(), Records()
    connectors = {"one": ScriptedConnector(), "two": ScriptedConnector()}
    upstreams = Upstreams(Upstream(p, connectors[p.id]) for p in table.providers)
    orchestrator = Orchestrator(
        router=router,
        upstreams=upstreams,
        admission=admission,
        tracing=Tracing(),
        observers=[seen],
        instance="test",
        forward_headers=["X-Tenant"],
        stream_timeout_s=90,
        seeds=lambda: 7,
    )
    return House(orchestrator, router, admission, connectors["one"], connectors["two"], seen)


def _admission() -> Admission:
    return Admission(Bounds(8, 8, 1), max_deciding=8, max_body_bytes_held=1 << 20)
