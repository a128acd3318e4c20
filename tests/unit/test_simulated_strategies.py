"""The shipped fleet of six unequal providers under 70 % and 90 % load: fastest_response does not
collapse, over seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router_service.cli.scenario import Options, prepare
from router_service.config.routing import load_table

FOLDER = Path(__file__).parents[2] / "config/simulate"
STRATEGIES = [
    "least_loaded",
    "weighted",
    "simple_shuffle",
    "round_robin",
    "fastest_response",
    "usage_based",
    "most_capacity",
]


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("load", [0.7, 0.9])
def test_fastest_response_stays_near_the_best(load: float, seed: int) -> None:
    table = load_table(FOLDER / "six-providers-fleet.yaml")
    options = Options(strategies=STRATEGIES, load=load, seed=seed)
    simulation = prepare(FOLDER / "six-providers.yaml", options, table)
    reports: dict[str, dict[str, Any]] = {
        strategy: json.loads(simulation.run(strategy)) for strategy in STRATEGIES
    }
    assert {report["in_flight_at_end"] for report in reports.values()} == {0}
    assert len({report["offered"] for report in reports.values()}) == 1
    means = {strategy: report["ttft_ms"]["mean"] for strategy, report in reports.items()}
    assert means["fastest_response"] <= 1.5 * min(means.values()), means
