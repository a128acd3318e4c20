"""A caller who leaves stops the provider at once and gives its slot back, at whatever point."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from statistics import median

import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind
from router_service.types import Work

from . import small_fleet
from .callers import chat
from .routers import SETTLE_S, InProcessRouter, in_process, until

MODELS = {"alpha": "first", "native": "second"}


async def asked(fleet: FakeFleet, provider: str, times: int = 1) -> None:
    """Wait until a provider has been asked so often."""

    async def enough() -> bool:
        return len(await fleet[provider].log()) >= times

    await until(enough, f"{provider} is asked {times} times")


async def left(fleet: FakeFleet, provider: str, router: InProcessRouter) -> None:
    """The provider sees the connection close, and nothing stays in flight."""

    async def seen() -> bool:
        return [entry.outcome for entry in await fleet[provider].log()] == ["client closed"]

    await until(seen, f"{provider} sees the connection close")
    await router.idle()
    logged = await until(router.access_log.requests, "the request is logged")
    assert [request["status"] for request in logged] == ["cancelled"]
    assert [attempt["outcome"] for attempt in logged[0]["attempts"]] == ["cancelled"]


async def leave(asking: asyncio.Task[object]) -> None:
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("model", MODELS)
async def test_before_the_first_token(
    patient_router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool, model: str
) -> None:
    provider = MODELS[model]
    await fleet[provider].behave(Behaviour(faults=(Fault(FaultKind.SILENCE),)))
    caller = patient_router.face(face)
    asking = asyncio.create_task(caller.ask(chat(model, stream=stream)))
    await asked(fleet, provider)
    assert patient_router.service.router.in_flight()[provider] == 1
    await leave(asking)
    await left(fleet, provider, patient_router)


@pytest.mark.parametrize("model", MODELS)
async def test_after_the_first_token(
    patient_router: InProcessRouter, fleet: FakeFleet, face: str, model: str
) -> None:
    provider = MODELS[model]
    await fleet[provider].behave(Behaviour(faults=(Fault(FaultKind.STALL, after_tokens=2),)))
    async with contextlib.aclosing(patient_router.face(face).begun(chat(model))) as pieces:
        assert await anext(pieces)
    await left(fleet, provider, patient_router)


async def test_while_tokens_flow(
    patient_router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(Behaviour(tokens_per_s=20))
    async with contextlib.aclosing(patient_router.face(face).begun(chat("alpha"))) as pieces:
        assert await anext(pieces)
    await left(fleet, "first", patient_router)


async def test_between_two_attempts(
    patient_router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    busy = Fault(FaultKind.STATUS, status=429, retry_after_s=3)
    await fleet["first"].behave(Behaviour(faults=(busy,)))
    asking = asyncio.create_task(patient_router.face(face).ask(chat("alpha")))
    await asked(fleet, "first")
    await until(
        lambda: not any(patient_router.service.router.in_flight().values()),
        "the slot is free during the wait",
    )
    await leave(asking)
    await patient_router.idle()
    (logged,) = await until(patient_router.access_log.requests, "the request is logged")
    assert logged["status"] == "cancelled"
    assert [attempt["outcome"] for attempt in logged["attempts"]] == ["rate_limited"]


async def test_many_at_once_leave_nothing_behind(
    patient_router: InProcessRouter, fleet: FakeFleet, stream: bool
) -> None:
    await fleet["first"].behave(Behaviour(faults=(Fault(FaultKind.SILENCE),)))
    callers = (patient_router.http, patient_router.grpc)
    body = chat("alpha", stream=stream)
    asking = [asyncio.create_task(callers[i % 2].ask(body)) for i in range(40)]
    await asked(fleet, "first", 40)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await patient_router.idle()
    outcomes = {entry.outcome for entry in await fleet["first"].log()}
    assert outcomes == {"client closed"}


# ── How soon ────────────────────────────────────────────────────────────────────────────────────

SOON_S = 0.1
"""From the caller's leaving to the provider's seeing it."""
LEAVERS = 5

SILENT = Behaviour(faults=(Fault(FaultKind.SILENCE),))
PHASES: dict[str, tuple[Behaviour, bool]] = {
    "before the headers": (SILENT, True),
    "before the headers of a whole answer": (SILENT, False),
    "before the first token": (Behaviour(faults=(Fault(FaultKind.SLOW_FIRST_TOKEN),)), True),
    "while tokens flow": (Behaviour(tokens_per_s=20), True),
    "in a stall": (Behaviour(faults=(Fault(FaultKind.STALL, after_tokens=2),)), True),
    "within a whole answer": (
        Behaviour(faults=(Fault(FaultKind.STALL, after_tokens=2),)),
        False,
    ),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("phase", PHASES)
async def test_the_provider_sees_it_at_once(
    patient_router: InProcessRouter, fleet: FakeFleet, face: str, phase: str, model: str
) -> None:
    """Half of five leavers within the time, since others use this machine too."""
    behaviour, stream = PHASES[phase]
    provider, caller = fleet[MODELS[model]], patient_router.face(face)
    await provider.behave(behaviour)
    took: list[float] = []
    for number in range(1, LEAVERS + 1):
        asking = asyncio.create_task(caller.ask(chat(model, stream=stream)))
        await asked(fleet, provider.id, number)
        await asyncio.sleep(0.1)  # into the phase
        assert not asking.done()
        gone = time.time()
        await leave(asking)
        entry = (await provider.log())[-1]
        await until(lambda entry=entry: entry.seconds is not None, "the provider sees it")
        assert entry.outcome == "client closed"
        took.append(entry.time + (entry.seconds or 0) - gone)
    assert median(took) < SOON_S, took
    await patient_router.idle()


async def test_from_the_queue(patient: Path, tmp_path: Path, fleet: FakeFleet, face: str) -> None:
    await fleet["first"].behave(SILENT)
    settings = {"limits": {"max_concurrent": 1, "queue_timeout_s": 60}}
    async with in_process(patient, tmp_path, settings) as router:
        first = asyncio.create_task(router.face(face).ask(chat("alpha")))
        await asked(fleet, "first")
        second = asyncio.create_task(router.face(face).ask(chat("alpha")))
        lane = router.service.admission.lanes[Work.CARRY_OUT]
        await until(lambda: lane.waiting == 1, "the second waits")
        gone = time.monotonic()
        await leave(second)
        await until(lambda: lane.waiting == 0, "its place is free")
        assert time.monotonic() - gone < SETTLE_S / 2
        await leave(first)
        await router.idle()
        (_, logged) = await until(
            lambda: len(lines := router.access_log.requests()) == 2 and lines, "both are logged"
        )
        assert logged["status"] == "cancelled"
        assert len(await fleet["first"].log()) == 1


async def test_while_waiting_for_room(
    fleet: FakeFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: str
) -> None:
    """No deployment has room, and the walk waits until one has."""
    monkeypatch.setenv(small_fleet.KEY_VARIABLE, small_fleet.KEY)
    document = small_fleet.routing(
        fleet.addresses, patience_ms=60_000, router_settings={"timeout": 60}
    )
    document["providers"]["first"]["capacity"] = 1
    await fleet["first"].behave(SILENT)
    config = small_fleet.written(document, tmp_path / "narrow.yaml")
    async with in_process(config, tmp_path) as router:
        first = asyncio.create_task(router.face(face).ask(chat("alone")))
        await asked(fleet, "first")
        second = asyncio.create_task(router.face(face).ask(chat("alone")))
        admission = router.service.admission
        await until(lambda: admission.running == 2, "the second is let in")
        await asyncio.sleep(0.1)
        await leave(second)
        await until(lambda: admission.running == 1, "its slot is free")
        await leave(first)
        await router.idle()
        assert len(await fleet["first"].log()) == 1
