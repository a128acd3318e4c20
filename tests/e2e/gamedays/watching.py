"""The router from outside while it is under load: health of everything from GetStatus, and what the
process holds from /metrics."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import grpc.aio

from e2e.routers import Router, RouterProcess, until
from router_service.v1 import admin_pb2

EVERY_S = 0.25
SETTLE_S = 40.0
"""Idle connections to providers are closed after a while; so long is waited for that."""
SPARE_FILES = 8
"""Descriptors that may come and go: a log reopened, a probe's connection."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was out at one moment. at is time.monotonic()."""

    at: float
    out: frozenset[str]
    """Providers that cool down, or of which every deployment used so far does."""
    unwell: frozenset[str]
    """Providers that are full, or of which anything is not healthy."""


class Watch:
    """Samples of a router's health, for as long as it is watched."""

    def __init__(self, router: Router) -> None:
        self.samples: list[Sample] = []
        self._router = router

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def in_use_since(self, provider: str, moment: float) -> float | None:
        """When the provider was first seen not to be out, from then on."""
        later = (sample for sample in self.samples if sample.at >= moment)
        return next((sample.at for sample in later if provider not in sample.out), None)

    def unwell_between(self, begin: float, end: float) -> frozenset[str]:
        """Providers that were full or unwell at some time between the two."""
        near = [s.unwell for s in self.samples if begin - EVERY_S <= s.at <= end + EVERY_S]
        return frozenset().union(*near)

    async def _run(self) -> None:
        request = admin_pb2.GetStatusRequest(include_deployments=True)
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):  # a router that is killed is away
                status = await self._router.grpc.admin.GetStatus(request, timeout=EVERY_S * 4)
                self.samples.append(_sample(status))
            await asyncio.sleep(EVERY_S)


def _sample(status: admin_pb2.GetStatusResponse) -> Sample:
    out, unwell = set(), set()
    for provider in status.providers:
        used = [d for d in status.deployments if d.provider == provider.id and d.outcomes]
        states = [deployment.health for deployment in used]
        cooling = [state == admin_pb2.HEALTH_COOLING_DOWN for state in states]
        if provider.health == admin_pb2.HEALTH_COOLING_DOWN or (cooling and all(cooling)):
            out.add(provider.id)
        healthy = {provider.health, *states} == {admin_pb2.HEALTH_HEALTHY}
        if provider.in_flight >= provider.capacity or not healthy:
            unwell.add(provider.id)
    return Sample(time.monotonic(), frozenset(out), frozenset(unwell))


# ── What the process holds ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a router's process holds at one moment."""

    resident_mb: float
    files: int
    tasks: int


async def holdings(router: RouterProcess) -> Holdings:
    """Asked over a connection of its own, so that it always counts itself once."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{router.http.url}/metrics") as response,
    ):
        text = await response.text()
    return Holdings(
        _figure(text, "process_resident_memory_bytes") / 2**20,
        int(_figure(text, "process_open_fds")),
        int(_figure(text, "router_tasks")),
    )


def _figure(text: str, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found, f"/metrics has no {name}"
    return float(found[1])


async def given_back(router: RouterProcess, before: Holdings) -> None:
    """Wait until the process has no more tasks and files than before. Raises AssertionError."""
    now = before

    async def is_given_back() -> bool:
        nonlocal now
        now = await holdings(router)
        return now.tasks <= before.tasks and now.files <= before.files + SPARE_FILES

    try:
        await until(is_given_back, "tasks and files are given back", SETTLE_S)
    except AssertionError as error:
        raise AssertionError(f"{error}: {before} before, {now} now") from None
