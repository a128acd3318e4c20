"""The statistics of model routing: exactly the fields clients know, from the core's figures."""

from __future__ import annotations

from typing import Any

from router_service.serving.model_routing import routing_experiment, routing_stats
from router_service.serving.recent_requests import RecentRequests


def arm(name: str, requests: int, served: int, latency_us: int, share: float) -> dict[str, Any]:
    return {
        "name": name,
        "requests": requests,
        "served": served,
        "latency_us": latency_us,
        "wanted_share": share,
    }


def figures(*arms: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    other = {"name": "other", "enabled": True, "arms": [arm("x", 9, 9, 9, 1.0)]}
    return {
        "experiments": [other, {"name": "sizes", "enabled": enabled, "arms": list(arms)}],
        "query_classes": {
            "experiment": "sizes",
            "simple": "3b",
            "complex": "8b",
            "baseline_latency_us": 4_500_000,
        },
    }


def test_every_field_follows_from_the_arms() -> None:
    found = figures(arm("3b", 60, 60, 60 * 2_500_000, 0.3), arm("8b", 40, 40, 40 * 4_500_000, 0.7))
    assert routing_stats(found) == {
        "total_requests": 100,
        "model_distribution": {
            "3b": {"count": 60, "percentage": 60.0, "avg_latency_ms": 2500.0},
            "8b": {"count": 40, "percentage": 40.0, "avg_latency_ms": 4500.0},
        },
        "average_latency_ms": 3300.0,
        "baseline_latency_ms": 4500.0,
        "latency_improvement_pct": 26.67,
        "estimated_cost_savings_pct": 30.0,
        "ab_test_ratio": 0.3,
        "routing_enabled": True,
    }
    assert routing_experiment(found) == "sizes"


def test_requests_that_failed_have_a_share_and_no_latency() -> None:
    found = routing_stats(figures(arm("3b", 3, 1, 2_000_000, 0.5), arm("8b", 1, 0, 0, 0.5)))
    assert found["model_distribution"] == {
        "3b": {"count": 3, "percentage": 75.0, "avg_latency_ms": 2000.0},
        "8b": {"count": 1, "percentage": 25.0, "avg_latency_ms": 0.0},
    }
    assert found["average_latency_ms"] == 2000.0


def test_before_the_first_answer_nothing_is_claimed() -> None:
    found = routing_stats(figures(arm("3b", 0, 0, 0, 0.5), arm("8b", 0, 0, 0, 0.5), enabled=False))
    assert found == {
        "total_requests": 0,
        "model_distribution": {
            "3b": {"count": 0, "percentage": 0.0, "avg_latency_ms": 0.0},
            "8b": {"count": 0, "percentage": 0.0, "avg_latency_ms": 0.0},
        },
        "average_latency_ms": 0.0,
        "baseline_latency_ms": 4500.0,
        "latency_improvement_pct": 0.0,
        "estimated_cost_savings_pct": 0.0,
        "ab_test_ratio": 0.5,
        "routing_enabled": False,
    }


def test_without_query_classes_everything_is_zero() -> None:
    found = {"experiments": [], "query_classes": None}
    assert routing_stats(found) == {
        "total_requests": 0,
        "model_distribution": {},
        "average_latency_ms": 0.0,
        "baseline_latency_ms": 0.0,
        "latency_improvement_pct": 0.0,
        "estimated_cost_savings_pct": 0.0,
        "ab_test_ratio": 0.0,
        "routing_enabled": False,
    }
    assert routing_experiment(found) is None


def test_recent_requests_are_each_callers_own_and_bounded() -> None:
    recent = RecentRequests(most=2)
    recent.remember("ann", "r-1", "d-1")
    recent.remember("ann", "r-2", "d-2")
    recent.remember("ann", "r-1", "d-3")
    assert recent.decision_of("ann", "r-1") == "d-3"
    assert recent.decision_of("bob", "r-1") is None
    recent.remember("bob", "r-1", "d-4")
    assert recent.decision_of("ann", "r-2") is None
    assert [recent.decision_of(who, "r-1") for who in ("ann", "bob")] == ["d-3", "d-4"]
