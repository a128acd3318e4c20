"""The live state as gauges, read when someone scrapes so that they are never stale.
What the router decides on is what is shown here: both come from the same status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router_service.observe.spending_figures import SpendingFigures, spending_gauges

OPERATOR_STATES = ("enabled", "draining", "disabled")
HEALTH_STATES = ("healthy", "degraded", "cooling_down", "half_open", "recovering")

_US = 1e-6


class ProviderFigures(TypedDict):
    """One provider's state; the clock of out_until_us is core.now_us, 0 is not out."""

    in_flight: int
    capacity: int
    saturated: bool
    out_until_us: int
    health: str
    state: str


class StatusFigures(TypedDict):
    """What is read of a status; it may hold more."""

    providers: Mapping[str, ProviderFigures]
    spending: SpendingFigures | None


Status = Callable[[], StatusFigures]


class ProviderGauges(Collector):
    """Asks `status` once per scrape."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        in_flight = _gauge("router_in_flight", "Requests running on each provider.")
        capacity = _gauge("router_capacity", "Requests a provider may run at once.")
        saturated = _gauge("router_saturated", "1 while a provider counts as saturated.")
        cooldown = _gauge(
            "router_cooldown_until_timestamp_seconds",
            "Unix time at which a provider may be used again; 0 where it is in use.",
        )
        health = _gauge("router_health", "1 for the state a provider is in.", "state")
        wanted = _gauge("router_provider_state", "1 for what the operator wants of it.", "state")
        status = self._status()
        for provider, figures in status["providers"].items():
            in_flight.add_metric((provider,), figures["in_flight"])
            capacity.add_metric((provider,), figures["capacity"])
            saturated.add_metric((provider,), figures["saturated"])
            cooldown.add_metric((provider,), figures["out_until_us"] * _US)
            for state in HEALTH_STATES:
                health.add_metric((provider, state), figures["health"] == state)
            for state in OPERATOR_STATES:
                wanted.add_metric((provider, state), figures["state"] == state)
        spending = spending_gauges(status["spending"])
        return (in_flight, capacity, saturated, cooldown, health, wanted, *spending)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=("provider", *labels))
