"""Who watches decisions as requests end. A watcher that is too slow misses some and is told how
many; requests never wait for one, and while nobody watches they are not looked at."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from router_service.core import Decision
from router_service.errors import TooManyWatchers
from router_service.types import MOVES, AttemptRecord

MOST_WATCHERS = 16
MOST_WAITING = 1000
"""Decisions that wait for one watcher; the oldest make room."""
MOST_A_SECOND = 1000
"""Decisions that all watchers together are told in a second, since telling costs requests time."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A decision whose request has ended. One that is not carried out has neither attempts nor a
    status."""

    decided_us: int
    """Microseconds since the Unix epoch."""
    request_id: str
    decision: Decision
    attempts: Sequence[AttemptRecord] = ()
    status: str = ""


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """What a watcher wants to see. Model and provider are those of the first target; empty fields
    match all."""

    model: str = ""
    provider: str = ""
    rule: str = ""
    fallbacks_only: bool = False

    def takes(self, watched: Watched) -> bool:
        decision = watched.decision
        return (
            self.model in ("", decision.model)
            and self.provider in ("", decision.provider)
            and self.rule in ("", decision.rule)
            and (not self.fallbacks_only or any(a.kind in MOVES for a in watched.attempts))
        )


class Watcher:
    """One who watches: what waits to be told, and how much was missed."""

    def __init__(
        self, wanted: DecisionFilter, most_waiting: int, pause_s: Callable[[], float]
    ) -> None:
        self._wanted = wanted
        self._most_waiting = most_waiting
        self._pause_s = pause_s
        self._waiting: deque[Watched] = deque()
        self._missed = 0
        self._news = asyncio.Event()

    def tell(self, watched: Watched) -> None:
        if not self._wanted.takes(watched):
            return
        if len(self._waiting) >= self._most_waiting:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(watched)
        self._news.set()

    async def next(self) -> tuple[Watched, int]:
        """The next decision, waited for, and how many were missed since the last one."""
        await asyncio.sleep(self._pause_s())
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        missed, self._missed = self._missed, 0
        return self._waiting.popleft(), missed


class Watchers:
    """All who watch; every decision passes through here when its request has ended."""

    def __init__(
        self, most_watchers: int = MOST_WATCHERS, most_waiting: int = MOST_WAITING
    ) -> None:
        self._most_watchers = most_watchers
        self._most_waiting = most_waiting
        self._watching: list[Watcher] = []

    def __len__(self) -> int:
        return len(self._watching)

    def tell(
        self,
        decided_us: int,
        request_id: str,
        decision: Decision,
        attempts: Sequence[AttemptRecord] = (),
        status: str = "",
    ) -> None:
        """Does not block. The arguments are the fields of Watched."""
        if not self._watching:
            return
        watched = Watched(decided_us, request_id, decision, attempts, status)
        for watcher in self._watching:
            watcher.tell(watched)

    @contextmanager
    def watching(self, wanted: DecisionFilter) -> Iterator[Watcher]:
        """A watcher for as long as the block lasts. Raises TooManyWatchers."""
        if len(self._watching) >= self._most_watchers:
            raise TooManyWatchers(
                f"{self._most_watchers} watchers are connected, as many as there may be; end one "
                "of them, or read the access log (router-service logs tail FILE --follow)"
            )
        watcher = Watcher(wanted, self._most_waiting, self._pause_s)
        self._watching.append(watcher)
        try:
            yield watcher
        finally:
            self._watching.remove(watcher)

    def _pause_s(self) -> float:
        return len(self._watching) / MOST_A_SECOND
