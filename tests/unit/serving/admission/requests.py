"""Requests that come, wait, run for a while and go, and what became of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from router_service.errors import RouterError
from router_service.serving.admission import Bodies, Bounds, Lane, Place
from router_service.types import Arrival, Operation, Work

from .clock import now, turn

PLENTY = 1 << 30


def lane(slots: int = 1, queue: int = 100, timeout_s: float = 1000, **bounds: object) -> Lane:
    limits = Bounds(slots, queue, timeout_s, **bounds)  # type: ignore[arg-type]
    return Lane(limits, Bodies(PLENTY), now)


def arrival(
    caller: str = "ann",
    *,
    face: str = "http",
    priority: str | None = None,
    work: Work = Work.CARRY_OUT,
    timeout_s: float | None = None,
) -> Arrival:
    return Arrival(face, work, Operation.CHAT, caller, "r", priority, timeout_s, now())


@dataclass
class Scene:
    """A lane and everybody who comes to it."""

    lane: Lane
    started: list[str] = field(default_factory=list)
    """Names in the order in which they got their slots."""
    refused: dict[str, RouterError] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    """When each was over, served or not."""
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def come(
        self,
        name: str,
        caller: str = "ann",
        *,
        lasts_s: float = 1,
        timeout_s: float = 1000,
        **more: str,
    ) -> None:
        """A request that wants a slot for lasts_s; back at once, with the request in its place."""
        place = self.lane.join(arrival(caller, **more), timeout_s)  # type: ignore[arg-type]
        self.tasks[name] = asyncio.create_task(self._run(name, place, lasts_s))
        await turn()

    async def _run(self, name: str, place: Place, lasts_s: float) -> None:
        try:
            with place:
                await place.turn()
                self.started.append(name)
                await asyncio.sleep(lasts_s)
        except RouterError as error:
            self.refused[name] = error
        finally:
            self.ended[name] = now()

    async def over(self) -> None:
        """Wait until everybody has gone, and see that nothing is left."""
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert (self.lane.running, self.lane.waiting, self.lane.bodies.held) == (0, 0, 0)
