"""The soak: mixed load and random faults for as long as one likes, by hand or in CI. Memory, tasks
and files stay flat, and every request ends well or with an explanation. `make soak` runs it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from e2e.routers import RouterProcess, as_process, until

from .chaos import Chaos
from .explain import plans, unexplained
from .load import Load
from .medley import medley
from .report import table
from .stage import Stage, set_up
from .watching import Holdings, Watch, given_back, holdings

RATE = 12.0
"""Requests a second."""
RESTING = "vllm-dolphin"
"""The one provider that gets no requests, and so no faults."""
MOST_GROWTH = 1.05
"""Of resident memory, from the second quarter to the last. The first one fills caches and pools."""
MOST_GROWTH_MB = 3.0
SPARE_TASKS = 15
"""Tasks and files follow the load, which differs from one quarter to the next."""
SPARE_FILES = 25

_EVERY_S = 1.0
_FORGOTTEN_WITHIN_S = 20.0
_QUICK: dict[str, dict[str, Any]] = {
    "router_settings": {"cooldown_time": 2, "permit_ttl_seconds": 5},
    "error_based_routing": {"cooldown_seconds": 8, "recovery_seconds": 3},
    "rate_limited_fallback": {"fallback_duration_seconds": 3},
}
"""Shorter than shipped: with faults every second most of the fleet would be out most of the
time."""


@dataclass
class Soaked:
    """What a soak found."""

    text: str
    faults: list[str] = field(default_factory=list)
    """Whatever must not be; empty is good."""


async def soak(minutes: float, seed: int, folder: Path) -> Soaked:
    """Run it. The folder takes the router's logs."""
    async with set_up() as stage, quick_router(stage, folder) as router:
        known, before = await plans(router), await holdings(router)
        load, watch = (
            Load(router, stage.truth, RATE, medley(seed), router.process.pid),
            Watch(router),
        )
        chaos, series = Chaos(stage.fleet, seed), list[Holdings]()
        async with watch.watching(), load.running(), asyncio.TaskGroup() as group:
            group.create_task(chaos.run(set(stage.fleet.addresses) - {RESTING}))
            looking = group.create_task(_look(router, series))
            await asyncio.sleep(minutes * 60)
            chaos.stop()
            looking.cancel()
        faults = await _left_behind(router, before)
    problems = [(unexplained(sent, chaos, watch, known), sent) for sent in load.sent]
    faults += [f"unexplained: {why}: {sent}" for why, sent in problems if why]
    faults += _growth(series) + _complaints(router.log)
    title = f"Soak of {minutes:g} minutes, seed {seed}, {len(chaos.troubles)} faults"
    return Soaked("\n".join((table(title, load), *_summary(load, chaos, before, series))), faults)


@contextlib.asynccontextmanager
async def quick_router(stage: Stage, folder: Path) -> AsyncIterator[RouterProcess]:
    """A router that forgives soon."""
    document = stage.document | {
        name: stage.document.get(name, {}) | changes for name, changes in _QUICK.items()
    }
    config = folder / "routing.json"
    config.write_text(json.dumps(document))
    settings = {"polling": {"health_interval_s": 1}}
    async with as_process(config, folder, settings, stage.environment) as router:
        yield router


async def _look(router: RouterProcess, series: list[Holdings]) -> None:
    while True:
        series.append(await holdings(router))
        await asyncio.sleep(_EVERY_S)


async def _left_behind(router: RouterProcess, before: Holdings) -> list[str]:
    """What is still held when everybody is gone and forgotten permits have expired."""

    async def idle() -> bool:
        return not any((await router.in_flight()).values())

    try:
        await until(idle, "nothing is in flight", _FORGOTTEN_WITHIN_S)
        await router.http.session.close()
        await given_back(router, before)
    except AssertionError as error:
        return [f"left behind: {error}"]
    return []


def _quarters(series: list[Holdings], figure: Callable[[Holdings], float]) -> tuple[float, float]:
    """The medians of the second and of the last quarter."""
    quarter = len(series) // 4
    second, last = series[quarter : 2 * quarter], series[3 * quarter :]
    return median(map(figure, second)), median(map(figure, last))


def _growth(series: list[Holdings]) -> list[str]:
    faults = []
    second, last = _quarters(series, lambda held: held.resident_mb)
    if last > second * MOST_GROWTH + MOST_GROWTH_MB:
        faults.append(f"memory grew from {second:.1f} to {last:.1f} MB")
    second, last = _quarters(series, lambda held: held.tasks)
    if last > second + SPARE_TASKS:
        faults.append(f"tasks grew from {second:g} to {last:g}")
    second, last = _quarters(series, lambda held: held.files)
    if last > second + SPARE_FILES:
        faults.append(f"open files grew from {second:g} to {last:g}")
    return faults


def _complaints(log: Path) -> list[str]:
    """Errors in the router's own log, each with its traceback: they tell of a fault of its own. Not
    so that a provider refuses its key: some of the faults are answers of 401."""
    entries = re.split(
        r"^(?=\d{4}-\d\d-\d\dT)", log.read_text(errors="replace"), flags=re.MULTILINE
    )
    bad = [
        entry
        for entry in entries
        if "Traceback" in entry or (" ERROR " in entry and "wants another key" not in entry)
    ]
    return [f"the router's log: {entry}" for entry in bad]


def _summary(load: Load, chaos: Chaos, before: Holdings, series: list[Holdings]) -> list[str]:
    kinds = Counter(type(sent.ask).__name__.lower() for sent in load.sent)
    faults = Counter(trouble.kind for trouble in chaos.troubles)
    memory = _quarters(series, lambda held: held.resident_mb)
    tasks = _quarters(series, lambda held: held.tasks)
    files = _quarters(series, lambda held: held.files)
    furthest_s = max(sent.past_deadline_s for sent in load.sent)
    return [
        "  asked: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()),
        "  faults: " + ", ".join(f"{kind} {count}" for kind, count in faults.most_common()),
        "  at rest, second quarter, last quarter: "
        f"memory {before.resident_mb:.0f}, {memory[0]:.1f}, {memory[1]:.1f} MB; "
        f"tasks {before.tasks}, {tasks[0]:g}, {tasks[1]:g}; "
        f"files {before.files}, {files[0]:g}, {files[1]:g}",
        f"  furthest past its deadline: {max(0.0, furthest_s) * 1000:.0f} ms",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Mixed load and random faults before a router.")
    parser.add_argument("--minutes", type=float, default=10.0, help="default: 10")
    parser.add_argument("--seed", type=int, help="as an earlier run printed it; default: random")
    given = parser.parse_args()
    seed = secrets.randbelow(10_000) if given.seed is None else given.seed
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        found = asyncio.run(soak(given.minutes, seed, Path(folder)))
    print(found.text)
    for fault in found.faults:
        print(f"FAULT {fault}")
    print("soak: " + (f"{len(found.faults)} faults" if found.faults else "all well"))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
