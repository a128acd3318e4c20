"""Random faults on random providers, switched on and off while the load goes on; and who was in
trouble when, which may explain an error. The same seed does the same in the same order."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from router_service.testing import FakeFleet, Fault, FaultKind

SIDE_BY_SIDE = 3
"""So many providers are in trouble at once; the others are alternatives."""

_PAUSE_S = 0.8
"""On average between two switches."""
_KILLED = "killed"
_FAULTS = (
    Fault(FaultKind.REFUSE),
    Fault(FaultKind.STATUS, status=401),
    Fault(FaultKind.STATUS, status=404),
    Fault(FaultKind.STATUS, status=429),
    Fault(FaultKind.STATUS, status=429, retry_after_s=1),
    Fault(FaultKind.STATUS, status=500),
    Fault(FaultKind.STATUS, status=503),
    Fault(FaultKind.RESET_BEFORE_HEADERS),
    Fault(FaultKind.RESET_DURING_HEADERS),
    Fault(FaultKind.SILENCE),
    Fault(FaultKind.CONTEXT_LENGTH),
    Fault(FaultKind.CONTENT_FILTER),
    Fault(FaultKind.SLOW_FIRST_TOKEN, seconds=2),
    Fault(FaultKind.SLOW_DRIP, seconds=0.2),
    Fault(FaultKind.STALL, after_tokens=3),
    Fault(FaultKind.CUT, after_tokens=3),
    Fault(FaultKind.CUT_CLEAN, after_tokens=3),
    Fault(FaultKind.NO_FINISH_REASON),
    Fault(FaultKind.NO_DONE),
    Fault(FaultKind.ERROR_EVENT, after_tokens=3),
    Fault(FaultKind.ERROR_EVENT, after_tokens=0, status=429),
    Fault(FaultKind.MALFORMED_EVENT, after_tokens=3),
    Fault(FaultKind.INVALID_UTF8, after_tokens=3),
    Fault(FaultKind.OVERSIZED_LINE, after_tokens=3),
    Fault(FaultKind.WRONG_CONTENT_TYPE),
    Fault(FaultKind.WRONG_MODEL),
    Fault(FaultKind.NO_USAGE),
    Fault(FaultKind.LOAD_MISSING),
    Fault(FaultKind.LOAD_MALFORMED),
    Fault(FaultKind.LOAD_SILENCE),
)


@dataclass(slots=True)
class Trouble:
    """One fault of one provider. Times are time.monotonic(); no end: it is still there."""

    provider: str
    kind: str
    began_at: float
    ended_at: float | None = None

    def overlaps(self, begin: float, end: float) -> bool:
        return self.began_at <= end and (self.ended_at is None or self.ended_at >= begin)


class Chaos:
    """Troubles a fleet until it is told to stop, then leaves it as it was."""

    def __init__(self, fleet: FakeFleet, seed: int) -> None:
        self.troubles: list[Trouble] = []
        self._fleet = fleet
        self._draw = random.Random(seed)
        self._now: dict[str, Trouble] = {}
        self._stopped = asyncio.Event()

    async def run(self, providers: Iterable[str]) -> None:
        names = sorted(providers)
        while not self._stopped.is_set():
            await self._switch(names)
            try:
                async with asyncio.timeout(self._draw.uniform(0.5, 1.5) * _PAUSE_S):
                    await self._stopped.wait()
            except TimeoutError:
                pass  # the next switch is due
        for name in list(self._now):
            await self._lift(name)

    def stop(self) -> None:
        self._stopped.set()

    def troubled(self, begin: float, end: float) -> dict[str, set[str]]:
        """Providers in trouble at some time between the two, with what troubled them."""
        found: dict[str, set[str]] = {}
        for trouble in self.troubles:
            if trouble.overlaps(begin, end):
                found.setdefault(trouble.provider, set()).add(trouble.kind)
        return found

    async def _switch(self, names: list[str]) -> None:
        """Lift the fault of a random provider, or give it one."""
        name = self._draw.choice(names)
        if name not in self._now and len(self._now) >= SIDE_BY_SIDE:
            name = self._draw.choice(sorted(self._now))
        if name in self._now:
            await self._lift(name)
        else:
            await self._inject(name)

    async def _inject(self, name: str) -> None:
        provider, number = self._fleet[name], self._draw.randrange(len(_FAULTS) + 2)
        fault = _FAULTS[number] if number < len(_FAULTS) else None
        kind = _KILLED if fault is None else str(fault.kind)
        trouble = self._now[name] = Trouble(name, kind, time.monotonic())
        self.troubles.append(trouble)
        if fault is None:
            await provider.kill()
        else:
            often = replace(fault, probability=self._draw.choice((0.3, 1.0)), seed=number)
            await provider.behave(replace(provider.spec.behaviour, faults=(often,)))

    async def _lift(self, name: str) -> None:
        provider, trouble = self._fleet[name], self._now.pop(name)
        if trouble.kind == _KILLED:
            await provider.restart()
        else:
            await provider.behave(provider.spec.behaviour)
        trouble.ended_at = time.monotonic()
