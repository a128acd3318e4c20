"""What the budgets on cloud spending hold, as gauges. Nothing is shown where no budgets are
configured, and of the callers only those that have spent most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from prometheus_client.core import GaugeMetricFamily, Metric


class Purse(TypedDict):
    """US dollars; without a limit limit_usd is None."""

    spent_usd: float
    set_aside_usd: float
    limit_usd: float | None


class Fallback(TypedDict):
    """Of the last ten minutes: requests, attempts of fallback in the cloud, the most it may be."""

    requests: int
    to_cloud: int
    limit: float | None


class SpendingFigures(TypedDict):
    """The day's spending in the cloud, altogether and by caller."""

    day: Purse
    callers: Mapping[str, Purse]
    fallback: Fallback


def spending_gauges(figures: SpendingFigures | None) -> Iterable[Metric]:
    """One family of metrics for each figure that there is."""
    if figures is None:
        return ()
    day, fallback = figures["day"], figures["fallback"]
    gauges = [
        _gauge("router_cloud_spent_usd", "Spent in the cloud today (UTC).", day["spent_usd"]),
        _gauge(
            "router_cloud_set_aside_usd",
            "Set aside for requests in the cloud that are under way.",
            day["set_aside_usd"],
        ),
        _gauge(
            "router_cloud_fallback_share",
            "Attempts of fallback in the cloud per request, over ten minutes.",
            fallback["to_cloud"] / max(1, fallback["requests"]),
        ),
    ]
    if day["limit_usd"] is not None:
        limit = day["limit_usd"]
        gauges.append(_gauge("router_cloud_budget_usd", "What a day may cost.", limit))
    if fallback["limit"] is not None:
        limit = fallback["limit"]
        gauges.append(_gauge("router_cloud_fallback_limit", "The most of that share.", limit))
    return (*gauges, *_by_caller(figures["callers"]))


def _by_caller(callers: Mapping[str, Purse]) -> Iterable[Metric]:
    spent = GaugeMetricFamily(
        "router_cloud_caller_spent_usd", "Spent in the cloud today, by caller.", labels=("caller",)
    )
    budget = GaugeMetricFamily(
        "router_cloud_caller_budget_usd", "What a caller's day may cost.", labels=("caller",)
    )
    for caller, purse in callers.items():
        spent.add_metric((caller,), purse["spent_usd"])
        if purse["limit_usd"] is not None:
            budget.add_metric((caller,), purse["limit_usd"])
    return (spent, budget)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
