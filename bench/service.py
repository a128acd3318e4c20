"""Level 3: Route beside a bare gRPC handler, the HTTP shim beside a bare relay and a direct call.

Every server and every load generator is a process of its own; figures are ratios of interleaved
rounds, throughput as the callers see it and processor time as the kernel counts it.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc.aio
from ruamel.yaml import YAML

from bench import grpc_load
from bench.boundary import CHAT_BODY
from bench.load import Load, Plan, run
from bench.processes import Server, bare, router
from bench.report import Figure, Goal
from bench.rounds import Spread, interleaved, per_round, ratio, spread
from router_service.config.reference import REFERENCE_CONFIG
from router_service.testing import FakeFleet, ProviderSpec
from router_service.testing import Server as Manners
from router_service.v1 import router_pb2

PROVIDER = "llama_cpp_native"
"""Speaks the OpenAI API and serves the model of CHAT_BODY."""
CHAT_PATH = "/v1/chat/completions"
ROUTE_PATH = "/router_service.v1.RouterService/Route"
BUSY = 32
_CAPACITY = 1_000_000
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: float
    """Each of a round's measurements."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one server."""

    load: Load
    cpu_us: float
    """Processor time of the server, microseconds a request."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that runs, and the files requests are read from."""

    folder: Path
    provider: str
    """host:port."""
    router: Server


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A fake provider and a router in front of it, each a process."""
    spec = ProviderSpec(PROVIDER, Manners.LLAMA_CPP, context_window=8192)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="router-bench-")))
        fleet = await stack.enter_async_context(FakeFleet([spec], processes=True))
        config = fleet.routing_config(REFERENCE_CONFIG)
        _make_room(config)
        server = await stack.enter_async_context(router(folder / "router.log", config))
        yield World(folder, f"127.0.0.1:{fleet[PROVIDER].port}", server)


def _make_room(config: Path) -> None:
    """Capacities nobody reaches: this measures the router, not the queue before a full fleet."""
    yaml = YAML()
    document = yaml.load(config)
    for provider in document["providers"].values():
        provider["capacity"] = _CAPACITY
    yaml.dump(document, config)


# ── Route ───────────────────────────────────────────────────────────────────────────────────────


async def route(world: World, effort: Effort) -> list[Figure]:
    requests = {
        "facts given": world.folder / "route-facts.bin",
        "200-token body": world.folder / "route-body.bin",
    }
    for path, message in zip(requests.values(), _route_requests(), strict=True):
        path.write_bytes(message.SerializeToString())
    answer = world.folder / "answer.bin"
    facts = requests["facts given"].read_bytes()
    answer.write_bytes(await _ask_once(world.router.grpc_address, facts))
    async with bare("bench.bare_grpc", str(answer)) as handler:
        figures = []
        for name, request in requests.items():
            figures += await _route_with(
                name, request, {"ours": world.router, "bare": handler}, effort
            )
    return figures


async def _route_with(
    name: str, request: Path, servers: dict[str, Server], effort: Effort
) -> list[Figure]:
    def variants(concurrency: int) -> dict[str, Callable[[], Awaitable[Sample]]]:
        def load(server: Server) -> Callable[[], Awaitable[Load]]:
            plan = Plan(server.grpc_address, ROUTE_PATH, str(request), concurrency, effort.seconds)
            return partial(grpc_load.route, plan)

        return {name: partial(_sample, server, load(server)) for name, server in servers.items()}

    level = f"service: Route, {name}, against a bare grpc.aio handler ({grpc_load.generator()})"
    busy = await interleaved(variants(BUSY), effort.rounds)
    alone = await interleaved(variants(1), effort.rounds)
    return [
        *_throughput(level, busy, "bare", Goal(0.7, at_least=True)),
        *_latency(level, alone, "bare", "latency"),
    ]


def _route_requests() -> tuple[router_pb2.RouteRequest, router_pb2.RouteRequest]:
    """One whose caller counted the tokens, one that leaves it to us."""
    return (
        router_pb2.RouteRequest(model="llama3.1:latest", prompt_tokens=200, max_tokens=64),
        router_pb2.RouteRequest(model="llama3.1:latest", openai_body=CHAT_BODY, max_tokens=64),
    )


async def _ask_once(address: str, request: bytes) -> bytes:
    async with grpc.aio.insecure_channel(address) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ROUTE_PATH)
        return await call(request, timeout=_TIMEOUT_S)


# ── Shim ────────────────────────────────────────────────────────────────────────────────────────


async def shim(world: World, effort: Effort) -> list[Figure]:
    whole = world.folder / "chat.json"
    whole.write_bytes(CHAT_BODY)
    streamed = world.folder / "stream.json"
    streamed.write_bytes(CHAT_BODY.replace(b"{", b'{"stream": true, ', 1))
    async with bare("bench.relay", f"http://{world.provider}{CHAT_PATH}") as relay:

        def variants(body: Path, concurrency: int) -> dict[str, Callable[[], Awaitable[Sample]]]:
            def load(address: str) -> Callable[[], Awaitable[Load]]:
                plan = Plan(address, CHAT_PATH, str(body), concurrency, effort.seconds)
                return partial(run, "bench.http_load", plan)

            return {
                "ours": partial(_sample, world.router, load(world.router.address)),
                "relay": partial(_sample, relay, load(relay.address)),
                "direct": partial(_sample, None, load(world.provider)),
            }

        busy = await interleaved(variants(whole, BUSY), effort.rounds)
        alone = await interleaved(variants(whole, 1), effort.rounds)
        streams = await interleaved(variants(streamed, 1), effort.rounds)
    level = "service: HTTP shim against a bare aiohttp relay and a direct call"
    return [
        *_throughput(level, busy, "relay", Goal(0.5, at_least=True)),
        _ratio_of(level, "throughput, of direct", busy, "direct", lambda sample: sample.load.per_s),
        *_latency(level, alone, "relay", "latency"),
        *_latency(level, streams, "relay", "time to first byte, stream"),
    ]


async def _sample(server: Server | None, load: Callable[[], Awaitable[Load]]) -> Sample:
    before = server.cpu_s() if server else 0.0
    found = await load()
    used = server.cpu_s() - before if server else 0.0
    return Sample(found, used / found.requests * 1e6)


# ── Figures ─────────────────────────────────────────────────────────────────────────────────────

Rounds = dict[str, list[tuple[Sample, Sample]]]


def _throughput(level: str, rounds: Rounds, rival: str, goal: Goal) -> list[Figure]:
    figures = [
        _ratio_of(
            level,
            f"throughput at {BUSY}, of {rival}",
            rounds,
            rival,
            lambda sample: sample.load.per_s,
            goal,
        ),
        _ratio_of(
            level, f"processor time, of {rival}", rounds, rival, lambda sample: sample.cpu_us
        ),
    ]
    for name, results in rounds.items():
        per_s = spread(per_round(results, lambda sample: sample.load.per_s))
        figures.append(_figure(level, f"throughput at {BUSY}, {name}", per_s, "1/s"))
        cpu_us = spread(per_round(results, lambda sample: sample.cpu_us))
        if cpu_us.value:
            figures.append(_figure(level, f"processor time, {name}", cpu_us, "µs/request"))
    return figures


def _latency(level: str, rounds: Rounds, rival: str, what: str) -> list[Figure]:
    """Of one caller: medians, and what we add to whoever adds least."""
    times = {
        name: per_round(results, lambda sample: sample.load.latency_s * 1e6)
        for name, results in rounds.items()
    }
    least = "direct" if "direct" in times else rival
    added = [ours - base for ours, base in zip(times["ours"], times[least], strict=True)]
    figures = [_figure(level, f"{what}, {name}", spread(us), "µs") for name, us in times.items()]
    figures.append(_figure(level, f"{what}, added to {least}", spread(added), "µs"))
    figures.append(_figure(level, f"{what}, of {rival}", ratio(times["ours"], times[rival]), "×"))
    return figures


def _ratio_of(
    level: str,
    name: str,
    rounds: Rounds,
    rival: str,
    value: Callable[[Sample], float],
    goal: Goal | None = None,
) -> Figure:
    found = ratio(per_round(rounds["ours"], value), per_round(rounds[rival], value))
    return _figure(level, name, found, "×", goal)


def _figure(level: str, name: str, found: Spread, unit: str, goal: Goal | None = None) -> Figure:
    return Figure(level, name, found.value, unit, found.low, found.high, goal)
