"""The room of a fake provider: so many answers at once, so many waiting, no more.

Slots are handed over in the order of arrival.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from router_service.testing.behaviour import Behaviour


class Full(Exception):
    """No slot is free and the queue is at its bound."""


class Room:
    """Counts answers in progress. Limits are read at entry, so they may change at any time."""

    def __init__(self) -> None:
        self.running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def enter(self, behaviour: Behaviour) -> AsyncIterator[None]:
        """Hold a slot, after waiting for one where there is a queue. Raises Full."""
        if behaviour.slots is not None and self.running >= behaviour.slots:
            await self._wait(behaviour.queue)
        else:
            self.running += 1
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, bound: int) -> None:
        """Wait until somebody hands over a slot."""
        if len(self._waiting) >= bound:
            raise Full
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            else:
                self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        """Hand the slot to whoever waits longest, or give it up."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1
