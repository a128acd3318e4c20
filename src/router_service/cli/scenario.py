"""A scenario for `simulate`: a YAML file with what the command's options set over it.

What the keys mean is declared in the core alone; here findings get their place, in the file or on
the command line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_service.cli.given_file import read_given
from router_service.cli.recording import Row, read_recording
from router_service.config.diagnostics import listing
from router_service.config.places import Places
from router_service.config.routing import located
from router_service.core import MOST_SIMULATED_REQUESTS, Simulation, Table
from router_service.errors import ConfigRejected, InvalidRequest

if TYPE_CHECKING:
    from router_service.core import Diagnostic


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; None leaves the scenario's own."""

    strategies: list[str] | None = None
    load: float | None = None
    rate: float | None = None
    duration: float | None = None
    arrivals: str | None = None
    model: str | None = None
    seed: int | None = None


def prepare(path: Path | None, options: Options, table: Table) -> Simulation:
    """The simulation of a scenario file, or of the default scenario, with the options over it.

    Raises ConfigRejected for mistakes in the file, InvalidRequest for those in options.
    """
    scenario, places = _read(path)
    flags = _apply(scenario, options)
    recorded = _recording(scenario, path, options)
    try:
        return Simulation(table, json.dumps(scenario, allow_nan=False).encode(), recorded)
    except ConfigRejected as rejected:
        for item in rejected.diagnostics:
            flag = _flag_behind(item, flags)
            if flag is not None or path is None:
                fix = f"; {item.suggestion}" if item.suggestion else ""
                raise InvalidRequest(f"{flag or 'scenario'}: {item.message}{fix}") from None
        found = located(rejected.diagnostics, places)
        raise ConfigRejected(listing(found), found) from None


def _flag_behind(item: Diagnostic, flags: Mapping[str, str]) -> str | None:
    """The option that set what a finding is about, or a part of it."""
    if item.code == "refused":
        return flags.get("/model")
    about = item.pointer
    sets = (at for at in flags if f"{about}/".startswith(f"{at}/") or at.startswith(f"{about}/"))
    return next((flags[at] for at in sets), None)


def _read(path: Path | None) -> tuple[dict[str, Any], Places]:
    if path is None:
        return {}, Places({})
    document = read_given(path)
    value = document.value if document.value is not None else {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path}: a scenario is a mapping; start with arrivals: or workload:")
    return dict(value), document.places


def _apply(scenario: dict[str, Any], options: Options) -> dict[str, str]:
    """Puts the options into the scenario; returns which flag stands behind each place."""
    named = {
        "strategies": ("--strategy", options.strategies),
        "duration_s": ("--duration", options.duration),
        "seed": ("--seed", options.seed),
        "model": ("--model", options.model),
    }
    flags = {}
    for key, (flag, value) in named.items():
        if value is not None:
            scenario[key] = value
            flags[f"/{key}"] = flag
    if options.model is not None and isinstance(scenario.get("workload"), list):
        scenario["workload"] = [_asking_nothing(kind) for kind in scenario["workload"]]
    return flags | _apply_arrivals(scenario, options)


def _apply_arrivals(scenario: dict[str, Any], options: Options) -> dict[str, str]:
    """A process, a recording or a rate of the command line goes before the scenario's."""
    arrivals = _mapping(scenario.get("arrivals"))
    flags = {}
    if options.arrivals is not None:
        recorded = options.arrivals not in ("poisson", "burst")
        dropped = ("process", "file", "load", "rate_per_s") if recorded else ("process", "file")
        arrivals = {key: value for key, value in arrivals.items() if key not in dropped}
        arrivals["file" if recorded else "process"] = options.arrivals
        flags["/arrivals/file" if recorded else "/arrivals/process"] = "--arrivals"
    for key, flag, value in (
        ("load", "--load", options.load),
        ("rate_per_s", "--rate", options.rate),
    ):
        if value is not None:
            arrivals = {k: v for k, v in arrivals.items() if k not in ("load", "rate_per_s")}
            arrivals[key] = value
            flags[f"/arrivals/{key}"] = flag
    if arrivals:
        scenario["arrivals"] = arrivals
    return flags


def _asking_nothing(kind: object) -> object:
    """A kind of request that leaves the model to the scenario; what is no kind is left for the
    core to refuse."""
    if not isinstance(kind, Mapping):
        return kind
    return {key: value for key, value in kind.items() if key not in ("model", "capability")}


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _recording(scenario: dict[str, Any], path: Path | None, options: Options) -> list[Row] | None:
    """The recorded requests, where there are any; relative to the scenario that names them."""
    file = _mapping(scenario.get("arrivals")).get("file")
    if not isinstance(file, str):
        return None
    beside = path.parent if path is not None and options.arrivals is None else Path()
    return read_recording(beside / file, MOST_SIMULATED_REQUESTS)
