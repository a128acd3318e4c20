"""An analysed config as tables for a terminal: the whole, then each model, then each provider.

The fields are those of `analyze --json`; this room only lays them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_service.cli.compact_table import compact_table

_MOST_LISTED = 10
"""Cycles and models in one list; --json has them all."""
_MOST_PLANS = 100
"""Models whose plans are shown; more take longer to lay out than to find."""


def print_analysis(analysis: dict[str, Any], console: Console | None = None) -> None:
    """Print the graph's figures, every plan and its availability, and what is lost with what."""
    console = console or Console()
    console.print(_summary(analysis))
    _print_cycles(analysis["cycles"], console)
    console.print(_models(analysis["models"]))
    console.print(_plans(analysis["models"]))
    console.print(_positions(analysis["positions"]))
    console.print(_losses(analysis["blast_radius"]))
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
        ("lead to no other model", _listed(analysis["terminal_models"])),
        ("plans end on", _terminals(analysis["terminal_providers"])),
        ("public models", str(system["public_models"])),
        ("lowest availability", _lowest(system)),
        ("single points of failure", _system_points(system)),
        ("attempt limit", f"{analysis['attempt_limit']} deployments"),
        ("table version", analysis["table_version"]),
    ):
        table.add_row(label, escape(shown))
    return table


def _longest(path: dict[str, Any]) -> str:
    length = str(path["edges"])
    if not path["exact"]:
        length = f"at least {length}, at most {path['edges_at_most']}"
    return f"{length}: {_listed(path['models'], ' → ')}"


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


def _print_cycles(cycles: Sequence[Sequence[str]], console: Console) -> None:
    """The shortest; members' own chains are not followed, so none of them is a danger."""
    for cycle in cycles[:_MOST_LISTED]:
        console.print(f"cycle: {escape(' → '.join(cycle))}")
    if len(cycles) > _MOST_LISTED:
        console.print(f"and {len(cycles) - _MOST_LISTED} more cycles; --json has them all")


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


def point_names(points: Iterable[dict[str, Any]]) -> str:
    """Each name once: a provider often is its failure domain."""
    return ", ".join(dict.fromkeys(point["name"] for point in points)) or "none"


def _plans(models: Sequence[dict[str, Any]]) -> Table:
    """Parameters are told against the hop before, capabilities against the model asked for."""
    table = headed("Plans", "model", "#", "served by", "on", "parameters", "capabilities lost")
    if len(models) > _MOST_PLANS:
        table.caption = f"the first {_MOST_PLANS} of {len(models)} models; --json has them all"
    for item in models[:_MOST_PLANS]:
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
            escape(_listed(place["lost"])),
        )
    return table


def _listed(names: Sequence[str], between: str = ", ") -> str:
    if not names:
        return "none"
    more = len(names) - _MOST_LISTED
    shown = between.join(names[:_MOST_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown


def percent(share: float | None) -> str:
    """With all its nines; nothing where there is none."""
    if share is None:
        return ""
    return f"{100 * share:.8f}".rstrip("0").rstrip(".") + " %"


def duration(seconds: float) -> str:
    """In the unit that keeps it short."""
    if seconds >= 3_600:
        return f"{seconds / 3_600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.2g} s"


def headed(title: str, *columns: str) -> Table:
    """A table with named columns, whose long cells go over several lines."""
    table = compact_table(title)
    for column in columns:
        table.add_column(escape(column), overflow="fold")
    return table
