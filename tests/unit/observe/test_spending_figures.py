"""Gauges of the budgets on cloud spending follow the status they are read from."""

from __future__ import annotations

from router_service.observe.metrics import Metrics
from router_service.observe.provider_figures import StatusFigures
from router_service.observe.spending_figures import SpendingFigures


def metrics(spending: SpendingFigures | None) -> Metrics:
    status: StatusFigures = {"providers": {}, "spending": spending}
    return Metrics(status=lambda: status)


def test_what_is_spent_set_aside_and_allowed() -> None:
    shown = metrics(
        {
            "day": {"spent_usd": 4.5, "set_aside_usd": 0.25, "limit_usd": 5.0},
            "callers": {
                "billing": {"spent_usd": 4.0, "set_aside_usd": 0.25, "limit_usd": 4.25},
                "search": {"spent_usd": 0.5, "set_aside_usd": 0.0, "limit_usd": None},
            },
            "fallback": {"requests": 400, "to_cloud": 20, "limit": 0.1},
        }
    )
    value = shown.registry.get_sample_value
    assert value("router_cloud_spent_usd") == 4.5
    assert value("router_cloud_set_aside_usd") == 0.25
    assert value("router_cloud_budget_usd") == 5.0
    assert value("router_cloud_fallback_share") == 0.05
    assert value("router_cloud_fallback_limit") == 0.1
    assert value("router_cloud_caller_spent_usd", {"caller": "billing"}) == 4.0
    assert value("router_cloud_caller_spent_usd", {"caller": "search"}) == 0.5
    assert value("router_cloud_caller_budget_usd", {"caller": "billing"}) == 4.25
    assert value("router_cloud_caller_budget_usd", {"caller": "search"}) is None


def test_what_has_no_limit_shows_none() -> None:
    text, _ = metrics(
        {
            "day": {"spent_usd": 0.0, "set_aside_usd": 0.0, "limit_usd": None},
            "callers": {},
            "fallback": {"requests": 0, "to_cloud": 0, "limit": None},
        }
    ).render()
    assert b"router_cloud_fallback_share 0.0\n" in text
    assert b"router_cloud_budget_usd" not in text
    assert b"router_cloud_fallback_limit" not in text


def test_without_budgets_there_are_no_such_gauges() -> None:
    assert b"router_cloud" not in metrics(None).render()[0]
