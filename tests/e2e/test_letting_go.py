"""A request that has ended leaves nothing of itself in memory, also while the collector of cycles
does not run: under load it comes by too seldom for large bodies."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator

import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind
from router_service.types import Incoming

from .callers import Caller, chat
from .routers import InProcessRouter, until

REQUESTS = 4


def alive() -> int:
    return sum(isinstance(thing, Incoming) for thing in gc.get_objects())


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def leave(caller: Caller, stream: bool) -> None:
    asking = asyncio.create_task(caller.ask(chat("alone", stream=stream)))
    await asyncio.sleep(0.2)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking


@pytest.mark.usefixtures("no_collector")
async def test_one_that_was_answered(
    patient_router: InProcessRouter, face: str, stream: bool
) -> None:
    before = alive()
    for _ in range(REQUESTS):
        assert (await patient_router.face(face).ask(chat("alone", stream=stream))).whole
    await until(lambda: alive() == before, "all have been let go of")


@pytest.mark.usefixtures("no_collector")
async def test_one_whose_caller_left(
    patient_router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    await fleet["first"].behave(Behaviour(faults=(Fault(FaultKind.SILENCE),)))
    before = alive()
    for _ in range(REQUESTS):
        await leave(patient_router.face(face), stream)
    await until(lambda: alive() == before, "all have been let go of")


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.STATUS, status=503),
        Fault(FaultKind.STATUS, status=400),
        Fault(FaultKind.RESET_BEFORE_HEADERS),
        Fault(FaultKind.CUT, after_tokens=2),
    ],
    ids=["503", "400", "reset", "cut"],
)
async def test_one_that_failed(
    patient_router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool, fault: Fault
) -> None:
    await fleet["first"].behave(Behaviour(faults=(fault,)))
    before = alive()
    assert not (await patient_router.face(face).ask(chat("alone", stream=stream))).whole
    await until(lambda: alive() == before, "it has been let go of")
