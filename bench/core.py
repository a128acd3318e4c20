"""Level 1: runs the core's own benches (`decide.rs`) and reads what criterion found.

Values are medians; the spread is the 95 % confidence interval of the median.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from bench.report import Figure, Goal

LEVEL = "core (Rust alone)"
_BUILD_AND_RUN_S = 1800
_GOALS = {
    "reference/": Goal(5.0),
    "1000_deployments/": Goal(60.0),
    "state_update/": Goal(1.0),
    "tokens/prose/200": Goal(30.0),
}
"""By the beginning of a bench's name, microseconds."""


def measure(root: Path, results: Path) -> list[Figure]:
    """Run cargo bench; results is a folder for criterion's files, emptied first.

    Raises subprocess.CalledProcessError where a bench does not build or run.
    """
    shutil.rmtree(results, ignore_errors=True)
    manifest = root / "router_core" / "Cargo.toml"
    subprocess.run(
        ["cargo", "bench", "--quiet", "--manifest-path", str(manifest), "--bench", "decide"],
        env=os.environ | {"CRITERION_HOME": str(results)},
        check=True,
        timeout=_BUILD_AND_RUN_S,
    )
    return sorted(
        (_figure(found.parent) for found in results.glob("**/new/benchmark.json")),
        key=lambda figure: figure.name,
    )


def _figure(folder: Path) -> Figure:
    name = json.loads((folder / "benchmark.json").read_text())["full_id"]
    estimate = json.loads((folder / "estimates.json").read_text())["median"]
    interval = estimate["confidence_interval"]
    goal = next((goal for prefix, goal in _GOALS.items() if name.startswith(prefix)), None)
    return Figure(
        LEVEL,
        name,
        estimate["point_estimate"] / 1000,
        "µs",
        interval["lower_bound"] / 1000,
        interval["upper_bound"] / 1000,
        goal,
    )
