"""Slots and the queue before them: bounded, never lost, and no waiting in vain."""

from __future__ import annotations

import asyncio

import pytest

from router_service.errors import DeadlineExceeded, Draining, Overloaded
from router_service.serving.admission import Bodies, Bounds, Lane, Most

from .clock import jumping, now, turn
from .requests import Scene, arrival, lane


@jumping
async def test_slots_are_counted_and_given_back_once() -> None:
    desk = lane(slots=2)
    first, second = desk.join(arrival(), 1), desk.join(arrival(), 1)
    assert (desk.running, desk.waiting) == (2, 0)
    first.leave()
    first.leave()
    assert desk.running == 1
    second.leave()
    assert desk.running == 0


@jumping
async def test_a_slot_that_is_free_is_had_without_waiting() -> None:
    with lane().join(arrival(), 0) as place:
        await place.turn()
        assert (place.queued_s, now()) == (0, 0)


@jumping
async def test_past_both_bounds_a_request_is_refused_at_once() -> None:
    scene = Scene(lane(slots=1, queue=1))
    await scene.come("runs")
    await scene.come("waits")
    with pytest.raises(Overloaded, match=r"limits\.max_concurrent, limits\.max_queue") as refused:
        await scene.come("too many")
    assert (refused.value.reason, refused.value.retry_after_s, now()) == ("queue_full", 1, 0)
    await scene.over()
    assert scene.started == ["runs", "waits"]


@jumping
async def test_the_queue_has_a_time_limit() -> None:
    scene = Scene(lane(timeout_s=5))
    await scene.come("runs", lasts_s=60)
    await scene.come("waits", timeout_s=60)
    await scene.over()
    refusal = scene.refused["waits"]
    assert isinstance(refusal, Overloaded)
    assert (refusal.reason, scene.ended["waits"]) == ("queue_timeout", 5)


@jumping
async def test_a_shorter_deadline_is_told_as_one() -> None:
    scene = Scene(lane(timeout_s=5))
    await scene.come("runs", lasts_s=60)
    await scene.come("waits", timeout_s=2)
    await scene.over()
    assert isinstance(scene.refused["waits"], DeadlineExceeded)
    assert scene.ended["waits"] == 2


async def measured(scene: Scene, seconds: float) -> None:
    """Have the lane know how long a slot is held."""
    await scene.come("measured", lasts_s=seconds)
    await scene.over()


@jumping
async def test_who_cannot_make_it_is_refused_at_once_and_told_when() -> None:
    scene = Scene(lane(slots=2))
    await measured(scene, 10)
    began = now()
    for number in range(2 + 4):
        await scene.come(f"before {number}", lasts_s=10)
    with pytest.raises(Overloaded) as refused:
        await scene.come("hasty", timeout_s=24)
    assert (refused.value.reason, refused.value.retry_after_s) == ("cannot_make_deadline", 25)
    assert now() == began
    await scene.come("patient", timeout_s=31)
    await scene.over()
    assert "patient" in scene.started


@jumping
async def test_a_queue_too_long_for_the_time_limit_is_not_joined() -> None:
    scene = Scene(lane(slots=1, timeout_s=5))
    await measured(scene, 2)
    for number in range(1 + 2):
        await scene.come(f"before {number}", lasts_s=2)
    with pytest.raises(Overloaded, match=r"limits\.queue_timeout_s") as refused:
        await scene.come("too late")
    assert (refused.value.reason, refused.value.retry_after_s) == ("cannot_make_deadline", 6)
    await scene.over()
    assert not scene.refused


@jumping
async def test_a_long_request_of_yesterday_keeps_nobody_away() -> None:
    scene = Scene(lane(slots=1))
    await measured(scene, 600)
    await asyncio.sleep(24 * 3600)
    await scene.come("runs")
    await scene.come("waits", timeout_s=5)
    await scene.over()
    assert scene.started == ["measured", "runs", "waits"]


@jumping
async def test_another_callers_flood_makes_no_deadline_impossible() -> None:
    scene = Scene(lane(slots=1))
    await measured(scene, 1)
    for number in range(50):
        await scene.come(f"flood {number}")
    await scene.come("bob's", "bob", timeout_s=3)
    await scene.over()
    assert scene.started.index("bob's") <= 3


@jumping
async def test_those_of_higher_priority_count_in_the_estimate_as_far_as_they_go_first() -> None:
    scene = Scene(lane(slots=1))
    await measured(scene, 1)
    await scene.come("runs")
    for number in range(5):
        await scene.come(f"high {number}", priority="high")
    with pytest.raises(Overloaded) as refused:
        await scene.come("hasty", timeout_s=5.5)
    assert refused.value.retry_after_s == 6
    for number in range(5, 50):
        await scene.come(f"high {number}", priority="high")
    await scene.come("patient", timeout_s=9.5)
    await scene.over()
    assert scene.started.index("patient") == 2 + 8


@jumping
async def test_retry_after_is_the_time_the_queue_takes() -> None:
    scene = Scene(lane(slots=2, queue=3))
    await measured(scene, 10)
    for number in range(2 + 3):
        await scene.come(f"before {number}")
    with pytest.raises(Overloaded) as refused:
        await scene.come("too many")
    assert (refused.value.reason, refused.value.retry_after_s) == ("queue_full", 20)
    await scene.over()


@jumping
async def test_who_leaves_the_queue_takes_no_slot_along() -> None:
    scene = Scene(lane())
    for name in ("runs", "leaves", "stays"):
        await scene.come(name)
    scene.tasks["leaves"].cancel()
    await turn()
    assert (scene.lane.running, scene.lane.waiting) == (1, 1)
    await scene.over()
    assert scene.started == ["runs", "stays"]


@jumping
async def test_leaving_just_as_the_turn_comes_gives_the_slot_on() -> None:
    desk = lane()
    running = desk.join(arrival(), 1)
    scene = Scene(desk)
    await scene.come("leaves")
    await scene.come("stays")
    running.leave()
    scene.tasks["leaves"].cancel()
    await scene.over()
    assert scene.started == ["stays"]


@jumping
async def test_a_slot_that_comes_with_the_last_moment_is_taken() -> None:
    desk = lane(timeout_s=5)
    running = desk.join(arrival(), 1)
    asyncio.get_running_loop().call_at(5, running.leave)
    with desk.join(arrival(), 60) as place:
        await place.turn()
        assert place.queued_s == 5


@jumping
async def test_a_callers_bound_stops_that_caller_alone() -> None:
    scene = Scene(lane(slots=4, caller=Most(concurrent=1, queue=1)))
    await scene.come("ann 1")
    await scene.come("ann 2")
    with pytest.raises(Overloaded, match=r"limits\.max_queue_per_caller") as refused:
        await scene.come("ann 3")
    assert refused.value.reason == "caller_limit"
    await scene.come("bob", "bob")
    assert scene.started == ["ann 1", "bob"]
    await scene.over()
    assert scene.started == ["ann 1", "bob", "ann 2"]
    assert scene.ended == {"ann 1": 1, "bob": 1, "ann 2": 2}


@jumping
async def test_a_faces_bound_stops_that_face_alone() -> None:
    scene = Scene(lane(slots=4, faces={"grpc": Most(concurrent=1, queue=1)}))
    await scene.come("grpc 1", face="grpc")
    await scene.come("grpc 2", "bob", face="grpc")
    with pytest.raises(Overloaded, match=r"grpc\.max_concurrent, grpc\.max_queue") as refused:
        await scene.come("grpc 3", "cat", face="grpc")
    assert refused.value.reason == "queue_full"
    await scene.come("http")
    await scene.over()
    assert scene.started == ["grpc 1", "http", "grpc 2"]


@jumping
async def test_a_full_own_bound_is_told_in_the_estimate() -> None:
    scene = Scene(lane(slots=100, caller=Most(concurrent=1)))
    await measured(scene, 10)
    await scene.come("runs", lasts_s=10)
    with pytest.raises(Overloaded) as refused:
        await scene.come("hasty", timeout_s=9)
    assert (refused.value.reason, refused.value.retry_after_s) == ("cannot_make_deadline", 10)
    await scene.over()


@jumping
async def test_bytes_past_the_budget_are_refused_and_none_of_them_held() -> None:
    desk = Lane(Bounds(5), Bodies(100), now)
    with desk.join(arrival(), 1) as first, desk.join(arrival(), 1) as second:
        first.hold(60)
        with pytest.raises(Overloaded, match=r"limits\.max_body_bytes_held") as refused:
            second.hold(41)
        assert refused.value.reason == "body_bytes"
        second.hold(40)
        assert desk.bodies.held == 100
    assert desk.bodies.held == 0


@jumping
async def test_the_waiting_can_be_turned_away_together() -> None:
    scene = Scene(lane())
    for name in ("runs", "waits", "waits too"):
        await scene.come(name, lasts_s=10)
    scene.lane.refuse_waiting(Draining("stopping"))
    await scene.over()
    assert scene.started == ["runs"]
    assert {type(error) for error in scene.refused.values()} == {Draining}
    assert scene.ended["waits too"] == 0
