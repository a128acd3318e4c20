"""The lanes beside one another, and what becomes of them when the process stops."""

from __future__ import annotations

import asyncio

import pytest

from router_service.errors import Draining, Overloaded
from router_service.serving.admission import Admission, Bounds
from router_service.types import Work

from .clock import jumping, now
from .requests import Scene, arrival


def admission(slots: int = 1) -> Admission:
    return Admission(Bounds(slots, 10, 60), max_deciding=1, max_body_bytes_held=100, clock=now)


@jumping
async def test_each_kind_of_work_has_slots_and_bytes_of_its_own() -> None:
    desk = admission()
    for work in Work:
        place = desk.join(arrival(work=work), 1)
        place.hold(100)
        await place.turn()
    assert [desk.lanes[work].running for work in Work] == [1, 1, 1]
    assert desk.running == 1
    with pytest.raises(Overloaded):
        desk.join(arrival(work=Work.DECIDE), 1)


@jumping
async def test_time_before_joining_counts_for_the_deadline() -> None:
    desk = admission()
    came = arrival()
    await asyncio.sleep(4)
    with desk.join(came, 60), desk.join(came, 5) as place:
        assert place.patience_s == 1


@jumping
async def test_draining_refuses_newcomers_at_once() -> None:
    desk = admission(slots=2)
    with desk.join(arrival(), 1):
        desk.drain()
        assert desk.draining
        for work in Work:
            with pytest.raises(Draining):
                desk.join(arrival(work=work), 1)
        assert desk.running == 1


@jumping
async def test_draining_serves_the_waiting_while_there_is_time() -> None:
    desk = admission()
    scene = Scene(desk.lanes[Work.CARRY_OUT])
    for name in ("runs", "waits", "waits too long"):
        await scene.come(name, lasts_s=3)
    desk.drain(4)
    await scene.over()
    assert scene.started == ["runs", "waits"]
    assert isinstance(scene.refused["waits too long"], Draining)
    assert scene.ended == {"runs": 3, "waits": 6, "waits too long": 4}
