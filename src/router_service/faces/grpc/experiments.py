"""The figures of an experiment as a wire message."""

from __future__ import annotations

from typing import Any

from router_service.v1 import admin_pb2

_VERDICTS = {
    "too_few": admin_pb2.GUARDRAIL_VERDICT_UNSPECIFIED,
    "pass": admin_pb2.GUARDRAIL_VERDICT_PASS,
    "review": admin_pb2.GUARDRAIL_VERDICT_REVIEW,
    "rolled_back": admin_pb2.GUARDRAIL_VERDICT_ROLLED_BACK,
}


def stats(experiment: dict[str, Any]) -> admin_pb2.ExperimentStats:
    """One experiment as the core reports it."""
    return admin_pb2.ExperimentStats(
        name=experiment["name"],
        enabled=experiment["enabled"],
        unit=experiment["unit"],
        arms=[_arm(arm) for arm in experiment["arms"]],
        verdict=_VERDICTS[experiment["verdict"]],
        verdict_reason=experiment["verdict_reason"],
        since_us=experiment["since_us"],
    )


def _arm(arm: dict[str, Any]) -> admin_pb2.ArmStats:
    return admin_pb2.ArmStats(
        name=arm["name"],
        model=arm["model"],
        wanted_share=arm["wanted_share"],
        requests=arm["requests"],
        errors=arm["errors"],
        mean_latency_us=arm["mean_latency_us"],
        p95_latency_us=arm["p95_latency_us"],
        feedback_count=arm["feedback_count"],
        mean_quality=arm["mean_quality"],
        cost_usd=arm["cost_usd"],
    )
