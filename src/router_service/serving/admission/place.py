"""One request's claim on the router, from its arrival to its end: a place in the queue, then a
slot, and the bytes of its body. Leaving gives all of it back, exactly once."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING

from router_service.errors import RouterError
from router_service.serving.admission.queue import level_of

if TYPE_CHECKING:
    from router_service.serving.admission.lane import Lane
    from router_service.types import Arrival

RETRY_AFTER_S = 1.0
"""Shortest hint to a refused caller when to try again."""


class Place:
    """Use as a context manager; leaving the block leaves the lane. Made by Lane.join()."""

    def __init__(self, lane: Lane, arrival: Arrival) -> None:
        self.arrival = arrival
        self.face = arrival.face
        self.caller = arrival.principal
        self.level = level_of(arrival.priority)
        self.line = (arrival.face, arrival.principal)
        """Whose turn it is when it is this place's turn."""
        self.joined = lane.clock()
        self.started: float | None = None
        """When it got its slot."""
        self.patience_s = 0.0
        """How long it may wait for one."""
        self._lane = lane
        self._woken: asyncio.Future[None] | None = None
        self._refusal: RouterError | None = None
        self._bytes = 0
        self._left = False

    @property
    def waiting(self) -> bool:
        """In the queue."""
        return self.started is None and self._refusal is None and not self._left

    @property
    def queued_s(self) -> float:
        """Time it has spent in the queue, seconds."""
        return (self._lane.clock() if self.started is None else self.started) - self.joined

    async def turn(self) -> None:
        """Wait for the slot. Raises Overloaded, DeadlineExceeded or Draining where none comes."""
        if self.waiting:
            await self._wait()
        if self._refusal is not None:
            raise self._refusal
        if self.started is None:
            raise self._lane.waited_in_vain(self)

    def prefer(self, priority: str | None) -> None:
        """Wait with this priority from now on; for a request that says so in its body."""
        level = level_of(priority)
        if self.waiting and level != self.level:
            self._lane.requeue(self, level)

    def hold(self, size: int) -> None:
        """Count so many bytes more of the request's body. Raises Overloaded for too many."""
        self._lane.bodies.take(size, self._lane.retry_after_s)
        self._bytes += size

    def leave(self) -> None:
        """Give everything back. Later calls do nothing."""
        if self._left:
            return
        waited, self._left = self.waiting, True
        self._lane.bodies.give_back(self._bytes)
        self._lane.left(self, waited=waited)

    def grant(self, now: float) -> None:
        """The slot is here. For the lane."""
        self.started = now
        self._wake()

    def refuse(self, refusal: RouterError) -> None:
        """There will be no slot. For the lane."""
        self._refusal = refusal
        self._wake()

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave()

    async def _wait(self) -> None:
        self._woken = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self.patience_s - self.queued_s):
                await self._woken
        except TimeoutError:
            pass  # the slot may have come at the same moment: turn() looks

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)
