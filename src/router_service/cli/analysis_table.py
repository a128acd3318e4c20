"""An analysed config as tables for a terminal: the whole, then each model, then each provider.

The fields are those of `analyze --json`; this room only lays them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_service.cli.analysis_cells import (
    MOST_LISTED,
    MOST_MODELS,
    duration,
    headed,
    listed,
    of_models,
    percent,
    point_names,
    usd,
)
from router_service.cli.analysis_failing import print_failing
from router_service.cli.analysis_queues import print_queues


def print_analysis(analysis: dict[str, Any], console: Console | None = None) -> None:
    """Print the graph's figures, every plan and its availability, and what is lost with what."""
    console = console or Console()
    console.print(_summary(analysis))
    _print_cycles(analysis["cycles"], console)
    console.print(_models(analysis["models"]))
    console.print(_plans(analysis["models"]))
    console.print(_positions(analysis["positions"]))
    console.print(_losses(analysis["blast_radius"]))
    print_failing(analysis, console)
    if analysis["queueing"] is not None:
        print_queues(analysis["queueing"], console)
    for item in analysis["policies"]:
        place = f"{item['file']}:{item['line']}:{item['column']}"
        console.print(escape(f"{place}: {item['severity']}: {item['message']} [{item['code']}]"))


def _summary(analysis: dict[str, Any]) -> Table:
    system, path = analysis["system"], analysis["longest_path"]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for label, shown in (
        ("models, edges", f"{analysis['nodes']}, {analysis['edges']}"),
        ("cycles", str(len(analysis["cycles"])) if analysis["cycles"] else "none"),
        ("longest path", _longest(path)),
        ("lead to no other model", listed(analysis["terminal_models"])),
        ("plans end on", _terminals(analysis["terminal_providers"])),
        ("public models", str(system["public_models"])),
        ("lowest availability", _lowest(system)),
        ("single points of failure", _system_points(system)),
        ("rules never reached", _unreachable(analysis["unreachable_rules"])),
        ("entropy of traffic", _entropy(analysis["traffic"])),
        ("a month of fallback", _fallback(analysis["fallback_cost"])),
        ("attempt limit", f"{analysis['attempt_limit']} deployments"),
        ("table version", analysis["table_version"]),
    ):
        table.add_row(label, escape(shown))
    return table


def _longest(path: dict[str, Any]) -> str:
    length = str(path["edges"])
    if not path["exact"]:
        length = f"at least {length}, at most {path['edges_at_most']}"
    return f"{length}: {listed(path['models'], ' → ')}"


def _terminals(terminals: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{item['provider']} ({len(item['models'])})" for item in terminals) or "none"


def _lowest(system: dict[str, Any]) -> str:
    lowest = system["lowest_availability"]
    return "" if lowest is None else f"{percent(lowest)} ({system['lowest_availability_model']})"


def _system_points(system: dict[str, Any]) -> str:
    points = system["single_points_of_failure"]
    counts: dict[str, int] = {}
    for point in points:
        counts[point["name"]] = max(counts.get(point["name"], 0), len(point["models"]))
    return ", ".join(f"{name} (takes {count})" for name, count in counts.items()) or "none"


def _unreachable(findings: Sequence[dict[str, Any]]) -> str:
    """Their findings stand below, with what keeps each from being reached."""
    return listed([f"line {item['line']}" for item in findings])


def _entropy(traffic: dict[str, Any]) -> str:
    first, last = traffic["first"]["entropy_bits"], traffic["last"]["entropy_bits"]
    return f"{first:.2f} bits over first providers, {last:.2f} bits over last ones"


def _fallback(cost: dict[str, Any]) -> str:
    return (
        f"{usd(cost['usd_per_month'])}: {100 * cost['fallback_rate']:g} % of "
        f"{cost['requests_per_month']:,.0f} requests at {usd(cost['usd_per_request'])}"
    )


def _print_cycles(cycles: Sequence[Sequence[str]], console: Console) -> None:
    """The shortest; members' own chains are not followed, so none of them is a danger."""
    for cycle in cycles[:MOST_LISTED]:
        console.print(f"cycle: {escape(' → '.join(cycle))}")
    if len(cycles) > MOST_LISTED:
        console.print(f"and {len(cycles) - MOST_LISTED} more cycles; --json has them all")


def _models(models: Iterable[dict[str, Any]]) -> Table:
    table = headed("Models", "model", "availability", "down / 30 days", "single points of failure")
    for item in models:
        table.add_row(
            escape(item["model"] if item["public"] else f"{item['model']} (not active)"),
            percent(item["availability"]),
            duration(item["downtime_s_per_month"]),
            escape(point_names(item["single_points_of_failure"])),
        )
    return table


def _plans(models: Sequence[dict[str, Any]]) -> Table:
    """Parameters are told against the hop before, capabilities against the model asked for."""
    columns = ("model", "#", "served by", "on", "parameters", "capabilities lost")
    table = of_models("Plans", models, *columns)
    for item in models[:MOST_MODELS]:
        for number, hop in enumerate(item["plan"], start=1):
            change = hop["param_step_pct"]
            table.add_row(
                escape(item["model"]) if number == 1 else "",
                str(number),
                escape(hop["model"]),
                escape(hop["provider"]),
                "" if change is None else f"{change:+.0f} %",
                escape(", ".join(hop["capabilities_lost"])),
            )
        if item["beyond_attempt_limit"]:
            table.add_row(
                "", "", f"{item['beyond_attempt_limit']} more past the limit", style="dim"
            )
    return table


def _positions(positions: Sequence[dict[str, Any]]) -> Table:
    places = max((len(row["plans"]) for row in positions), default=0)
    table = headed(
        "Plans with a provider at each place", "provider", *map(str, range(1, places + 1))
    )
    for row in positions:
        table.add_row(escape(row["provider"]), *(str(count or "") for count in row["plans"]))
    return table


def _losses(places: Iterable[dict[str, Any]]) -> Table:
    table = headed("What goes with it", "provider or domain", "kind", "touches", "takes out")
    for place in places:
        table.add_row(
            escape(place["name"]),
            place["kind"].replace("_", " "),
            str(len(place["touched"])),
            escape(listed(place["lost"])),
        )
    return table
