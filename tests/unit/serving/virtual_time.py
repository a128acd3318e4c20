"""A clock that only moves when a test says so, and whoever sleeps by it."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

_TURNS = 20
"""Rounds of the event loop after which every task has come to its next wait."""


class VirtualTime:
    """Seconds since the start of the test."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def clock(self) -> int:
        """As core.now_us."""
        return round(self.now_s * 1e6)

    async def sleep(self, seconds: float) -> None:
        """As asyncio.sleep."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_s + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, waking everybody at their moment and in order."""
        until = self.now_s + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self.now_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await self._settle()
        self.now_s = until

    async def _settle(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
