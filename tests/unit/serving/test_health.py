"""Unreachable providers are probed until somebody answers, whatever the answer is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from router_service.errors import UpstreamError
from router_service.serving.health import (
    MOST_AT_ONCE,
    PROBE_S,
    keep_probing,
    probe_unreachable,
)
from router_service.types import OutcomeClass

from .virtual_time import VirtualTime


class Door:
    """A connector whose probe fails with `error`, or is answered."""

    def __init__(self, error: UpstreamError | None = None) -> None:
        self.error = error
        self.timeouts: list[float] = []
        self.opened = asyncio.Event()
        self.opened.set()
        self.waiting = 0

    async def probe(self, timeout_s: float) -> dict[str, str | None]:
        self.timeouts.append(timeout_s)
        self.waiting += 1
        try:
            await self.opened.wait()
        finally:
            self.waiting -= 1
        if self.error is not None:
            raise self.error
        return {}


class Core:
    """Knows who is down; whoever is reached is down no more."""

    def __init__(self, *down: str) -> None:
        self.down = list(down)
        self.reached: list[tuple[str, int]] = []

    def unreachable(self, now_us: int) -> list[str]:
        return list(self.down)

    def reachable(self, provider: str, now_us: int) -> None:
        self.down.remove(provider)
        self.reached.append((provider, now_us))


def refused(
    outcome_class: OutcomeClass = OutcomeClass.UNREACHABLE, status: int | None = None
) -> UpstreamError:
    return UpstreamError(outcome_class, "told to fail", status=status)


def upstreams(**doors: Door) -> dict[str, Any]:
    return {
        name: SimpleNamespace(provider=SimpleNamespace(id=name), connector=door)
        for name, door in doors.items()
    }


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


async def test_only_unreachable_providers_are_probed(time: VirtualTime) -> None:
    core, well, back, dead = Core("back", "dead", "unknown"), Door(), Door(), Door(refused())
    time.now_s = 7.0
    known = upstreams(well=well, back=back, dead=dead)
    await probe_unreachable(core, known, clock=time.clock)
    assert core.reached == [("back", 7_000_000)]
    assert (well.timeouts, back.timeouts, dead.timeouts) == ([], [PROBE_S], [PROBE_S])


@pytest.mark.parametrize(
    ("error", "reached"),
    [
        (refused(OutcomeClass.UNREACHABLE), False),
        (refused(OutcomeClass.CONNECTION_RESET), False),
        (refused(OutcomeClass.SILENT), False),
        (refused(OutcomeClass.DEADLINE), False),
        (refused(OutcomeClass.UNAUTHORIZED), False),
        (refused(OutcomeClass.UNAUTHORIZED, 401), True),
        (refused(OutcomeClass.MODEL_MISSING, 404), True),
        (refused(OutcomeClass.SILENT, 408), True),
        (refused(OutcomeClass.RATE_LIMITED, 429), True),
        (refused(OutcomeClass.SERVER_ERROR, 500), True),
        (refused(OutcomeClass.UNAVAILABLE, 503), True),
        (refused(OutcomeClass.SERVER_ERROR), True),
    ],
)
async def test_any_answer_will_do(error: UpstreamError, reached: bool) -> None:
    core = Core("p")
    await probe_unreachable(core, upstreams(p=Door(error)))
    assert bool(core.reached) is reached


async def test_probes_run_side_by_side_within_a_bound() -> None:
    doors = {f"p{number}": Door() for number in range(MOST_AT_ONCE + 5)}
    for door in doors.values():
        door.opened.clear()
    core = Core(*doors)
    round_ = asyncio.create_task(probe_unreachable(core, upstreams(**doors)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert sum(door.waiting for door in doors.values()) == MOST_AT_ONCE
    for door in doors.values():
        door.opened.set()
    await round_
    assert core.down == []


async def test_who_answers_early_does_not_wait_for_the_others() -> None:
    quick, slow = Door(), Door(refused())
    slow.opened.clear()
    core = Core("slow", "quick")
    round_ = asyncio.create_task(probe_unreachable(core, upstreams(quick=quick, slow=slow)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert [name for name, _ in core.reached] == ["quick"]
    slow.opened.set()
    await round_


@pytest.fixture
async def probing(time: VirtualTime) -> AsyncIterator[tuple[Core, Door]]:
    """A loop with one provider that is down."""
    core, door = Core("p"), Door(refused())
    work = keep_probing(core, upstreams(p=door), interval_s=5.0, clock=time.clock, sleep=time.sleep)
    task = asyncio.create_task(work)
    yield core, door
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert door.waiting == 0


async def test_a_dead_provider_is_probed_at_every_interval(
    time: VirtualTime, probing: tuple[Core, Door]
) -> None:
    core, door = probing
    await time.advance(4.9)
    assert door.timeouts == []
    await time.advance(20.0)
    assert len(door.timeouts) == 4
    assert core.reached == []


async def test_a_provider_that_comes_back_is_told_of_once(
    time: VirtualTime, probing: tuple[Core, Door], caplog: pytest.LogCaptureFixture
) -> None:
    core, door = probing
    caplog.set_level(logging.INFO)
    await time.advance(6.0)
    assert caplog.messages == []
    door.error = None
    await time.advance(30.0)
    assert core.reached == [("p", 10_000_000)]
    assert caplog.messages == ["p can be reached again; its cooldown ends"]
    assert len(door.timeouts) == 2


async def test_a_flapping_provider_is_followed(
    time: VirtualTime, probing: tuple[Core, Door]
) -> None:
    core, door = probing
    for _ in range(3):
        door.error = refused()
        await time.advance(5.0)
        door.error = None
        await time.advance(5.0)
        core.down = ["p"]
    assert [at_us for _, at_us in core.reached] == [10_000_000, 20_000_000, 30_000_000]


async def test_a_round_ends_before_the_next_begins(
    time: VirtualTime, probing: tuple[Core, Door]
) -> None:
    _, door = probing
    door.opened.clear()
    await time.advance(60.0)
    assert len(door.timeouts) == 1
