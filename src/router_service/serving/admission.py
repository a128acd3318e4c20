"""How many requests run at once, and how many may wait for their turn. Past both bounds a request
is refused at once with a hint when to try again, so that overload never grows memory."""

from __future__ import annotations

import asyncio

from router_service.errors import DeadlineExceeded, Draining, Overloaded

RETRY_AFTER_S = 1.0
"""Hint to a refused caller: about how long a running request takes to make room."""


class Admission:
    """A bounded number of slots with a bounded queue in front, first come first served."""

    def __init__(self, *, max_concurrent: int, max_queue: int, queue_timeout_s: float) -> None:
        self._slots = asyncio.Semaphore(max_concurrent)
        self._max_queue = max_queue
        self._queue_timeout_s = queue_timeout_s
        self._waiting = 0
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    @property
    def running(self) -> int:
        """Requests that hold a slot now."""
        return self._running

    @property
    def draining(self) -> bool:
        return self._draining

    async def enter(self, timeout_s: float) -> None:
        """Take a slot; pair with leave(). Waits at most timeout_s and the queue's own limit.

        Raises Overloaded, DeadlineExceeded where timeout_s was the shorter, or Draining once
        drain() was called.
        """
        self.refuse_if_draining()
        if self._slots.locked():
            await self._wait(timeout_s)
        else:
            await self._slots.acquire()
        self._running += 1
        self._idle.clear()

    def leave(self) -> None:
        """Give the slot back."""
        self._running -= 1
        self._slots.release()
        if self._running == 0:
            self._idle.set()

    def refuse_if_draining(self) -> None:
        if self._draining:
            raise Draining("this process is stopping and takes no new requests; send it to another")

    def drain(self) -> None:
        """Refuse whatever comes from now on; what runs may finish."""
        self._draining = True

    async def idle(self, timeout_s: float) -> bool:
        """Wait until nothing runs; False when that took longer than timeout_s."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _wait(self, timeout_s: float) -> None:
        if self._waiting >= self._max_queue:
            raise Overloaded(
                f"{self._running} requests are running and {self._waiting} waiting, which is the "
                "limit (limits.max_concurrent, limits.max_queue); try again shortly",
                RETRY_AFTER_S,
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(min(timeout_s, self._queue_timeout_s)):
                await self._slots.acquire()
        except TimeoutError:
            raise self._waited_in_vain(timeout_s) from None
        finally:
            self._waiting -= 1

    def _waited_in_vain(self, timeout_s: float) -> Overloaded | DeadlineExceeded:
        if timeout_s < self._queue_timeout_s:
            return DeadlineExceeded(
                f"the deadline passed while waiting for one of {self._running} running requests to "
                "end (limits.max_concurrent)"
            )
        return Overloaded(
            f"no slot came free within {self._queue_timeout_s:g} s (limits.queue_timeout_s); "
            "try again shortly",
            RETRY_AFTER_S,
        )
