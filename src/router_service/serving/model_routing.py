"""The statistics of the experiment that serves classified queries, with the names clients know
(I2): what each arm got and took, against answering everything with the large model."""

from __future__ import annotations

from typing import Any

SAVED_BY_SIMPLE = 0.5
"""Estimated share of the cost that the arm of simple queries saves on a request (R15)."""


def routing_stats(figures: dict[str, Any]) -> dict[str, Any]:
    """The fields of GET /v1/model-routing/stats from what the core says of its experiments.

    Times are milliseconds, percentages 0 to 100. Without an answer yet, times are 0; without query
    classes in the config, everything is, and routing is not enabled.
    """
    classes = figures["query_classes"]
    experiment = _experiment(figures)
    arms = experiment["arms"] if experiment else []
    total = sum(arm["requests"] for arm in arms)
    served = sum(arm["served"] for arm in arms)
    average_ms = _mean_ms(sum(arm["latency_us"] for arm in arms), served)
    baseline_ms = classes["baseline_latency_us"] / 1000 if classes else 0.0
    simple = next((arm for arm in arms if arm["name"] == classes["simple"]), None)
    simple_pct = _percent(simple["requests"], total) if simple else 0.0
    return {
        "total_requests": total,
        "model_distribution": {arm["name"]: _distribution(arm, total) for arm in arms},
        "average_latency_ms": _rounded(average_ms),
        "baseline_latency_ms": _rounded(baseline_ms),
        "latency_improvement_pct": _rounded(_percent(baseline_ms - average_ms, baseline_ms))
        if served
        else 0.0,
        "estimated_cost_savings_pct": _rounded(SAVED_BY_SIMPLE * simple_pct),
        "ab_test_ratio": simple["wanted_share"] if simple else 0.0,
        "routing_enabled": bool(experiment and experiment["enabled"]),
    }


def routing_experiment(figures: dict[str, Any]) -> str | None:
    """Name of the experiment that serves classified queries."""
    experiment = _experiment(figures)
    return experiment["name"] if experiment else None


def _experiment(figures: dict[str, Any]) -> dict[str, Any] | None:
    classes = figures["query_classes"]
    if classes is None:
        return None
    by_name: dict[str, dict[str, Any]] = {one["name"]: one for one in figures["experiments"]}
    return by_name[classes["experiment"]]


def _distribution(arm: dict[str, Any], total: int) -> dict[str, Any]:
    return {
        "count": arm["requests"],
        "percentage": _rounded(_percent(arm["requests"], total)),
        "avg_latency_ms": _rounded(_mean_ms(arm["latency_us"], arm["served"])),
    }


def _mean_ms(sum_us: int, count: int) -> float:
    return sum_us / count / 1000 if count else 0.0


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0


def _rounded(figure: float) -> float:
    return round(figure, 2)
