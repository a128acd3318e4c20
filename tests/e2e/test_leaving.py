"""A caller who leaves stops the provider at once and gives its slot back, at whatever point."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind

from .callers import chat
from .routers import InProcessRouter, until

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
