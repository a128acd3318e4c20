"""Who is next: priorities, callers in turn, and who gives way when the queue is full."""

from __future__ import annotations

import asyncio

import pytest

from router_service.errors import Overloaded
from router_service.serving.admission.queue import KEPT, PASSED_OVER

from .clock import jumping, turn
from .requests import Scene, arrival, lane


async def busy(queue: int = 100) -> Scene:
    """A lane whose only slot is taken for a second."""
    scene = Scene(lane(slots=1, queue=queue))
    await scene.come("first")
    return scene


@jumping
async def test_first_come_first_served() -> None:
    scene = await busy()
    names = [f"n{number}" for number in range(5)]
    for name in names:
        await scene.come(name)
    await scene.over()
    assert scene.started == ["first", *names]


@jumping
async def test_callers_have_their_turns_one_after_another() -> None:
    scene = await busy()
    for number in range(4):
        await scene.come(f"a{number}", "ann")
    for number in range(2):
        await scene.come(f"b{number}", "bob")
    await scene.come("c0", "cat")
    await scene.over()
    assert scene.started == ["first", "a0", "b0", "c0", "a1", "b1", "a2", "a3"]


@jumping
async def test_high_before_normal_before_low() -> None:
    scene = await busy()
    for name, priority in (
        ("low", "low"),
        ("unsaid", None),
        ("unknown", "urgent"),
        ("high", "high"),
        ("loud", " HIGH "),
    ):
        await scene.come(name, priority=priority)  # type: ignore[arg-type]
    await scene.over()
    assert scene.started == ["first", "high", "loud", "unsaid", "unknown", "low"]


async def flooded(scene: Scene) -> None:
    for number in range(30):
        await scene.come(f"high {number}", priority="high")


@jumping
async def test_a_flood_of_high_priority_lets_the_others_through_now_and_then() -> None:
    scene = await busy()
    await scene.come("low", priority="low")
    for name in ("normal 0", "normal 1"):
        await scene.come(name)
    await flooded(scene)
    await scene.over()
    places = [scene.started.index(name) for name in ("normal 0", "low", "normal 1")]
    assert places == [1 + PASSED_OVER, 2 + PASSED_OVER, 1 + 2 * PASSED_OVER + 2]


@jumping
async def test_who_left_after_being_passed_over_leaves_no_turn_behind() -> None:
    scene = await busy()
    await scene.come("gone", priority="low")
    await flooded(scene)
    await asyncio.sleep(PASSED_OVER + 0.5)
    scene.tasks["gone"].cancel()
    await turn()
    await scene.come("new", priority="low")
    await scene.over()
    assert scene.started.index("new") == 1 + 2 * PASSED_OVER


@jumping
async def test_a_request_may_say_its_priority_later() -> None:
    scene = await busy()
    await scene.come("normal")
    place = scene.lane.join(arrival(), 1000)
    place.prefer("high")
    assert scene.lane.waiting == 2
    await scene.come("later high", priority="high")
    with place:
        await place.turn()
        assert scene.started == ["first"]
        place.prefer("low")  # it has its slot: nothing changes
    await scene.over()
    assert scene.started == ["first", "later high", "normal"]


@jumping
async def test_a_full_queue_takes_a_caller_with_less_for_the_last_of_the_one_with_most() -> None:
    scene = await busy(queue=4)
    for number in range(4):
        await scene.come(f"a{number}", "ann")
    await scene.come("b0", "bob")
    refusal = scene.refused["a3"]
    assert isinstance(refusal, Overloaded)
    assert refusal.reason == "queue_full"
    await scene.come("b1", "bob")
    with pytest.raises(Overloaded):  # two each: a third of bob's would only swap places
        await scene.come("b2", "bob")
    await scene.over()
    assert scene.started == ["first", "a0", "b0", "a1", "b1"]


@jumping
async def test_nobody_gives_way_where_that_would_only_swap_two_callers() -> None:
    scene = await busy(queue=5)
    for name, caller in (("a0", "ann"), ("a1", "ann"), ("a2", "ann"), ("b0", "bob"), ("b1", "bob")):
        await scene.come(name, caller)
    with pytest.raises(Overloaded):
        await scene.come("b2", "bob")
    await scene.over()
    assert not scene.refused


@jumping
async def test_a_full_queue_of_one_caller_refuses_that_caller() -> None:
    scene = await busy(queue=2)
    await scene.come("a0")
    await scene.come("a1")
    with pytest.raises(Overloaded):
        await scene.come("a2")
    await scene.over()
    assert not scene.refused


@jumping
async def test_a_lower_priority_gives_way_but_keeps_its_part() -> None:
    scene = await busy(queue=2 * KEPT)
    for number in range(2 * KEPT):
        await scene.come(f"low {number}", priority="low")
    for number in range(2 * KEPT - 2):
        await scene.come(f"high {number}", priority="high")
    with pytest.raises(Overloaded):
        await scene.come("high, too many", priority="high")
    assert sorted(scene.refused) == sorted(f"low {number}" for number in range(2, 2 * KEPT))
    await scene.over()
    assert {"low 0", "low 1"} <= set(scene.started)


@jumping
async def test_a_priority_without_its_part_takes_it_from_those_with_more() -> None:
    scene = await busy(queue=2 * KEPT)
    for number in range(2 * KEPT):
        await scene.come(f"high {number}", priority="high")
    await scene.come("low 0", priority="low")
    await scene.come("low 1", priority="low")
    with pytest.raises(Overloaded):
        await scene.come("low 2", priority="low")
    assert sorted(scene.refused) == [f"high {2 * KEPT - 2}", f"high {2 * KEPT - 1}"]
    await scene.over()
