"""Records of a decision log, as short as they may be."""

from __future__ import annotations

import json
from typing import Any


def decision(
    provider: str = "one", *, tier: str = "local", rule: str = "exact", **changes: Any
) -> dict[str, Any]:
    deployment = f"m@{provider}"
    return {
        "deployment": deployment,
        "provider": provider,
        "rule": rule,
        "plan": [{"deployment": deployment, "tier": tier}],
        "propensity": 1.0,
        "prompt_tokens": 3,
    } | changes


def decided(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The record of decision d-{number}."""
    return {
        "kind": "decision",
        "v": 1,
        "time": f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000Z",
        "decision_id": f"d-{number}",
        "table_version": "t",
        "facts": {},
        "view": {},
        "decision": decision(),
    } | changes


def refusal(**changes: Any) -> dict[str, Any]:
    """The record of a request that no deployment could serve."""
    kept = {key: value for key, value in decided().items() if key != "decision"}
    refused = {"code": "unknown_model", "message": "?"}
    return kept | {"decision_id": None, "refused": refused} | changes


def attempt(
    provider: str = "one", *, outcome: str = "success", ttft_s: float | None = 0.1
) -> dict[str, Any]:
    return {
        "deployment": f"m@{provider}",
        "provider": provider,
        "outcome": outcome,
        "ttft_s": ttft_s,
    }


def outcome(number: int = 1, **changes: Any) -> dict[str, Any]:
    """How decision d-{number} ended."""
    return {
        "kind": "outcome",
        "v": 1,
        "time": "2026-01-01T00:01:00.000Z",
        "decision_id": f"d-{number}",
        "attempts": [attempt()],
        "prompt_tokens": None,
        "completion_tokens": None,
    } | changes


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)
