"""Providers in trouble are not hammered, and a provider that comes and goes costs no caller its
answer."""

from __future__ import annotations

import asyncio
from itertools import cycle
from pathlib import Path

import pytest

from router_service.testing import Behaviour, Fault, FaultKind

from ..routers import until
from . import under_load
from .plans import IMPATIENT
from .table import Report
from .under_load import Field

STRETCH_S = 1.5
MOST_REQUESTS = 2
PER_S = 40.0

LIMITS = {
    "429 without Retry-After": ("best", Fault(FaultKind.STATUS, status=429)),
    "429 with Retry-After 1; the next of lower quality": (
        "best",
        Fault(FaultKind.STATUS, status=429, retry_after_s=1),
    ),
    "429 with Retry-After 1; an equal next": (
        "twin",
        Fault(FaultKind.STATUS, status=429, retry_after_s=1),
    ),
    "429 inside a 200": ("best", Fault(FaultKind.ERROR_EVENT, status=429)),
}


@pytest.mark.parametrize("case", LIMITS)
async def test_a_provider_that_answered_429_is_left_alone(
    case: str, tmp_path: Path, report: Report
) -> None:
    model, fault = LIMITS[case]
    async with under_load.field(tmp_path) as field:
        await field.fleet["first"].behave(Behaviour(faults=(fault,)))
        first = asyncio.create_task(under_load.ask(field.router, model, "http", stream=True))
        await until(lambda: _has_refused(field), "the first 429 has been sent")
        await asyncio.sleep(0.05)  # and has arrived
        replies = await under_load.traffic(field.router, model, round(3 * PER_S), PER_S)
        assert [reply for reply in (await first, *replies) if not reply.whole] == []
        asked = await field.times("first")
    most = under_load.most_within(asked[1:], STRETCH_S)
    assert most <= MOST_REQUESTS
    promised = f"after its first 429 at most {MOST_REQUESTS} requests in {STRETCH_S} s"
    result = f"at most {MOST_REQUESTS}" if most else "none"
    report.note(f"{PER_S:g} requests a second at {case}", promised, result)


async def _has_refused(field: Field) -> bool:
    return any(entry.outcome != "running" for entry in await field.fleet["first"].log())


COOLDOWN_S = 1
OUTAGES = {
    "503": Fault(FaultKind.STATUS, status=503),
    "500": Fault(FaultKind.STATUS, status=500),
    "reset": Fault(FaultKind.RESET_BEFORE_HEADERS),
    "silence": Fault(FaultKind.SILENCE),
}


@pytest.mark.parametrize("case", OUTAGES)
async def test_a_full_outage_costs_the_providers_little_more_than_the_requests_that_come(
    case: str, tmp_path: Path, report: Report
) -> None:
    count, settings = 120, {"cooldown_time": COOLDOWN_S, "timeout": 10}
    impatient = {"first": IMPATIENT, "second": IMPATIENT}
    async with under_load.field(tmp_path, settings, impatient) as field:
        for name in ("first", "second"):
            await field.fleet[name].behave(Behaviour(faults=(OUTAGES[case],)))
        await under_load.traffic(field.router, "best", 20, PER_S)
        before = len(await field.times("first", "second"))
        replies = await under_load.traffic(field.router, "best", count, PER_S)
        assert not any(reply.whole for reply in replies)
        times = (await field.times("first", "second"))[before:]
    probes = round(2 * (count / PER_S / COOLDOWN_S + 1))
    assert len(times) <= 1.2 * count + probes
    promised = "once breakers are open, at most 1.2 upstream requests for each, and probes"
    within = len(times) <= 0.2 * count + probes
    result = "fewer than 0.2" if within else f"{len(times) / count:.1f}"
    report.note(f"every provider down ({case})", promised, result)


PHASES = (
    Fault(FaultKind.REFUSE),
    None,
    Fault(FaultKind.STATUS, status=503),
    None,
    Fault(FaultKind.RESET_BEFORE_HEADERS),
    None,
    Fault(FaultKind.SILENCE),
    None,
)
PHASE_S = 0.5
FLAPPING_PER_S = 30.0


@pytest.mark.timeout(180)
async def test_a_provider_that_flaps_costs_nobody_an_answer(
    tmp_path: Path, report: Report, published: Path | None
) -> None:
    seconds = 60 if published is not None else 8
    count = round(seconds * FLAPPING_PER_S)
    settings = {"cooldown_time": COOLDOWN_S, "timeout": 10}
    recovery = {"cooldown_seconds": 2, "recovery_seconds": 1}
    async with under_load.field(
        tmp_path, settings, {"first": IMPATIENT}, error_based_routing=recovery
    ) as field:
        flapping = asyncio.create_task(_flap(field))
        try:
            replies = await under_load.traffic(field.router, "best", count, FLAPPING_PER_S)
        finally:
            flapping.cancel()
            await asyncio.gather(flapping, return_exceptions=True)
        await field.fleet["first"].behave(Behaviour())
        lost = [reply for reply in replies if not reply.whole]
        assert lost == []
        assert {reply.provider for reply in replies} == {"first", "second"}
        await until(lambda: _back(field), "the first provider answers again", 30)
    report.note(
        f"a provider fails and recovers every {PHASE_S:g} s for {seconds} s",
        "every request is answered whole",
        f"{count - len(lost)} of {count}",
    )


async def _flap(field: Field) -> None:
    for fault in cycle(PHASES):
        await field.fleet["first"].behave(Behaviour(faults=() if fault is None else (fault,)))
        await asyncio.sleep(PHASE_S)


async def _back(field: Field) -> bool:
    reply = await under_load.ask(field.router, "best", "http", stream=True)
    return reply.provider == "first"
