"""Hands finished requests to an observer a few at a time. Formatting a line and counting right
after each request would find its code and data gone from the processor's caches every time; in
batches the same work costs a fraction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from router_service.types import Observer, RequestRecord

MOST = 64
"""Records handed on at once; about a millisecond of the event loop."""
DELAY_S = 0.1
"""Longest time a record waits."""


class Batch(Collector):
    """An Observer in front of another. Call it on the event loop; flush() when it is to end.

    Made before the metrics it feeds are registered, it flushes whenever they are collected.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        registry.register(self)
        self._observer: Observer | None = None
        self._records: list[RequestRecord] = []
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, observer: Observer) -> None:
        """Say whom to hand records to; before the first request."""
        self._observer = observer

    def request_finished(self, record: RequestRecord) -> None:
        self._records.append(record)
        if len(self._records) >= MOST:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self.flush)

    def flush(self) -> None:
        """Hand on what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        records, self._records = self._records, []
        if self._observer is not None:
            for record in records:
                self._observer.request_finished(record)

    def collect(self) -> Iterable[Metric]:
        self.flush()
        return ()

    def describe(self) -> Iterable[Metric]:
        return ()
