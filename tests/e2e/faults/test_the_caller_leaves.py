"""A caller who leaves is no fault of a provider, but an answer nobody reads costs it all the same:
its connection is closed at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind, Server

from .. import small_fleet
from ..callers import chat
from ..routers import InProcessRouter, in_process, until
from . import plans
from .table import Report

AT_ONCE_S = 0.1
POINTS = {
    "before the first token of a stream": (True, Fault(FaultKind.SILENCE)),
    "before the headers of a whole answer": (False, Fault(FaultKind.SILENCE)),
    "in the middle of a stream": (True, Fault(FaultKind.STALL, after_tokens=3)),
}


@pytest.mark.parametrize("server", [Server.VLLM, Server.OLLAMA])
@pytest.mark.parametrize("point", POINTS)
async def test_the_provider_is_left_at_once(
    point: str, server: Server, face: str, tmp_path: Path, report: Report
) -> None:
    stream, fault = POINTS[point]
    async with FakeFleet(plans.specs(server)) as fleet:
        config = small_fleet.written(plans.routing(fleet), tmp_path / "routing.yaml")
        async with in_process(config, tmp_path) as router:
            await fleet["first"].behave(Behaviour(faults=(fault,)))
            if fault.after_tokens:
                left = await _after_the_first_piece(router, face)
            else:
                left = await _while_waiting(router, fleet, face, stream=stream)

            async def closed() -> bool:
                return [entry.outcome for entry in await fleet["first"].log()] == ["client closed"]

            await until(closed, "the provider sees the connection close")
            await router.idle()
            (entry,) = await fleet["first"].log()
    assert entry.seconds is not None
    assert entry.time + entry.seconds - left <= AT_ONCE_S
    promised = f"the connection to the provider is closed within {AT_ONCE_S:g} s"
    report.note(f"a caller leaves {point}", promised, f"< {AT_ONCE_S:g} s")


async def _while_waiting(
    router: InProcessRouter, fleet: FakeFleet, face: str, *, stream: bool
) -> float:
    """Leave once the provider has been asked; when that was."""
    asking = asyncio.create_task(router.face(face).ask(chat("best", stream=stream)))

    async def asked() -> bool:
        return bool(await fleet["first"].log())

    await until(asked, "the provider is asked")
    left = time.time()
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    return left


async def _after_the_first_piece(router: InProcessRouter, face: str) -> float:
    async with contextlib.aclosing(router.face(face).begun(chat("best"))) as pieces:
        assert await anext(pieces)
        return time.time()
