"""Logs of the real core: a router that decides, and callers that report, in virtual time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from router_service.core import Facts, Outcome, Router, Table
from router_service.errors import DecisionError

START_US = 1_770_000_000_000_000
PROVIDERS = ("one", "two", "three")
TTFT_US = {"one": 200_000, "two": 400_000, "three": 300_000}
"""By provider, always."""
TOKENS = (100, 200)
PRICE = {"usd_per_1k_prompt_tokens": 0.01, "usd_per_1k_completion_tokens": 0.03}
COST_USD = {"one": 0.0, "two": 0.0, "three": (100 * 0.01 + 200 * 0.03) / 1000}


def fleet(strategy: str = "simple_shuffle", **weights: float) -> dict[str, Any]:
    """A config: `m` on three providers, the last of which costs money; weights are 1 unless
    given."""
    return {
        "providers": {
            name: {
                "kind": "openai",
                "base_url": f"http://{name}.test/v1",
                "capacity": 1_000,
                **({"price": PRICE, "location": "cloud"} if name == "three" else {}),
            }
            for name in PROVIDERS
        },
        "models": {
            "m": {
                "tier": "local",
                "deployments": [
                    {"provider": name, "weight": weights.get(name, 1.0)} for name in PROVIDERS
                ],
            }
        },
        "router_settings": {"routing_strategy": strategy},
        "unknown_model": "reject",
    }


def experiment(share: float) -> dict[str, Any]:
    """A config whose experiment by session compares `fast` on one and `slow` on two."""
    config = fleet()
    config["models"] |= {"fast": {"provider": "one"}, "slow": {"provider": "two"}}
    config["experiments"] = {
        "speed": {
            "enabled": True,
            "unit": "session",
            "control": "slow",
            "arms": {"fast": {"model": "fast", "share": share}, "slow": {"model": "slow"}},
        }
    }
    return config


def compiled(config: dict[str, Any]) -> Table:
    return Table.compile(json.dumps(config).encode())


def written(config: dict[str, Any], path: Path) -> Path:
    path.write_text(json.dumps(config))
    return path


def logged(
    config: dict[str, Any], count: int, *, sessions: int = 0, unknown: float = 0.0, seed: int = 1
) -> list[str]:
    """The lines of so many decisions, each reported before the next but one; a share asks for a
    model that nobody has."""
    draws, router = random.Random(seed), Router(compiled(config), f"r{seed}")
    router.record(True)
    waiting, lines = [], []
    for number in range(count):
        now_us = START_US + 500_000 * number
        session = f"s-{draws.randrange(sessions)}" if sessions else None
        name = "nobody-has-this" if draws.random() < unknown else "m"
        try:
            facts = Facts(name, session=session, prompt_tokens=TOKENS[0])
            waiting.append(router.decide(facts, now_us, draws.getrandbits(64)))
        except DecisionError:
            continue
        while len(waiting) > 1:
            decision = waiting.pop(0)
            router.report(decision.permit, _answer(decision.plan[0].provider), now_us)
        lines += router.take_records()[0]
    return lines + router.take_records()[0]


def _answer(provider: str) -> Outcome:
    return Outcome(
        "success",
        ttft_us=TTFT_US[provider],
        total_us=900_000,
        prompt_tokens=TOKENS[0],
        completion_tokens=TOKENS[1],
    )


def of_kind(lines: list[str], kind: str) -> Iterator[dict[str, Any]]:
    return (record for record in map(json.loads, lines) if record["kind"] == kind)
