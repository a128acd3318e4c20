"""What the router is doing now as a wire message. The figures are those decisions are made on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from router_service import __version__
from router_service.faces.grpc.replies import KINDS, LOCATIONS
from router_service.v1 import admin_pb2

_HEALTHS = {
    "healthy": admin_pb2.HEALTH_HEALTHY,
    "degraded": admin_pb2.HEALTH_DEGRADED,
    "cooling_down": admin_pb2.HEALTH_COOLING_DOWN,
    "half_open": admin_pb2.HEALTH_HALF_OPEN,
    "recovering": admin_pb2.HEALTH_RECOVERING,
}


_STATES = {
    "enabled": admin_pb2.PROVIDER_STATE_ENABLED,
    "draining": admin_pb2.PROVIDER_STATE_DRAINING,
    "disabled": admin_pb2.PROVIDER_STATE_DISABLED,
}


def status(figures: Mapping[str, Any], *, with_deployments: bool) -> admin_pb2.GetStatusResponse:
    """A status as serving.ports.RequestService gives it."""
    return admin_pb2.GetStatusResponse(
        instance=figures["instance"],
        version=__version__,
        table_version=figures["table_version"],
        started_us=figures["started_us"],
        draining=figures["draining"],
        in_flight=figures["in_flight"],
        providers=[provider(name, one) for name, one in figures["providers"].items()],
        deployments=_deployments(figures) if with_deployments else (),
        spending=_spending(figures["spending"]),
    )


def provider(name: str, figures: Mapping[str, Any]) -> admin_pb2.ProviderStatus:
    """One provider of such a status."""
    active = figures["active"]
    return admin_pb2.ProviderStatus(
        id=name,
        kind=KINDS[figures["kind"]],
        location=LOCATIONS[figures["location"]],
        state=_STATES[figures["state"] if active else "disabled"],
        active=active,
        health=_HEALTHS[figures["health"]],
        in_flight=figures["in_flight"],
        capacity=figures["capacity"],
        saturated=figures["saturated"],
        cooldown_until_us=_cooldown_until_us(figures),
        reason=_reason(figures),
        exclusive_group=figures["exclusive_group"] or "",
    )


def _reason(figures: Mapping[str, Any]) -> str:
    """Why a provider gets nothing; empty where it does."""
    group = figures["exclusive_group"]
    if not figures["active"]:
        return f"inactive member of the exclusive group {group}" if group else "disabled"
    cooldown = "errors or a rate limit" if _cools_down(figures) else ""
    return str(figures["state_reason"] or cooldown)


def _deployments(figures: Mapping[str, Any]) -> Iterator[admin_pb2.DeploymentStatus]:
    shares = _shares(figures)
    for name, one in figures["deployments"].items():
        outcomes = one["outcomes"]
        yield admin_pb2.DeploymentStatus(
            id=name,
            model=one["model"] or "",
            provider=one["provider"],
            weight=shares[name],
            health=_HEALTHS[one["health"]],
            in_flight=one["in_flight"],
            outcomes=outcomes,
            success_rate=one["successes"] / outcomes if outcomes else None,
            ttft_p50_us=one["first_token_p50_us"] or None,
            ttft_p95_us=one["first_token_p95_us"] or None,
            cooldown_until_us=_cooldown_until_us(one),
        )


def _shares(figures: Mapping[str, Any]) -> dict[str, float]:
    """Each deployment's part of its model's traffic; 0 for one that is disabled, held by an
    operator or cools down. A passthrough, which has no model, stands alone."""
    every, providers = figures["deployments"], figures["providers"]
    weights: dict[str, float] = {}
    totals: dict[str, float] = defaultdict(float)
    for name, one in every.items():
        whole = providers[one["provider"]]
        out = _cools_down(one) or _cools_down(whole) or whole["state"] != "enabled"
        weights[name] = one["weight"] if one["enabled"] and not out else 0.0
        totals[one["model"] or name] += weights[name]
    return {
        name: weight / totals[every[name]["model"] or name] if weight else 0.0
        for name, weight in weights.items()
    }


def _spending(figures: Mapping[str, Any] | None) -> admin_pb2.CloudSpending | None:
    if figures is None:
        return None
    callers = figures["callers"].items()
    fallback = figures["fallback"]
    return admin_pb2.CloudSpending(
        day=admin_pb2.Purse(**figures["day"]),
        day_ends_us=figures["day_ends_us"],
        callers=[
            admin_pb2.CallerSpending(caller=name, purse=admin_pb2.Purse(**purse))
            for name, purse in callers
        ],
        requests=fallback["requests"],
        fallbacks_to_cloud=fallback["to_cloud"],
        fallback_limit=fallback["limit"],
    )


def _cools_down(figures: Mapping[str, Any]) -> bool:
    return bool(figures["health"] == "cooling_down")


def _cooldown_until_us(figures: Mapping[str, Any]) -> int:
    """One that is over stands in the figures until a request has tested what it was for."""
    return int(figures["out_until_us"]) if _cools_down(figures) else 0
