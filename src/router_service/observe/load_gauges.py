"""How full the router itself is, as gauges: requests running and waiting, and bytes of bodies held.
Read when someone scrapes, so that they are never stale."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Lane(Protocol):
    """One kind of work."""

    @property
    def running(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def bytes_held(self) -> int: ...


Lanes = Callable[[], Mapping[str, Lane]]


class LoadGauges(Collector):
    """Asks for the lanes once per scrape."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    def collect(self) -> Iterable[Metric]:
        running = _gauge("router_requests_running", "Requests that hold a slot.")
        waiting = _gauge("router_requests_waiting", "Requests in the queue for a slot.")
        held = _gauge("router_body_bytes_held", "Bytes of request bodies held.")
        for work, lane in self._lanes().items():
            running.add_metric((work,), lane.running)
            waiting.add_metric((work,), lane.waiting)
            held.add_metric((work,), lane.bytes_held)
        return (running, waiting, held)


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=("work",))
