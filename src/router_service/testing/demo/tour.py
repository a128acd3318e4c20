"""Runs the demo: starts everything, goes on the tour, says what to try, stays until Ctrl-C.

The exit code is 0 only where every step got what it expects and everything stopped in order.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from router_service.config.reference import REFERENCE_CONFIG
from router_service.testing.demo import show
from router_service.testing.demo.callers import Callers, StepFailed
from router_service.testing.demo.result import Result, complaint
from router_service.testing.demo.router_process import RouterProcess
from router_service.testing.demo.steps import TOUR, Step
from router_service.testing.fleet import FakeFleet, reference_specs


async def run(once: bool) -> int:
    """The demo. Returns 0, or 1 where a step did not get its expected answer.

    Raises OSError where the router does not come up.
    """
    console = show.open_console()
    specs = reference_specs(paced=True)
    began = time.perf_counter()
    show.starting_fleet(console, len(specs))
    with tempfile.TemporaryDirectory(prefix="router-service-demo-") as folder:
        async with FakeFleet(specs, processes=True) as fleet:
            show.seconds(console, "listening", time.perf_counter() - began)
            routing = fleet.routing_config(REFERENCE_CONFIG)
            environment = fleet.environment(REFERENCE_CONFIG)
            router = RouterProcess(routing, environment, Path(folder))
            show.starting_router(console, router)
            began = time.perf_counter()
            async with router:
                show.seconds(console, "ready", time.perf_counter() - began)
                results = await _tour(console, fleet, router)
                show.results(console, results)
                if not once:
                    await _stay(console, fleet, router)
    if router.exit_code != 0:
        console.print(f"[red]the router ended with code {router.exit_code}, not 0[/red]")
    return 0 if router.exit_code == 0 and not any(r.complaint for r in results) else 1


async def _stay(console: Console, fleet: FakeFleet, router: RouterProcess) -> None:
    with _interrupts() as asked:
        show.invitation(console, router, fleet.addresses)
        await asked.wait()
        console.print("Stopping")


async def _tour(console: Console, fleet: FakeFleet, router: RouterProcess) -> list[Result]:
    results = []
    async with Callers.connected(router.grpc_port, router.http_port) as callers:
        for number, step in enumerate(TOUR, 1):
            show.asking(console, number, step)
            if step.killed is not None:
                await fleet.kill(step.killed)
            results.append(await _result(console, callers, step))
            show.answered(console, results[-1])
            if step.killed is not None:
                await fleet.restart(step.killed)
    return results


async def _result(console: Console, callers: Callers, step: Step) -> Result:
    started = time.perf_counter()
    try:
        seen = await callers.call(step, lambda piece: show.piece(console, piece))
    except StepFailed as failure:
        return Result(step, None, time.perf_counter() - started, str(failure))
    return Result(step, seen, time.perf_counter() - started, complaint(step, seen))


@contextmanager
def _interrupts() -> Iterator[asyncio.Event]:
    """An event set by Ctrl-C or SIGTERM, which do nothing else meanwhile."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, asked.set)
    try:
        yield asked
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
