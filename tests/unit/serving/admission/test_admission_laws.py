"""Whatever comes, in whatever mix: bounds hold, nobody waits beside a free slot, and in the end
nothing is left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from router_service.errors import RouterError
from router_service.serving.admission import Bodies, Bounds, Lane, Most

from .clock import jumping, now
from .requests import arrival

BYTES = 50
CALLERS = ("ann", "bob", "cat")
FACES = ("http", "grpc")


@dataclass(frozen=True)
class Coming:
    """One request: when it comes, how it is, and when it leaves if it is not over by then."""

    at: int
    caller: str
    face: str
    priority: str
    later_priority: str | None
    lasts: int
    timeout: int
    leaves_after: int
    size: int


COMING = st.builds(
    Coming,
    at=st.integers(0, 20),
    caller=st.sampled_from(CALLERS),
    face=st.sampled_from(FACES),
    priority=st.sampled_from(("high", "normal", "low")),
    later_priority=st.sampled_from((None, "high", "low")),
    lasts=st.integers(0, 10),
    timeout=st.integers(0, 30),
    leaves_after=st.integers(0, 30),
    size=st.integers(0, BYTES),
)
MOST = st.builds(Most, st.none() | st.integers(1, 4), st.none() | st.integers(1, 4))
BOUNDS = st.builds(
    Bounds,
    max_concurrent=st.integers(1, 4),
    max_queue=st.integers(0, 20),
    queue_timeout_s=st.integers(1, 20),
    faces=st.fixed_dictionaries({"grpc": MOST}),
    caller=MOST,
)


@given(bounds=BOUNDS, coming=st.lists(COMING, max_size=60))
@jumping
async def test_bounds_hold_and_nothing_is_left(bounds: Bounds, coming: list[Coming]) -> None:
    lane = Lane(bounds, Bodies(BYTES), now)
    running: list[Coming] = []

    def within_bounds() -> None:
        # A slot counts from the moment it is given, before its request has noticed.
        assert len(running) <= lane.running <= bounds.max_concurrent
        assert lane.waiting <= bounds.max_queue
        assert lane.bodies.held <= BYTES
        for caller in CALLERS:
            most = bounds.caller.concurrent
            assert most is None or sum(r.caller == caller for r in running) <= most
        over_grpc = sum(request.face == "grpc" for request in running)
        assert bounds.faces["grpc"].concurrent is None or (
            over_grpc <= bounds.faces["grpc"].concurrent
        )

    async def visit(request: Coming) -> None:
        await asyncio.sleep(request.at)
        came = arrival(request.caller, face=request.face, priority=request.priority)
        with lane.join(came, request.timeout) as place:
            place.hold(request.size)
            if request.later_priority is not None:
                place.prefer(request.later_priority)
            await place.turn()
            running.append(request)
            try:
                within_bounds()
                await asyncio.sleep(request.lasts)
            finally:
                running.remove(request)

    async def come_and_go(request: Coming) -> None:
        try:
            async with asyncio.timeout(request.at + request.leaves_after):
                await visit(request)
        except (RouterError, TimeoutError):
            pass

    await asyncio.gather(*map(come_and_go, coming))
    assert (lane.running, lane.waiting, lane.bodies.held) == (0, 0, 0)
    with lane.join(arrival(), 0) as place:
        await place.turn()
