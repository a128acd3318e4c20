"""Stand-ins for what lies behind the HTTP face, and the values tests build their answers from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from router_service.errors import Draining
from router_service.serving.admission import Admission, Bounds, Place
from router_service.types import (
    Answer,
    Arrival,
    AttemptRecord,
    Delta,
    Finished,
    Incoming,
    Opened,
    OutcomeClass,
    Query,
    QueryAnswer,
    RouteQuery,
    Served,
    StreamItem,
)

WHOLE = b'{"id": "c-1",  "object": "chat.completion", "choices": []}'


def served(**changes: Any) -> Served:
    fields: dict[str, Any] = {
        "decision_id": "d-1",
        "request_id": "r-1",
        "model": "llama3.1:latest",
        "provider": "ollama",
        "deployment": "llama3.1:latest@ollama",
        "upstream_model": "llama3.1:8b",
        "rule": "exact",
        "strategy": "weighted",
        "attempts": 2,
        "table_version": "00112233aabbccdd",
    }
    return Served(**fields | changes)


@dataclass
class CoreModel:
    """Stands in for the core's Model."""

    name: str
    tier: str = "local"
    parameters: int | None = 8_000_000_000
    context_window: int | None = 131_072
    capabilities: list[str] = field(default_factory=lambda: ["chat"])
    providers: list[str] = field(default_factory=lambda: ["ollama"])
    aliases: list[str] = field(default_factory=list)
    enabled: bool = True


@dataclass
class CoreProvider:
    """Stands in for the core's Provider."""

    id: str = "ollama"
    kind: str = "ollama"
    base_url: str = "http://127.0.0.1:11434"
    location: str = "local"
    capacity: int = 4
    credential: str | None = None
    active: bool = True
    connect_us: int = 2_000_000
    first_token_us: int = 10_000_000
    idle_us: int = 15_000_000


@dataclass
class CoreHop:
    model: str = "llama3.1:latest"
    provider: str = "ollama"
    deployment: str = "llama3.1:latest@ollama"
    upstream_model: str = "llama3.1:8b"
    tier: str | None = "local"
    param_change_pct: float | None = None


@dataclass
class CoreSkip:
    model: str = "dolphin-vllm"
    provider: str = "vllm-dolphin"
    deployment: str = "dolphin-vllm@vllm-dolphin"
    reason: str = "the provider is not active"


@dataclass
class CoreDecision:
    """Stands in for the core's Decision."""

    decision_id: str = "d-1"
    table_version: str = "00112233aabbccdd"
    requested_model: str = "llama3.1:8b"
    rule: str = "exact"
    matched: str = "llama3.1:8b"
    strategy: str = "weighted"
    model: str = "llama3.1:latest"
    provider: str = "ollama"
    deployment: str = "llama3.1:latest@ollama"
    upstream_model: str = "llama3.1:8b"
    complexity: str = "low"
    prompt_tokens: int = 3
    plan: list[CoreHop] = field(default_factory=lambda: [CoreHop()])
    skipped: list[CoreSkip] = field(default_factory=lambda: [CoreSkip()])
    notes: list[str] = field(default_factory=list)
    deprecated: str | None = None
    propensity: float = 1.0
    seed: int = 7
    permit: str = "p-1"
    permit_expires_us: int = 1_700_000_000_000_000


FIGURES: dict[str, Any] = {
    "experiments": [
        {
            "name": "sizes",
            "enabled": True,
            "arms": [
                {"name": name, "requests": 2, "served": 2, "latency_us": 4, "wanted_share": 0.5}
                for name in ("3b", "8b")
            ],
        }
    ],
    "query_classes": {"experiment": "sizes", "simple": "3b", "baseline_latency_us": 4},
}
"""What the core says of a pair of arms that got two requests each."""

Opening = Callable[[Incoming], Awaitable[Answer | AsyncGenerator[StreamItem, None]]]


class FakeService:
    """Answers as the test tells it to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.incoming: list[Incoming] = []
        self.queries: list[RouteQuery] = []
        self.asked: list[Query] = []
        self.judged: list[tuple[str, float]] = []
        self.reset: list[str | None] = []
        self.figures: dict[str, Any] = FIGURES
        self.draining = False
        self.admission = Admission(Bounds(8, 8), max_deciding=8, max_body_bytes_held=1 << 25)
        self.turned_away: list[tuple[Arrival, BaseException]] = []
        """Requests that were never handed in."""
        self.error: BaseException | None = None
        """Raised instead of an answer."""
        self.opening: Opening | None = None
        """Answers instead of the whole answer."""
        self.answer = Answer(served(), WHOLE, "", "stop", None)
        self.decision = CoreDecision()
        self.closed = asyncio.Event()
        """Set when the last stream's generator was closed or ended."""

    def join(self, arrival: Arrival) -> Place:
        if self.draining:
            raise Draining("this process is stopping")
        timeout_s = arrival.timeout_s
        return self.admission.join(arrival, 30.0 if timeout_s is None else timeout_s)

    def refused(self, arrival: Arrival, error: BaseException, queued_s: float = 0.0) -> None:
        self.turned_away.append((arrival, error))

    async def open(self, incoming: Incoming) -> Answer | AsyncGenerator[StreamItem, None]:
        self.incoming.append(incoming)
        if self.error is not None:
            raise self.error
        return await self.opening(incoming) if self.opening else self.answer

    def stream(self, *items: StreamItem | BaseException | asyncio.Event) -> None:
        """Answer with a stream of these: errors are raised, events waited for."""

        async def generate() -> AsyncGenerator[StreamItem, None]:
            try:
                for item in items:
                    if isinstance(item, BaseException):
                        raise item
                    if isinstance(item, asyncio.Event):
                        await item.wait()
                    else:
                        yield item
            finally:
                self.closed.set()

        async def opening(_incoming: Incoming) -> AsyncGenerator[StreamItem, None]:
            return generate()

        self.opening = opening

    async def generate(self, query: Query) -> QueryAnswer:
        self.asked.append(query)
        return QueryAnswer(self.answer, "simple", "told by a test", 0.25)

    def feedback(self, decision_id: str, score: float) -> str:
        self.judged.append((decision_id, score))
        return "accepted" if decision_id == "d-1" else "unknown"

    def decision_of(self, principal: str, request_id: str) -> str | None:
        return {("anonymous", "r-1"): "d-1"}.get((principal, request_id))

    def experiments(self) -> dict[str, Any]:
        return self.figures

    def reset_experiments(self, experiment: str | None) -> list[str]:
        self.reset.append(experiment)
        return ["sizes"]

    async def decide(self, query: RouteQuery) -> Any:
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        return self.decision

    async def decide_many(self, queries: Sequence[RouteQuery]) -> list[Any]:
        return [await self.decide(query) for query in queries]

    async def explain(self, query: RouteQuery) -> dict[str, Any]:
        self.queries.append(query)
        return {"rule": "exact", "candidates": []}

    def report(self, permit: str, outcome: Any) -> str:
        raise NotImplementedError("the HTTP face reports no outcomes")

    def status(self) -> dict[str, Any]:
        raise NotImplementedError("the HTTP face has no such call")

    def models(self) -> list[Any]:
        return [
            CoreModel("llama3.1:latest", aliases=["llama3.1:8b"]),
            CoreModel("meta-llama/Llama-3.2-3B-Instruct", tier="cloud_entry"),
            CoreModel("dolphin-vllm", enabled=False),
        ]

    def capabilities(self) -> list[str]:
        return ["code", "chat"]

    def pools(self) -> list[str]:
        return ["general-chat", "llama3.1:latest"]

    def provider(self, provider_id: str) -> Any:
        return {"ollama": CoreProvider()}[provider_id]

    def ready(self) -> bool:
        return not self.draining


def opened(**changes: Any) -> Opened:
    return Opened(served(**changes))


def delta(text: str) -> Delta:
    return Delta(b'{"choices":[{"delta":{"content":"%s"}}]}' % text.encode(), text, True)


def finished() -> Finished:
    return Finished("stop", None, None)


def attempt(number: int, outcome: OutcomeClass, status: int | None, message: str) -> AttemptRecord:
    return AttemptRecord(
        number=number,
        kind="first" if number == 1 else "fallback",
        model="llama3.1:latest",
        provider="ollama",
        deployment="llama3.1:latest@ollama",
        upstream_model="llama3.1:8b",
        outcome=outcome,
        status=status,
        message=message,
        ttft_s=None,
        total_s=0.1,
    )


@dataclass
class Face:
    """A running face and a client of it."""

    service: FakeService
    client: aiohttp.ClientSession
    port: int

    async def post(self, path: str, **kwargs: Any) -> tuple[aiohttp.ClientResponse, Any]:
        """POST and read the JSON answer."""
        async with self.client.post(path, **kwargs) as response:
            return response, await response.json()

    async def get(self, path: str, **kwargs: Any) -> tuple[aiohttp.ClientResponse, Any]:
        async with self.client.get(path, **kwargs) as response:
            return response, await response.json()


StartFace = Callable[..., Awaitable[Face]]
