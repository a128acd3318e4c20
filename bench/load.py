"""What a load generator is told and what it found, and how one is run as a process of its own.

Load generators are modules started with a plan as JSON; they print a result as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

_SPARE_S = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send where, for how long."""

    address: str
    """host:port."""
    path: str
    """HTTP path or gRPC method."""
    body: str
    """File with the request's body."""
    concurrency: int
    seconds: float
    """Measured time; a tenth of it goes before as warm-up."""

    def message(self) -> bytes:
        return Path(self.body).read_bytes()


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it. Times are seconds."""

    requests: int
    """All, those of the warm-up too."""
    per_s: float
    latency_s: float
    """Median, until the first byte of the answer's body."""


Exchange = Callable[[], Awaitable[float]]
"""Sends one request, reads the whole answer and returns the latency. Raises where it failed."""


async def drive(connections: list[Exchange], seconds: float) -> Load:
    """Keep every connection busy with one request after the other."""
    begin = time.perf_counter() + seconds / 10
    end = begin + seconds
    latencies: list[float] = []
    early = 0

    async def keep_busy(exchange: Exchange) -> None:
        nonlocal early
        while (now := time.perf_counter()) < end:
            latency = await exchange()
            if now < begin:
                early += 1
            else:
                latencies.append(latency)

    async with asyncio.timeout(seconds + _SPARE_S), asyncio.TaskGroup() as busy:
        for exchange in connections:
            busy.create_task(keep_busy(exchange))
    took = time.perf_counter() - begin
    return Load(early + len(latencies), len(latencies) / took, median(latencies))


async def run(module: str, plan: Plan) -> Load:
    """Run a generator in its own process. Raises RuntimeError where a request failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        json.dumps(asdict(plan)),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(plan.seconds * 1.1 + 2 * _SPARE_S):
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{module} against {plan.address} failed; its message is on stderr")
    return Load(**json.loads(output))


def main(generate: Callable[[Plan], Awaitable[Load]]) -> None:
    """The whole program of a generator."""
    plan = Plan(**json.loads(sys.argv[1]))

    async def report() -> None:
        print(json.dumps(asdict(await generate(plan))))

    asyncio.run(report())
