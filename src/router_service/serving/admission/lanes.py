"""All lanes of the router together. Each kind of work has slots and a budget of bytes of its own,
so that requests being carried out never keep a decision from being made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from router_service.errors import Draining
from router_service.serving.admission.bodies import Bodies
from router_service.serving.admission.bounds import Bounds
from router_service.serving.admission.lane import Lane
from router_service.types import Work

if TYPE_CHECKING:
    from router_service.serving.admission.place import Place
    from router_service.types import Arrival


class Admission:
    """Where every request has to pass before its body is read."""

    def __init__(
        self,
        bounds: Bounds,
        *,
        max_deciding: int,
        max_body_bytes_held: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """bounds are those of requests to carry out; the bytes are for each kind of work."""
        deciding = Bounds(max_deciding)
        kinds = {Work.CARRY_OUT: bounds, Work.DECIDE: deciding, Work.DECIDE_STREAM: deciding}
        self.lanes = {
            work: Lane(each, Bodies(max_body_bytes_held), clock) for work, each in kinds.items()
        }
        self._clock = clock
        self._draining = False

    @property
    def running(self) -> int:
        """Requests being carried out now."""
        return self.lanes[Work.CARRY_OUT].running

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot to be carried out."""
        return self.lanes[Work.CARRY_OUT].waiting

    @property
    def draining(self) -> bool:
        return self._draining

    def join(self, arrival: Arrival, timeout_s: float) -> Place:
        """A place for a request that has timeout_s from its arrival; leave it when that ends.

        Raises Overloaded, or Draining once drain() was called.
        """
        self.refuse_if_draining()
        left_s = timeout_s - (self._clock() - arrival.at)
        return self.lanes[arrival.work].join(arrival, left_s)

    def refuse_if_draining(self) -> None:
        if self._draining:
            raise _draining()

    def drain(self, patience_s: float = 0.0) -> None:
        """Refuse whatever comes from now on, and what still waits after patience_s; what runs may
        finish."""
        self._draining = True
        asyncio.get_running_loop().call_later(patience_s, self._refuse_waiting)

    def _refuse_waiting(self) -> None:
        for lane in self.lanes.values():
            lane.refuse_waiting(_draining())


def _draining() -> Draining:
    return Draining("this process is stopping and takes no new requests; send it to another")
