"""Slots and the queue before them: bounded, in order, and never lost."""

from __future__ import annotations

import asyncio

import pytest

from router_service.errors import DeadlineExceeded, Draining, Overloaded
from router_service.serving.admission import Admission


def admission(slots: int = 1, queue: int = 2, queue_timeout_s: float = 5) -> Admission:
    return Admission(max_concurrent=slots, max_queue=queue, queue_timeout_s=queue_timeout_s)


async def turn() -> None:
    """Let every task go on that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_slots_are_counted() -> None:
    desk = admission(slots=2)
    await desk.enter(1)
    await desk.enter(1)
    assert desk.running == 2
    desk.leave()
    desk.leave()
    assert desk.running == 0


async def test_who_waits_is_served_in_order() -> None:
    desk, served = admission(queue=3), list[int]()
    await desk.enter(1)

    async def wait(number: int) -> None:
        await desk.enter(5)
        served.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(wait(number))
        await turn()
        for waited in range(3):
            desk.leave()
            await turn()
            assert served == list(range(waited + 1))
    assert desk.running == 1


async def test_past_both_bounds_a_request_is_refused_at_once() -> None:
    desk = admission(queue=1)
    await desk.enter(1)
    waiting = asyncio.create_task(desk.enter(5))
    await turn()
    with pytest.raises(Overloaded, match=r"limits\.max_concurrent, limits\.max_queue") as refused:
        await desk.enter(5)
    assert refused.value.retry_after_s > 0
    desk.leave()
    await waiting


async def test_the_queue_has_a_time_limit() -> None:
    desk = admission(queue_timeout_s=0.01)
    await desk.enter(1)
    with pytest.raises(Overloaded, match=r"limits\.queue_timeout_s"):
        await desk.enter(60)
    assert desk.running == 1


async def test_a_shorter_deadline_is_told_as_one() -> None:
    desk = admission()
    await desk.enter(1)
    with pytest.raises(DeadlineExceeded, match=r"limits\.max_concurrent"):
        await desk.enter(0.01)


async def test_who_leaves_the_queue_takes_no_slot_along() -> None:
    desk = admission(queue=2)
    await desk.enter(1)
    leaver, stayer = (asyncio.create_task(desk.enter(5)) for _ in range(2))
    await turn()
    leaver.cancel()
    await turn()
    assert leaver.cancelled()
    desk.leave()
    await stayer
    assert desk.running == 1
    desk.leave()
    await desk.enter(0)
    assert desk.running == 1


async def test_leaving_just_as_the_turn_comes_gives_the_slot_on() -> None:
    desk = admission(queue=2)
    await desk.enter(1)
    leaver, stayer = (asyncio.create_task(desk.enter(5)) for _ in range(2))
    await turn()
    desk.leave()
    leaver.cancel()
    async with asyncio.timeout(1):
        await stayer
    await asyncio.gather(leaver, return_exceptions=True)
    desk.leave()
    if not leaver.cancelled():
        desk.leave()
    assert desk.running == 0
    await desk.enter(0)


async def test_draining_refuses_and_waits_for_what_runs() -> None:
    desk = admission()
    await desk.enter(1)
    desk.drain()
    assert desk.draining
    with pytest.raises(Draining):
        await desk.enter(1)
    assert not await desk.idle(0.01)
    desk.leave()
    assert await desk.idle(0)


async def test_nothing_running_is_idle() -> None:
    assert await admission().idle(0)
