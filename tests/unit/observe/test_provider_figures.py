"""Gauges of each provider's state follow the status they are read from."""

from __future__ import annotations

import pytest

from router_service.observe.metrics import Metrics
from router_service.observe.provider_figures import (
    HEALTH_STATES,
    ProviderFigures,
    StatusFigures,
)


class Fleet:
    """A status that a test sets, and how often it was asked for."""

    def __init__(self) -> None:
        self.providers: dict[str, ProviderFigures] = {}
        self.asked = 0

    def status(self) -> StatusFigures:
        self.asked += 1
        return {"providers": self.providers, "spending": None}


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet()
    fleet.providers["ollama"] = well()
    return fleet


@pytest.fixture
def metrics(fleet: Fleet) -> Metrics:
    return Metrics(status=fleet.status)


def well() -> ProviderFigures:
    return {
        "in_flight": 0,
        "capacity": 4,
        "saturated": False,
        "out_until_us": 0,
        "health": "healthy",
        "state": "enabled",
    }


def value(metrics: Metrics, name: str, provider: str = "ollama", **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"provider": provider} | labels)


def states(metrics: Metrics, provider: str = "ollama") -> dict[str, float | None]:
    return {
        state: value(metrics, "router_health", provider, state=state) for state in HEALTH_STATES
    }


def test_a_provider_that_is_well(metrics: Metrics) -> None:
    assert value(metrics, "router_in_flight") == 0
    assert value(metrics, "router_capacity") == 4
    assert value(metrics, "router_saturated") == 0
    assert value(metrics, "router_cooldown_until_timestamp_seconds") == 0
    assert states(metrics) == dict.fromkeys(HEALTH_STATES, 0) | {"healthy": 1}


def test_gauges_follow_the_status(metrics: Metrics, fleet: Fleet) -> None:
    fleet.providers["ollama"] = {
        "in_flight": 4,
        "capacity": 4,
        "saturated": True,
        "out_until_us": 1_769_860_800_250_000,
        "health": "cooling_down",
        "state": "draining",
    }
    fleet.providers["vllm"] = well()
    assert value(metrics, "router_in_flight") == 4
    assert value(metrics, "router_saturated") == 1
    until = value(metrics, "router_cooldown_until_timestamp_seconds")
    assert until == pytest.approx(1_769_860_800.25, abs=1e-3)
    assert states(metrics) == dict.fromkeys(HEALTH_STATES, 0) | {"cooling_down": 1}
    assert states(metrics, "vllm")["healthy"] == 1
    assert value(metrics, "router_provider_state", state="draining") == 1
    assert value(metrics, "router_provider_state", state="enabled") == 0
    assert value(metrics, "router_provider_state", "vllm", state="enabled") == 1


@pytest.mark.parametrize("health", HEALTH_STATES)
def test_a_provider_is_in_one_state_at_a_time(metrics: Metrics, fleet: Fleet, health: str) -> None:
    fleet.providers["ollama"]["health"] = health
    assert [state for state, is_in in states(metrics).items() if is_in] == [health]


def test_a_provider_that_left_is_shown_no_more(metrics: Metrics, fleet: Fleet) -> None:
    fleet.providers.clear()
    assert b'provider="ollama"' not in metrics.render()[0]


def test_the_status_is_asked_for_once_a_scrape(metrics: Metrics, fleet: Fleet) -> None:
    assert fleet.asked == 0
    text, _ = metrics.render()
    assert fleet.asked == 1
    assert text.count(b"# TYPE router_in_flight gauge\n") == 1
    assert b'router_health{provider="ollama",state="healthy"} 1.0\n' in text


def test_without_a_status_there_are_no_such_gauges() -> None:
    assert b"router_health" not in Metrics().render()[0]
