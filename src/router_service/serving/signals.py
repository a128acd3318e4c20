"""Asks the local providers how busy they are and which models they hold, and tells the core.
Outside every decision: what is not answered in time grows too old and counts as unknown."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from router_service.core import Clock, now_us
from router_service.errors import UpstreamError
from router_service.serving.upstreams import Upstream, active_local
from router_service.types import Connector, LoadSignals

WARM_CHECK_S = 0.1
"""Spec R13: a warm check may take at most 100 ms."""

VALID_INTERVALS = 3
"""A figure outlives two polls that fail, not three."""

LONGEST_BACK_OFF_S = 30.0
NOT_OFFERED_S = 300.0
"""How long a provider that tells nothing is left alone; it may be restarted with its pages on."""

logger = logging.getLogger(__name__)


class SignalSink(Protocol):
    """Who is told; core.Router fits."""

    def signal(
        self,
        provider: str,
        now_us: int,
        valid_for_us: int,
        *,
        running: int | None,
        waiting: int | None,
        cache_used: float | None,
        loaded: Sequence[str] | None,
    ) -> None: ...

    def is_disabled(self, provider: str, now_us: int) -> bool:
        """Whether an operator wants a provider left alone."""


class SignalPolling:
    """One loop per provider, so that a slow one is never asked again before it answered.

    `interval_s` lies between two polls of one provider, and between two looks for providers that a
    reload has brought; `timeout_s` bounds each poll. The rest is for tests: the clock, how to wait,
    and a number in 0…1 that spreads the first polls.
    """

    def __init__(
        self,
        sink: SignalSink,
        upstreams: Mapping[str, Upstream],
        *,
        interval_s: float,
        timeout_s: Callable[[], float] = lambda: WARM_CHECK_S,
        clock: Clock = now_us,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._sink = sink
        self._upstreams = upstreams
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        self._spread = spread

    async def run(self) -> None:
        """Poll until cancelled."""
        async with asyncio.TaskGroup() as polls:
            asked: dict[str, tuple[Connector, asyncio.Task[None]]] = {}
            while True:
                wanted = {one.provider.id: one.connector for one in active_local(self._upstreams)}
                for provider_id, (connector, task) in list(asked.items()):
                    if wanted.get(provider_id) is not connector:
                        task.cancel()
                        del asked[provider_id]
                for provider_id, connector in wanted.items():
                    if provider_id not in asked:
                        task = polls.create_task(self._keep_asking(provider_id, connector))
                        asked[provider_id] = (connector, task)
                await self._sleep(self._interval_s)

    async def _keep_asking(self, provider_id: str, connector: Connector) -> None:
        await self._sleep(self._spread() * self._interval_s)
        failures = 0
        while True:
            pause_s = self._interval_s
            if not self._sink.is_disabled(provider_id, self._clock()):
                told = await self._ask(provider_id, connector)
                failures = 0 if told is not None else failures + 1
                pause_s = (
                    self._back_off_s(failures) if told is None else self._tell(provider_id, told)
                )
            await self._sleep(pause_s)

    async def _ask(self, provider_id: str, connector: Connector) -> LoadSignals | None:
        """None where nothing came."""
        try:
            return await connector.signals(self._timeout_s())
        except UpstreamError as error:
            logger.debug("no load figures from %s: %s", provider_id, error)
        except Exception:
            # A fault of ours with one provider must not end the polling of all of them.
            logger.exception("asking %s for its load failed", provider_id)
        return None

    def _tell(self, provider_id: str, told: LoadSignals) -> float:
        """Pass it on; returns how long to wait before asking again, seconds."""
        if told == LoadSignals():
            return max(NOT_OFFERED_S, self._interval_s)
        self._sink.signal(
            provider_id,
            self._clock(),
            int(VALID_INTERVALS * self._interval_s * 1e6),
            running=told.running,
            waiting=told.waiting,
            cache_used=told.cache_used,
            loaded=told.loaded,
        )
        return self._interval_s

    def _back_off_s(self, failures: int) -> float:
        """Doubles with each failure; a single one, as under load, costs one interval."""
        doubled = self._interval_s * 2.0 ** min(failures - 1, 10)
        return max(self._interval_s, min(doubled, LONGEST_BACK_OFF_S))
